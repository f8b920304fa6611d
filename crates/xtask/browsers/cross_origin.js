// node cross_origin.js chrome|firefox EXECUTABLE API PORT [refused]: a page at 127.0.0.1:PORT uses the API, or may not.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import { launch } from "./browser.js";
import { follow } from "./guide.js";

const [browserName, executable, api, port, refused] = process.argv.slice(2);
const TYPES = { "/page.html": "text/html", "/page.js": "text/javascript", "/guide.html": "text/html" };

const pages = createServer(async ({ url }, response) => {
  const type = TYPES[url];
  response.writeHead(type ? 200 : 404, { "Content-Type": type ?? "text/plain" });
  const text = type ? await readFile(new URL(`.${url}`, import.meta.url), "utf8") : "";
  response.end(text.replace('"http://127.0.0.1:8080"', JSON.stringify(api)));
});
await new Promise((resolve) => pages.listen(Number(port), "127.0.0.1", resolve));
const browser = await launch(browserName, executable);
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/page.html`);
  if (refused) {
    const letIn = await page.evaluate(`whatIsLetIn(${JSON.stringify(api)})`);
    if (letIn.length) throw new Error(`let in without being allowed: ${letIn.join(", ")}`);
    console.log(`${browserName}: refused where the origin is not allowed`);
  } else {
    console.log(`${browserName}: ${await page.evaluate(`everything(${JSON.stringify(api)})`)}`);
    await follow(browser, `http://127.0.0.1:${port}/guide.html`);
    console.log(`${browserName}: the guide's page records, plays, and loses nothing with its tab`);
  }
} finally {
  await browser.close();
  pages.close();
}
