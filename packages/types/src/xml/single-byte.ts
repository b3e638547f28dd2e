import { Buffer } from "node:buffer";

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

/** Bytes in windows-1252, none of which may be one that it leaves undefined. */
export function fromWindows1252(bytes: Uint8Array): string {
  windows1252 ??= Uint16Array.from({ length: 256 }, (_, byte) =>
    byte < 0x80 || byte > 0x9f ? byte : windows1252Upper.charCodeAt(byte - 0x80),
  );
  return byTable(bytes, windows1252);
}

/** Bytes in ISO-8859-15. */
export function fromLatin9(bytes: Uint8Array): string {
  latin9 ??= Uint16Array.from({ length: 256 }, (_, byte) => latin9Places[byte]?.charCodeAt(0) ?? byte);
  return byTable(bytes, latin9);
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
