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
// The Greek letters as Unicode has them from U+0391 and U+03B1 on; the capitals have a gap where the small final sigma is.
const greek =
  "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigmaf sigma tau upsilon phi chi psi omega".split(
    " ",
  );
const entities = new Map<string, number>([
  ...latin1.map((name, i) => [name, 0xa0 + i] as const),
  ...greek.map((name, i) => [name, 0x3b1 + i] as const),
  ...greek.flatMap((name, i) =>
    name === "sigmaf" ? [] : [[`${name.charAt(0).toUpperCase()}${name.slice(1)}`, 0x391 + i] as const],
  ),
  ...Object.entries({
    fnof: 0x192,
    circ: 0x2c6,
    tilde: 0x2dc,
    thetasym: 0x3d1,
    upsih: 0x3d2,
    piv: 0x3d6,
    zwnj: 0x200c,
    zwj: 0x200d,
    lrm: 0x200e,
    rlm: 0x200f,
    Dagger: 0x2021,
    prime: 0x2032,
    Prime: 0x2033,
    lsaquo: 0x2039,
    rsaquo: 0x203a,
    oline: 0x203e,
    frasl: 0x2044,
    harr: 0x2194,
    rArr: 0x21d2,
    hArr: 0x21d4,
    sum: 0x2211,
    radic: 0x221a,
    infin: 0x221e,
    asymp: 0x2248,
    equiv: 0x2261,
    loz: 0x25ca,
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
  let others = 0;
  for (const a of element.attributes) {
    let prefix = a.ns === "" ? "" : "xml:";
    if (a.ns !== "" && a.ns !== "http://www.w3.org/XML/1998/namespace") {
      // No narrative may have one, but a validator should get to see it.
      prefix = `n${others++}:`;
      out += ` xmlns:${prefix.slice(0, -1)}="${attribute(a.ns)}"`;
    }
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
