import { docComment, header, type SpecEntry } from "@helsekontakt/codegen";
import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import ts from "typescript";
import { httpMethods, isObject, type Json, type JsonObject, step } from "./document.ts";
import { openMark, splitDirections, originMark } from "./directions.ts";

const sourceMark = "helsekontakt-source-pointer";

/**
 * The TypeScript types of one document, by openapi-typescript: `paths`, `components`, `operations`.
 *
 * Every schema, property and operation carries an `@source` pointer into the document; `x-inferred` reasons become
 * part of the comment, so that a reader sees in the editor what nobody has confirmed.
 */
export async function emitTypes(document: JsonObject, spec: SpecEntry): Promise<string> {
  const annotated = annotateDocument(splitDirections(document), spec.id) as unknown as OpenAPI3;
  const nodes = await openapiTS(annotated, {
    silent: true,
    alphabetize: false,
    transform: (schema) => openEnum(schema as unknown as JsonObject),
  });
  const body = astToString(nodes)
    .replaceAll(new RegExp(`@description ${sourceMark} `, "g"), "@source ")
    .replaceAll("\r\n", "\n");
  const info = document["info"] as JsonObject;
  return `${header("tools/gen-openapi", [spec])}\n${docComment([`Types of ${String(info["title"])}.`], `${spec.id}#`)}${body.trimStart()}`;
}

/** `"a" | "b" | (string & {})`: an editor still offers the values known, and a new one compiles. */
function openEnum(schema: JsonObject): ts.TypeNode | undefined {
  const values = schema["enum"];
  if (schema[openMark] !== true || !Array.isArray(values)) return undefined;
  const { factory } = ts;
  const kinds = new Set(values.map((v: Json) => typeof v));
  const known = values.map((value: Json) =>
    value === null
      ? factory.createLiteralTypeNode(factory.createNull())
      : factory.createLiteralTypeNode(
          typeof value === "number"
            ? value < 0
              ? factory.createPrefixUnaryExpression(
                  ts.SyntaxKind.MinusToken,
                  factory.createNumericLiteral(Math.abs(value)),
                )
              : factory.createNumericLiteral(value)
            : factory.createStringLiteral(String(value)),
        ),
  );
  const rest = [...kinds]
    .filter((kind) => kind === "string" || kind === "number")
    .map((kind) =>
      factory.createParenthesizedType(
        factory.createIntersectionTypeNode([
          factory.createKeywordTypeNode(kind === "string" ? ts.SyntaxKind.StringKeyword : ts.SyntaxKind.NumberKeyword),
          factory.createTypeLiteralNode([]),
        ]),
      ),
    );
  const nothing = schema["nullable"] === true && !values.includes(null);
  return factory.createUnionTypeNode([
    ...known,
    ...rest,
    ...(nothing ? [factory.createLiteralTypeNode(factory.createNull())] : []),
  ]);
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
    schemas[name] = annotateSchema(schema, `${id}#/components/schemas${step(originOf(schema) ?? name)}`);
  return { ...document, paths, components: { ...components, schemas } };
}

function originOf(schema: Json): string | undefined {
  const origin = isObject(schema) ? schema[originMark] : undefined;
  return typeof origin === "string" ? origin : undefined;
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
  const words = [
    title,
    summary,
    description,
    enumWords(node),
    inferred === undefined ? undefined : `Inferred: ${String(inferred)}`,
  ]
    .filter((w) => typeof w === "string" && w !== "")
    .join(" ");
  return { ...rest, ...(words === "" ? {} : { summary: words }), description: `${sourceMark} ${pointer}` };
}

/** What .NET's generators tell of the numbers of an enum. */
function enumWords(node: JsonObject): string | undefined {
  const names = node["x-enumNames"] ?? node["x-enum-varnames"];
  const values = node["enum"];
  if (!Array.isArray(names) || !Array.isArray(values) || names.length !== values.length) return undefined;
  return `${values.map((value: Json, n: number) => `${String(value)} ${String(names[n])}`).join(", ")}.`;
}
