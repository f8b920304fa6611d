// Starts browsers: Debian's, with a microphone that hums, and nothing that asks.

import puppeteer from "puppeteer-core";

export function launch(browser, executablePath) {
  if (browser === "firefox") {
    const extraPrefsFirefox = {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.autoplay.default": 0,
    };
    return puppeteer.launch({ browser, executablePath, headless: true, extraPrefsFirefox });
  }
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
  ];
  return puppeteer.launch({ executablePath, headless: true, args });
}
