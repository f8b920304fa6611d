// @hey-api/openapi-ts: everything an app does, with the functions as they are generated.

import { equal, ok } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { audio, baseUrl, bytes, credentials, expectBytes, hex, reprDigest, sendParts } from "./common.js";
import { client } from "./generated/client.gen.js";
import * as api from "./generated/index.js";

client.setConfig({ baseUrl });
const throwOnError = true;

const { data: grant } = await api.signUp({ body: credentials, throwOnError });
client.setConfig({ auth: grant.access_token });

const ids: string[] = [randomUUID(), randomUUID(), randomUUID()];
for (const [number, id] of ids.entries()) {
  const { data: recording } = await api.uploadRecording({
    path: { id },
    query: { name: `memo ${number}.m4a` },
    headers: { "Repr-Digest": reprDigest },
    body: audio,
    throwOnError,
  });
  equal(recording.sha256, hex);
  equal(recording.media_type, "audio/mp4");
}
const { data: form } = await api.uploadRecordingForm({ body: { name: "form.m4a", file: audio }, throwOnError });
equal(form.sha256, hex);
ids.push(form.id);

const listed: string[] = [];
let cursor: string | undefined;
do {
  const { data: page } = await api.listRecordings({ query: { limit: 2, cursor }, throwOnError });
  listed.push(...page.items.map((item) => item.id));
  cursor = page.next_cursor ?? undefined;
} while (cursor);
equal(listed.sort().join(), ids.slice().sort().join());

const path = { id: ids[0]! };
const { data: whole } = await api.getRecordingAudio({ path, throwOnError });
await expectBytes(whole);
const { data: range } = await api.getRecordingAudio({ path, headers: { Range: "bytes=100-199" }, throwOnError });
await expectBytes(range, 100, 200);

const tag = (await api.getRecording({ path, throwOnError })).response.headers.get("ETag");
ok(tag);
const rename = (name: string) => api.renameRecording({ path, headers: { "If-Match": tag }, body: { name } });
equal((await rename("Interview.m4a")).data?.name, "Interview.m4a");
equal((await rename("Too late.m4a")).error?.code, "precondition-failed");

const announced = { id: randomUUID(), size: bytes.length, sha256: hex, media_type: "audio/mp4" };
const { data: plan } = await api.createDirectUpload({ body: announced, throwOnError });
await sendParts(plan.parts);
equal((await api.completeDirectUpload({ path: { id: plan.id }, throwOnError })).data.sha256, hex);

equal((await api.deleteRecording({ path, throwOnError })).response.status, 204);
equal((await api.getRecording({ path })).error?.code, "not-found");
