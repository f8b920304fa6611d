// node docs.js EXECUTABLE API RECORDING VENDORED [PICTURES]: the reference as a developer meets it, in Chromium.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { launch } from "./browser.js";

const [executable, api, recording, vendored, pictures] = process.argv.slice(2);

for (const file of ["swagger-ui-bundle.js", "swagger-ui.css"]) {
  const original = await readFile(new URL(`node_modules/swagger-ui-dist/${file}`, import.meta.url));
  assert(gunzipSync(await readFile(join(vendored, `${file}.gz`))).equals(original), `${file} is not that of the package`);
}

const browser = await launch("chrome", executable);
try {
  for (const [width, height, scheme] of [[1280, 900, "light"], [1280, 900, "dark"], [390, 844, "light"]]) {
    await look(await browser.newPage(), width, height, scheme);
  }
} finally {
  await browser.close();
}

async function look(page, width, height, scheme) {
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(api) && !/^(data|blob):/.test(url)) complaints.push(`it asks ${url}`);
  });
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(`${api}/docs`);
  await page.waitForSelector(".opblock");
  await picture(page, `first-${width}-${scheme}`);
  const { isDark, overflow } = await page.evaluate(() => ({
    isDark: document.documentElement.classList.contains("dark-mode"),
    overflow: document.documentElement.scrollWidth - innerWidth,
  }));
  assert.equal(isDark, scheme === "dark");
  assert(overflow <= 0, `at ${width} it is ${overflow} pixels too wide`);

  const credentials = { email: `me-${crypto.randomUUID()}@example.com`, password: "correct horse battery staple" };
  const signUp = await open(page, "Accounts-signUp");
  await fill(page, `${signUp} textarea`, JSON.stringify(credentials));
  assert.equal(await execute(page, signUp), "201");
  await picture(page, `signed-up-${width}-${scheme}`);

  const upload = await open(page, "Recordings-uploadRecording");
  await fill(page, `${upload} tr[data-param-name="id"] input`, crypto.randomUUID());
  const file = await page.waitForSelector(`${upload} input[type="file"]`);
  await file.uploadFile(recording);
  assert.equal(await execute(page, upload), "201", "signing up signs in");
  await picture(page, `uploaded-${width}-${scheme}`);
  assert.deepEqual(complaints, []);
}

/** Opens an operation, as whoever clicks on it. */
async function open(page, name) {
  const operation = `#operations-${name}`;
  await page.$eval(`${operation} .opblock-summary-control`, (control) => control.click());
  await page.waitForSelector(`${operation} .execute`);
  return operation;
}

async function fill(page, selector, text) {
  await page.waitForSelector(selector);
  await page.$eval(selector, (field, text) => {
    const { set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value");
    set.call(field, text);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }, text);
  // It waits for whether more is typed.
  await new Promise((resolve) => setTimeout(resolve, 500));
}

/** Sends it; the status of the answer. */
async function execute(page, operation) {
  await page.$eval(`${operation} .execute`, (button) => button.click());
  const status = await page.waitForSelector(`${operation} .live-responses-table tbody .response-col_status`);
  await page.$eval(`${operation} .execute`, (button) => button.scrollIntoView());
  return (await status.evaluate((cell) => cell.textContent)).trim().slice(0, 3);
}

async function picture(page, name) {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) });
}
