import { isUtf8 } from "node:buffer";
import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";

/** Encodings that a file may be said to have; without one it is found out. */
export type FileEncoding = "utf-8" | "windows-1252" | "iso-8859-1" | "utf-16le" | "utf-16be";

/** One physical line of a text. */
export interface TextLine {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  /** Set for a line that was longer than is read; its text is empty. */
  readonly tooLong?: true;
}

/** Longest line that is read, in characters. */
const maxLine = 64 * 1024;

/**
 * Bytes as text, piece by piece. A byte order mark decides; else it is UTF-8 as long as the bytes are, and from the
 * first that are not Windows-1252, which holds all of ISO-8859-1.
 *
 * @throws {HelsekontaktError} `input/invalid` for UTF-16 without a mark, and for a text that is UTF-8 in one place and
 *   something else in another
 */
export async function* decodeText(
  source: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
  encoding?: FileEncoding,
): AsyncGenerator<string> {
  let decode: ((bytes: Uint8Array, last: boolean) => string) | undefined =
    encoding === undefined || encoding === "utf-8" ? undefined : decoder(encoding);
  let pending: Uint8Array = new Uint8Array(0);
  let begun = false;
  let seenUtf8 = false;
  for await (const part of source) {
    if (typeof part === "string") {
      yield begun ? part : part.replace(/^\uFEFF/, "");
      begun = true;
      continue;
    }
    let bytes = pending.length === 0 ? part : Buffer.concat([pending, part]);
    pending = new Uint8Array(0);
    if (!begun) {
      // A mark needs three bytes; a source may give one at a time.
      if (bytes.length < 4) {
        pending = bytes;
        continue;
      }
      const found = begin(bytes);
      bytes = bytes.subarray(found.skip);
      if (found.encoding !== undefined) decode = found.encoding === "utf-8" ? undefined : decoder(found.encoding);
      else if (encoding === undefined && bytes.subarray(0, 1024).includes(0))
        throw wrongEncoding("text", "zero bytes, as in UTF-16 without a byte order mark");
      begun = true;
    }
    if (decode !== undefined) {
      yield decode(bytes, false);
      continue;
    }
    const whole = wholeCharacters(bytes);
    const head = bytes.subarray(0, whole);
    if (isUtf8(head)) {
      pending = Buffer.from(bytes.subarray(whole));
      const text = utf8(head);
      seenUtf8 ||= text.length < head.length;
      yield text;
      continue;
    }
    if (encoding === "utf-8" || seenUtf8) throw wrongEncoding("UTF-8 throughout", "bytes of another encoding in it");
    decode = decoder("windows-1252");
    yield decode(bytes, false);
  }
  if (pending.length === 0) return;
  const skip = begun ? 0 : begin(pending).skip;
  const rest = pending.subarray(skip);
  if (decode !== undefined) yield decode(rest, true);
  else if (isUtf8(rest)) yield utf8(rest);
  else if (encoding === "utf-8" || seenUtf8)
    throw wrongEncoding("UTF-8 throughout", "bytes of another encoding at its end");
  else yield decoder("windows-1252")(rest, true);
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

function decoder(encoding: FileEncoding): (bytes: Uint8Array, last: boolean) => string {
  const text = new TextDecoder(encoding);
  return (bytes, last) => text.decode(bytes, { stream: !last });
}

function begin(bytes: Uint8Array): { readonly skip: number; readonly encoding?: FileEncoding } {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return { skip: 3, encoding: "utf-8" };
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { skip: 2, encoding: "utf-16le" };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { skip: 2, encoding: "utf-16be" };
  return { skip: 0 };
}

/** How many of the bytes are whole UTF-8 characters: at most the last three may belong to one that goes on. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return bytes.length;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function wrongEncoding(expected: string, found: string): HelsekontaktError {
  return new HelsekontaktError("input/invalid", `expected ${expected}, found ${found}`, {
    hint: "save the file as UTF-8, or name its encoding: utf-8, windows-1252, iso-8859-1, utf-16le or utf-16be",
  });
}

/**
 * Lines of a text, in lists of what came together. Line ends are LF, CRLF, or CR in a text that has no others.
 *
 * @throws {HelsekontaktError} `abort/cancelled`, and what {@link decodeText} throws
 */
export async function* textLines(text: AsyncIterable<string>, signal?: AbortSignal): AsyncGenerator<TextLine[]> {
  let rest = "";
  let line = 0;
  let end = "";
  let tooLong = false;
  const take = (raw: string): TextLine => {
    line++;
    if (tooLong || raw.length > maxLine) {
      tooLong = false;
      return { line, text: "", tooLong: true };
    }
    return { line, text: raw.endsWith("\r") ? raw.slice(0, -1) : raw };
  };
  for await (const part of text) {
    throwIfAborted(signal);
    rest += part;
    // A CR at the very end may be half of a CRLF.
    if (end === "" && /[\r\n]./s.test(rest)) end = rest.includes("\n") ? "\n" : "\r";
    if (end === "") {
      if (rest.length > maxLine) end = "\n";
      else continue;
    }
    const lines = rest.split(end);
    rest = lines.pop() ?? "";
    if (lines.length > 0) yield lines.map(take);
    if (rest.length > maxLine) {
      tooLong = true;
      rest = "";
    }
  }
  if (end === "") end = rest.includes("\n") ? "\n" : "\r";
  const last = rest.split(end);
  if (last.at(-1) === "" && !tooLong) last.pop();
  if (last.length > 0) yield last.map(take);
}
