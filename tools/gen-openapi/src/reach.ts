import { deref, httpMethods, isObject, type Json, type JsonObject, list, objectAt } from "./document.ts";

/** The two ways that a body goes: what a client writes, and what it reads. */
export type Direction = "request" | "response";

/** A body as an operation states it. */
export interface Body {
  readonly operationId: string;
  readonly direction: Direction;
  /** `200`, `4XX`, `default`; of responses only. */
  readonly status?: string;
  readonly mediaType: string;
  readonly schema: Json;
}

/** All bodies with a schema, in the order of the document. */
export function bodiesOf(document: JsonObject): Body[] {
  const bodies: Body[] = [];
  for (const { operation } of operationsOf(document)) {
    const operationId = operation["operationId"] as string;
    const add = (direction: Direction, holder: JsonObject, status?: string): void => {
      for (const [mediaType, media] of Object.entries(objectAt(holder, "content"))) {
        const schema = (media as JsonObject)["schema"];
        if (schema !== undefined)
          bodies.push({ operationId, direction, mediaType, schema, ...(status === undefined ? {} : { status }) });
      }
    };
    add("request", deref(document, operation["requestBody"]));
    for (const [status, response] of Object.entries(objectAt(operation, "responses")))
      add("response", deref(document, response), status);
  }
  return bodies;
}

export function operationsOf(document: JsonObject): { readonly item: JsonObject; readonly operation: JsonObject }[] {
  return Object.values(objectAt(document, "paths")).flatMap((item) =>
    httpMethods.flatMap((method) => {
      const operation = (item as JsonObject)[method];
      return isObject(operation) ? [{ item: item as JsonObject, operation }] : [];
    }),
  );
}

/** Names of the schemas that the bodies of one direction lead to; parameters count as requests. */
export function reachedSchemas(document: JsonObject, direction: Direction): Set<string> {
  const reached = new Set<string>();
  const schemas = objectAt(objectAt(document, "components"), "schemas");
  const visit = (node: Json | undefined): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!isObject(node)) return;
    for (const name of [schemaName(node["$ref"]), ...mappingNames(node)]) {
      if (name === undefined || reached.has(name)) continue;
      reached.add(name);
      visit(schemas[name]);
    }
    for (const [key, value] of Object.entries(node)) if (key !== "$ref") visit(value);
  };
  for (const body of bodiesOf(document)) if (body.direction === direction) visit(body.schema);
  if (direction === "request")
    for (const { item, operation } of operationsOf(document))
      for (const parameter of [...list(item["parameters"]), ...list(operation["parameters"])])
        visit(deref(document, parameter)["schema"]);
  return reached;
}

/** `X` of `#/components/schemas/X` and of anything below it. */
export function schemaName(ref: Json | undefined): string | undefined {
  if (typeof ref !== "string") return undefined;
  const name = /^#\/components\/schemas\/([^/]+)/.exec(ref)?.[1];
  return name === undefined ? undefined : decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~");
}

function mappingNames(node: JsonObject): (string | undefined)[] {
  return Object.values(objectAt(objectAt(node, "discriminator"), "mapping")).map((target) =>
    String(target).startsWith("#") ? schemaName(target) : String(target),
  );
}
