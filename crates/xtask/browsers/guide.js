// The page of docs/guides/web-page.md, used as somebody does who has pasted it.

import { setTimeout as sleep } from "node:timers/promises";

const CREDENTIALS = { email: `me-${crypto.randomUUID()}@example.com`, password: "correct horse battery staple" };

export async function follow(browser, url) {
  const page = await signIn(browser, url, "signup");
  await beginToRecord(page);
  await page.click("#stop");
  await isListed(page, 1);
  await play(page);

  await beginToRecord(page);
  // Nothing has been uploaded of what it records.
  await page.close();
  const again = await signIn(browser, url, "login");
  await isListed(again, 2);

  await keepOneThatWasDeleted(again);
  await again.close();
  const last = await signIn(browser, url, "login");
  // Neither holds that up what is recorded, nor does it come back.
  await beginToRecord(last);
  await last.click("#stop");
  await isListed(last, 3);
}

/** Deletes a recording, as on another device, of which the page has not heard that it is stored. */
async function keepOneThatWasDeleted(page) {
  await page.evaluate(async () => {
    const { fetch } = window;
    const isForgotten = new Promise((resolve) => {
      window.fetch = async (url, options) => {
        const response = await fetch(url, options);
        if (options?.method !== "PUT") return response;
        await fetch(url, { method: "DELETE", headers: { Authorization: options.headers.Authorization } });
        resolve();
        throw new TypeError("the response is lost");
      };
    });
    document.querySelector("#record").click();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    document.querySelector("#stop").click();
    await isForgotten;
  });
}

async function signIn(browser, url, button) {
  const page = await browser.newPage();
  await page.goto(url);
  for (const [name, value] of Object.entries(CREDENTIALS)) await page.type(`[name=${name}]`, value);
  await page.click(`button[value=${button}]`);
  await page.waitForSelector("#record", { visible: true });
  return page;
}

async function beginToRecord(page) {
  await page.click("#record");
  await page.waitForSelector("#stop", { visible: true });
  await sleep(2_500);
}

/** So many recordings are stored, and none is kept in the browser any more. */
async function isListed(page, count) {
  const isStored = async (count) =>
    document.querySelectorAll("#recordings button").length === count && (await keptPieces()) === 0;
  await page.evaluate(() => {
    window.keptPieces = () => new Promise((resolve) => {
      indexedDB.open("recorder").onsuccess = ({ target: { result } }) => {
        const counting = result.transaction("pieces").objectStore("pieces").count();
        counting.onsuccess = () => { result.close(); resolve(counting.result); };
      };
    });
  });
  await page.waitForFunction(isStored, { timeout: 20_000 }, count).catch(async (error) => {
    throw new Error(`${count} recordings are not listed: ${await page.$eval("#status", (it) => it.textContent)}`, { cause: error });
  });
}

async function play(page) {
  // Firefox calls it damage of the audio where a machine has no loudspeaker.
  await page.$eval("#player", (player) => { player.mozCaptureStream?.(); });
  await page.click("#recordings button");
  await page.waitForFunction(() => document.querySelector("#player").currentTime > 0.5, { timeout: 20_000 });
}
