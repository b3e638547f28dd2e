import { readFileSync } from "node:fs";
import { GeneratorError } from "@helsekontakt/codegen";
import { isObject, type Json, type JsonObject } from "./document.ts";
import { checkConstructs, kindOf } from "./known-constructs.ts";
import { nameOperations } from "./operation-ids.ts";
import { upgradeDocument } from "./upgrade.ts";

/**
 * Reads one document, Swagger 2.0 or OpenAPI 3.0 or 3.1, and refuses what the generator does not know, by file, JSON
 * pointer and construct. What comes back is OpenAPI 3, with a name for every operation.
 *
 * @param file - the path on disk; `name` is what messages and headers call it.
 */
export function readDocument(file: string, name = file): JsonObject {
  let parsed: Json;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8").replace(/^\uFEFF/, "")) as Json;
  } catch (error) {
    throw new GeneratorError(name, undefined, (error as Error).message, "a JSON document");
  }
  return checkDocument(parsed, name);
}

/** {@link readDocument} on parsed JSON. */
export function checkDocument(parsed: Json, name: string): JsonObject {
  if (!isObject(parsed)) throw new GeneratorError(`${name}#`, undefined, kindOf(parsed), "an object");
  const document = upgradeDocument(parsed, name);
  const version = document["openapi"];
  if (typeof version !== "string" || !/^3\.[01]\.\d+$/.test(version))
    throw new GeneratorError(
      `${name}#/openapi`,
      undefined,
      JSON.stringify(version ?? null),
      "OpenAPI 3.0 or 3.1, or Swagger 2.0",
    );
  checkConstructs(document, name);
  return nameOperations(document, name);
}
