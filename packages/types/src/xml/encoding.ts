import { Buffer, isAscii, isUtf8 } from "node:buffer";
import { HelsekontaktError } from "@helsekontakt/core";
import { fromLatin9, fromWindows1252 } from "./single-byte.ts";

/** Text of a document and the encoding its bytes were in. */
export interface DecodedBytes {
  /** Without byte order mark. */
  readonly text: string;
  /** Lower case: `utf-8`, `utf-16le`, `utf-16be`, `iso-8859-1`, `iso-8859-15`, `windows-1252`, `us-ascii`. */
  readonly encoding: string;
  /** True when it is certain that the text holds no character that XML forbids; else it has not been looked for. */
  readonly clean?: boolean;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
/** Of a piece that does not begin the document: a byte order mark there is a character. */
const utf8Inside = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const aliases: Readonly<Record<string, string>> = {
  utf8: "utf-8",
  latin1: "iso-8859-1",
  "iso8859-1": "iso-8859-1",
  "iso_8859-1": "iso-8859-1",
  latin9: "iso-8859-15",
  "iso8859-15": "iso-8859-15",
  cp1252: "windows-1252",
  ascii: "us-ascii",
};
const declaration =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*["'][^"']*["'][ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']*)["']/;

/**
 * Decodes the bytes of an XML document by byte order mark, then declaration, then UTF-8.
 *
 * @throws {HelsekontaktError} `xml/encoding` (context: `line`) when the declared encoding is unknown, contradicts the byte order mark or
 *   the width of the bytes, or when a byte does not belong to it.
 * @see Extensible Markup Language 1.0, appendix F
 */
export function decodeXmlBytes(bytes: Uint8Array): DecodedBytes {
  const b0 = bytes[0];
  const b1 = bytes[1];
  if (b0 === 0xef && b1 === 0xbb && bytes[2] === 0xbf) return decodeUtf8(bytes, true);
  if (b0 === 0xfe && b1 === 0xff) return decodeUtf16(bytes.subarray(2), "utf-16be");
  if (b0 === 0xff && b1 === 0xfe) return decodeUtf16(bytes.subarray(2), "utf-16le");
  if (b0 === 0x3c && b1 === 0) return decodeUtf16(bytes, "utf-16le");
  if (b0 === 0 && b1 === 0x3c) return decodeUtf16(bytes, "utf-16be");

  const declared = isUsualHead(bytes) ? "utf-8" : declaredEncoding(latin1(bytes, 256));
  switch (declared) {
    case undefined:
    case "utf-8":
      return decodeUtf8(bytes, false);
    case "iso-8859-1":
      // Not TextDecoder, whose label iso-8859-1 means windows-1252.
      return { text: latin1(bytes, bytes.byteLength), encoding: declared };
    case "iso-8859-15":
      return { text: fromLatin9(bytes), encoding: declared };
    case "us-ascii":
      if (!isAscii(bytes)) throw mismatch("us-ascii", "a byte above 127", lineOf(bytes, isAscii));
      return { text: latin1(bytes, bytes.byteLength), encoding: declared };
    case "windows-1252": {
      if (!isWindows1252(bytes))
        throw mismatch("windows-1252", "a byte that it leaves undefined", lineOf(bytes, isWindows1252));
      return { text: fromWindows1252(bytes), encoding: declared };
    }
    case "utf-16":
    case "utf-16le":
    case "utf-16be":
      throw mismatch(declared, "8-bit characters");
    default:
      throw new HelsekontaktError(
        "xml/encoding",
        "expected one of the encodings UTF-8, UTF-16, ISO-8859-1, ISO-8859-15, windows-1252 or US-ASCII, found a declaration of another",
        { context: { line: 1 } },
      );
  }
}

function decodeUtf8(bytes: Uint8Array, marked: boolean): DecodedBytes {
  let text: string;
  let clean = false;
  try {
    const large = bytes.byteLength > largeDocument ? decodeLarge(bytes) : undefined;
    text = large?.text ?? decodeValid(bytes, marked ? 3 : 0);
    clean = large?.clean ?? isClean(bytes, text);
  } catch {
    throw mismatch("utf-8", "a byte sequence that is not UTF-8", lineOf(bytes, isUtf8));
  }
  if (marked) {
    const declared = declaredEncoding(text.slice(0, 256));
    if (declared !== undefined && declared !== "utf-8")
      throw mismatch("the declared encoding", "a UTF-8 byte order mark");
  }
  return clean ? { text, encoding: "utf-8", clean } : { text, encoding: "utf-8" };
}

/** Asking first and decoding leniently then is faster than the decoder that refuses. */
function decodeValid(bytes: Uint8Array, from: number): string {
  if (!isUtf8(bytes)) throw new TypeError("expected UTF-8, found other bytes");
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, bytes.byteLength - from).toString("utf8");
}

/** How nearly every message begins; it says nothing that has to be looked up. */
const usualHead = Buffer.from('<?xml version="1.0" encoding="UTF-8"?>');

function isUsualHead(bytes: Uint8Array): boolean {
  for (let n = 0; n < usualHead.length; n++) if (bytes[n] !== usualHead[n]) return false;
  return true;
}

/** A copy at a place where it can be read four bytes at a time. */
const aligned = new Uint8Array(64 * 1024);
const alignedWords = new Int32Array(aligned.buffer);

/** Whether a document in UTF-8 certainly has no character that XML forbids; false says nothing. */
function isClean(bytes: Uint8Array, text: string): boolean {
  if (bytes.byteLength > aligned.length) return false;
  aligned.set(bytes);
  const length = (bytes.byteLength + 15) & ~15;
  aligned.fill(32, bytes.byteLength, length);
  const clean = !holdsControls(aligned, alignedWords, length) && !text.includes("\ufffe") && !text.includes("\uffff");
  // Nothing of a message stays behind.
  aligned.fill(0, 0, length);
  return clean;
}

/** What every Node version here has, and the types of ES2023 do not. */
type Transferable = ArrayBuffer & { transfer(length: number): ArrayBuffer };

const largeDocument = 64 * 1024;
const block = 16 * 1024;

/**
 * Large documents are nearly all base64, which is ASCII. Blocks of ASCII are copied as they are, so that the text takes one
 * byte a character, not two, for the sake of a few letters beyond ASCII elsewhere in the document.
 */
function decodeLarge(bytes: Uint8Array): { readonly text: string; readonly clean: boolean } | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const latin = Buffer.allocUnsafeSlow(Math.ceil(view.length / 16) * 16);
  let length = 0;
  for (let from = 0; from < view.length; ) {
    let to = Math.min(from + block, view.length);
    if (isAscii(view.subarray(from, to))) {
      length += view.copy(latin, length, from, to);
    } else {
      // Characters of several bytes do not reach into a block of ASCII, so the pieces can be decoded one by one.
      while (to < view.length && !isAscii(view.subarray(to, to + block))) to = Math.min(to + block, view.length);
      const piece = (from === 0 ? utf8 : utf8Inside).decode(view.subarray(from, to));
      if (/[^\0-\u00ff]/.test(piece)) return undefined;
      length += latin.write(piece, length, "latin1");
    }
    from = to;
  }
  latin.fill(32, length);
  const large = {
    text: latin.toString("latin1", 0, length),
    clean: !holdsControls(latin, new Int32Array(latin.buffer), latin.length),
  };
  // Now, and not when a collection comes: the document, this, and its text are all that there may be at a time.
  (latin.buffer as Transferable).transfer(0);
  return large;
}

/** Whether a byte below 32 that is no white space stands in it, sixteen bytes a step. The length is a multiple of 16. */
function holdsControls(bytes: Uint8Array, words: Int32Array, length: number): boolean {
  const blanks = 0x20202020;
  const tops = 0x80808080 | 0;
  for (let n = 0; n < length / 4; n += 4) {
    const a = words[n] as number;
    const b = words[n + 1] as number;
    const c = words[n + 2] as number;
    const d = words[n + 3] as number;
    // A byte below 32 borrows into its top bit, which it does not have of its own; a borrow from a neighbour only adds looks.
    if (((((a - blanks) & ~a) | ((b - blanks) & ~b) | ((c - blanks) & ~c) | ((d - blanks) & ~d)) & tops) === 0)
      continue;
    for (let at = n * 4; at < n * 4 + 16; at++) {
      const byte = bytes[at] as number;
      if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13) return true;
    }
  }
  return false;
}

function decodeUtf16(bytes: Uint8Array, encoding: "utf-16le" | "utf-16be"): DecodedBytes {
  let text: string;
  try {
    // The caller has taken the mark off; a second one is a character, and a fault.
    text = new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const before = new TextDecoder(encoding).decode(bytes).split("\ufffd", 1)[0] ?? "";
    throw mismatch(encoding, "a byte sequence that is not UTF-16", before.split("\n").length);
  }
  const declared = declaredEncoding(text.slice(0, 256));
  if (declared !== undefined && declared !== "utf-16" && declared !== encoding) {
    throw mismatch("the declared encoding", `bytes in ${encoding}`);
  }
  return { text, encoding };
}

function declaredEncoding(head: string): string | undefined {
  const name = declaration.exec(head)?.[1]?.toLowerCase();
  return name === undefined ? undefined : (aliases[name] ?? name);
}

function mismatch(expected: string, found: string, line = 1): HelsekontaktError {
  return new HelsekontaktError("xml/encoding", `expected bytes in ${expected}, found ${found} on line ${line}`, {
    context: { line },
  });
}

/** The first line whose bytes fail; for encodings in which a line feed is a byte of its own. */
function lineOf(bytes: Uint8Array, good: (line: Uint8Array) => boolean): number {
  let line = 1;
  for (let from = 0, to = bytes.indexOf(10); to >= 0; from = to + 1, to = bytes.indexOf(10, from)) {
    if (!good(bytes.subarray(from, to))) break;
    line++;
  }
  return line;
}

function isWindows1252(bytes: Uint8Array): boolean {
  return !bytes.some((b) => b === 0x81 || b === 0x8d || b === 0x8f || b === 0x90 || b === 0x9d);
}

function latin1(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, length)).toString("latin1");
}
