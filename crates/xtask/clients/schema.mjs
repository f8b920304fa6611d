// The types of openapi-typescript, in which bytes are a Blob: without this transform they are a string.

import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const [description, output] = process.argv.slice(2);
const BLOB = ts.factory.createTypeReferenceNode("Blob");
const schema = await openapiTS(pathToFileURL(description), {
  transform: (schema) => (schema.format === "binary" ? BLOB : undefined),
});
writeFileSync(output, astToString(schema));
