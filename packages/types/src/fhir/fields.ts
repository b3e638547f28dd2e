import { typeTables } from "../gen/fhir/tables.ts";
import type { FhirFieldRow } from "./table.ts";

/** Namespace of FHIR XML. */
export const fhirNamespace = "http://hl7.org/fhir";

/** One property of a type, ready for the codec. */
export interface CodecField {
  readonly name: string;
  readonly type: string;
  readonly list: boolean;
  readonly attribute: boolean;
  readonly primitive: boolean;
  /** Place in the type's order. */
  readonly order: number;
}

const cache = new Map<string, ReadonlyMap<string, CodecField>>();

/** The properties of a type by name, in XML order; undefined for a type that this build does not know. */
export function fieldsOf(type: string): ReadonlyMap<string, CodecField> | undefined {
  const known = cache.get(type);
  if (known) return known;
  const table = Object.hasOwn(typeTables, type) ? typeTables[type] : undefined;
  if (!table) return undefined;
  const map = new Map(table.fields.map((row, i) => [row[0], field(row, i)]));
  cache.set(type, map);
  return map;
}

/** True for the resource types of this build. */
export function isKnownResource(type: string): boolean {
  return Object.hasOwn(typeTables, type) && typeTables[type]?.resource === true;
}

function field([name, type, flags = ""]: FhirFieldRow, order: number): CodecField {
  // The names of primitive types are the only ones that begin with a small letter.
  const primitive = /^[a-z]/.test(type);
  return { name, type, list: flags.includes("l"), attribute: flags.includes("a"), primitive, order };
}
