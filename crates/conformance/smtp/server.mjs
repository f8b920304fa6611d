// A mail server (npm's smtp-server) on this machine, for tests. It delivers to nobody: it prints each mail in a line, as JSON.
// The first lines are where it is: for whoever signs in; and with TLS, by a certificate that nobody has issued.
import { createRequire } from 'node:module'

const { SMTPServer } = createRequire(`${process.argv[2]}/`)('smtp-server')
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
      callback(address.startsWith('refused') ? new Error('no such mailbox') : null)
    },
    async onData(stream, session, callback) {
      const text = (await stream.setEncoding('utf8').toArray()).join('')
      const { mailFrom, rcptTo } = session.envelope
      const to = rcptTo.map(({ address }) => address)
      console.log(JSON.stringify({ from: mailFrom.address, to, text: readable(text) }))
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
console.log(`smtp://${user}@${plain}`)
console.log(`smtps://${user}@${secure}`)
// Whoever started it is gone when its input ends.
process.stdin.on('end', () => process.exit()).resume()
