import { isDeepStrictEqual } from "node:util";
import { HelsekontaktError } from "@helsekontakt/core";
import {
  fhirFromXml,
  fhirNamespace,
  fhirToXml,
  parseFhirJson,
  resourceTypes,
  stringifyFhirJson,
} from "@helsekontakt/types/fhir";
import {
  canonicalInfoset,
  type Decoded,
  decodeXml,
  encodeXml,
  parseXml,
  serializeXml,
  splitClark,
  type XmlElement,
} from "@helsekontakt/types/xml";
import { checkLevels, formOf, rootOf } from "./files.ts";
import { registry } from "./registry.ts";

const XSI = "http://www.w3.org/2001/XMLSchema-instance";
const known: ReadonlySet<string> = new Set(resourceTypes);

/** An element behind a wildcard, as the codec keeps it when it has no table for it. */
interface TreeItem {
  readonly name: string;
  readonly element: XmlElement;
}

/**
 * Decodes a file to typed objects as JSON can show them: messages by their tables, FHIR (alone or inside a message) as
 * resources in FHIR's own JSON form.
 *
 * @throws {HelsekontaktError} `xml/…`, `fhir/not-readable`.
 */
export function decodeFile(file: string, bytes: Uint8Array, mode: "strict" | "tolerant" = "strict"): unknown {
  switch (formOf(file, bytes)) {
    case "ndjson":
      return linesOf(bytes).map((line) => parseFhirJson(line));
    case "json":
      return parseFhirJson(textOf(bytes));
    case "xml": {
      if (rootOf(bytes)?.ns === fhirNamespace) return fhirFromXml(parseXml(bytes));
      const { name, value, tolerated } = decodeMessage(bytes, mode);
      return {
        name,
        value: mapTrees(value, (item) => (isFhir(item) ? resourceOf(item, mode) : item)),
        ...(tolerated.length === 0 ? {} : { tolerated }),
      };
    }
  }
}

/** The resource of a tree; what cannot be read as one stays a tree when that is tolerated. */
function resourceOf(item: TreeItem, mode: "strict" | "tolerant"): unknown {
  try {
    return { name: item.name, value: fhirFromXml(item.element) };
  } catch (reason) {
    if (mode === "strict") throw reason;
    return item;
  }
}

/** What came back from decoding and encoding. */
export interface RoundTrip {
  readonly bytes: Uint8Array;
  /** True when both documents have the same elements, attributes, namespaces, order and text; for JSON the same values. */
  readonly equal: boolean;
}

/**
 * Decodes a file to typed objects and encodes those again; FHIR inside a message goes through its types as well.
 *
 * @throws {HelsekontaktError} `xml/…`, `fhir/not-readable`.
 */
export function roundTrip(file: string, bytes: Uint8Array): RoundTrip {
  switch (formOf(file, bytes)) {
    case "ndjson": {
      const lines = linesOf(bytes);
      const again = lines.map((line) => stringifyFhirJson(parseFhirJson(line)));
      return {
        bytes: Buffer.from(`${again.join("\n")}\n`),
        equal: lines.every((line, i) => sameJson(line, again[i] as string)),
      };
    }
    case "json": {
      const text = textOf(bytes);
      const again = `${stringifyFhirJson(parseFhirJson(text), 2)}\n`;
      return { bytes: Buffer.from(again), equal: sameJson(text, again) };
    }
    case "xml": {
      const again = encodeAgain(bytes);
      return { bytes: again, equal: canonicalInfoset(parseXml(again)) === canonicalInfoset(parseXml(bytes)) };
    }
  }
}

function encodeAgain(bytes: Uint8Array): Uint8Array {
  if (rootOf(bytes)?.ns === fhirNamespace) return serializeXml(fhirThroughTypes(parseXml(bytes)));
  const { name, value } = decodeMessage(bytes, "strict");
  const typed = mapTrees(value, (item) =>
    isFhir(item) ? { name: item.name, element: fhirThroughTypes(item.element) } : item,
  );
  return encodeXml(name, typed as object | string, { registry });
}

/** The resource's types have no place for XML Schema's hints on the root; they go over as they are. */
function fhirThroughTypes(element: XmlElement): XmlElement {
  const again = fhirToXml(fhirFromXml(element));
  const hints = element.attributes.filter((a) => a.ns === XSI);
  return hints.length === 0 ? again : { ...again, attributes: [...again.attributes, ...hints] };
}

function decodeMessage(bytes: Uint8Array, mode: "strict" | "tolerant"): Decoded {
  try {
    return decodeXml(bytes, { registry, mode });
  } catch (reason) {
    if (!(reason instanceof HelsekontaktError) || (reason as HelsekontaktError).code !== "xml/unknown-root")
      throw reason;
    throw new HelsekontaktError("xml/unknown-root", "expected a root element that a schema in this build has", {
      hint: "messages have the root MsgHead or AppRec in the namespace of a known version; FHIR stands in http://hl7.org/fhir",
      context: (reason as HelsekontaktError).context,
    });
  }
}

function isFhir(item: TreeItem): boolean {
  const { ns, local } = splitClark(item.name);
  return ns === fhirNamespace && known.has(local);
}

/** Replaces the trees behind wildcards, wherever they stand in a decoded value. */
function mapTrees(value: unknown, replace: (item: TreeItem) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapTrees(item, replace));
  if (typeof value !== "object" || value === null) return value;
  const item = value as Partial<TreeItem>;
  if (typeof item.name === "string" && typeof item.element === "object" && "content" in item.element)
    return replace(value as TreeItem);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapTrees(member, replace)]));
}

function sameJson(a: string, b: string): boolean {
  return isDeepStrictEqual(withSources(a), withSources(b));
}

/** JSON with numbers as they are written, so that `1.0` and `1` differ. */
function withSources(text: string): unknown {
  const parse = JSON.parse as (
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ) => unknown;
  return parse(text, (_, value, { source }) => (typeof value === "number" ? { number: source } : value));
}

function linesOf(bytes: Uint8Array): string[] {
  return textOf(bytes)
    .split("\n")
    .filter((line) => line.trim() !== "");
}

function textOf(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new HelsekontaktError("fhir/not-readable", "expected JSON in UTF-8, found other bytes", { original: error });
  }
  checkLevels(text);
  return text;
}
