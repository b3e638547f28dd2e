/** The part of an OpenAPI document that the generator reads; anything outside it stops the run (see read.ts). */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Pointer step as RFC 6901 writes it. */
export function step(name: string | number): string {
  return `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member when it is an object, else an empty object: for reading optional parts. */
export function objectAt(parent: JsonObject | undefined, name: string): JsonObject {
  const value = parent?.[name];
  return isObject(value) ? value : {};
}

export function textAt(parent: JsonObject, name: string): string | undefined {
  const value = parent[name];
  return typeof value === "string" ? value : undefined;
}

/** Follows `#/a/b` inside the document. */
export function resolvePointer(document: JsonObject, pointer: string): Json | undefined {
  let at: Json | undefined = document;
  for (const part of pointer.replace(/^#?\/?/, "").split("/")) {
    if (part === "") continue;
    const name = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(at)) at = at[Number(name)];
    else if (isObject(at)) at = Object.hasOwn(at, name) ? at[name] : undefined;
    else return undefined;
  }
  return at;
}

/** The verbs of a path item, in the order in which operations are written. */
export const httpMethods: readonly string[] = ["get", "put", "post", "delete", "patch", "head", "options"];

/** The object that a local reference leads to, or the node itself. */
export function deref(document: JsonObject, node: Json | undefined): JsonObject {
  let at = node;
  for (let n = 0; isObject(at) && typeof at["$ref"] === "string" && n < 50; n++)
    at = resolvePointer(document, at["$ref"]);
  return isObject(at) ? at : {};
}

export function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
