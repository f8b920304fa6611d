// A mail server (npm's smtp-server) on this machine, for tests. It prints where it is, for whoever signs in; and where it is
// with TLS, by a certificate that nobody has issued. It delivers to nobody: each mail becomes a line of JSON, which is printed,
// or goes to the file that is named.
import { appendFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const [packages, file] = process.argv.slice(2)
const { SMTPServer } = createRequire(`${packages}/`)('smtp-server')
const deliver = file ? line => appendFileSync(file, `${line}\n`) : console.log
const [USER, PASSWORD] = ['tapebase', 's3cret word']

// Without quoted-printable (RFC 2045 section 6.7), as whoever reads the mail sees it.
function readable(text) {
  const bytes = text.replaceAll('=\r\n', '').replaceAll('%', '%25').replace(/=([0-9A-F]{2})/g, '%$1')
  return decodeURIComponent(bytes)
}

async function listen(options) {
  const server = new SMTPServer({
    ...options,
    onAuth({ username, password }, session, callback) {
      if (username === USER && password === PASSWORD) callback(null, { user: username })
      else callback(new Error('wrong user or password'))
    },
    onRcptTo({ address }, session, callback) {
      callback(address.startsWith('refused') ? new Error(`<${address}>: no such mailbox`) : null)
    },
    async onData(stream, session, callback) {
      const text = (await stream.setEncoding('utf8').toArray()).join('')
      const { mailFrom, rcptTo } = session.envelope
      const to = rcptTo.map(({ address }) => address)
      deliver(JSON.stringify({ from: mailFrom.address, to, text: readable(text) }))
      callback()
    },
  })
  // Whoever does not like a certificate hangs up.
  server.on('error', () => {})
  await new Promise(listening => server.listen(0, '127.0.0.1', listening))
  return `127.0.0.1:${server.server.address().port}`
}

const plain = await listen({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true })
const secure = await listen({ secure: true })
const user = `${USER}:${encodeURIComponent(PASSWORD)}`
console.log(`smtp://${user}@${plain}\nsmtps://${user}@${secure}`)
// Whoever started it is gone when its input ends.
process.stdin.on('end', () => process.exit()).resume()
