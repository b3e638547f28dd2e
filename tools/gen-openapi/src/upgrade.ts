import { upgradeFromTwoToThree } from "@scalar/openapi-upgrader/2.0-to-3.0";
import { GeneratorError } from "@helsekontakt/codegen";
import { isObject, type Json, type JsonObject } from "./document.ts";

/**
 * Swagger 2.0 as OpenAPI 3.0, by a library; other documents as they are. The input is not changed.
 *
 * `consumes` and `produces` of the document are written to each operation first: a body that names none of its own
 * would otherwise lose them.
 */
export function upgradeDocument(parsed: JsonObject, name: string): JsonObject {
  if (parsed["swagger"] === undefined) return parsed;
  if (parsed["swagger"] !== "2.0")
    throw new GeneratorError(`${name}#/swagger`, undefined, JSON.stringify(parsed["swagger"]), 'swagger "2.0"');
  const upgraded = upgradeFromTwoToThree(structuredClone(parsed) as Record<string, unknown>) as unknown as Json;
  if (!isObject(upgraded) || upgraded["openapi"] === undefined)
    throw new GeneratorError(name, undefined, "a document that could not be converted", "Swagger 2.0");
  const { consumes: _consumes, produces: _produces, ...rest } = upgraded;
  return dropUndefined(rest) as JsonObject;
}

function dropUndefined(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return value.map((v: Json) => dropUndefined(v) as Json);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .map(([k, v]) => [k, dropUndefined(v) as Json]),
  );
}
