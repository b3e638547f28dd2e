import { HelsekontaktError } from "@helsekontakt/core";
import { scannedBytes, usualHead } from "./encoding.ts";
import { defaultXmlLimits, type XmlLimits } from "./limits.ts";
import { type ScanFaults, Scanner, type XmlTag } from "./scanner.ts";

export type { XmlTag, XmlTagAttribute } from "./scanner.ts";

/** Where the reader stands. All members are cheap except {@link lineAt}. */
export interface XmlCursor {
  /**
   * Just behind the present event: bytes of the document without byte order mark. For {@link lineAt}: of a document that is not
   * UTF-8 they may be those of a copy in it.
   */
  readonly offset: number;
  /** Start of the tag that is being reported, as {@link offset}. */
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
  /**
   * An element in which no other one stands, whole, with all its text: most elements are such. False when it cannot be taken
   * so; then its events follow. A handler that answers false must have changed nothing.
   */
  leaf?(tag: XmlTag, text: string): boolean;
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
  const document = scannedBytes(bytes);
  const text = document.bytes.toString("latin1");
  const cursor = new Cursor(text);
  const from = text.startsWith(usualHead) ? usualHead.length : 0;
  refuseDoctype(text, cursor, from);
  const scanner = new Scanner(document, text, cursor, limits);
  cursor.scanner = scanner;
  handler.start?.(cursor);
  scanner.run(handler, cursor, from);
}

/** Where the scanner stands, and what is thrown there. */
class Cursor implements XmlCursor, ScanFaults {
  scanner: Scanner | undefined;
  readonly #text: string;
  #knownOffset = 0;
  #knownLine = 1;

  constructor(text: string) {
    this.#text = text;
  }

  get offset(): number {
    return this.scanner?.offset ?? 0;
  }

  tagStart(): number {
    return this.scanner?.tagStart ?? 0;
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
    return this.scanner?.resolve(prefix);
  }

  malformed(reason: string, at: number): never {
    throw notWellFormed(reason, this.lineAt(at));
  }

  limit(what: string, max: number, at: number): never {
    throw limit(what, max, this.lineAt(at));
  }
}

/** Looks past declaration, comments and white space for a DOCTYPE, so that none of it is read at all. */
function refuseDoctype(text: string, cursor: XmlCursor, from: number): void {
  let i = from;
  while (i < text.length) {
    const c = text.charCodeAt(i);
    if (c === 32 || c === 9 || c === 10 || c === 13) {
      i++;
      continue;
    }
    const next = text.charCodeAt(i + 1);
    if (c !== 60 || (next !== 33 && next !== 63)) return;
    if (text.startsWith("<!--", i)) {
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
