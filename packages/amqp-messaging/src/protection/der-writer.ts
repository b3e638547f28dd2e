import { HelsekontaktError } from "@helsekontakt/core";

/**
 * A DER value that is not joined yet: large contents are carried by reference and copied once, at {@link derBytes}.
 *
 * @internal
 */
export interface Der {
  readonly size: number;
  readonly parts: readonly Uint8Array[];
}

/** Below this size parts are joined at once: many tiny parts would cost more than the copy. */
const JOIN_BELOW = 2048;

function lengthOctets(size: number): number[] {
  if (size < 128) return [size];
  const octets: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [128 + octets.length, ...octets];
}

/**
 * One element: tag (a single octet), length in the shortest form, contents in the order given.
 *
 * @internal
 * @see X.690, section 10.1
 */
export function tlv(tag: number, ...contents: readonly (Der | Uint8Array)[]): Der {
  let size = 0;
  const parts: Uint8Array[] = [];
  for (const content of contents) {
    if (content instanceof Uint8Array) {
      size += content.length;
      parts.push(content);
    } else {
      size += content.size;
      parts.push(...content.parts);
    }
  }
  const head = Uint8Array.from([tag, ...lengthOctets(size)]);
  const whole = { size: head.length + size, parts: [head, ...parts] };
  return whole.size < JOIN_BELOW ? { size: whole.size, parts: [Buffer.concat(whole.parts, whole.size)] } : whole;
}

/** The bytes; a value of one part is not copied. @internal */
export function derBytes(der: Der): Buffer<ArrayBuffer> {
  const [only] = der.parts;
  return der.parts.length === 1 && Buffer.isBuffer(only) && only.buffer instanceof ArrayBuffer
    ? (only as Buffer<ArrayBuffer>)
    : Buffer.concat(der.parts, der.size);
}

/** @internal */
export function sequence(...contents: readonly (Der | Uint8Array)[]): Der {
  return tlv(0x30, ...contents);
}

/**
 * SET OF: the elements are sorted by their encodings, as DER demands.
 *
 * @internal
 * @see X.690, section 11.6
 */
export function setOf(...elements: readonly (Der | Uint8Array)[]): Der {
  if (elements.length < 2) return tlv(0x31, ...elements);
  const encoded = elements.map((element) => (element instanceof Uint8Array ? element : derBytes(element)));
  return tlv(0x31, ...encoded.sort(Buffer.compare));
}

/** @internal */
export function octetString(bytes: Der | Uint8Array): Der {
  return tlv(0x04, bytes);
}

/** A BIT STRING without unused bits. @internal */
export function bitString(bytes: Uint8Array): Der {
  return tlv(0x03, Uint8Array.of(0), bytes);
}

/** A non-negative INTEGER: small numbers, or big-endian magnitude. @internal */
export function integer(value: number | Uint8Array): Der {
  if (typeof value === "number" && (!Number.isInteger(value) || value < 0 || value > 0x7fffffff)) {
    throw new HelsekontaktError("input/invalid", "expected an integer from 0 to 2147483647");
  }
  let bytes = typeof value === "number" ? Buffer.from(value.toString(16).padStart(8, "0"), "hex") : value;
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  bytes = bytes.subarray(start);
  return (bytes[0] ?? 0) > 127 || bytes.length === 0 ? tlv(0x02, Uint8Array.of(0), bytes) : tlv(0x02, bytes);
}

const encoded = new Map<string, Buffer>();

/** OBJECT IDENTIFIER from its dotted form; encoded once, so the bytes must not be changed. @internal */
export function objectIdentifier(dotted: string): Buffer {
  let bytes = encoded.get(dotted);
  if (bytes === undefined) {
    bytes = encodeObjectIdentifier(dotted);
    encoded.set(dotted, bytes);
  }
  return bytes;
}

function encodeObjectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const base128 = [arc & 127];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) base128.unshift(128 | (left & 127));
    octets.push(...base128);
  }
  return derBytes(tlv(0x06, Uint8Array.from(octets)));
}

/** @internal */
export const DER_NULL: Uint8Array = Uint8Array.of(5, 0);
/** @internal */
export const DER_TRUE: Uint8Array = Uint8Array.of(1, 1, 255);
