import { HelsekontaktError } from "@helsekontakt/core";
import { SaxesParser } from "saxes";
import { readXml, type XmlHandler, type XmlTag } from "./reader.ts";

// saxes is the oracle of our own scanner: the same events for every document, well-formed or not. Where saxes itself is
// known to be wrong, `knownSlip` says how.

/** Random numbers with a seed (mulberry32), so that a finding can be repeated. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const names = ["a", "b", "n:a", "m:b", "Formål", "x-1", "_", "xml:lang", "𐀀"];
const attributes = ["a", "b", "n:a", "m:a", "xmlns", "xmlns:n", "xmlns:m", "xml:lang", "Ø"];
const values = ["", "x", "urn:n", "urn:m", "1 2\t3\n4", "&lt;&amp;", "&#65;&#x1F600;", "a\r\nb", "'", "æøå"];
const texts = ["", "x", "\n  ", "&gt;&quot;", "]] >", "a\r\nb\rc", "€ 𐀀", "&#10;"];
const pieces = ["<!-- c -->", "<?p i?>", "<?p?>", "<![CDATA[<x>&]]>", "<![CDATA[]]>"];
const scraps = [
  "<",
  ">",
  "&",
  "]]>",
  "--",
  "<!--",
  "?>",
  "<?xml version='1.0'?>",
  "\0",
  "\u0001",
  "\ufffe",
  "</a>",
  "<a",
  "'",
  '"',
  "=",
  "/",
  "xmlns:n=''",
  "&x;",
  "&#0;",
  "&#xD800;",
  "<!DOCTYPE a>",
  "<![CDATA[",
  " ",
  "\t",
  "\n",
  "\r",
  ":",
  "a:b:c",
  "<1/>",
  "é",
  "\u00b7",
  "<?xml?>",
  "&amp",
];

/** A document that is well-formed more often than not. */
export function randomDocument(random: (below: number) => number): string {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const element = (depth: number): string => {
    const name = pick(names);
    let tag = `<${name}`;
    const used = new Set<string>();
    for (let n = random(4); n > 0; n--) {
      const attribute = pick(attributes);
      if (used.has(attribute) && random(20) > 0) continue;
      used.add(attribute);
      const value = attribute.startsWith("xmlns") && random(5) > 0 ? pick(["urn:n", "urn:m"]) : pick(values);
      tag += `${pick([" ", "\n", "  "])}${attribute}${pick(["=", " = "])}"${value}"`;
    }
    if (!used.has("xmlns:n") && random(10) > 0) tag += ' xmlns:n="urn:n"';
    if (!used.has("xmlns:m") && random(10) > 0) tag += ' xmlns:m="urn:m"';
    if (random(4) === 0) return `${tag}${pick(["", " "])}/>`;
    let content = "";
    for (let n = random(depth > 4 ? 1 : 5); n > 0; n--) {
      const kind = random(3);
      content += kind === 0 ? element(depth + 1) : kind === 1 ? pick(texts) : pick(pieces);
    }
    return `${tag}>${content}</${name}${pick(["", " "])}>`;
  };
  const head = pick([
    "",
    "",
    '<?xml version="1.0"?>',
    '<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>\n',
    "<!-- x -->",
    "\n",
  ]);
  return head + element(0) + pick(["", "\n", "<!-- y -->", "<?z?>"]);
}

/** The document with up to three faults: characters taken out, doubled, swapped, or scraps of XML put in. */
export function damage(text: string, random: (below: number) => number): string {
  let out = text;
  for (let n = random(3) + 1; n > 0; n--) {
    const at = random(out.length + 1);
    const to = Math.min(out.length, at + random(6));
    const kind = random(4);
    if (kind === 0) out = out.slice(0, at) + out.slice(to);
    else if (kind === 1) out = out.slice(0, to) + out.slice(at);
    else if (kind === 2) out = out.slice(0, at) + (scraps[random(scraps.length)] as string) + out.slice(at);
    else out = out.slice(0, at);
  }
  return wellFormed(out);
}

/** Without halves of surrogate pairs, which no encoding can hold. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/**
 * Where saxes itself is wrong, as libxml2 confirms: it takes white space off the ends of namespaces, lets an instruction's
 * name be followed by `?`, a prefix begin with any character of a name, and an encoding be unknown.
 */
export function knownSlip(text: string): boolean {
  return (
    /xmlns(?::[^\s=]+)?\s*=\s*(["'])(?:\s|&#(?:10|13|9|32);|(?:(?!\1).)*\s\1)/s.test(text) ||
    /<\?[^\s?>]+\?(?!>)/.test(text) ||
    /xmlns:[^\p{L}_]/u.test(text) ||
    /encoding="(?!UTF-8")/.test(text)
  );
}

/**
 * Events as one text, or undefined for a document that is not well-formed.
 *
 * @param takes - whether the handler takes an element whole, by its number; without it the handler takes events only
 */
export function ourEvents(text: string, takes?: (n: number) => boolean): string | undefined {
  const events: string[] = [];
  let leaves = 0;
  let run = "";
  const flush = (): void => {
    if (run !== "") events.push(JSON.stringify(run));
    run = "";
  };
  const open = (tag: XmlTag): void => {
    flush();
    events.push(
      `<${tag.prefix}|${tag.local}|${tag.uri}`,
      ...tag.attributes.map((a) => `@${a.name}|${a.prefix}|${a.local}|${a.uri}|${JSON.stringify(a.value)}`),
    );
  };
  const handler: XmlHandler = {
    open,
    text: (piece) => {
      run += piece;
    },
    close: () => {
      flush();
      events.push(">");
    },
  };
  if (takes !== undefined)
    handler.leaf = (tag, content) => {
      if (!takes(leaves++)) return false;
      open(tag);
      if (content !== "") events.push(JSON.stringify(content));
      events.push(">");
      return true;
    };
  try {
    readXml(Buffer.from(text), handler);
  } catch (error) {
    if (error instanceof HelsekontaktError && error.code.startsWith("xml/")) return undefined;
    throw error;
  }
  return events.join("\n");
}

/** The same by saxes. A DOCTYPE is refused by us, so it is a fault here too. */
export function saxesEvents(text: string): string | undefined {
  const events: string[] = [];
  let run = "";
  let fault = false;
  let depth = 0;
  const flush = (): void => {
    if (run !== "") events.push(JSON.stringify(run));
    run = "";
  };
  const parser = new SaxesParser({ xmlns: true, defaultXMLVersion: "1.0", forceXMLVersion: true });
  parser.on("error", () => {
    fault = true;
  });
  parser.on("doctype", () => {
    fault = true;
  });
  parser.on("opentag", (tag) => {
    flush();
    depth++;
    events.push(
      `<${tag.prefix}|${tag.local}|${tag.uri}`,
      ...Object.values(tag.attributes).map(
        (a) =>
          `@${a.name}|${a.prefix}|${a.local}|${a.prefix === "xmlns" || a.name === "xmlns" ? "http://www.w3.org/2000/xmlns/" : a.uri}|${JSON.stringify(a.value)}`,
      ),
    );
  });
  const onText = (piece: string): void => {
    if (depth > 0) run += piece;
  };
  parser.on("text", onText);
  parser.on("cdata", onText);
  parser.on("closetag", () => {
    flush();
    depth--;
    events.push(">");
  });
  try {
    parser.write(text.replace(/^\ufeff/, "")).close();
  } catch {
    return undefined;
  }
  return fault ? undefined : events.join("\n");
}
