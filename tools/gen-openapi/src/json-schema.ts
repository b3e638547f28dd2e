import { isObject, type Json, type JsonObject, list, objectAt, resolvePointer } from "./document.ts";
import { isOpenable } from "./directions.ts";
import { type Direction, schemaName } from "./reach.ts";

/** Formats of requests that the validators' runtime can judge, by the type they apply to; any other is an annotation. */
export const checkedFormats: Readonly<Record<string, "string" | "number">> = {
  date: "string",
  "date-time": "string",
  uuid: "string",
  uri: "string",
  byte: "string",
  int32: "number",
  int64: "number",
};

// Keywords of JSON Schema that say something about the value; the rest are annotations.
const keywords = new Set([
  "type",
  "const",
  "enum",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "pattern",
  "minItems",
  "maxItems",
  "minContains",
  "maxContains",
  "minProperties",
  "maxProperties",
  "uniqueItems",
  "dependentRequired",
]);
const one = new Set(["not", "if", "then", "else", "items", "contains", "propertyNames"]);
const many = new Set(["anyOf", "prefixItems"]);
const named = new Set(["properties", "patternProperties", "dependentSchemas"]);

/**
 * A schema of OpenAPI as JSON Schema 2020-12, for one direction.
 *
 * Requests are closed: what the document does not list is refused. Answers are open: new values of an enum, new members,
 * new kinds of a discriminated choice and formats pass, for a service may grow before its clients do. Members that are
 * only read are not required of requests, and the other way round.
 */
export function toJsonSchema(document: JsonObject, node: Json, direction: Direction, part = false): Json {
  const convert = (value: Json): Json => toJsonSchema(document, value, direction);
  if (!isObject(node)) return node;
  const ref = node["$ref"];
  const out: Record<string, Json> = {};
  if (typeof ref === "string") {
    const name = schemaName(ref);
    if (name !== undefined && ref.split("/").length === 4) out["$ref"] = defsRef(part ? partName(name) : name);
    // A place inside a schema: what it states stands here.
    else return toJsonSchema(document, resolvePointer(document, ref) ?? {}, direction, part);
  }
  const whole = direction === "request" && isClosedAsWhole(document, node);
  const open = direction === "request" && (part || whole);
  for (const [key, value] of Object.entries(node)) {
    if (keywords.has(key)) out[key] = value;
    else if (one.has(key)) out[key] = convert(value);
    else if (key === "allOf") out[key] = list(value).map((v) => toJsonSchema(document, v, direction, open));
    else if (many.has(key)) out[key] = list(value).map(convert);
    else if (named.has(key))
      out[key] = Object.fromEntries(Object.entries(value as JsonObject).map(([k, v]) => [k, convert(v)]));
  }
  additional(node, out, direction === "request" && !part, whole, convert);
  required(document, node, out, direction);
  choice(node, out, direction, convert);
  if (direction === "response" && isOpenable(node)) openEnum(node, out);
  else if (direction === "request" && Object.hasOwn(checkedFormats, String(node["format"])))
    out["format"] = node["format"] as string;
  exclusive(node, out, "minimum", "exclusiveMinimum");
  exclusive(node, out, "maximum", "exclusiveMaximum");
  return node["nullable"] === true ? nullable(out) : out;
}

/**
 * Whether an `allOf` is closed as a whole, over the members of all its parts.
 *
 * To JSON Schema a closed part knows its own members only, and refuses those of the others. The generators of .NET close
 * a derived class and its base alike, and mean the class with what it inherits: Swashbuckle says it beside the `allOf`,
 * NSwag in two parts or more of which each would refuse the other's members. Every other `allOf` is read as JSON Schema
 * has it.
 */
function isClosedAsWhole(document: JsonObject, node: JsonObject): boolean {
  if (node["allOf"] === undefined) return false;
  if (node["additionalProperties"] === false) return true;
  const closed = list(node["allOf"])
    .map((p) => shapeOf(document, p, new Set()))
    .filter((s) => s.closed);
  return closed.some((s) => closed.some((other) => [...other.names].some((name) => !s.names.has(name))));
}

/** The members that a schema names, with those of its parts, and whether it takes no others. */
function shapeOf(
  document: JsonObject,
  node: Json | undefined,
  seen: Set<Json>,
): { readonly names: ReadonlySet<string>; readonly closed: boolean } {
  if (!isObject(node) || seen.has(node)) return { names: new Set(), closed: false };
  seen.add(node);
  const ref = node["$ref"];
  const parts = [...(typeof ref === "string" ? [resolvePointer(document, ref)] : []), ...list(node["allOf"])].map((p) =>
    shapeOf(document, p, new Set(seen)),
  );
  const names = new Set([...Object.keys(objectAt(node, "properties")), ...parts.flatMap((p) => [...p.names])]);
  return { names, closed: node["additionalProperties"] === false || parts.some((p) => p.closed) };
}

/** The name of a schema's form without its closing: as a part of `allOf` it must let the other parts' members pass. */
export function partName(name: string): string {
  return `${name} (part)`;
}

export function defsRef(name: string): string {
  return `#/$defs/${encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"))}`;
}

function additional(
  node: JsonObject,
  out: Record<string, Json>,
  closes: boolean,
  whole: boolean,
  convert: (value: Json) => Json,
): void {
  const value = node["additionalProperties"];
  if (isObject(value)) out["additionalProperties"] = convert(value);
  else if (closes && whole) out["unevaluatedProperties"] = false;
  else if (closes && value === false) out["additionalProperties"] = false;
}

function required(document: JsonObject, node: JsonObject, out: Record<string, Json>, direction: Direction): void {
  const names = list(node["required"]);
  if (names.length === 0) return;
  const other = direction === "request" ? "readOnly" : "writeOnly";
  const properties = objectAt(node, "properties");
  const needed = names.filter((name) => {
    const property = properties[String(name)];
    const target =
      isObject(property) && typeof property["$ref"] === "string"
        ? resolvePointer(document, property["$ref"])
        : property;
    return !(isObject(property) && property[other] === true) && !(isObject(target) && target[other] === true);
  });
  if (needed.length > 0) out["required"] = needed;
}

/** `oneOf`: by the discriminator when there is one; in answers any of them will do, since all of them are open. */
function choice(
  node: JsonObject,
  out: Record<string, Json>,
  direction: Direction,
  convert: (value: Json) => Json,
): void {
  const members = list(node["oneOf"]);
  if (members.length === 0) return;
  const discriminator = objectAt(node, "discriminator");
  const property = discriminator["propertyName"];
  if (typeof property !== "string") {
    out[direction === "request" ? "oneOf" : "anyOf"] = members.map(convert);
    return;
  }
  const kinds = discriminatorKinds(members, objectAt(discriminator, "mapping"));
  const allOf: Json[] = kinds.map(([kind, ref]) => ({
    if: { type: "object", properties: { [property]: { const: kind } }, required: [property] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: convert({ $ref: ref }),
  }));
  const kindSchema: Json =
    direction === "request" ? { enum: kinds.map(([kind]) => kind) } : { type: ["string", "null"] };
  allOf.push({
    type: "object",
    properties: { [property]: kindSchema },
    ...(direction === "request" ? { required: [property] } : {}),
  });
  out["allOf"] = [...list(out["allOf"]), ...allOf];
}

function discriminatorKinds(members: readonly Json[], mapping: JsonObject): [string, string][] {
  const kinds = new Map<string, string>();
  for (const [kind, target] of Object.entries(mapping))
    kinds.set(kind, String(target).startsWith("#") ? String(target) : `#/components/schemas/${String(target)}`);
  for (const member of members) {
    const ref = isObject(member) ? member["$ref"] : undefined;
    const name = schemaName(ref);
    if (typeof ref === "string" && name !== undefined && ![...kinds.values()].includes(ref)) kinds.set(name, ref);
  }
  return [...kinds];
}

function openEnum(node: JsonObject, out: Record<string, Json>): void {
  delete out["enum"];
  if (out["type"] === undefined)
    out["type"] = [...new Set(list(node["enum"]).map((v) => (v === null ? "null" : typeof v)))];
}

/** 3.0 writes `exclusiveMinimum: true` beside `minimum`. */
function exclusive(node: JsonObject, out: Record<string, Json>, limit: string, key: string): void {
  if (typeof node[key] !== "boolean") return;
  delete out[key];
  const value = node[limit];
  if (node[key] === true && value !== undefined) {
    delete out[limit];
    out[key] = value;
  }
}

function nullable(schema: Record<string, Json>): Json {
  const { type, ...rest } = schema;
  const values = schema["enum"];
  if (typeof type === "string" && schema["const"] === undefined)
    return {
      ...rest,
      type: [type, "null"],
      ...(Array.isArray(values) && !values.includes(null) ? { enum: [...values, null] } : {}),
    };
  return { anyOf: [schema, { type: "null" }] };
}
