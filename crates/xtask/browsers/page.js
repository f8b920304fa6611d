"use strict";

// What a recorder app in a browser does, with what browsers bring along.

const PASSWORD = "correct horse battery staple";
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function expect(what, found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
  }
}

async function record(milliseconds) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const pieces = [];
  recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
  const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve));
  recorder.start(1000);
  await sleep(milliseconds);
  recorder.stop();
  await stopped;
  stream.getTracks().forEach((track) => track.stop());
  return new Blob(pieces, { type: pieces[0].type });
}

function happens(element, event) {
  return new Promise((resolve, reject) => {
    element.addEventListener(event, resolve, { once: true });
    element.addEventListener("error", () => reject(new Error(`${event}: ${element.error?.message}`)), { once: true });
    setTimeout(() => reject(new Error(`${event} does not happen`)), 20_000);
  });
}

/** Plays from a second on, as whoever drags the slider. */
async function play(url) {
  const player = document.getElementById("player");
  const isReady = happens(player, "loadedmetadata");
  player.src = url;
  await isReady;
  const isSought = happens(player, "seeked");
  player.currentTime = 1;
  await isSought;
  // Firefox calls it damage of the audio where a machine has no loudspeaker.
  player.mozCaptureStream?.();
  const goesOn = happens(player, "timeupdate");
  await player.play();
  await goesOn;
  player.pause();
  return player.currentTime;
}

async function signUp(api) {
  const answer = await fetch(`${api}/v1/auth/signup`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email: `me-${crypto.randomUUID()}@example.com`, password: PASSWORD }),
  });
  expect("sign-up", answer.status, 201);
  return { Authorization: `Bearer ${(await answer.json()).access_token}` };
}

async function upload(api, signed, id, audio) {
  const digest = await sha256(await audio.arrayBuffer());
  return fetch(`${api}/v1/recordings/${id}?name=${encodeURIComponent("회의 1")}`, {
    method: "PUT",
    headers: {
      ...signed,
      "Content-Type": audio.type,
      "Repr-Digest": `sha-256=:${base64(digest)}:`,
      "X-Recorded-At": new Date().toISOString(),
    },
    body: audio,
  });
}

async function rename(api, signed, { id, tag }) {
  const ask = () => fetch(`${api}/v1/recordings/${id}`, {
    method: "PATCH",
    headers: { ...signed, "Content-Type": "application/json", "If-Match": tag },
    body: JSON.stringify({ name: "renamed" }),
  });
  const renamed = await ask();
  expect("rename", [renamed.status, (await renamed.json()).name], [200, "renamed"]);
  const stale = await ask();
  expect("rename of another version", [stale.status, (await stale.json()).code], [412, "precondition-failed"]);
}

async function uploadDirectly(api, signed, audio, bytes) {
  const announcement = { size: bytes.byteLength, sha256: hex(await sha256(bytes)), media_type: audio.type };
  const headers = { ...signed, "Content-Type": "application/json" };
  const plan = await fetch(`${api}/v1/direct`, { method: "POST", headers, body: JSON.stringify(announcement) });
  expect("announcement", plan.status, 201);
  const { id, parts } = await plan.json();
  let start = 0;
  for (const { url, method, headers, size } of parts) {
    const sent = await fetch(url, { method, headers, body: audio.slice(start, start + size) });
    expect("part", Math.floor(sent.status / 100), 2);
    start += size;
  }
  const complete = await fetch(`${api}/v1/direct/${id}/complete`, { method: "POST", headers: signed });
  expect("completion", complete.status, 201);
  return id;
}

/** Does all that an app does; fails at the first thing that is not as it should be. */
async function everything(api) {
  const signed = await signUp(api);
  const audio = await record(3_000);
  const bytes = await audio.arrayBuffer();
  const id = crypto.randomUUID();
  const answer = await upload(api, signed, id, audio);
  expect("upload", answer.status, 201);
  expect("where it is", answer.headers.get("Location"), `/v1/recordings/${id}`);
  const stored = { id, tag: answer.headers.get("ETag") };

  const listed = await (await fetch(`${api}/v1/recordings?include=link`, { headers: signed })).json();
  expect("list", listed.items.map((item) => item.id), [stored.id]);
  await rename(api, signed, stored);

  const link = await fetch(`${api}/v1/recordings/${stored.id}/link`, { method: "POST", headers: signed });
  const { url } = await link.json();
  const reached = await play(url);
  if (reached < 1) throw new Error(`playing goes on at ${reached}`);
  const part = await fetch(url, { headers: { Range: "bytes=0-9" } });
  expect("range", [part.status, (await part.arrayBuffer()).byteLength], [206, 10]);

  const missing = await fetch(`${api}/v1/recordings/${crypto.randomUUID()}`, { headers: signed });
  expect("problem", [missing.status, (await missing.json()).code], [404, "not-found"]);
  if (!missing.headers.get("X-Request-Id")) throw new Error("the request's id cannot be read");

  const direct = await uploadDirectly(api, signed, audio, bytes);
  const again = await (await fetch(`${api}/v1/recordings/${direct}?include=link`, { headers: signed })).json();
  const whole = new Uint8Array(await (await fetch(again.link.url)).arrayBuffer());
  expect("bytes", hex(await sha256(whole)), hex(await sha256(bytes)));
  return `${audio.type}, ${bytes.byteLength} bytes`;
}

/** Which requests are answered to a page that may not ask. */
async function whatIsLetIn(api) {
  const id = crypto.randomUUID();
  const signed = { Authorization: "Bearer tb_nobody" };
  const requests = {
    health: () => fetch(`${api}/healthz`),
    description: () => fetch(`${api}/openapi.json`),
    signUp: () => signUp(api),
    list: () => fetch(`${api}/v1/recordings`, { headers: signed }),
    upload: () => fetch(`${api}/v1/recordings/${id}`, { method: "PUT", headers: signed, body: "speech" }),
    rename: () => fetch(`${api}/v1/recordings/${id}`, { method: "PATCH", headers: signed, body: "{}" }),
    link: () => fetch(`${api}/v1/recordings/${id}/link`, { method: "POST", headers: signed }),
    direct: () => fetch(`${api}/v1/direct`, { method: "POST", headers: signed, body: "{}" }),
    missing: () => fetch(`${api}/nothing`),
  };
  const letIn = [];
  for (const [name, request] of Object.entries(requests)) {
    await request().then(() => letIn.push(name), (error) => {
      if (!(error instanceof TypeError)) letIn.push(`${name}: ${error}`);
    });
  }
  return letIn;
}
