import {
  deref,
  httpMethods,
  isObject,
  type Json,
  type JsonObject,
  list,
  objectAt,
  step,
} from "@helsekontakt/gen-openapi/src/document.ts";
import { reachedSchemas } from "@helsekontakt/gen-openapi/src/reach.ts";
import { checkDocument } from "@helsekontakt/gen-openapi/src/read.ts";
import { FactList, type Facts, type Side, type Value } from "../fact.ts";

// What a schema states of a value, beside its members.
const stated = [
  "format",
  "enum",
  "const",
  "pattern",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
  "uniqueItems",
  "readOnly",
  "writeOnly",
  "discriminator",
] as const;

/** What an OpenAPI or Swagger document states. @throws {GeneratorError} by file, pointer and construct */
export function openapiFacts(parsed: unknown, name: string): Facts {
  const document = checkDocument(parsed as Json, name);
  const facts = new FactList();
  const written = reachedSchemas(document, "request");
  const read = reachedSchemas(document, "response");
  for (const [path, item] of Object.entries(objectAt(document, "paths")))
    for (const method of httpMethods) {
      const operation = (item as JsonObject)[method];
      if (isObject(operation)) operationFacts(facts, document, path, method, item as JsonObject, operation);
    }
  for (const [schemaName, schema] of Object.entries(objectAt(objectAt(document, "components"), "schemas"))) {
    const side: Side = written.has(schemaName) ? (read.has(schemaName) ? "both" : "request") : "response";
    const place = `/components/schemas${step(schemaName)}`;
    facts.add({ place, parent: undefined, kind: "schema", name: schemaName, side, values: schemaValues(schema) });
    schemaFacts(facts, place, place, schema, side);
  }
  for (const server of list(document["servers"])) {
    const url = String((server as JsonObject)["url"]);
    facts.add({ place: `/servers ${url}`, parent: undefined, kind: "server", name: url, side: "request", values: {} });
  }
  for (const [schemeName, raw] of Object.entries(objectAt(objectAt(document, "components"), "securitySchemes"))) {
    const scheme = deref(document, raw);
    const scopes = Object.values(objectAt(scheme, "flows")).flatMap((f) =>
      Object.keys(objectAt(f as JsonObject, "scopes")),
    );
    facts.add({
      place: `/components/securitySchemes${step(schemeName)}`,
      parent: undefined,
      kind: "security scheme",
      name: schemeName,
      side: "request",
      values: { type: String(scheme["type"]), ...(scopes.length === 0 ? {} : { scopes: scopes.sort() }) },
    });
  }
  return facts.facts;
}

function operationFacts(
  facts: FactList,
  document: JsonObject,
  path: string,
  method: string,
  item: JsonObject,
  operation: JsonObject,
): void {
  const place = `/paths${step(path)}/${method}`;
  const owner = facts.add({
    place,
    parent: undefined,
    kind: "operation",
    name: `${method.toUpperCase()} ${path}`,
    side: "request",
    values: {
      operationId: operation["operationId"] as string,
      security: (operation["security"] ?? document["security"] ?? []) as Value,
      deprecated: operation["deprecated"] === true ? true : undefined,
    },
  });
  for (const raw of [...list(item["parameters"]), ...list(operation["parameters"])]) {
    const parameter = deref(document, raw);
    const name = `${String(parameter["in"])} ${String(parameter["name"])}`;
    facts.add({
      place: `${place}/parameters/${name}`,
      parent: owner,
      kind: "parameter",
      name,
      side: "request",
      values: { min: parameter["required"] === true ? 1 : 0, ...schemaValues(parameter["schema"]) },
    });
  }
  const body = deref(document, operation["requestBody"]);
  bodyFacts(
    facts,
    `${place}/requestBody`,
    owner,
    objectAt(body, "content"),
    "request",
    body["required"] === true ? 1 : 0,
  );
  for (const [status, raw] of Object.entries(objectAt(operation, "responses"))) {
    const at = facts.add({
      place: `${place}/responses/${status}`,
      parent: owner,
      kind: "response",
      name: status,
      side: "response",
      values: {},
    });
    bodyFacts(
      facts,
      `${place}/responses/${status}`,
      at,
      objectAt(deref(document, raw), "content"),
      "response",
      undefined,
    );
  }
}

function bodyFacts(
  facts: FactList,
  place: string,
  parent: string,
  content: JsonObject,
  side: Side,
  min: number | undefined,
): void {
  for (const [mediaType, media] of Object.entries(content)) {
    const at = `${place}/content${step(mediaType)}`;
    const schema = (media as JsonObject)["schema"];
    const owner = facts.add({
      place: at,
      parent,
      kind: "media type",
      name: mediaType,
      side,
      values: { min, ...schemaValues(schema) },
    });
    schemaFacts(facts, `${at}/schema`, owner, schema, side);
  }
}

function schemaFacts(facts: FactList, place: string, parent: string, schema: Json | undefined, side: Side): void {
  if (!isObject(schema)) return;
  const required = new Set(list(schema["required"]));
  for (const [name, property] of Object.entries(objectAt(schema, "properties"))) {
    const at = `${place}/properties${step(name)}`;
    const owner = facts.add({
      place: at,
      parent,
      kind: "property",
      name,
      side,
      values: { min: required.has(name) ? 1 : 0, ...schemaValues(property) },
    });
    schemaFacts(facts, at, owner, property, side);
  }
  for (const [key, step_] of [
    ["items", "/items"],
    ["additionalProperties", "/additionalProperties"],
  ] as const) {
    const inner = schema[key];
    if (!isObject(inner)) continue;
    const owner = facts.add({ place: place + step_, parent, kind: key, name: key, side, values: schemaValues(inner) });
    schemaFacts(facts, place + step_, owner, inner, side);
  }
  for (const key of ["allOf", "oneOf", "anyOf"])
    for (const [index, member] of list(schema[key]).entries())
      if (isObject(member) && member["$ref"] === undefined)
        schemaFacts(facts, `${place}/${key}/${index}`, parent, member, side);
}

function schemaValues(schema: Json | undefined): Record<string, Value | undefined> {
  if (!isObject(schema)) return {};
  const out: Record<string, Value | undefined> = {};
  const types = [schema["type"]].flat().filter((t): t is string => typeof t === "string");
  const nullable = schema["nullable"] === true || types.includes("null");
  const plain = types.filter((t) => t !== "null");
  if (typeof schema["$ref"] === "string") out["type"] = schema["$ref"];
  else if (plain.length > 0) out["type"] = plain.length === 1 ? (plain[0] as string) : plain;
  if (nullable) out["nullable"] = true;
  for (const key of stated) if (schema[key] !== undefined) out[key] = schema[key] as Value;
  if (schema["additionalProperties"] === false) out["closed"] = true;
  for (const key of ["allOf", "oneOf", "anyOf"]) {
    const members = list(schema[key]);
    if (members.length > 0)
      out[key] = members.map((m) => (isObject(m) && typeof m["$ref"] === "string" ? m["$ref"] : "a schema of its own"));
  }
  return out;
}
