import { HelsekontaktError } from "@helsekontakt/core";
import {
  fhirFromXml,
  fhirToXml,
  parseFhirJson,
  parseXhtml,
  stringifyFhirJson,
  stringifyXhtml,
} from "@helsekontakt/types/fhir";
import { decodeXml, encodeXml, parseXml, serializeXml } from "@helsekontakt/types/xml";
import * as identifiers from "@helsekontakt/validators/identifiers";
import { rules, types, validateXml } from "@helsekontakt/validators/xml";
import { registry } from "./_registry.ts";

/** One way in for texts from outside. A thrown {@link HelsekontaktError} is an answer, anything else is a crash. */
export type Target = (text: string) => void;

const encoder = new TextEncoder();

/** Runs something that may refuse. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof HelsekontaktError) return undefined;
    throw error;
  }
}

/** The codec, the schema validator, both forms of FHIR, narrative and identifiers. */
export const targets: Readonly<Record<string, Target>> = {
  xml(text) {
    const bytes = encoder.encode(text);
    const decoded = attempt(() => decodeXml(bytes, { registry, mode: "tolerant" }));
    if (decoded !== undefined) attempt(() => encodeXml(decoded.name, decoded.value, { registry }));
    attempt(() => decodeXml(bytes, { registry }));
    validateXml(bytes, { registry: rules, types });
    const tree = attempt(() => parseXml(bytes));
    if (tree !== undefined) attempt(() => parseXml(serializeXml(tree)));
  },
  encode(text) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return;
    }
    const names = Object.keys(registry);
    const name = names[text.length % names.length] as string;
    attempt(() => encodeXml(name, value as object, { registry }));
  },
  fhirJson(text) {
    const resource = attempt(() => parseFhirJson(text));
    if (resource === undefined) return;
    attempt(() => stringifyFhirJson(resource));
    const tree = attempt(() => fhirToXml(resource));
    if (tree !== undefined) attempt(() => fhirFromXml(tree));
  },
  fhirXml(text) {
    const tree = attempt(() => parseXml(encoder.encode(text)));
    const resource = tree && attempt(() => fhirFromXml(tree));
    if (resource !== undefined) attempt(() => stringifyFhirJson(resource));
  },
  xhtml(text) {
    const tree = attempt(() => parseXhtml(text));
    if (tree !== undefined) attempt(() => stringifyXhtml(tree));
  },
  identifiers(text) {
    for (const f of Object.values(identifiers)) {
      if (typeof f !== "function" || f.length !== 1) continue;
      attempt(() => (f as (text: string) => unknown)(text));
    }
  },
};

/** The same ways in one by one, for measures of one call. */
export const operations: Readonly<Record<string, Readonly<Record<string, (text: string) => unknown>>>> = {
  xml: {
    decodeXml: (text) => decodeXml(Buffer.from(text), { registry, mode: "tolerant" }),
    validateXml: (text) => validateXml(Buffer.from(text), { registry: rules, types }),
    parseXml: (text) => parseXml(Buffer.from(text)),
  },
  fhirJson: { parseFhirJson },
  xhtml: { parseXhtml },
  identifiers: { identifiers: targets["identifiers"] as Target },
};
