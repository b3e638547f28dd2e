import { docComment, header, type SpecEntry } from "@helsekontakt/codegen";
import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import { isObject, type Json, type JsonObject, step } from "./document.ts";
import { httpMethods } from "./read.ts";

const sourceMark = "helsekontakt-source-pointer";

/**
 * The TypeScript types of one document, by openapi-typescript: `paths`, `components`, `operations`.
 *
 * Every schema, property and operation carries an `@source` pointer into the document; `x-inferred` reasons become
 * part of the comment, so that a reader sees in the editor what nobody has confirmed.
 */
export async function emitTypes(document: JsonObject, spec: SpecEntry): Promise<string> {
  const annotated = annotateDocument(document, spec.id) as unknown as OpenAPI3;
  const nodes = await openapiTS(annotated, { silent: true, alphabetize: false });
  const body = astToString(nodes)
    .replaceAll(new RegExp(`@description ${sourceMark} `, "g"), "@source ")
    .replaceAll("\r\n", "\n");
  const info = document["info"] as JsonObject;
  return `${header("tools/gen-openapi", [spec])}\n${docComment([`Types of ${String(info["title"])}.`], `${spec.id}#`)}${body.trimStart()}`;
}

function annotateDocument(document: JsonObject, id: string): JsonObject {
  const paths: Record<string, Json> = {};
  for (const [path, item] of Object.entries(document["paths"] as JsonObject)) {
    const out: Record<string, Json> = { ...(item as JsonObject) };
    for (const method of httpMethods) {
      const operation = out[method];
      if (isObject(operation)) out[method] = annotate(operation, `${id}#/paths${step(path)}/${method}`);
    }
    paths[path] = out;
  }
  const components = (document["components"] ?? {}) as JsonObject;
  const schemas: Record<string, Json> = {};
  for (const [name, schema] of Object.entries((components["schemas"] ?? {}) as JsonObject))
    schemas[name] = annotateSchema(schema, `${id}#/components/schemas${step(name)}`);
  return { ...document, paths, components: { ...components, schemas } };
}

function annotateSchema(schema: Json, pointer: string): Json {
  if (!isObject(schema) || schema["$ref"] !== undefined) return schema;
  const properties: Record<string, Json> = {};
  for (const [name, property] of Object.entries((schema["properties"] ?? {}) as JsonObject))
    properties[name] = annotateSchema(property, `${pointer}/properties${step(name)}`);
  const out = annotate(schema, pointer);
  return schema["properties"] === undefined ? out : { ...out, properties };
}

function annotate(node: JsonObject, pointer: string): JsonObject {
  const { description, summary, title, ...rest } = node;
  const inferred = node["x-inferred"];
  const words = [title, summary, description, inferred === undefined ? undefined : `Inferred: ${String(inferred)}`]
    .filter((w) => typeof w === "string" && w !== "")
    .join(" ");
  return { ...rest, ...(words === "" ? {} : { summary: words }), description: `${sourceMark} ${pointer}` };
}
