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
