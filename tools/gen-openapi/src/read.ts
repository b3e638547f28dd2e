import { readFileSync } from "node:fs";
import { GeneratorError } from "@helsekontakt/codegen";
import { isObject, type Json, type JsonObject, resolvePointer, step } from "./document.ts";

type Check = (value: Json, at: string, context: Context) => void;
interface Context {
  readonly file: string;
  readonly document: JsonObject;
}

function stop(context: Context, at: string, construct: string, expected: string): never {
  throw new GeneratorError(`${context.file}#${at}`, undefined, construct, expected);
}

const any: Check = () => undefined;
const text: Check = (value, at, context) => {
  if (typeof value !== "string") stop(context, at, kindOf(value), "text");
};

function kindOf(value: Json): string {
  return value === null ? "null" : Array.isArray(value) ? "a list" : typeof value;
}

function isPattern(source: string): boolean {
  try {
    return new RegExp(source, "u").unicode;
  } catch {
    return false;
  }
}

function oneOf(...values: readonly Json[]): Check {
  return (value, at, context) => {
    if (!values.includes(value)) stop(context, at, JSON.stringify(value), `one of ${values.join(", ")}`);
  };
}

function listOf(check: Check): Check {
  return (value, at, context) => {
    if (!Array.isArray(value)) stop(context, at, kindOf(value), "a list");
    for (const [index, item] of (value as readonly Json[]).entries()) check(item, at + step(index), context);
  };
}

function mapOf(check: Check, key: RegExp = /^/): Check {
  return (value, at, context) => {
    if (!isObject(value)) return stop(context, at, kindOf(value), "an object");
    for (const [name, item] of Object.entries(value)) {
      if (name.startsWith("x-")) continue;
      if (!key.test(name)) stop(context, at + step(name), `"${name}"`, `a key like ${key.source}`);
      check(item, at + step(name), context);
    }
  };
}

/** An object with a closed list of members; `x-` members are free, a `$ref` stands for the whole object where allowed. */
function record(members: () => Readonly<Record<string, Check>>, options: { readonly ref?: string } = {}): Check {
  return (value, at, context) => {
    if (!isObject(value)) return stop(context, at, kindOf(value), "an object");
    const ref = value["$ref"];
    if (ref !== undefined && options.ref !== undefined) return checkRef(ref, options.ref, at, context);
    const known = members();
    for (const [name, item] of Object.entries(value)) {
      if (name.startsWith("x-")) continue;
      const check = Object.hasOwn(known, name) ? known[name] : undefined;
      if (check === undefined)
        return stop(context, at + step(name), `"${name}"`, `one of ${Object.keys(known).join(", ")}`);
      check(item, at + step(name), context);
    }
  };
}

function checkRef(ref: Json, section: string, at: string, context: Context): void {
  if (typeof ref !== "string" || !ref.startsWith(`#/components/${section}/`))
    stop(context, `${at}/$ref`, JSON.stringify(ref), `a reference into #/components/${section}`);
  if (resolvePointer(context.document, ref as string) === undefined)
    stop(context, `${at}/$ref`, JSON.stringify(ref), "a reference to something that is there");
}

const schema: Check = record(
  () => ({
    title: text,
    description: text,
    type: any,
    format: text,
    enum: listOf(any),
    const: any,
    default: any,
    example: any,
    examples: any,
    nullable: any,
    deprecated: any,
    readOnly: any,
    writeOnly: any,
    required: listOf(text),
    properties: mapOf(schema),
    additionalProperties: (value, at, context) => {
      if (typeof value !== "boolean") schema(value, at, context);
    },
    items: schema,
    allOf: listOf(schema),
    oneOf: listOf(schema),
    anyOf: listOf(schema),
    discriminator: record(() => ({ propertyName: text, mapping: mapOf(text) })),
    minimum: any,
    maximum: any,
    exclusiveMinimum: any,
    exclusiveMaximum: any,
    multipleOf: any,
    minLength: any,
    maxLength: any,
    minItems: any,
    maxItems: any,
    minProperties: any,
    maxProperties: any,
    uniqueItems: any,
    pattern: (value, at, context) => {
      text(value, at, context);
      if (!isPattern(value as string)) stop(context, at, JSON.stringify(value), "a regular expression");
    },
    externalDocs: any,
  }),
  { ref: "schemas" },
);

const mediaType = record(() => ({ schema, example: any, examples: any }));
const header = record(() => ({ description: text, required: any, schema, deprecated: any, example: any }), {
  ref: "headers",
});
const parameter = record(
  () => ({
    name: text,
    in: oneOf("path", "query", "header"),
    required: any,
    description: text,
    deprecated: any,
    schema,
    example: any,
    examples: any,
    style: oneOf("simple", "form"),
    explode: any,
  }),
  { ref: "parameters" },
);
const requestBody = record(() => ({ description: text, required: any, content: mapOf(mediaType) }), {
  ref: "requestBodies",
});
const response = record(() => ({ description: text, headers: mapOf(header), content: mapOf(mediaType) }), {
  ref: "responses",
});
const server = record(() => ({ url: text, description: text }));
const security = listOf(mapOf(listOf(text)));
const operation = record(() => ({
  operationId: text,
  summary: text,
  description: text,
  tags: listOf(text),
  deprecated: any,
  externalDocs: any,
  parameters: listOf(parameter),
  requestBody,
  responses: mapOf(response, /^([1-5](\d\d|XX)|default)$/),
  security,
}));
const pathItem = record(() => ({
  summary: text,
  description: text,
  parameters: listOf(parameter),
  get: operation,
  put: operation,
  post: operation,
  delete: operation,
  patch: operation,
  head: operation,
  options: operation,
}));
const flow = record(() => ({ tokenUrl: text, authorizationUrl: text, refreshUrl: text, scopes: mapOf(text) }));
const securityScheme = record(
  () => ({
    type: oneOf("oauth2", "http", "apiKey", "openIdConnect"),
    description: text,
    scheme: text,
    bearerFormat: text,
    name: text,
    in: text,
    openIdConnectUrl: text,
    flows: record(() => ({ clientCredentials: flow, authorizationCode: flow })),
  }),
  { ref: "securitySchemes" },
);
const document = record(() => ({
  openapi: text,
  info: record(() => ({
    title: text,
    version: text,
    description: text,
    termsOfService: text,
    contact: any,
    license: any,
    summary: text,
  })),
  servers: listOf(server),
  paths: mapOf(pathItem, /^\//),
  components: record(() => ({
    schemas: mapOf(schema),
    responses: mapOf(response),
    parameters: mapOf(parameter),
    requestBodies: mapOf(requestBody),
    headers: mapOf(header),
    securitySchemes: mapOf(securityScheme),
    examples: any,
  })),
  security,
  tags: any,
  externalDocs: any,
}));

/**
 * Reads one document and refuses what the generator does not know, by file, JSON pointer and construct.
 *
 * @param file - the path on disk; `name` is what messages and headers call it.
 */
export function readDocument(file: string, name = file): JsonObject {
  let parsed: Json;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8").replace(/^\uFEFF/, "")) as Json;
  } catch (error) {
    throw new GeneratorError(name, undefined, (error as Error).message, "a JSON document");
  }
  return checkDocument(parsed, name);
}

/** {@link readDocument} on parsed JSON. */
export function checkDocument(parsed: Json, name: string): JsonObject {
  if (!isObject(parsed)) throw new GeneratorError(`${name}#`, undefined, kindOf(parsed), "an object");
  const version = parsed["openapi"];
  if (typeof version !== "string" || !/^3\.[01]\.\d+$/.test(version))
    throw new GeneratorError(
      `${name}#/openapi`,
      undefined,
      version === undefined && parsed["swagger"] !== undefined
        ? `swagger ${JSON.stringify(parsed["swagger"])}`
        : JSON.stringify(version ?? null),
      "OpenAPI 3.0 or 3.1",
    );
  const context = { file: name, document: parsed };
  document(parsed, "", context);
  checkOperationIds(context);
  return parsed;
}

function checkOperationIds(context: Context): void {
  const seen = new Set<string>();
  for (const [path, item] of Object.entries((context.document["paths"] ?? {}) as JsonObject)) {
    for (const method of Object.keys(item as JsonObject).filter((m) => httpMethods.includes(m))) {
      const at = `/paths${step(path)}/${method}`;
      const id = ((item as JsonObject)[method] as JsonObject)["operationId"];
      if (typeof id !== "string") stop(context, at, "none", "an operationId");
      if (seen.has(id as string)) stop(context, `${at}/operationId`, JSON.stringify(id), "an operationId of its own");
      seen.add(id as string);
    }
  }
}

/** The verbs of a path item, in the order in which operations are written. */
export const httpMethods: readonly string[] = ["get", "put", "post", "delete", "patch", "head", "options"];
