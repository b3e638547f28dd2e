import { HelsekontaktError } from "@helsekontakt/core";
import { derBytes, tlv } from "./der-writer.ts";

/** Deepest nesting that is followed; a signed and enveloped message needs about twelve levels. */
const MAX_DEPTH = 32;
/** Most children of one element; the largest sets in use (certificates, recipients) have a handful. */
const MAX_CHILDREN = 1024;

function fault(reason: string): HelsekontaktError {
  return new HelsekontaktError("protection/not-cms", `expected a CMS structure in BER, found ${reason}`);
}

interface Head {
  readonly tag: number;
  readonly contentStart: number;
  /** Without the end-of-contents octets. */
  readonly contentEnd: number;
  readonly end: number;
}

function readHead(bytes: Buffer, start: number, limit: number, depth: number): Head {
  if (depth > MAX_DEPTH) throw fault(`more than ${MAX_DEPTH} levels`);
  if (start + 2 > limit) throw fault("an element cut off in its head");
  const tag = bytes[start] as number;
  // Long-form tags do not occur in the structures read here.
  if ((tag & 31) === 31) throw fault("a tag number above 30");
  let size = bytes[start + 1] as number;
  let at = start + 2;
  if (size === 128) {
    if ((tag & 32) === 0) throw fault("a primitive element of indefinite length");
    const contentStart = at;
    for (;;) {
      if (at + 2 > limit) throw fault("no end of an element of indefinite length");
      if (bytes[at] === 0 && bytes[at + 1] === 0) return { tag, contentStart, contentEnd: at, end: at + 2 };
      at = readHead(bytes, at, limit, depth + 1).end;
    }
  }
  if (size > 128) {
    const octets = size & 127;
    if (octets > 4 || at + octets > limit) throw fault("a length that is too long");
    size = 0;
    for (let i = 0; i < octets; i++) size = size * 256 + (bytes[at++] as number);
  }
  if (at + size > limit) throw fault("a length beyond the end");
  return { tag, contentStart: at, contentEnd: at + size, end: at + size };
}

/**
 * One BER element over bytes that stay where they are. Nothing is copied and children are looked up when asked for, so a
 * hostile structure costs time in proportion to its size and no memory.
 *
 * Every method throws `protection/not-cms` when the bytes do not have the form asked for.
 *
 * @internal
 * @see X.690, section 8
 */
export class BerElement {
  /** Identifier octet: class, constructed bit, number. */
  readonly tag: number;
  /** The whole element, head included. */
  readonly raw: Buffer;
  /** Contents octets. */
  readonly value: Buffer;
  readonly #depth: number;
  #children: BerElement[] | undefined;

  constructor(bytes: Buffer, start: number, head: Head, depth: number) {
    this.tag = head.tag;
    this.raw = bytes.subarray(start, head.end);
    this.value = bytes.subarray(head.contentStart, head.contentEnd);
    this.#depth = depth;
  }

  /** Child elements of a constructed element. */
  get children(): readonly BerElement[] {
    if (this.#children !== undefined) return this.#children;
    if ((this.tag & 32) === 0) throw fault("a primitive element where a constructed one belongs");
    const children: BerElement[] = [];
    for (let at = 0; at < this.value.length; ) {
      if (children.length === MAX_CHILDREN) throw fault(`more than ${MAX_CHILDREN} elements in one`);
      const head = readHead(this.value, at, this.value.length, this.#depth + 1);
      children.push(new BerElement(this.value, at, head, this.#depth + 1));
      at = head.end;
    }
    this.#children = children;
    return children;
  }

  /** The descendant at these positions. */
  at(...path: readonly number[]): BerElement {
    return path.reduce<BerElement>((element, index) => {
      const child = element.children[index];
      if (child === undefined) throw fault("too few elements");
      return child;
    }, this);
  }

  /** The element itself, when it has this tag. */
  expect(tag: number): BerElement {
    if (this.tag !== tag) throw fault(`tag ${this.tag.toString(16)} where ${tag.toString(16)} belongs`);
    return this;
  }

  /**
   * Octets of a string type, joined when they are split into segments. `tag` is the primitive form: `0x04`, or `0x80` and
   * up for an implicitly tagged one.
   */
  octets(tag = 0x04): Buffer {
    if (this.tag === tag) return this.value;
    this.expect(tag | 32);
    const joined = Buffer.allocUnsafe(this.value.length);
    return joined.subarray(0, copySegments(this.value, joined, 0, this.#depth + 1));
  }
}

/** Copies the segments of a constructed OCTET STRING; returns where they end in `into`. */
function copySegments(bytes: Buffer, into: Buffer, offset: number, depth: number): number {
  let end = offset;
  for (let at = 0; at < bytes.length; ) {
    const head = readHead(bytes, at, bytes.length, depth);
    const content = bytes.subarray(head.contentStart, head.contentEnd);
    if (head.tag === 0x04) end += content.copy(into, end);
    else if (head.tag === 0x24) end = copySegments(content, into, end, depth + 1);
    else throw fault("a segment that is no OCTET STRING");
    at = head.end;
  }
  return end;
}

/**
 * Reads one element that fills `bytes`. With `trailingZeros`, zero octets may follow it, as some senders pad.
 *
 * @internal
 * @throws {HelsekontaktError} `protection/not-cms`
 */
export function readBer(bytes: Uint8Array, options: { readonly trailingZeros?: boolean } = {}): BerElement {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = readHead(buffer, 0, buffer.length, 0);
  for (let at = head.end; at < buffer.length; at++) {
    if (options.trailingZeros !== true || buffer[at] !== 0) throw fault("bytes after the structure");
  }
  return new BerElement(buffer, 0, head, 0);
}

/**
 * The elements that stand one after the other in `contents`, however many: for lists that are longer than any part of a
 * message may be.
 *
 * @internal
 * @throws {HelsekontaktError} `protection/not-cms`
 */
export function* berElements(contents: Buffer): Generator<BerElement> {
  for (let at = 0; at < contents.length; ) {
    const head = readHead(contents, at, contents.length, 1);
    yield new BerElement(contents, at, head, 1);
    at = head.end;
  }
}

/** The dotted form of an OBJECT IDENTIFIER. @internal */
export function readObjectIdentifier(element: BerElement): string {
  const { value } = element.expect(0x06);
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of value) {
    if (arc > 2 ** 45) throw fault("an object identifier that is too large");
    arc = arc * 128 + (octet & 127);
    if (octet < 128) {
      if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
      else arcs.push(arc);
      arc = 0;
    }
  }
  if (value.length === 0 || ((value.at(-1) as number) & 128) !== 0) throw fault("an object identifier cut off");
  return arcs.join(".");
}

/**
 * The element in DER: definite shortest lengths, joined strings, SET OF sorted.
 *
 * @internal
 */
export function berToDer(element: BerElement, tag: number = element.tag, sorted: boolean = tag === 0x31): Buffer {
  if (element.tag === 0x24) return encode(0x04, element.octets());
  if ((element.tag & 32) === 0) return encode(tag, element.value);
  const children = element.children.map((child) => berToDer(child));
  return encode(tag, Buffer.concat(sorted ? children.sort(Buffer.compare) : children));
}

function encode(tag: number, value: Buffer): Buffer {
  return derBytes(tlv(tag, value));
}
