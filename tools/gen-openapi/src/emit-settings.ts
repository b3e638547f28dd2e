import { docComment, type SpecEntry } from "@helsekontakt/codegen";
import { isObject, type Json, type JsonObject } from "./document.ts";

/**
 * What a document leaves open, from its `x-settings`: per setting the default, the values that it may have, and why the
 * default is no more than inferred. Empty when the document has none.
 */
export function emitSettings(document: JsonObject, spec: SpecEntry): string {
  const settings = document["x-settings"];
  if (!isObject(settings)) return emitWords(document, spec);
  const lines: string[] = [];
  for (const [name, raw] of Object.entries(settings)) {
    const { summary, default: value, values, "x-inferred": inferred } = raw as JsonObject;
    lines.push(
      docComment(typeof summary === "string" ? [summary] : [], `${spec.id}#/x-settings/${name}`, "  "),
      `  ${name}: {\n    default: ${source(value)},\n`,
      ...(Array.isArray(values) ? [`    values: [${values.map(source).join(", ")}],\n`] : []),
      ...(typeof inferred === "string" ? [`    inferred: ${source(inferred)},\n`] : []),
      "  },\n",
    );
  }
  return [
    "\n",
    docComment(["Settings that the document leaves open, with their defaults."], `${spec.id}#/x-settings`),
    `export const settings = {\n${lines.join("")}} as const;\n`,
    emitWords(document, spec),
  ].join("");
}

/** Names and words by which answers of an unpublished form are read, from `x-answer-words`. */
function emitWords(document: JsonObject, spec: SpecEntry): string {
  const words = document["x-answer-words"];
  if (!isObject(words)) return "";
  const lines = Object.entries(words)
    .filter(([name]) => !name.startsWith("x-"))
    .map(([name, list]) => `  ${name}: ${source(list)},\n`);
  return [
    "\n",
    docComment(["Names and words by which an answer is read."], `${spec.id}#/x-answer-words`),
    `export const answerWords = {\n${lines.join("")}} as const;\n`,
  ].join("");
}

function source(value: Json | undefined): string {
  return JSON.stringify(value);
}
