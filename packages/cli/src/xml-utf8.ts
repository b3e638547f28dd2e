import { Buffer, isUtf8 } from "node:buffer";
import { HelsekontaktError } from "@helsekontakt/core";
import { decodeXmlBytes } from "@helsekontakt/types/xml";

/** So much is looked at for the declaration, as `decodeXmlBytes` does. */
const headLength = 256;

/**
 * The chunks of an XML document in UTF-8, without byte order mark, whatever encoding they come in; the declaration keeps its
 * words.
 *
 * @throws {HelsekontaktError} `xml/encoding` as `decodeXmlBytes` does of the whole document.
 */
export async function* xmlUtf8(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Buffer | undefined = Buffer.alloc(0);
  let decoder: ChunkDecoder | undefined;
  for await (const chunk of chunks) {
    if (decoder !== undefined) {
      yield decoder.decode(chunk, false);
      continue;
    }
    head = Buffer.concat([head as Buffer, chunk]);
    if (head.length < headLength) continue;
    decoder = decoderOf(head);
    yield decoder.decode(head, false);
    head = undefined;
  }
  if (decoder === undefined) yield decoderOf(head as Buffer).decode(head as Buffer, true);
  else yield decoder.decode(Buffer.alloc(0), true);
}

interface ChunkDecoder {
  decode(chunk: Uint8Array, isLast: boolean): Uint8Array;
}

function decoderOf(head: Buffer): ChunkDecoder {
  const wide = wideOf(head);
  if (wide !== undefined) return new WideDecoder(wide, head[0] === 0xfe || head[0] === 0xff ? 2 : 0);
  const isMarked = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
  // Of what stands behind the declaration nothing is to be said yet.
  const declaration = Buffer.from(head.subarray(0, headLength)).map((c, at) =>
    c > 127 && (!isMarked || at > 2) ? 63 : c,
  );
  let encoding = "utf-8";
  let fault: unknown;
  try {
    ({ encoding } = decodeXmlBytes(declaration));
  } catch (reason) {
    if (!isMarked) throw reason;
    // Whether all is UTF-8 comes first.
    fault = reason;
  }
  return encoding === "utf-8" ? new Utf8Check(isMarked ? 3 : 0, fault) : new NarrowDecoder(declaration);
}

function wideOf([b0, b1]: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  if ((b0 === 0xff && b1 === 0xfe) || (b0 === 0x3c && b1 === 0)) return "utf-16le";
  return (b0 === 0xfe && b1 === 0xff) || (b0 === 0 && b1 === 0x3c) ? "utf-16be" : undefined;
}

/** Hands on what is UTF-8. */
class Utf8Check implements ChunkDecoder {
  /** What else is wrong, told in the end. */
  readonly #fault: unknown;
  #skip: number;
  #line = 1;
  /** A character whose end has not come. */
  #rest: Uint8Array = Buffer.alloc(0);

  constructor(skip: number, fault: unknown) {
    this.#skip = skip;
    this.#fault = fault;
  }

  decode(chunk: Uint8Array, isLast: boolean): Uint8Array {
    const all = Buffer.concat([this.#rest, chunk.subarray(this.#skip)]);
    this.#skip = 0;
    const whole = isLast ? all.length : all.length - begun(all);
    const bytes = all.subarray(0, whole);
    if (!isUtf8(bytes)) {
      let from = 0;
      for (let to = bytes.indexOf(10); to >= 0 && isUtf8(bytes.subarray(from, to)); to = bytes.indexOf(10, from)) {
        this.#line++;
        from = to + 1;
      }
      throw faultOf(Buffer.from([0xff]), this.#line);
    }
    if (isLast && this.#fault !== undefined) throw this.#fault;
    this.#line += linesIn(bytes);
    this.#rest = all.subarray(whole);
    return bytes;
  }
}

/** Bytes at the end that begin a character and do not end it. */
function begun(bytes: Uint8Array): number {
  for (let n = 1; n <= Math.min(3, bytes.length); n++) {
    const c = bytes[bytes.length - n] as number;
    if (c < 0x80) return 0;
    if (c >= 0xc0) return n < (c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2) ? n : 0;
  }
  return 0;
}

/** An encoding of one byte a character: each chunk is decoded behind the declaration. */
class NarrowDecoder implements ChunkDecoder {
  readonly #declaration: Buffer;
  #line = 1;

  constructor(declaration: Uint8Array) {
    this.#declaration = Buffer.from(declaration);
  }

  decode(chunk: Uint8Array): Uint8Array {
    const declaration = this.#declaration;
    let text: string;
    try {
      text = decodeXmlBytes(Buffer.concat([declaration, chunk])).text.slice(declaration.length);
    } catch (reason) {
      const line = this.#line + lineOf(reason) - 1 - linesIn(declaration);
      // A byte that neither windows-1252 nor US-ASCII has.
      throw faultOf(Buffer.from([0x81]), line, declaration);
    }
    this.#line += linesIn(chunk);
    return Buffer.from(text);
  }
}

class WideDecoder implements ChunkDecoder {
  readonly #encoding: "utf-16le" | "utf-16be";
  readonly #decoder: InstanceType<typeof TextDecoder>;
  readonly #lenient: InstanceType<typeof TextDecoder>;
  #skip: number;
  #line = 1;
  #isFirst = true;

  constructor(encoding: "utf-16le" | "utf-16be", skip: number) {
    this.#encoding = encoding;
    this.#skip = skip;
    this.#decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
    this.#lenient = new TextDecoder(encoding, { ignoreBOM: true });
  }

  decode(chunk: Uint8Array, isLast: boolean): Uint8Array {
    const bytes = chunk.subarray(this.#skip);
    this.#skip = 0;
    const lenient = this.#lenient.decode(bytes, { stream: !isLast });
    if (this.#isFirst) {
      // What the declaration says against the bytes.
      decodeXmlBytes(this.#bytesOf(`\ufeff${lenient.slice(0, headLength).replaceAll(/[^\0-\x7f]/g, "?")}`));
      this.#isFirst = false;
    }
    let text: string;
    try {
      text = this.#decoder.decode(bytes, { stream: !isLast });
    } catch {
      const before = lenient.split("\ufffd", 1)[0] as string;
      throw faultOf(this.#bytesOf("\ud800"), this.#line + before.split("\n").length - 1, this.#bytesOf("\ufeff"), (t) =>
        this.#bytesOf(t),
      );
    }
    const utf8 = Buffer.from(text);
    this.#line += linesIn(utf8);
    return utf8;
  }

  #bytesOf(text: string): Buffer {
    const bytes = Buffer.from(text, "utf16le");
    return this.#encoding === "utf-16le" ? bytes : bytes.swap16();
  }
}

/** What `decodeXmlBytes` throws for a document with these bytes on that line. */
function faultOf(
  bytes: Buffer,
  line: number,
  head: Buffer = Buffer.alloc(0),
  encode: (text: string) => Buffer = (text) => Buffer.from(text),
): unknown {
  try {
    decodeXmlBytes(Buffer.concat([head, encode("\n".repeat(line - 1 - linesIn(head))), bytes]));
  } catch (reason) {
    return reason;
  }
  return new HelsekontaktError(
    "xml/encoding",
    `expected bytes of the declared encoding, found others on line ${line}`,
    {
      context: { line },
    },
  );
}

function lineOf(reason: unknown): number {
  const line = reason instanceof HelsekontaktError ? (reason as HelsekontaktError).context["line"] : undefined;
  return typeof line === "number" ? line : 1;
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
}
