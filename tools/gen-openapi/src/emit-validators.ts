import { docComment, GeneratorError, header, propertyKey, quote, type SpecEntry } from "@helsekontakt/codegen";
import { Ajv2020 } from "ajv/dist/2020.js";
import { _ } from "ajv/dist/compile/codegen/index.js";
import standalone from "ajv/dist/standalone/index.js";
import { isObject, type Json, type JsonObject, objectAt } from "./document.ts";
import { checkedFormats, partName, toJsonSchema } from "./json-schema.ts";
import { type Body, bodiesOf, type Direction, reachedSchemas } from "./reach.ts";

const standaloneCode = standalone as unknown as typeof standalone.default;

/** What ajv's code calls, and what stands in for it in the package: ajv itself is no dependency of what is published. */
const standIns: Readonly<Record<string, string>> = {
  'require("ajv/dist/runtime/ucs2length").default': "codePointLength",
  'require("ajv/dist/runtime/equal").default': "deepEqual",
};

/**
 * Checks of the JSON bodies of one document's operations, as code that ajv writes ahead of time: nothing is compiled
 * when a program starts. Bodies of other media types have none.
 */
export function emitValidators(document: JsonObject, spec: SpecEntry): string {
  const names = new Map<string, string>();
  const ajv = createAjv();
  const tables = new Map<string, { readonly request: string[]; readonly responses: Map<string, string[]> }>();
  const definitions = { request: definitionsOf(document, "request"), response: definitionsOf(document, "response") };
  for (const body of bodiesOf(document).filter((b) => isJson(b.mediaType))) {
    const name = checkName(body);
    const table = tables.get(body.operationId) ?? { request: [], responses: new Map<string, string[]>() };
    tables.set(body.operationId, table);
    const entry = `${quote(body.mediaType)}: ${name}`;
    if (body.direction === "request") table.request.push(entry);
    else table.responses.set(body.status ?? "", [...(table.responses.get(body.status ?? "") ?? []), entry]);
  }
  const code =
    names.size === 0
      ? ""
      : withStandIns(standaloneCode(ajv, Object.fromEntries([...names.values()].map((n) => [n, n]))), spec);
  const lines = [...tables].map(([id, { request, responses }]) => {
    const statuses = [...responses].map(([status, entries]) => `${quote(status)}: { ${entries.join(", ")} }`);
    return `  ${propertyKey(id)}: {\n    request: { ${request.join(", ")} },\n    responses: { ${statuses.join(", ")} },\n  },\n`;
  });
  const imports = [...Object.values(standIns), "formats"].filter((name) => new RegExp(`\\b${name}\\b`).test(code));
  return [
    header("tools/gen-openapi", [spec]),
    "// @ts-nocheck -- the checks are written by ajv, as JavaScript.\n",
    'import type { BodyTable } from "../../openapi/body-table.ts";\n',
    imports.length === 0 ? "" : `import { ${imports.join(", ")} } from "../../openapi/runtime.ts";\n`,
    "\n",
    code,
    code === "" ? "" : "\n",
    docComment(["Checks of JSON bodies by operation, direction, status and media type."], `${spec.id}#/paths`),
    `export const bodies: BodyTable = {\n  // Members by which a place may be told; a key of a map may be personal.\n`,
    `  memberNames: new Set(${JSON.stringify(memberNames(document))}),\n  operations: {\n`,
    lines.join("").replaceAll(/^/gm, "  ").trimEnd(),
    lines.length === 0 ? "" : "\n",
    "  },\n};\n",
  ].join("");

  function checkName(body: Body): string {
    const schema = toJsonSchema(document, body.schema, body.direction);
    const key = JSON.stringify([body.direction, schema]);
    const known = names.get(key);
    if (known !== undefined) return known;
    const name = `${body.direction}${[...names.values()].filter((n) => n.startsWith(body.direction)).length + 1}`;
    names.set(key, name);
    const whole = {
      ...(isObject(schema) ? schema : schema === true ? {} : { not: {} }),
      $defs: definitions[body.direction],
    };
    try {
      ajv.addSchema(whole, name);
      ajv.getSchema(name);
    } catch (error) {
      throw new GeneratorError(
        `${spec.path}#${body.operationId}`,
        undefined,
        (error as Error).message,
        `a ${body.direction} body that can be compiled`,
      );
    }
    return name;
  }
}

function createAjv(): Ajv2020 {
  return new Ajv2020({
    strict: false,
    allErrors: true,
    messages: false,
    unicodeRegExp: true,
    // Only the kinds count here: the functions that judge are in the package's runtime.
    formats: Object.fromEntries(
      Object.entries(checkedFormats).map(([name, type]) => [
        name,
        type === "string" ? () => true : { type: "number" as const, validate: () => true },
      ]),
    ),
    code: { source: true, esm: true, lines: true, formats: _`formats` },
  });
}

/** Only what a direction reaches, each schema in both of its forms. */
function definitionsOf(document: JsonObject, direction: Direction): JsonObject {
  const schemas = objectAt(objectAt(document, "components"), "schemas");
  const out: Record<string, Json> = {};
  for (const name of reachedSchemas(document, direction)) {
    const schema = schemas[name];
    if (schema === undefined) continue;
    out[name] = toJsonSchema(document, schema, direction);
    out[partName(name)] = toJsonSchema(document, schema, direction, true);
  }
  return out;
}

function withStandIns(code: string, spec: SpecEntry): string {
  let out = code.replace(/^"use strict";/, "");
  for (const [call, name] of Object.entries(standIns)) out = out.replaceAll(call, name);
  const foreign = /\brequire\([^)]*\)/.exec(out)?.[0];
  if (foreign !== undefined)
    throw new GeneratorError(spec.path, undefined, foreign, "checks that need nothing but this package's runtime");
  // The schemas themselves are written out too; only those whose values are compared with are used.
  return `${out
    .split("\n")
    .filter((line) => {
      const name = /^const (schema\d+) = /.exec(line)?.[1];
      return name === undefined || new RegExp(`\\b${name}\\b`).test(out.replace(line, ""));
    })
    .map((line) => line.replace(/^export const/, "const"))
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim()}\n`;
}

function memberNames(document: JsonObject): string[] {
  const names = new Set<string>();
  const visit = (node: Json | undefined): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!isObject(node)) return;
    for (const name of Object.keys(objectAt(node, "properties"))) names.add(name);
    for (const value of Object.values(node)) visit(value);
  };
  visit(objectAt(document, "components"));
  visit(objectAt(document, "paths"));
  return [...names].sort();
}

/** `application/json`, `text/json`, `application/problem+json`, with or without parameters. */
export function isJson(mediaType: string): boolean {
  return /^[\w.-]+\/(?:[\w.*-]+\+)?json\s*(?:;|$)/i.test(mediaType);
}
