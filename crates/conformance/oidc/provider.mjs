// An OpenID provider (npm's oidc-provider) on this machine, for tests. It signs everybody in as whoever they say
// (login_hint), and prints where it is. Beside what every provider has:
//   POST /test/token  {"client_id", "sub", "nonce"} -> an ID token, by an authorization code with PKCE
//   POST /test/code   {"client_id", "sub"} -> the authorization code that an app gets with its ID token
//   POST /test/revoked -> whose refresh tokens were revoked
//   POST /test/sign   {"alg", "claims", "header"} -> any token, signed with its current key
//   POST /test/walk   {"url"} -> where a browser that is sent there ends up outside
//   POST /test/rotate {"drop"} -> signs with new keys; the former ones go from its key set if told so
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { pathToFileURL } from 'node:url'

const packages = process.argv[2]
const load = path => import(pathToFileURL(`${packages}/node_modules/${path}`))
const { default: Provider } = await load('oidc-provider/lib/index.js')
const jose = await load('jose/dist/webapi/index.js')

const ALGORITHMS = ['RS256', 'ES256']
const CALLBACK = 'http://127.0.0.1/callback'
// Whatever its port: a server of a test.
const WEB_CALLBACK = 'http://127.0.0.1/v1/auth/oidc/test/callback'

const server = createServer((request, response) =>
  answer(request, response).catch(error => {
    console.error(error)
    if (!response.headersSent) response.writeHead(500)
    response.end(String(error))
  }))
await new Promise(listening => server.listen(0, '127.0.0.1', listening))
const issuer = `http://127.0.0.1:${server.address().port}`

const revoked = []
let keys = await freshKeys()
let { provider, callback } = build()
console.log(issuer)
// Whoever started it is gone when its input ends.
process.stdin.resume().on('end', () => process.exit())

async function freshKeys() {
  return Promise.all(ALGORITHMS.map(async alg => {
    const { privateKey } = await jose.generateKeyPair(alg, { extractable: true })
    return { ...await jose.exportJWK(privateKey), alg, use: 'sig', kid: `${alg}-${randomBytes(4).toString('hex')}` }
  }))
}

function build() {
  const client = (client_id, id_token_signed_response_alg) => ({
    client_id, id_token_signed_response_alg, redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none',
  })
  const provider = new Provider(issuer, {
    clients: [client('app', 'RS256'), client('app-es256', 'ES256'), {
      client_id: 'web', client_secret: 's3cret web', token_endpoint_auth_method: 'client_secret_post',
      redirect_uris: [WEB_CALLBACK],
    }, {
      // As Apple's: apps get a code with their ID token, by no redirect, and refresh tokens are revoked with a secret.
      client_id: 'native', client_secret: 's3cret native', token_endpoint_auth_method: 'client_secret_post',
      redirect_uris: [CALLBACK], grant_types: ['authorization_code', 'refresh_token'],
    }],
    allowOmittingSingleRegisteredRedirectUri: true,
    pkce: { required: (_, client) => client.clientId !== 'native' },
    issueRefreshToken: (_, client) => client.clientId === 'native',
    jwks: { keys },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 60, RefreshToken: 600, Session: 600 },
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
      grant.addOIDCScope(oidc.params.scope)
      await grant.save()
      return grant
    },
  })
  provider.on('refresh_token.destroyed', ({ accountId }) => revoked.push(accountId))
  const { redirectUriAllowed } = provider.Client.prototype
  provider.Client.prototype.redirectUriAllowed = function (uri) {
    const anyPort = new URL(uri)
    anyPort.port = ''
    return redirectUriAllowed.call(this, anyPort.href)
  }
  return { provider, callback: provider.callback() }
}

async function answer(request, response) {
  const { pathname } = new URL(request.url, issuer)
  const tests = {
    '/test/code': code, '/test/revoked': () => JSON.stringify(revoked), '/test/token': token, '/test/sign': sign, '/test/rotate': rotate, '/test/walk': ({ url }) => walk(url),
  }
  if (tests[pathname]) return response.end(await tests[pathname](await body(request)))
  if (!pathname.startsWith('/interaction/')) return callback(request, response)
  const { params } = await provider.interactionDetails(request, response)
  await provider.interactionFinished(request, response, { login: { accountId: params.login_hint } })
}

async function body(request) {
  const pieces = []
  for await (const piece of request) pieces.push(piece)
  return JSON.parse(Buffer.concat(pieces).toString() || '{}')
}

async function token({ client_id, sub, nonce }) {
  const code_verifier = randomBytes(32).toString('base64url')
  const code_challenge = createHash('sha256').update(code_verifier).digest('base64url')
  const asked = new URLSearchParams({
    client_id, redirect_uri: CALLBACK, response_type: 'code', scope: 'openid', login_hint: sub,
    code_challenge, code_challenge_method: 'S256', ...(nonce && { nonce }),
  })
  const code = new URL(await walk(`${issuer}/auth?${asked}`)).searchParams.get('code')
  const grant = new URLSearchParams({
    grant_type: 'authorization_code', client_id, redirect_uri: CALLBACK, code_verifier, code,
  })
  const answered = await (await fetch(`${issuer}/token`, { method: 'POST', body: grant })).json()
  if (!answered.id_token) throw new Error(JSON.stringify(answered))
  return answered.id_token
}

async function code({ client_id, sub }) {
  const asked = new URLSearchParams({ client_id, response_type: 'code', scope: 'openid', login_hint: sub })
  return new URL(await walk(`${issuer}/auth?${asked}`)).searchParams.get('code')
}

// As a browser does, until it is sent back to the app.
async function walk(url) {
  const cookies = new Map()
  while (new URL(url).origin === issuer) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answered = await fetch(url, { redirect: 'manual', headers: { cookie } })
    for (const set of answered.headers.getSetCookie()) {
      const [, name, value] = set.match(/^([^=]+)=([^;]*)/)
      cookies.set(name, value)
    }
    if (!answered.headers.has('location')) throw new Error(`${answered.status} ${await answered.text()}`)
    url = new URL(answered.headers.get('location'), issuer).href
  }
  return url
}

async function sign({ alg = 'RS256', claims = {}, header = {} }) {
  const key = keys.find(key => key.alg === alg)
  const now = Math.floor(Date.now() / 1000)
  const signing = new jose.SignJWT({ iss: issuer, aud: 'app', sub: 'ann', iat: now, exp: now + 600, ...claims })
  return signing.setProtectedHeader({ alg, kid: key.kid, typ: 'JWT', ...header }).sign(await jose.importJWK(key, alg))
}

async function rotate({ drop }) {
  keys = [...await freshKeys(), ...(drop ? [] : keys)];
  ({ provider, callback } = build())
  return ''
}
