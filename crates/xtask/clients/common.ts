// What every generated client is tried with.

import { deepEqual } from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

const [address, fixture] = process.argv.slice(2);
if (!address || !fixture) throw new Error("usage: node CLIENT.js ADDRESS FIXTURE");

export const baseUrl = address;
export const bytes = new Uint8Array(readFileSync(fixture));
export const audio = new Blob([bytes], { type: "audio/mp4" });
const sha256 = createHash("sha256").update(bytes).digest();
export const hex = sha256.toString("hex");
export const reprDigest = `sha-256=:${sha256.toString("base64")}:`;
export const credentials = { email: `${randomUUID()}@example.com`, password: "correct horse battery staple" };

/** Fails unless these are the bytes of the fixture, or that range of them. */
export async function expectBytes(blob: Blob | File, begin = 0, end = bytes.length): Promise<void> {
  deepEqual(new Uint8Array(await blob.arrayBuffer()), bytes.slice(begin, end));
}

/** Sends the parts of a direct upload to where they belong. */
export async function sendParts(parts: { url: string; method: string; size: number; headers: Record<string, string> }[]) {
  let begin = 0;
  for (const { url, method, size, headers } of parts) {
    const sent = await fetch(url, { method, headers, body: audio.slice(begin, begin + size) });
    if (!sent.ok) throw new Error(`a part was answered ${sent.status}`);
    begin += size;
  }
}
