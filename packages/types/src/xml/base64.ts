import { Buffer } from "node:buffer";
import { HelsekontaktError } from "@helsekontakt/core";

/**
 * Decodes the text of a `Base64Container`. The codec keeps it as text, so that a message with a large attachment costs
 * nothing until the attachment is asked for.
 *
 * @param text - base64 with any white space.
 * @throws {HelsekontaktError} `input/invalid` when it is not base64.
 * @see XML Schema 1.0 part 2, section 3.2.16
 */
export function decodeBase64Content(text: string): Uint8Array {
  const compact = /\s/.test(text) ? text.replace(/\s+/g, "") : text;
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) {
    throw new HelsekontaktError("input/invalid", "expected base64 text, found other characters or a wrong length");
  }
  return Buffer.from(compact, "base64");
}

/** Encodes bytes as the text of a `Base64Container`, without line breaks. */
export function encodeBase64Content(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
