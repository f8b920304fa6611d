// node web_login.js EXECUTABLE API: somebody signs in at an OpenID provider and with a password, in Chromium, and has a session
// in a cookie.

import assert from "node:assert/strict";

import { launch } from "./browser.js";

const [executable, api] = process.argv.slice(2);
// A page of this server; any will do.
const page_of_server = "/delete-account";
const browser = await launch("chrome", executable);
try {
  await byProvider(await browser.newPage());
  await byPassword(await (await browser.createBrowserContext()).newPage());
  console.log("chrome: a session in a cookie, by a provider and by a password");
} finally {
  await browser.close();
}

async function byProvider(page) {
  const subject = `ann-${crypto.randomUUID()}`;
  await page.goto(`${api}/v1/auth/oidc/test/start?login_hint=${subject}&return_to=${page_of_server}`);
  assert.equal(page.url(), api + page_of_server);
  const me = await ask(page, "GET", "/v1/me");
  assert.equal(me.status, 200, JSON.stringify(me));
  const { body } = await ask(page, "GET", "/v1/me/identities");
  assert(body.items.some(({ type, subject: it }) => type === "oidc" && it === subject), JSON.stringify(body));
  await useSession(page);
}

async function byPassword(page) {
  const credentials = { email: `me-${crypto.randomUUID()}@example.com`, password: "correct horse battery staple" };
  await page.goto(api + page_of_server);
  assert.equal((await ask(page, "POST", "/v1/auth/signup", credentials)).status, 201);
  assert.equal((await ask(page, "GET", "/v1/me")).status, 401);
  assert.equal((await ask(page, "POST", "/v1/auth/cookie", credentials)).status, 200);
  assert.equal((await ask(page, "GET", "/v1/me")).body.email, credentials.email);
  await useSession(page);
}

async function useSession(page) {
  assert(!(await page.evaluate(() => document.cookie)).includes("tapebase"), "a script reads the cookie");
  assert.equal((await ask(page, "PUT", `/v1/recordings/${crypto.randomUUID()}`, "a memo")).status, 201);
  assert.equal((await ask(page, "POST", "/v1/auth/logout")).status, 204);
  assert.equal((await ask(page, "GET", "/v1/me")).status, 401);
  const left = await page.browserContext().cookies();
  assert(left.every(({ name }) => !name.startsWith("__Host-")), `cookies are left: ${JSON.stringify(left)}`);
}

function ask(page, method, path, body) {
  return page.evaluate(async (method, path, body) => {
    const type = typeof body === "object" ? "application/json" : "audio/mp4";
    const options = body && { headers: { "Content-Type": type }, body: typeof body === "object" ? JSON.stringify(body) : body };
    const answered = await fetch(path, { method, ...options });
    return { status: answered.status, body: await answered.json().catch(() => null) };
  }, method, path, body);
}
