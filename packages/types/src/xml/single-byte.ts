import { Buffer, isAscii } from "node:buffer";

// The two encodings that differ from ISO-8859-1 in a few places. A library of encodings takes longer to load than the whole
// codec, and the engine's own decoder of windows-1252 reads it as ISO-8859-1 in some of the versions in use.

/** What stands in windows-1252 from 0x80 to 0x9f; what it leaves undefined is a blank here. */
const windows1252Upper = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";
/** What ISO-8859-15 has at other places than ISO-8859-1. */
const latin9Places: Readonly<Record<number, string>> = {
  0xa4: "€",
  0xa6: "Š",
  0xa8: "š",
  0xb4: "Ž",
  0xb8: "ž",
  0xbc: "Œ",
  0xbd: "œ",
  0xbe: "Ÿ",
};

// Filled when the first document in the encoding comes: most programs never see one.
let windows1252: Uint16Array | undefined;
let latin9: Uint16Array | undefined;

function windows1252Table(): Uint16Array {
  windows1252 ??= Uint16Array.from({ length: 256 }, (_, byte) =>
    byte < 0x80 || byte > 0x9f ? byte : windows1252Upper.charCodeAt(byte - 0x80),
  );
  return windows1252;
}

function latin9Table(): Uint16Array {
  latin9 ??= Uint16Array.from({ length: 256 }, (_, byte) => latin9Places[byte]?.charCodeAt(0) ?? byte);
  return latin9;
}

/** Whether each byte of a text stands for the character of its number, as in ISO-8859-1. */
export function isLikeLatin1(bytes: Uint8Array, encoding: "iso-8859-15" | "windows-1252"): boolean {
  const table = encoding === "iso-8859-15" ? latin9Table() : windows1252Table();
  for (const byte of bytes) if (table[byte] !== byte) return false;
  return true;
}

/** Bytes in windows-1252, none of which may be one that it leaves undefined. */
export function fromWindows1252(bytes: Uint8Array): string {
  return byTable(bytes, windows1252Table());
}

/** Bytes in ISO-8859-15. */
export function fromLatin9(bytes: Uint8Array): string {
  return byTable(bytes, latin9Table());
}

/** Bytes in one of the encodings whose markup is ASCII, in UTF-8. Those of windows-1252 as for {@link fromWindows1252}. */
export function utf8FromSingleByte(bytes: Uint8Array, encoding: "iso-8859-1" | "iso-8859-15" | "windows-1252"): Buffer {
  if (encoding === "iso-8859-1")
    return utf8ByTable(
      bytes,
      Uint16Array.from({ length: 256 }, (_, byte) => byte),
    );
  return utf8ByTable(bytes, encoding === "iso-8859-15" ? latin9Table() : windows1252Table());
}

function byTable(bytes: Uint8Array, table: Uint16Array): string {
  const out = Buffer.allocUnsafe(bytes.length * 2);
  for (let n = 0; n < bytes.length; n++) {
    const code = table[bytes[n] as number] as number;
    out[2 * n] = code;
    out[2 * n + 1] = code >> 8;
  }
  return out.toString("utf16le");
}

const block = 64 * 1024;

/** Piece by piece, without a text of the whole in between: large documents are nearly all base64, which stays as it is. */
function utf8ByTable(bytes: Uint8Array, table: Uint16Array): Buffer {
  let length = bytes.length;
  for (let n = 0; n < bytes.length; n++) {
    const code = table[bytes[n] as number] as number;
    length += code > 0x7ff ? 2 : code > 0x7f ? 1 : 0;
  }
  const out = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (let from = 0; from < bytes.length; from += block) {
    const piece = bytes.subarray(from, from + block);
    if (isAscii(piece)) {
      out.set(piece, at);
      at += piece.length;
      continue;
    }
    for (let n = 0; n < piece.length; n++) {
      const code = table[piece[n] as number] as number;
      if (code < 0x80) {
        out[at++] = code;
        continue;
      }
      if (code < 0x800) {
        out[at++] = 0xc0 | (code >> 6);
      } else {
        out[at++] = 0xe0 | (code >> 12);
        out[at++] = 0x80 | ((code >> 6) & 0x3f);
      }
      out[at++] = 0x80 | (code & 0x3f);
    }
  }
  return out;
}

const LT = 60;
const GT = 62;
const QUOTE = 34;
const APOSTROPHE = 39;

/**
 * Whether all that may be read as a name, or as a namespace, is ASCII: then bytes beyond it stand in texts and values alone,
 * and a document can be read in its own encoding. False also for what this short look does not follow.
 */
export function hasAsciiNames(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(LT); at >= 0; at = bytes.indexOf(LT, at)) {
    const next = bytes[at + 1];
    // "!" and "?": of these the ends are looked for.
    const end = next === 33 ? sectionEnd(bytes, at) : next === 63 ? bytes.indexOf("?>", at) : tagEnd(bytes, at);
    if (end < 0 || (next === 63 && !isAscii(bytes.subarray(at, end)))) return false;
    at = end;
  }
  return true;
}

function sectionEnd(bytes: Buffer, at: number): number {
  if (bytes.toString("latin1", at, at + 4) === "<!--") return bytes.indexOf("-->", at + 4);
  return bytes.toString("latin1", at, at + 9) === "<![CDATA[" ? bytes.indexOf("]]>", at + 9) : -1;
}

/** Where a tag ends; -1 where a byte beyond ASCII stands outside of its values, or in a declaration of a namespace. */
function tagEnd(bytes: Buffer, start: number): number {
  let from = start + 1;
  for (let at = from; at < bytes.length; at++) {
    const c = bytes[at] as number;
    if (c === GT) return at;
    if (c > 127 || c === LT) return -1;
    if (c !== QUOTE && c !== APOSTROPHE) continue;
    const end = bytes.indexOf(c, at + 1);
    if (end < 0) return -1;
    if (bytes.toString("latin1", from, at).includes("xmlns") && !isAscii(bytes.subarray(at, end))) return -1;
    from = end + 1;
    at = end;
  }
  return -1;
}
