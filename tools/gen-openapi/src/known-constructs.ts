import { GeneratorError } from "@helsekontakt/codegen";
import { isObject, type Json, type JsonObject, resolvePointer, step } from "./document.ts";

type Check = (value: Json, at: string, context: Context) => void;
interface Context {
  readonly file: string;
  readonly document: JsonObject;
  /** OpenAPI 3.1: a schema is JSON Schema 2020-12, where `$ref` may have siblings and a schema may be `true`. */
  readonly jsonSchema: boolean;
}

function stop(context: Context, at: string, construct: string, expected: string): never {
  throw new GeneratorError(`${context.file}#${at}`, undefined, construct, expected);
}

const any: Check = () => undefined;
const text: Check = (value, at, context) => {
  if (typeof value !== "string") stop(context, at, kindOf(value), "text");
};

export function kindOf(value: Json): string {
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

const schemaMembers: () => Readonly<Record<string, Check>> = () => ({
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
  additionalProperties: booleanOrSchema,
  items: schema,
  allOf: listOf(schema),
  oneOf: listOf(schema),
  anyOf: listOf(schema),
  not: schema,
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
  pattern,
  xml: any,
  externalDocs: any,
});

/** What 3.1 adds. `$id`, `$anchor`, `$dynamicRef` and `unevaluated…` are refused: the generators cannot follow them. */
const schemaMembers31: () => Readonly<Record<string, Check>> = () => ({
  ...schemaMembers(),
  $comment: text,
  if: schema,
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: schema,
  else: schema,
  patternProperties: mapOf(schema, patternKey),
  propertyNames: schema,
  prefixItems: listOf(schema),
  contains: schema,
  minContains: any,
  maxContains: any,
  dependentRequired: mapOf(listOf(text)),
  dependentSchemas: mapOf(schema),
  contentEncoding: text,
  contentMediaType: text,
  contentSchema: schema,
});

const patternKey = /^/;

const pattern: Check = (value, at, context) => {
  text(value, at, context);
  if (!isPattern(value as string)) stop(context, at, JSON.stringify(value), "a regular expression");
};

const booleanOrSchema: Check = (value, at, context) => {
  if (typeof value !== "boolean") schema(value, at, context);
};

const plainSchema = record(schemaMembers);
const jsonSchema = record(schemaMembers31);

const schema: Check = (value, at, context) => {
  if (context.jsonSchema && typeof value === "boolean") return;
  const check = context.jsonSchema ? jsonSchema : plainSchema;
  if (isObject(value) && value["$ref"] !== undefined) {
    checkRef(value["$ref"], "schemas", at, context);
    // 3.0 takes no notice of what stands beside a reference, except that .NET states nullability there.
    const { $ref: _ref, ...beside } = value;
    return check(beside, at, context);
  }
  check(value, at, context);
};

const header = record(
  () => ({
    description: text,
    required: any,
    schema,
    deprecated: any,
    example: any,
    examples: any,
    style: oneOf("simple"),
    explode: any,
  }),
  { ref: "headers" },
);
const encoding = record(() => ({
  contentType: text,
  headers: mapOf(header),
  style: text,
  explode: any,
  allowReserved: any,
}));
const mediaType = record(() => ({ schema, example: any, examples: any, encoding: mapOf(encoding) }));
const parameter = record(
  () => ({
    name: text,
    in: oneOf("path", "query", "header", "cookie"),
    required: any,
    allowEmptyValue: any,
    allowReserved: any,
    description: text,
    deprecated: any,
    schema,
    example: any,
    examples: any,
    style: oneOf("simple", "form", "deepObject", "spaceDelimited", "pipeDelimited"),
    explode: any,
  }),
  { ref: "parameters" },
);
const requestBody = record(() => ({ description: text, required: any, content: mapOf(mediaType) }), {
  ref: "requestBodies",
});
// Links say which call may follow: nothing that a client's types or checks depend on.
const response = record(
  () => ({ description: text, headers: mapOf(header), content: mapOf(mediaType), links: any, summary: text }),
  { ref: "responses" },
);
const server = record(() => ({
  url: text,
  description: text,
  variables: mapOf(record(() => ({ default: text, enum: listOf(text), description: text }))),
}));
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
  servers: listOf(server),
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
  servers: listOf(server),
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
    flows: record(() => ({ clientCredentials: flow, authorizationCode: flow, implicit: flow, password: flow })),
  }),
  { ref: "securitySchemes" },
);
const document = record(() => ({
  openapi: text,
  jsonSchemaDialect: oneOf(
    "https://spec.openapis.org/oas/3.1/dialect/base",
    "https://json-schema.org/draft/2020-12/schema",
  ),
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
    links: any,
  })),
  security,
  tags: any,
  externalDocs: any,
}));

/**
 * Refuses every construct that the generator does not know, by place and name: a part that is passed over in silence
 * would be missing in what is generated.
 */
export function checkConstructs(parsed: JsonObject, file: string): void {
  document(parsed, "", { file, document: parsed, jsonSchema: String(parsed["openapi"]).startsWith("3.1") });
}
