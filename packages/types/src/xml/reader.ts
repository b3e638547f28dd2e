import { HelsekontaktError } from "@helsekontakt/core";
import { decodeXmlBytes } from "./encoding.ts";
import { defaultXmlLimits, type XmlLimits } from "./limits.ts";
import { Scanner, type XmlTag } from "./scanner.ts";

export type { XmlTag, XmlTagAttribute } from "./scanner.ts";

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
}

export interface XmlHandler {
  /** Before the first event; the cursor stays the same one. */
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
  const { text, clean } = decodeXmlBytes(bytes);
  const scanner: Scanner = new Scanner(
    text,
    {
      malformed: (reason, at) => {
        throw notWellFormed(reason, cursor.lineAt(at));
      },
      limit: (what, max, at) => {
        throw limit(what, max, cursor.lineAt(at));
      },
    },
    limits,
    clean,
  );
  const cursor = new Cursor(text, scanner);
  // Decoding takes one byte order mark off; a second one is text in front of the root.
  if (text.charCodeAt(0) !== 0xfeff) refuseDoctype(text, cursor);
  handler.start?.(cursor);
  scanner.run(handler, cursor);
}

class Cursor implements XmlCursor {
  readonly #text: string;
  readonly #scanner: Scanner;
  #knownOffset = 0;
  #knownLine = 1;

  constructor(text: string, scanner: Scanner) {
    this.#text = text;
    this.#scanner = scanner;
  }

  get offset(): number {
    return this.#scanner.offset;
  }

  tagStart(): number {
    return this.#scanner.tagStart;
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
    return this.#scanner.resolve(prefix);
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

function limit(what: string, max: number, line?: number): HelsekontaktError {
  const where = line === undefined ? "" : ` on line ${line}`;
  return new HelsekontaktError("xml/limit-exceeded", `expected at most ${max} ${what}, found more${where}`, {
    context: line === undefined ? { limit: max } : { limit: max, line },
  });
}

function notWellFormed(reason: string, line: number): HelsekontaktError {
  return new HelsekontaktError("xml/not-well-formed", `expected well-formed XML, found on line ${line}: ${reason}`, {
    context: { line },
  });
}
