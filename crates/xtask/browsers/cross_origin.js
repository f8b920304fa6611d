// node cross_origin.js chrome|firefox EXECUTABLE API PORT [refused]: a page at 127.0.0.1:PORT uses the API, or may not.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import { launch } from "./browser.js";

const [browserName, executable, api, port, refused] = process.argv.slice(2);
const TYPES = { "/page.html": "text/html", "/page.js": "text/javascript" };

const pages = createServer(async ({ url }, response) => {
  const type = TYPES[url];
  response.writeHead(type ? 200 : 404, { "Content-Type": type ?? "text/plain" });
  response.end(type ? await readFile(new URL(`.${url}`, import.meta.url)) : "");
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
  }
} finally {
  await browser.close();
  pages.close();
}
