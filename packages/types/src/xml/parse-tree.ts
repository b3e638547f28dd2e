import { XMLNS, XSI } from "./names.ts";
import { type ReadXmlOptions, readXml, type XmlCursor, type XmlTag, type XmlTagAttribute } from "./reader.ts";
import type { XmlAttribute, XmlElement } from "./tree.ts";

const qname = /^\s*([A-Za-z_][\w.-]*):[A-Za-z_][\w.-]*\s*$/;

interface Open {
  name: string;
  ns: string;
  attributes: XmlAttribute[];
  content: (string | XmlElement)[];
  namespaces?: Record<string, string>;
}

/** What elements without attributes, and those without content, have in common. */
const noAttributes = Object.freeze([]) as unknown as XmlAttribute[];
const noContent = Object.freeze([]) as unknown as (string | XmlElement)[];

/** Adds to an element's content. A list that is made with its first member takes no room for others, which most never get. */
function put(element: Open, item: string | XmlElement): void {
  if (element.content === noContent) element.content = [item];
  else element.content.push(item);
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
    const element: Open = { name: tag.local, ns: tag.uri, attributes: noAttributes, content: noContent };
    for (let n = 0; n < tag.attributes.length; n++) {
      const a = tag.attributes[n] as XmlTagAttribute;
      if (a.uri === XMLNS) continue;
      const attribute = { name: a.local, ns: a.uri, value: a.value };
      if (element.attributes === noAttributes) element.attributes = [attribute];
      else element.attributes.push(attribute);
      keepPrefix(element, a.value, cursor);
      if (a.local === "type" && a.uri === XSI && !a.value.includes(":")) bind(element, "", cursor.resolve("") ?? "");
    }
    if (parent !== undefined) put(parent, element);
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
        put(top, this.#text);
        keepPrefix(top, this.#text, cursor);
      }
      this.#text = "";
    }
    return top;
  }
}

function keepPrefix(element: Open, value: string, cursor: Pick<XmlCursor, "resolve">): void {
  const prefix = prefixOf(value);
  const ns = prefix === undefined ? undefined : cursor.resolve(prefix);
  if (ns !== undefined && ns !== "") bind(element, prefix as string, ns);
}

/** The prefix of a text that has the form of a prefixed name, and so may be one. */
export function prefixOf(text: string): string | undefined {
  if (text.length > 256 || !text.includes(":")) return undefined;
  const prefix = qname.exec(text)?.[1];
  return prefix === "xml" || prefix === "xmlns" ? undefined : prefix;
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
