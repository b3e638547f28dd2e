import type { AnyType } from "@helsekontakt/types/xml";
import { type AnyElement, splitClark, type XmlElement } from "@helsekontakt/types/xml";
import { lengthOf, type RuleContext } from "./context.ts";

const xhtml = "http://www.w3.org/1999/xhtml";

/** The modules Text, List, Presentation and Basic Tables; no hypertext, image, script, style or form. */
const allowed = new Set(
  (
    "abbr acronym address blockquote br cite code dfn div em h1 h2 h3 h4 h5 h6 kbd p pre q samp span strong var " +
    "dl dt dd ol ul li b big hr i small sub sup tt caption table td th tr"
  ).split(" "),
);

/**
 * Checks text of an `anyType` element: plain, or XHTML of the allowed modules; and its length in characters without
 * markup, a limit of the citizen's screen that only warns.
 *
 * @see HISD 1155:2008 Bruk av XHTML-formatering; HITS 1217:2018, sections 2.4.1 and 2.4.4
 */
export function checkText(
  context: RuleContext,
  text: AnyType | undefined,
  path: string,
  max: number | undefined,
): void {
  if (text === undefined) return;
  let refused = false;
  const walk = (content: readonly (string | AnyElement | XmlElement)[]): string =>
    content
      .map((item) => {
        if (typeof item === "string") return item;
        const tree = "ns" in item ? item : item.element;
        const { ns, local } = tree === undefined ? splitClark(item.name) : { ns: tree.ns, local: tree.name };
        if (ns !== xhtml || !allowed.has(local)) refused = true;
        return tree === undefined ? "" : walk(tree.content);
      })
      .join("");
  const plain = walk(text.$content ?? []);
  if (refused) {
    context.add(
      "profile/xhtml-module",
      path,
      "expected plain text or XHTML of the modules Text, List, Presentation and Basic Tables, found another element",
    );
  }
  checkLength(context, plain, path, max);
}

/** A limit of the citizen's screen. */
export function checkLength(context: RuleContext, text: string, path: string, max: number | undefined): void {
  if (max !== undefined && lengthOf(text.trim()) > max) {
    context.add("profile/text-length", path, `expected at most ${max} characters, found more`);
  }
}
