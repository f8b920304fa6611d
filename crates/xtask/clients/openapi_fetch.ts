// openapi-typescript and openapi-fetch: everything an app does, with the types as they are generated.

import { equal, ok } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import { audio, baseUrl, bytes, credentials, expectBytes, hex, reprDigest, sendParts } from "./common.js";
import type { paths } from "./generated/schema.js";

const client = createClient<paths>({ baseUrl });

function expect<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  if (data === undefined) throw new Error(`${response.status}: ${JSON.stringify(error)}`);
  return data;
}

const grant = expect(await client.POST("/v1/auth/signup", { body: credentials }));
client.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${grant.access_token}`);
  },
});

const upload = (id: string, name: string) =>
  client.PUT("/v1/recordings/{id}", {
    params: { path: { id }, query: { name }, header: { "Repr-Digest": reprDigest } },
    headers: { "Content-Type": "audio/mp4" },
    body: audio,
    bodySerializer: (body) => body,
  });
const ids: string[] = [randomUUID(), randomUUID(), randomUUID()];
for (const [number, id] of ids.entries()) {
  const recording = expect(await upload(id, `memo ${number}.m4a`));
  equal(recording.sha256, hex);
  equal(recording.media_type, "audio/mp4");
}

const listed: string[] = [];
let cursor: string | undefined;
do {
  const page = expect(await client.GET("/v1/recordings", { params: { query: { limit: 2, cursor } } }));
  listed.push(...page.items.map((item) => item.id));
  cursor = page.next_cursor ?? undefined;
} while (cursor);
equal(listed.sort().join(), ids.slice().sort().join());

const id = ids[0]!;
const path = { id };
const whole: Blob = expect(await client.GET("/v1/recordings/{id}/audio", { params: { path }, parseAs: "blob" }));
await expectBytes(whole);
const range = { path, header: { Range: "bytes=100-199" } };
await expectBytes(expect(await client.GET("/v1/recordings/{id}/audio", { params: range, parseAs: "blob" })), 100, 200);

const found = await client.GET("/v1/recordings/{id}", { params: { path } });
const tag = found.response.headers.get("ETag");
ok(tag);
const rename = (name: string) =>
  client.PATCH("/v1/recordings/{id}", { params: { path, header: { "If-Match": tag } }, body: { name } });
equal(expect(await rename("Interview.m4a")).name, "Interview.m4a");
const late = await rename("Too late.m4a");
equal(late.error?.code, "precondition-failed");

const announced = { id: randomUUID(), size: bytes.length, sha256: hex, media_type: "audio/mp4" };
const plan = expect(await client.POST("/v1/direct", { body: announced }));
await sendParts(plan.parts);
equal(expect(await client.POST("/v1/direct/{id}/complete", { params: { path: { id: plan.id } } })).sha256, hex);

const removed = await client.DELETE("/v1/recordings/{id}", { params: { path } });
equal(removed.response.status, 204);
const gone = await client.GET("/v1/recordings/{id}", { params: { path } });
equal(gone.error?.code, "not-found");
