import { GeneratorError } from "@helsekontakt/codegen";
import { httpMethods, isObject, type JsonObject, objectAt, step } from "./document.ts";

/**
 * Gives operations without an `operationId` one: the verb, then the path's words, `postDigitaltaktivV1`,
 * `getPartyByHerId`. It depends on verb and path alone, so it stays when other operations come or go.
 */
export function nameOperations(document: JsonObject, name: string): JsonObject {
  const seen = new Map<string, string>();
  const paths: Record<string, JsonObject> = {};
  for (const [path, item] of Object.entries(objectAt(document, "paths"))) {
    const out: Record<string, JsonObject[string]> = { ...(item as JsonObject) };
    for (const method of httpMethods) {
      const operation = out[method];
      if (!isObject(operation)) continue;
      const at = `/paths${step(path)}/${method}`;
      const given = operation["operationId"];
      const id = typeof given === "string" && given !== "" ? given : derivedId(method, path);
      const earlier = seen.get(id);
      if (earlier !== undefined)
        throw new GeneratorError(
          `${name}#${at}/operationId`,
          undefined,
          `"${id}", which ${earlier} has as well`,
          "an operationId of its own",
        );
      seen.set(id, at);
      out[method] = id === given ? operation : { ...operation, operationId: id, "x-operation-id-derived": true };
    }
    paths[path] = out;
  }
  return { ...document, paths };
}

function derivedId(method: string, path: string): string {
  const words = path
    .split("/")
    .filter((part) => part !== "")
    .map((part) => {
      const parameter = /^\{(.+)\}$/.exec(part)?.[1];
      return (parameter === undefined ? "" : "By") + pascal(parameter ?? part);
    });
  return method + words.join("");
}

function pascal(text: string): string {
  return text
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "")
    .map((word) => word[0]?.toUpperCase() + word.slice(1))
    .join("");
}
