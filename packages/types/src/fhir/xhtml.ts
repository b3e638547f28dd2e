import { HelsekontaktError } from "@helsekontakt/core";
import { parseXml } from "../xml/parse-tree.ts";
import type { XmlElement } from "../xml/tree.ts";

/** Namespace of a narrative's `div`. */
export const xhtmlNamespace = "http://www.w3.org/1999/xhtml";

// HTML's names for the characters from U+00A0 on, in order; XML knows none of them.
const latin1 =
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml".split(
    " ",
  );
const entities = new Map<string, number>([
  ...latin1.map((name, i) => [name, 0xa0 + i] as const),
  ...Object.entries({
    OElig: 0x152,
    oelig: 0x153,
    Scaron: 0x160,
    scaron: 0x161,
    ensp: 0x2002,
    emsp: 0x2003,
    thinsp: 0x2009,
    ndash: 0x2013,
    mdash: 0x2014,
    lsquo: 0x2018,
    rsquo: 0x2019,
    sbquo: 0x201a,
    ldquo: 0x201c,
    rdquo: 0x201d,
    bdquo: 0x201e,
    dagger: 0x2020,
    bull: 0x2022,
    hellip: 0x2026,
    permil: 0x2030,
    euro: 0x20ac,
    trade: 0x2122,
    larr: 0x2190,
    uarr: 0x2191,
    rarr: 0x2192,
    darr: 0x2193,
    minus: 0x2212,
    ne: 0x2260,
    le: 0x2264,
    ge: 0x2265,
  }),
]);

/**
 * Reads the text of a narrative's `div`; HTML's named characters become the characters.
 *
 * @throws {HelsekontaktError} `fhir/not-readable` when the text is not one well-formed element.
 */
export function parseXhtml(text: string): XmlElement {
  const plain = text.replace(/&([A-Za-z][A-Za-z0-9]*);/g, (all, name: string) => {
    const code = entities.get(name);
    return code === undefined ? all : `&#${code};`;
  });
  try {
    return parseXml(new TextEncoder().encode(plain));
  } catch (error) {
    throw new HelsekontaktError("fhir/not-readable", "expected well-formed XHTML in the narrative, found other text", {
      original: error,
    });
  }
}

/** Writes a `div` as the text that JSON carries: default namespace on the root, empty elements as `<br/>`. */
export function stringifyXhtml(element: XmlElement): string {
  return write(element, "");
}

function write(element: XmlElement, ns: string): string {
  let out = `<${element.name}`;
  if (element.ns !== ns) out += ` xmlns="${attribute(element.ns)}"`;
  for (const a of element.attributes) {
    const prefix = a.ns === "http://www.w3.org/XML/1998/namespace" ? "xml:" : "";
    out += ` ${prefix}${a.name}="${attribute(a.value)}"`;
  }
  if (element.content.length === 0) return `${out}/>`;
  out += ">";
  for (const item of element.content) out += typeof item === "string" ? text(item) : write(item, element.ns);
  return `${out}</${element.name}>`;
}

function text(value: string): string {
  return value.replace(/[&<>\r]/g, (c) => (c === "&" ? "&amp;" : c === "<" ? "&lt;" : c === ">" ? "&gt;" : "&#13;"));
}

function attribute(value: string): string {
  return value.replace(/[&<"\t\n\r]/g, (c) =>
    c === "&" ? "&amp;" : c === "<" ? "&lt;" : c === '"' ? "&quot;" : `&#${c.charCodeAt(0)};`,
  );
}
