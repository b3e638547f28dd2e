import { docComment, header, propertyKey, quote, type SpecEntry } from "@helsekontakt/codegen";
import { deref, httpMethods, isObject, type Json, type JsonObject, list, objectAt, step, textAt } from "./document.ts";

const limitKeys = [
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "pattern",
  "enum",
  "format",
] as const;

/**
 * The table of one document's operations: verb, path, media types, limits by value pointer, scopes, and what `x-`
 * extensions state. `*` in a value pointer stands for every item of a list or every value of a map.
 */
export function emitOperations(document: JsonObject, spec: SpecEntry): string {
  const operations: string[] = [];
  for (const [path, item] of Object.entries(document["paths"] as JsonObject))
    for (const method of httpMethods) {
      const operation = (item as JsonObject)[method];
      if (isObject(operation))
        operations.push(emitOperation(document, spec, path, method, item as JsonObject, operation));
    }
  return [
    header("tools/gen-openapi", [spec]),
    "\n",
    docComment(["Servers that the document names."], `${spec.id}#/servers`),
    `export const servers = ${literal(serverTable(document), "")} as const;\n\n`,
    docComment(["Security schemes: kind of token and scopes."], `${spec.id}#/components/securitySchemes`),
    `export const securitySchemes = ${literal(schemeTable(document), "")} as const;\n\n`,
    docComment(["Older names of response members, by today's name."], `${spec.id}#/components/schemas`),
    `export const olderNames = ${literal(olderNameTable(document), "")} as const;\n\n`,
    docComment(["Every operation of the document."], `${spec.id}#/paths`),
    `export const operations = {\n${operations.join("")}} as const;\n`,
  ].join("");
}

function emitOperation(
  document: JsonObject,
  spec: SpecEntry,
  path: string,
  method: string,
  item: JsonObject,
  operation: JsonObject,
): string {
  const id = operation["operationId"] as string;
  const body = deref(document, operation["requestBody"]);
  const parameters = [...list(item["parameters"]), ...list(operation["parameters"])].map((p) => deref(document, p));
  const limits: Record<string, Json> = {};
  for (const media of Object.values(objectAt(body, "content")))
    collectLimits(document, (media as JsonObject)["schema"], "", limits, new Set());
  const parameterLimits: Record<string, Json> = {};
  for (const parameter of parameters)
    collectLimits(document, parameter["schema"], step(String(parameter["name"])), parameterLimits, new Set());
  const responses: Record<string, Json> = {};
  for (const [status, response] of Object.entries(objectAt(operation, "responses")))
    responses[status] = Object.keys(objectAt(deref(document, response), "content"));
  const timeout = operation["x-timeout-ms"];
  const table: Record<string, Json> = {
    operationId: id,
    method: method.toUpperCase(),
    path,
    pathParameters: parameters.filter((p) => p["in"] === "path").map((p) => p["name"] as string),
    requestMediaTypes: Object.keys(objectAt(body, "content")),
    responseMediaTypes: responses,
    limits,
    parameterLimits,
    security: (operation["security"] ?? document["security"] ?? []) as Json,
    repeatable: operation["x-repeatable"] === true || method === "get" || method === "head",
    deprecated: operation["deprecated"] === true,
    inferred: operation["x-inferred"] !== undefined,
    ...(typeof timeout === "number" ? { timeoutMs: timeout } : {}),
    ...(isObject(operation["x-fault-codes"]) ? { faultCodes: operation["x-fault-codes"] } : {}),
  };
  const summary = textAt(operation, "summary");
  return `${docComment(summary === undefined ? [] : [summary], `${spec.id}#/paths${step(path)}/${method}`, "  ")}  ${propertyKey(id)}: ${literal(table, "  ")},\n`;
}

function collectLimits(
  document: JsonObject,
  schema: Json | undefined,
  at: string,
  into: Record<string, Json>,
  open: ReadonlySet<Json>,
): void {
  const node = deref(document, schema);
  if (Object.keys(node).length === 0 || open.has(node)) return;
  const inside = new Set([...open, node]);
  const limits: Record<string, Json> = {};
  for (const key of limitKeys) if (node[key] !== undefined) limits[key] = node[key];
  if (Object.keys(limits).length > 0) into[at === "" ? "/" : at] = limits;
  const required = new Set(list(node["required"]));
  for (const [name, property] of Object.entries(objectAt(node, "properties"))) {
    collectLimits(document, property, at + step(name), into, inside);
    if (required.has(name))
      into[at + step(name)] = { ...(into[at + step(name)] as JsonObject | undefined), required: true };
  }
  if (node["items"] !== undefined) collectLimits(document, node["items"], `${at}/*`, into, inside);
  if (isObject(node["additionalProperties"]))
    collectLimits(document, node["additionalProperties"], `${at}/*`, into, inside);
  for (const part of list(node["allOf"])) collectLimits(document, part, at, into, inside);
}

function serverTable(document: JsonObject): Json {
  return list(document["servers"]).map((server) => {
    const { url, ...rest } = server as JsonObject;
    const out: Record<string, Json> = { url: url as string };
    for (const [key, value] of Object.entries(rest))
      if (key === "x-inferred") out["inferred"] = true;
      else if (key.startsWith("x-")) out[key.slice(2)] = value;
    return out;
  });
}

function schemeTable(document: JsonObject): Json {
  const out: Record<string, Json> = {};
  for (const [name, raw] of Object.entries(objectAt(objectAt(document, "components"), "securitySchemes"))) {
    const scheme = deref(document, raw);
    const scopes = Object.values(objectAt(scheme, "flows")).flatMap((f) =>
      Object.keys(objectAt(f as JsonObject, "scopes")),
    );
    const token = scheme["x-token-scheme"];
    out[name] = {
      type: scheme["type"] as string,
      ...(typeof token === "string" ? { tokenScheme: token } : {}),
      scopes,
      inferred: scheme["x-inferred"] !== undefined,
    };
  }
  return out;
}

function olderNameTable(document: JsonObject): Json {
  const out: Record<string, Json> = {};
  for (const [name, schema] of Object.entries(objectAt(objectAt(document, "components"), "schemas"))) {
    const older: Record<string, Json> = {};
    for (const [property, node] of Object.entries(objectAt(schema as JsonObject, "properties"))) {
      const names = (node as JsonObject)["x-older-names"];
      if (names !== undefined) older[property] = names;
    }
    if (Object.keys(older).length > 0) out[name] = older;
  }
  return out;
}

/** A JSON value as TypeScript source: short lists on one line, bare keys where possible. */
function literal(value: Json, indent: string): string {
  if (typeof value === "string") return quote(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((v) => typeof v !== "object" || v === null))
      return `[${value.map((v) => literal(v, "")).join(", ")}]`;
    return `[\n${value.map((v) => `${inner}${literal(v, inner)},\n`).join("")}${indent}]`;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return "{}";
  return `{\n${entries.map(([k, v]) => `${inner}${propertyKey(k)}: ${literal(v, inner)},\n`).join("")}${indent}}`;
}
