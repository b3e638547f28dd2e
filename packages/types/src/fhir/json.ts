import { HelsekontaktError } from "@helsekontakt/core";
import type { FhirResource } from "../gen/fhir/types.ts";
import { decimalFromText } from "./decimal.ts";

/** The reviver's third argument, which the ES2023 library does not declare. */
const json = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
};

/** A number that may lose digits: with a point, an exponent, sixteen digits or minus zero. Text that looks like one costs only time. */
const exactNumber = /[[:,]\s*(?:-?\d+[.eE]|-?\d{16}|-0)/;

/**
 * Reads FHIR JSON and keeps the digits of every decimal.
 *
 * Says nothing about validity beyond "an object with a `resourceType`": that is the validator's work.
 *
 * @throws {HelsekontaktError} `fhir/not-readable` when the text is not JSON or not a resource.
 * @see FHIR R4, 2.6 Resource formats, JSON
 */
export function parseFhirJson(text: string): FhirResource {
  let value: unknown;
  try {
    value = exactNumber.test(text)
      ? json.parse(text, (_, v, { source }) =>
          typeof v === "number" && source !== undefined ? decimalFromText(source) : v,
        )
      : JSON.parse(text);
  } catch (error) {
    throw new HelsekontaktError("fhir/not-readable", "expected JSON text, found something else", { original: error });
  }
  if (
    typeof value !== "object" ||
    value === null ||
    typeof (value as { resourceType?: unknown }).resourceType !== "string"
  )
    throw new HelsekontaktError("fhir/not-readable", "expected an object with resourceType, found other JSON");
  return value as FhirResource;
}

/**
 * Writes FHIR JSON; decimals that were kept as text come out digit by digit.
 *
 * @param space - indentation, as in `JSON.stringify`.
 */
export function stringifyFhirJson(resource: object, space?: number | string): string {
  return JSON.stringify(resource, undefined, space);
}
