import { isObject, type Json, type JsonObject, objectAt } from "./document.ts";
import { reachedSchemas, schemaName } from "./reach.ts";

/** Marks an enum whose list may grow: values of an answer. */
export const openMark = "x-open";
/** On a schema that was split: the name that the document gives it. */
export const originMark = "x-split-from";

/**
 * Gives each direction types of its own where they differ. Enums of answers are marked as open: a service may learn a
 * new value before its clients do, while a client may only write what is listed. A member that is only read need not be
 * written, and the other way round. A schema that goes both ways and differs is split; the answer's half is called
 * `…Response`.
 */
export function splitDirections(document: JsonObject): JsonObject {
  const components = objectAt(document, "components");
  const schemas = objectAt(components, "schemas");
  const read = reachedSchemas(document, "response");
  const written = reachedSchemas(document, "request");
  const renamed = new Map<string, string>();
  for (const name of read)
    if (written.has(name) && differs(schemas, name, new Set())) renamed.set(name, freeName(`${name}Response`, schemas));

  const out: Record<string, Json> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const clone = renamed.get(name);
    if (clone === undefined) out[name] = read.has(name) && !written.has(name) ? open(schema, renamed) : schema;
    else {
      out[name] = withoutRequired(schema, "readOnly");
      out[clone] = mark(withoutRequired(open(schema, renamed), "writeOnly"), originMark, name);
    }
  }
  const paths: Record<string, Json> = {};
  for (const [path, item] of Object.entries(objectAt(document, "paths"))) {
    paths[path] = Object.fromEntries(
      Object.entries(item as JsonObject).map(([key, operation]) => [
        key,
        isObject(operation) && isObject(operation["responses"])
          ? { ...operation, responses: open(operation["responses"], renamed) }
          : operation,
      ]),
    );
  }
  const responses = objectAt(components, "responses");
  return {
    ...document,
    paths,
    components: {
      ...components,
      ...(Object.keys(schemas).length === 0 ? {} : { schemas: out }),
      ...(Object.keys(responses).length === 0 ? {} : { responses: open(responses, renamed) }),
    },
  };
}

function open(node: Json, renamed: ReadonlyMap<string, string>): Json {
  if (Array.isArray(node)) return node.map((item: Json) => open(item, renamed));
  if (!isObject(node)) return node;
  const out: Record<string, Json> = {};
  for (const [key, value] of Object.entries(node)) {
    if (key === "enum" || key === "example" || key === "examples" || key === "default") out[key] = value;
    else if (key === "$ref" || (typeof value === "string" && value.startsWith("#/components/schemas/")))
      out[key] = renamedRef(value, renamed);
    else out[key] = open(value, renamed);
  }
  return isOpenable(node) ? { ...out, [openMark]: true } : out;
}

/** The schema and those inside it, with no member required that carries the mark. */
function withoutRequired(node: Json, other: "readOnly" | "writeOnly"): Json {
  if (Array.isArray(node)) return node.map((item: Json) => withoutRequired(item, other));
  if (!isObject(node)) return node;
  const out: Record<string, Json> = {};
  const properties = objectAt(node, "properties");
  for (const [key, value] of Object.entries(node)) {
    if (key === "enum" || key === "example" || key === "examples" || key === "default") out[key] = value;
    else if (key === "required" && Array.isArray(value))
      out[key] = value.filter((name: Json) => objectAt(properties, String(name))[other] !== true);
    else out[key] = withoutRequired(value, other);
  }
  return out;
}

/** An enum of one value is a constant: what tells a kind of object from others cannot grow. */
export function isOpenable(node: JsonObject): boolean {
  return Array.isArray(node["enum"]) && node["enum"].length > 1;
}

function renamedRef(ref: Json, renamed: ReadonlyMap<string, string>): Json {
  const name = schemaName(ref);
  const to = name === undefined ? undefined : renamed.get(name);
  return to === undefined || typeof ref !== "string"
    ? ref
    : ref.replace(/^#\/components\/schemas\/[^/]+/, `#/components/schemas/${encodeURIComponent(to)}`);
}

function differs(schemas: JsonObject, name: string, seen: Set<string>): boolean {
  if (seen.has(name)) return false;
  seen.add(name);
  const visit = (node: Json | undefined): boolean => {
    if (Array.isArray(node)) return node.some(visit);
    if (!isObject(node)) return false;
    if (isOpenable(node) || node["readOnly"] === true || node["writeOnly"] === true) return true;
    const target = schemaName(node["$ref"]);
    return (target !== undefined && differs(schemas, target, seen)) || Object.values(node).some(visit);
  };
  return visit(schemas[name]);
}

function freeName(wish: string, schemas: JsonObject): string {
  let name = wish;
  for (let n = 2; Object.hasOwn(schemas, name); n++) name = `${wish}${n}`;
  return name;
}

function mark(schema: Json, key: string, value: string): Json {
  return isObject(schema) ? { ...schema, [key]: value } : schema;
}
