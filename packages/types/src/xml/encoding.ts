import { Buffer, isAscii, isUtf8 } from "node:buffer";
import { HelsekontaktError } from "@helsekontakt/core";
import { fromLatin9, fromWindows1252, hasAsciiNames, isLikeLatin1, utf8FromSingleByte } from "./single-byte.ts";

/** Text of a document and the encoding its bytes were in. */
export interface DecodedBytes {
  /** Without byte order mark. */
  readonly text: string;
  /** Lower case: `utf-8`, `utf-16le`, `utf-16be`, `iso-8859-1`, `iso-8859-15`, `windows-1252`, `us-ascii`. */
  readonly encoding: string;
}

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

  const declared = singleByteEncoding(bytes);
  switch (declared) {
    case "utf-8":
      return decodeUtf8(bytes, false);
    case "iso-8859-15":
      return { text: fromLatin9(bytes), encoding: declared };
    case "windows-1252":
      return { text: fromWindows1252(bytes), encoding: declared };
    default:
      // Not TextDecoder, whose label iso-8859-1 means windows-1252.
      return { text: latin1(bytes, bytes.byteLength), encoding: declared };
  }
}

/** A document as the scanner reads it: without byte order mark, its markup in ASCII. */
export interface ScannedBytes {
  readonly bytes: Buffer;
  /** Where they are not UTF-8, what a part means whose bytes are also characters of a text. */
  readonly decode?: (bytes: Uint8Array, text: string, from: number, to: number) => string;
}

/**
 * The bytes of an XML document to be read: those that were given where that is possible, because a copy in UTF-8 beside the
 * text would alone be twice a large document.
 *
 * @throws {HelsekontaktError} as {@link decodeXmlBytes}.
 */
export function scannedBytes(bytes: Uint8Array): ScannedBytes {
  const b0 = bytes[0];
  const b1 = bytes[1];
  if (b0 === 0xef && b1 === 0xbb && bytes[2] === 0xbf) {
    checkMarkedUtf8(bytes);
    return { bytes: viewOf(bytes, 3) };
  }
  if (b0 === 0xfe && b1 === 0xff) return { bytes: utf8FromUtf16(bytes.subarray(2), "utf-16be") };
  if (b0 === 0xff && b1 === 0xfe) return { bytes: utf8FromUtf16(bytes.subarray(2), "utf-16le") };
  if (b0 === 0x3c && b1 === 0) return { bytes: utf8FromUtf16(bytes, "utf-16le") };
  if (b0 === 0 && b1 === 0x3c) return { bytes: utf8FromUtf16(bytes, "utf-16be") };
  const declared = singleByteEncoding(bytes);
  const view = viewOf(bytes, 0);
  if (declared === "utf-8") {
    if (!isUtf8(view)) throw notUtf8(bytes);
    return { bytes: view };
  }
  if (declared === "us-ascii" || isAscii(view)) return { bytes: view };
  if (!hasAsciiNames(view)) return { bytes: utf8FromSingleByte(view, declared) };
  return { bytes: view, decode: decoderOf(declared) };
}

function decoderOf(encoding: "iso-8859-1" | "iso-8859-15" | "windows-1252"): NonNullable<ScannedBytes["decode"]> {
  if (encoding === "iso-8859-1") return (_, text, from, to) => text.slice(from, to);
  const decode = encoding === "iso-8859-15" ? fromLatin9 : fromWindows1252;
  return (bytes, text, from, to) => {
    const part = bytes.subarray(from, to);
    return isLikeLatin1(part, encoding) ? text.slice(from, to) : decode(part);
  };
}

function viewOf(bytes: Uint8Array, from: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, bytes.byteLength - from);
}

type SingleByte = "utf-8" | "iso-8859-1" | "iso-8859-15" | "us-ascii" | "windows-1252";

/** The encoding of a document without byte order mark whose characters of markup are bytes; the bytes belong to it unless it is UTF-8. */
function singleByteEncoding(bytes: Uint8Array): SingleByte {
  const declared = hasUsualHead(bytes) ? "utf-8" : declaredEncoding(latin1(bytes, 256));
  switch (declared) {
    case undefined:
    case "utf-8":
      return "utf-8";
    case "iso-8859-1":
    case "iso-8859-15":
      return declared;
    case "us-ascii":
      if (!isAscii(bytes)) throw mismatch("us-ascii", "a byte above 127", lineOf(bytes, isAscii));
      return declared;
    case "windows-1252":
      if (!isWindows1252(bytes))
        throw mismatch("windows-1252", "a byte that it leaves undefined", lineOf(bytes, isWindows1252));
      return declared;
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
  if (marked) checkMarkedUtf8(bytes);
  else if (!isUtf8(bytes)) throw notUtf8(bytes);
  // Asking first and decoding leniently then is faster than the decoder that refuses.
  return { text: viewOf(bytes, marked ? 3 : 0).toString("utf8"), encoding: "utf-8" };
}

/** Bytes that begin with the mark of UTF-8. */
function checkMarkedUtf8(bytes: Uint8Array): void {
  if (!isUtf8(bytes)) throw notUtf8(bytes);
  const declared = declaredEncoding(latin1(bytes.subarray(3), 256));
  if (declared !== undefined && declared !== "utf-8")
    throw mismatch("the declared encoding", "a UTF-8 byte order mark");
}

function notUtf8(bytes: Uint8Array): HelsekontaktError {
  return mismatch("utf-8", "a byte sequence that is not UTF-8", lineOf(bytes, isUtf8));
}

/** How nearly every message begins; it says nothing that has to be looked up. */
export const usualHead = '<?xml version="1.0" encoding="UTF-8"?>';
const usualHeadBytes = Buffer.from(usualHead);

function hasUsualHead(bytes: Uint8Array): boolean {
  if (bytes.length < usualHeadBytes.length) return false;
  for (let n = 0; n < usualHeadBytes.length; n++) if (bytes[n] !== usualHeadBytes[n]) return false;
  return true;
}

type Utf16 = "utf-16le" | "utf-16be";

function decodeUtf16(bytes: Uint8Array, encoding: Utf16): DecodedBytes {
  let text = "";
  eachPieceOfUtf16(bytes, encoding, (piece) => (text += piece));
  return { text, encoding };
}

/** Without a text of the whole in between. */
function utf8FromUtf16(bytes: Uint8Array, encoding: Utf16): Buffer {
  let length = 0;
  eachPieceOfUtf16(bytes, encoding, (piece) => (length += Buffer.byteLength(piece)));
  const out = Buffer.allocUnsafeSlow(length);
  let at = 0;
  eachPieceOfUtf16(bytes, encoding, (piece) => (at += out.write(piece, at)));
  return out;
}

function eachPieceOfUtf16(bytes: Uint8Array, encoding: Utf16, take: (piece: string) => void): void {
  // The caller has taken the mark off; a second one is a character, and a fault.
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  for (let from = 0; from < bytes.length || from === 0; from += utf16Block) {
    const isLast = from + utf16Block >= bytes.length;
    let piece: string;
    try {
      piece = decoder.decode(bytes.subarray(from, from + utf16Block), { stream: !isLast });
    } catch {
      const before = new TextDecoder(encoding).decode(bytes).split("\ufffd", 1)[0] ?? "";
      throw mismatch(encoding, "a byte sequence that is not UTF-16", before.split("\n").length);
    }
    const declared = from === 0 ? declaredEncoding(piece.slice(0, 256)) : undefined;
    if (declared !== undefined && declared !== "utf-16" && declared !== encoding)
      throw mismatch("the declared encoding", `bytes in ${encoding}`);
    take(piece);
  }
}

const utf16Block = 64 * 1024;

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
