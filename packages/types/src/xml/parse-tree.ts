import { XMLNS, XSI } from "./names.ts";
import { type ReadXmlOptions, readXml, type XmlCursor, type XmlTag } from "./reader.ts";
import type { XmlAttribute, XmlElement } from "./tree.ts";

const qname = /^\s*([A-Za-z_][\w.-]*):[A-Za-z_][\w.-]*\s*$/;

interface Open {
  name: string;
  ns: string;
  attributes: XmlAttribute[];
  content: (string | XmlElement)[];
  namespaces?: Record<string, string>;
}

/** Builds {@link XmlElement} trees from reader events; the decoder uses it where the schema ends. */
export class TreeBuilder {
  readonly #stack: Open[] = [];
  #text = "";

  get depth(): number {
    return this.#stack.length;
  }

  open(tag: XmlTag, cursor: Pick<XmlCursor, "resolve">): void {
    const parent = this.#flush(cursor);
    const element: Open = { name: tag.local, ns: tag.uri, attributes: [], content: [] };
    for (const a of tag.attributes) {
      if (a.uri === XMLNS) continue;
      element.attributes.push({ name: a.local, ns: a.uri, value: a.value });
      keepPrefix(element, a.value, cursor);
      if (a.local === "type" && a.uri === XSI && !a.value.includes(":")) bind(element, "", cursor.resolve("") ?? "");
    }
    parent?.content.push(element);
    this.#stack.push(element);
  }

  text(text: string): void {
    this.#text += text;
  }

  /** Ends the innermost element and returns it. */
  close(cursor: Pick<XmlCursor, "resolve">): XmlElement {
    this.#flush(cursor);
    return this.#stack.pop() as Open;
  }

  #flush(cursor: Pick<XmlCursor, "resolve">): Open | undefined {
    const top = this.#stack.at(-1);
    if (this.#text !== "") {
      if (top !== undefined) {
        top.content.push(this.#text);
        keepPrefix(top, this.#text, cursor);
      }
      this.#text = "";
    }
    return top;
  }
}

function keepPrefix(element: Open, value: string, cursor: Pick<XmlCursor, "resolve">): void {
  if (value.length > 256) return;
  const prefix = qname.exec(value)?.[1];
  if (prefix === undefined || prefix === "xml" || prefix === "xmlns") return;
  const ns = cursor.resolve(prefix);
  if (ns !== undefined && ns !== "") bind(element, prefix, ns);
}

function bind(element: Open, prefix: string, ns: string): void {
  // Without prototype, because `__proto__` is a prefix like any other.
  element.namespaces ??= Object.create(null) as Record<string, string>;
  element.namespaces[prefix] = ns;
}

/**
 * Reads a document as a tree.
 *
 * @throws {HelsekontaktError} as {@link readXml}.
 */
export function parseXml(bytes: Uint8Array, options: ReadXmlOptions = {}): XmlElement {
  const builder = new TreeBuilder();
  let root: XmlElement | undefined;
  readXml(
    bytes,
    {
      open: (tag, cursor) => builder.open(tag, cursor),
      text: (text) => builder.text(text),
      close: (cursor) => {
        root = builder.close(cursor);
      },
    },
    options,
  );
  // The reader refuses a document without a root.
  return root as XmlElement;
}
