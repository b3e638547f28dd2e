/** Namespaces that XML and XSD themselves use. */
export const XSI = "http://www.w3.org/2001/XMLSchema-instance";
export const XS = "http://www.w3.org/2001/XMLSchema";
export const XML = "http://www.w3.org/XML/1998/namespace";
export const XMLNS = "http://www.w3.org/2000/xmlns/";

/**
 * Prefixes that the encoder gives to namespaces inside a payload, so that output reads like the published examples.
 * A namespace that is not here gets `ns1`, `ns2`, in order of first use.
 */
export const preferredPrefixes: Readonly<Record<string, string>> = {
  [XSI]: "xsi",
  [XS]: "xs",
  "http://www.kith.no/xmlstds/felleskomponent1": "fk1",
  "http://www.kith.no/xmlstds": "kith",
  "http://www.w3.org/2000/09/xmldsig#": "ds",
};

/**
 * A table's entry for a name that comes from a document: only what the table itself has, since `constructor` and
 * `__proto__` are names too.
 */
export function own<T>(table: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The Clark form of a name: `{namespace}local`, or `local` alone without a namespace. */
export function clarkName(ns: string, local: string): string {
  return ns === "" ? local : `{${ns}}${local}`;
}

/** The parts of a name in Clark form. */
export function splitClark(name: string): { readonly ns: string; readonly local: string } {
  if (name.charCodeAt(0) !== 123) return { ns: "", local: name };
  const end = name.lastIndexOf("}");
  return { ns: name.slice(1, end), local: name.slice(end + 1) };
}

/**
 * The one string that the engine keeps for a name. Comparing two of them, or looking one up in a table, is comparing two
 * addresses; a piece cut out of a document would be compared by its characters, and would keep the document alive.
 */
export function intern(text: string): string {
  const slot = text.length & 127;
  const last = interned[slot] as string;
  if (same(last, text)) return last;
  const kept = Object.keys({ [text]: 0 })[0] as string;
  if (text.length <= 128) interned[slot] = kept;
  return kept;
}

/** The last one of each length: a message declares the same few namespaces over and over. */
const interned: string[] = Array.from({ length: 128 }, () => "");

/** By characters: the engine compares a piece of a text with a whole one on its slow path. */
function same(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  for (let n = a.length - 1; n >= 0; n--) if (a.charCodeAt(n) !== b.charCodeAt(n)) return false;
  return true;
}
