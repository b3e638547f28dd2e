import { GeneratorError, type SpecEntry } from "@helsekontakt/codegen";
import type { Facts } from "../fact.ts";
import { codesFacts } from "./codes.ts";
import { fhirFacts } from "./fhir.ts";
import { openapiFacts } from "./openapi.ts";
import { type SchemaDocument, xsdFacts } from "./xsd.ts";

/** A document of the manifest with its bytes, present or new. */
export interface SpecDocument {
  readonly entry: SpecEntry;
  readonly bytes: Uint8Array;
}

/**
 * Facts of all documents by id. Schemas are compiled together, since they import each other.
 *
 * @throws {GeneratorError} for the first construct that is not known, by file and place: nothing is passed over
 */
export function factsOf(documents: readonly SpecDocument[]): Map<string, Facts> {
  const facts = new Map<string, Facts>();
  const schemas: SchemaDocument[] = [];
  for (const { entry, bytes } of documents) {
    const name = `specs/${entry.path}`;
    if (entry.kind === "xsd") schemas.push({ path: entry.path, id: entry.id, bytes });
    else if (entry.kind === "openapi") facts.set(entry.id, openapiFacts(parseJson(bytes, name), name));
    else if (entry.kind === "fhir") facts.set(entry.id, fhirFacts(parseJson(bytes, name), name));
    else if (entry.kind === "codes") facts.set(entry.id, codesFacts(parseJson(bytes, name), name));
  }
  if (schemas.length > 0) for (const [id, list] of xsdFacts(schemas)) facts.set(id, list);
  return facts;
}

export function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new GeneratorError(name, undefined, (error as Error).message, "a JSON document in UTF-8");
  }
}
