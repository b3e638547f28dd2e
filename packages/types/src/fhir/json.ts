import { HelsekontaktError } from "@helsekontakt/core";
import type { FhirResource } from "../gen/fhir/types.ts";
import { decimalFromText } from "./decimal.ts";
import { countIn, jsonFault, keysIn } from "./json-scan.ts";

/** The reviver's third argument, which the ES2023 library does not declare. */
const json = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
};

/**
 * A number that may lose digits: with a point, an exponent, sixteen digits or minus zero. Text that looks like one costs only
 * time; `urn:oid:2.16` does not, for the colon of a key stands behind a quotation mark.
 */
const exactNumber = /(?:"\s*:|[[,])\s*(-?\d+[.eE][\d.eE+-]*|-?\d{16}[\d.eE+-]*|-0)/g;

/** True when some number of the text would come back with other digits. */
function losesDigits(text: string): boolean {
  exactNumber.lastIndex = 0;
  for (let m = exactNumber.exec(text); m !== null; m = exactNumber.exec(text))
    if (typeof decimalFromText(m[1] as string) !== "number") return true;
  return false;
}

/**
 * Reads FHIR JSON and keeps the digits of every decimal.
 *
 * Says nothing about validity beyond "an object with a `resourceType`": that is the validator's work.
 *
 * @throws {HelsekontaktError} `fhir/not-readable` when the text is not JSON, has a key twice in an object, or is not a
 *   resource; message and `context.line` name the line.
 * @see FHIR R4, 2.6 Resource formats, JSON
 */
export function parseFhirJson(text: string): FhirResource {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw notJson(text, error);
  }
  const count = countIn(value);
  if (count.numbers && losesDigits(text))
    // Only here: a call for each value costs several times what the parser does.
    value = json.parse(text, (_, v, { source }) =>
      typeof v === "number" && source !== undefined ? decimalFromText(source) : v,
    );
  if (keysIn(text) !== count.keys && jsonFault(text) !== undefined) throw notJson(text);
  if (
    typeof value !== "object" ||
    value === null ||
    typeof (value as { resourceType?: unknown }).resourceType !== "string"
  )
    throw new HelsekontaktError("fhir/not-readable", "expected an object with resourceType, found other JSON");
  return value as FhirResource;
}

/** Says where the text is wrong; only `original()` has the engine's words, which quote the text. */
function notJson(text: string, original?: unknown): HelsekontaktError {
  const fault = jsonFault(text);
  const [expected, found] =
    fault?.kind === "duplicate-key"
      ? ["each key of an object once", "one again"]
      : fault?.kind === "too-deep" || fault === undefined
        ? ["JSON of fewer levels", "more"]
        : ["JSON text", "something else"];
  const place = fault === undefined ? "" : ` in line ${fault.line}`;
  return new HelsekontaktError("fhir/not-readable", `expected ${expected}, found ${found}${place}`, {
    ...(fault === undefined ? {} : { context: { line: fault.line } }),
    ...(original === undefined ? {} : { original }),
  });
}

/**
 * Writes FHIR JSON; decimals that were kept as text come out digit by digit.
 *
 * @param space - indentation, as in `JSON.stringify`.
 */
export function stringifyFhirJson(resource: object, space?: number | string): string {
  return JSON.stringify(resource, undefined, space);
}
