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
