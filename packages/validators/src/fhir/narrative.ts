import { parseXhtml, xhtmlNamespace } from "@helsekontakt/types/fhir";
import type { XmlElement } from "@helsekontakt/types/xml";

// HTML 4.0 chapters 7 to 11 (except section 4 of chapter 9) and 15, links, images and inline style, as R4 allows.
const elements = new Set(
  "a abbr acronym address b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre q s samp small span strike strong sub sup table tbody td tfoot th thead tr tt u ul var".split(
    " ",
  ),
);
const attributes = new Set(
  "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite class clear color colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name noshade nowrap rel rev rowspan rules scope shape size span src start style summary tabindex target title type valign value vspace width xml:lang".split(
    " ",
  ),
);

/** What the scan below leaves to the parser: odd characters, the end of a CDATA section, characters by number or name. */
const odd = /[^\t\n\r\x20-\ud7ff]|\]\]>|&(?!(?:amp|lt|gt|quot|apos|nbsp|aring|oslash|aelig|Aring|Oslash|AElig);)/;
const letter = /[^\s]/;
const start = `<div xmlns="${xhtmlNamespace}"`;
const maxOpen = 64;
/** Place and length of the name of each open element. */
const opened: number[] = [];
const lengths: number[] = [];

/** True when {@link narrativeFault} finds nothing. A narrative of the usual kind is only scanned, not parsed. */
export function isNarrativeText(text: string): boolean {
  return (!odd.test(text) && isPlain(text)) || narrativeFault(text) === undefined;
}

/** True for well-formed text of allowed elements and attributes with something in it; false where that is not certain. */
function isPlain(text: string): boolean {
  if (!text.startsWith(start)) return false;
  let full = false;
  let depth = 0;
  for (let i = 0; i < text.length; ) {
    if (text.charCodeAt(i) !== 60) {
      const end = text.indexOf("<", i);
      if (end < 0 || depth === 0) return false;
      if (!full) {
        const run = text.slice(i, end);
        const amp = run.indexOf("&");
        // What stands for another character may be a blank.
        full = letter.test(amp < 0 ? run : run.slice(0, amp));
      }
      i = end;
      continue;
    }
    const closing = text.charCodeAt(i + 1) === 47;
    const from = closing ? i + 2 : i + 1;
    let end = from;
    while (isNameCharacter(text.charCodeAt(end))) end++;
    const name = text.slice(from, end);
    if (closing) {
      const at = opened[--depth] as number;
      if (depth < 0 || end - from !== lengths[depth] || !text.startsWith(name, at)) return false;
      if (text.charCodeAt(end) !== 62) return false;
      i = end + 1;
      if (depth === 0) return full && i === text.length;
      continue;
    }
    if (!elements.has(name) || depth >= maxOpen) return false;
    if (name === "img") full = true;
    let names = " ";
    let xmlns = depth === 0;
    for (;;) {
      let c = text.charCodeAt(end);
      if (c === 62 || c === 47) break;
      if (!isSpace(c)) return false;
      while (isSpace(c)) c = text.charCodeAt(++end);
      if (c === 62 || c === 47) break;
      const nameAt = end;
      while (isNameCharacter(text.charCodeAt(end)) || text.charCodeAt(end) === 58) end++;
      const attribute = text.slice(nameAt, end);
      const quote = text.charCodeAt(end + 1);
      if (text.charCodeAt(end) !== 61 || (quote !== 34 && quote !== 39)) return false;
      const close = text.indexOf(quote === 34 ? '"' : "'", end + 2);
      const less = text.indexOf("<", end + 2);
      if (close < 0 || (less >= 0 && less < close)) return false;
      end = close + 1;
      if (xmlns && attribute === "xmlns") xmlns = false;
      else if (!attributes.has(attribute) || attribute.startsWith("on") || names.includes(` ${attribute} `))
        return false;
      names += `${attribute} `;
    }
    if (text.charCodeAt(end) === 47) {
      if (text.charCodeAt(end + 1) !== 62 || depth === 0) return false;
      i = end + 2;
    } else {
      lengths[depth] = name.length;
      opened[depth++] = from;
      i = end + 1;
    }
  }
  return false;
}

function isNameCharacter(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 48 && c <= 57) || (c >= 65 && c <= 90);
}

function isSpace(c: number): boolean {
  return c === 32 || c === 10 || c === 9 || c === 13;
}

/** The invariant of the narrative that the text of `div` breaks, if any. */
export function narrativeFault(text: string): "txt-1" | "txt-2" | undefined {
  let root: XmlElement;
  try {
    root = parseXhtml(text);
  } catch {
    return "txt-1";
  }
  if (root.name !== "div" || !isAllowed(root)) return "txt-1";
  return hasContent(root) ? undefined : "txt-2";
}

function isAllowed(element: XmlElement): boolean {
  if (element.ns !== xhtmlNamespace || !elements.has(element.name)) return false;
  for (const a of element.attributes)
    if (!attributes.has(a.ns === "" ? a.name : `xml:${a.name}`) || a.name.startsWith("on")) return false;
  return element.content.every((c) => typeof c === "string" || isAllowed(c));
}

function hasContent(element: XmlElement): boolean {
  return element.content.some((c) => (typeof c === "string" ? /\S/.test(c) : c.name === "img" || hasContent(c)));
}
