// node delete_account.js EXECUTABLE API: somebody deletes their account on the page for it, on a phone, in Chromium.

import assert from "node:assert/strict";

import { launch } from "./browser.js";

const [executable, api] = process.argv.slice(2);
const browser = await launch("chrome", executable);
try {
  await leave(await browser.newPage());
} finally {
  await browser.close();
}

async function leave(page) {
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(api) && !request.url().startsWith("data:")) complaints.push(`it asks ${request.url()}`);
  });
  const credentials = { email: `me-${crypto.randomUUID()}@example.com`, password: "correct horse battery staple" };
  const signUp = await post("/v1/auth/signup", credentials);
  assert.equal(signUp.status, 201);

  await page.setViewport({ width: 390, height: 844 });
  await page.goto(`${api}/delete-account`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert(overflow <= 0, `it is ${overflow} pixels too wide`);
  await page.type('[name="email"]', credentials.email);
  await page.type('[name="password"]', "not the password");
  await page.click('[name="sure"]');
  await page.click("button");
  await says(page, "Wrong email address or password");
  assert.equal((await post("/v1/auth/login", credentials)).status, 200);

  await page.$eval('[name="password"]', (input) => { input.value = ""; });
  await page.type('[name="password"]', credentials.password);
  await page.click("button");
  await says(page, "Your account is deleted");
  assert.equal((await post("/v1/auth/login", credentials)).status, 401);
  assert.deepEqual(complaints, []);
  console.log("chrome: an account is deleted on the page for it");
}

function says(page, text) {
  const isSaid = (text) => document.querySelector('[role="status"]').textContent.toLowerCase().includes(text.toLowerCase());
  return page.waitForFunction(isSaid, { timeout: 20_000 }, text);
}

function post(path, body) {
  return fetch(api + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}
