import { HelsekontaktError } from "@helsekontakt/core";
import { decodeXmlBytes } from "./encoding.ts";
import { defaultXmlLimits, type XmlLimits } from "./limits.ts";
import { createParser, type Parser } from "./saxes.ts";

/** An attribute as it stands in the document; namespace declarations are attributes too, with prefix or name `xmlns`. */
export interface XmlTagAttribute {
  readonly name: string;
  readonly prefix: string;
  readonly local: string;
  readonly uri: string;
  readonly value: string;
}

/** A start tag. The parser's own object: read it during the event, do not keep or change it. */
export interface XmlTag {
  readonly local: string;
  readonly prefix: string;
  readonly uri: string;
  /** By qualified name, in document order. */
  readonly attributes: Readonly<Record<string, XmlTagAttribute>>;
  /** Prefixes declared on this tag; `""` is the default namespace. */
  readonly ns: Readonly<Record<string, string>>;
}

/** Where the reader stands. All members are cheap except {@link lineAt}. */
export interface XmlCursor {
  /** Index into the text just behind the present event. */
  readonly offset: number;
  /** Start of the tag that is being reported. */
  tagStart(): number;
  /** Line of an offset, from 1. Counts line ends, so call it for errors only. */
  lineAt(offset: number): number;
  /** Namespace that a prefix stands for at the present event. */
  resolve(prefix: string): string | undefined;
  /** Whether a namespace may be declared anywhere in the document; false only when it certainly is not. */
  mayDeclare?(namespace: string): boolean;
}

export interface XmlHandler {
  start?(cursor: XmlCursor): void;
  open(tag: XmlTag, cursor: XmlCursor): void;
  /** Character data; one run may come in several pieces. */
  text(text: string): void;
  close(cursor: XmlCursor): void;
}

export interface ReadXmlOptions {
  readonly limits?: Partial<XmlLimits>;
}

/**
 * Reads a document as events. Namespaces are resolved; comments and processing instructions are passed over.
 *
 * An error that a handler throws ends the reading and reaches the caller unchanged.
 *
 * @param bytes - the document in any encoding that `decodeXmlBytes` knows.
 * @throws {HelsekontaktError} `xml/not-well-formed`, `xml/doctype-refused`, `xml/encoding`, `xml/limit-exceeded`;
 *   context: `line`, except for a document that is too large to be looked at.
 */
export function readXml(bytes: Uint8Array, handler: XmlHandler, options: ReadXmlOptions = {}): void {
  const limits = options.limits === undefined ? defaultXmlLimits : { ...defaultXmlLimits, ...options.limits };
  if (bytes.byteLength > limits.maxBytes) throw limit("bytes", limits.maxBytes);
  const { text } = decodeXmlBytes(bytes);
  const parser = createParser();
  const cursor = new Cursor(parser, text);
  // The parser would pass over a second byte order mark, and whatever stands behind it.
  if (text.charCodeAt(0) === 0xfeff) throw notWellFormed(new Error("text data outside of root node."), cursor);
  refuseDoctype(text, cursor);
  const { maxDepth, maxAttributes, maxText } = limits;
  let depth = 0;
  let attributes = 0;
  parser.on("error", (error) => {
    throw notWellFormed(error, cursor);
  });
  // No handler for "doctype": `refuseDoctype` has looked at the whole prolog, and elsewhere the parser refuses one. A
  // seventh handler would also turn the parser into a dictionary-mode object, which is six times slower (measured).
  parser.on("attribute", (attribute) => {
    if (++attributes > maxAttributes) throw limit("attributes of one element", maxAttributes, cursor);
    if (attribute.value.length > maxText) throw limit("characters in one attribute", maxText, cursor);
  });
  parser.on("opentag", (tag) => {
    attributes = 0;
    depth++;
    if (depth > maxDepth) throw limit("nested elements", maxDepth, cursor);
    handler.open(tag, cursor);
  });
  const onText = (run: string) => {
    if (depth === 0) return;
    if (run.length > maxText) throw limit("characters in one text", maxText, cursor);
    handler.text(run);
  };
  parser.on("text", onText);
  parser.on("cdata", onText);
  parser.on("closetag", () => {
    depth--;
    handler.close(cursor);
  });
  handler.start?.(cursor);
  parser.write(text).close();
}

class Cursor implements XmlCursor {
  readonly #parser: Parser;
  readonly #text: string;
  #knownOffset = 0;
  #knownLine = 1;

  constructor(parser: Parser, text: string) {
    this.#parser = parser;
    this.#text = text;
  }

  get offset(): number {
    return this.#parser.position;
  }

  tagStart(): number {
    // No `<` can stand inside a tag, so the nearest one backwards begins it.
    return this.#text.lastIndexOf("<", this.#parser.position - 1);
  }

  lineAt(offset: number): number {
    // Counts from the last answer, so that many questions about one document stay cheap.
    const text = this.#text;
    const from = Math.min(offset, this.#knownOffset);
    const to = Math.max(offset, this.#knownOffset);
    let ends = 0;
    for (let i = text.indexOf("\n", from); i >= 0 && i < to; i = text.indexOf("\n", i + 1)) ends++;
    this.#knownLine += offset < this.#knownOffset ? -ends : ends;
    this.#knownOffset = offset;
    return this.#knownLine;
  }

  resolve(prefix: string): string | undefined {
    return this.#parser.resolve(prefix);
  }

  mayDeclare(namespace: string): boolean {
    // A reference in the declaration can hide the name from a search of the text.
    return this.#text.includes(namespace) || this.#text.includes("&");
  }
}

/** Looks past declaration, comments and white space for a DOCTYPE, so that none of it is read at all. */
function refuseDoctype(text: string, cursor: XmlCursor): void {
  let i = 0;
  while (i < text.length) {
    const c = text.charCodeAt(i);
    if (c === 32 || c === 9 || c === 10 || c === 13) {
      i++;
    } else if (text.startsWith("<!--", i)) {
      const end = text.indexOf("-->", i + 4);
      if (end < 0) return;
      i = end + 3;
    } else if (text.startsWith("<?", i)) {
      const end = text.indexOf("?>", i + 2);
      if (end < 0) return;
      i = end + 2;
    } else if (text.startsWith("<!DOCTYPE", i)) {
      const line = cursor.lineAt(i);
      throw new HelsekontaktError(
        "xml/doctype-refused",
        `expected a document without DOCTYPE, found one on line ${line}`,
        { context: { line } },
      );
    } else {
      return;
    }
  }
}

function limit(what: string, max: number, cursor?: XmlCursor): HelsekontaktError {
  const line = cursor?.lineAt(cursor.offset);
  const where = line === undefined ? "" : ` on line ${line}`;
  return new HelsekontaktError("xml/limit-exceeded", `expected at most ${max} ${what}, found more${where}`, {
    context: line === undefined ? { limit: max } : { limit: max, line },
  });
}

function notWellFormed(error: Error, cursor: XmlCursor): HelsekontaktError {
  const line = cursor.lineAt(cursor.offset);
  // What follows a colon in the parser's messages is quoted from the document.
  const reason = error.message.replace(/:.*$/s, "").replace(/\.$/, "");
  return new HelsekontaktError("xml/not-well-formed", `expected well-formed XML, found on line ${line}: ${reason}`, {
    context: { line },
    original: error,
  });
}
