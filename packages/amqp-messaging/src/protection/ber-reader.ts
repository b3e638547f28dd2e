import { HelsekontaktError } from "@helsekontakt/core";
import { derBytes, tlv } from "./der-writer.ts";

/** Deepest nesting that is followed; a signed and enveloped message needs about twelve levels. */
const MAX_DEPTH = 32;
/** Most children of one element; the largest sets in use (certificates, recipients) have a handful. */
const MAX_CHILDREN = 1024;
/**
 * Most elements that are looked at in one structure. The largest message in segments of a kilobyte, each passed once for
 * every level of indefinite length around it, needs less; a hostile one would hold up the event loop.
 */
const MAX_ELEMENTS = 500_000;

/** What may still be looked at; shared by all elements of a structure. */
interface Budget {
  left: number;
}

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

function readHead(bytes: Buffer, start: number, limit: number, depth: number, budget: Budget): Head {
  if (depth > MAX_DEPTH) throw fault(`more than ${MAX_DEPTH} levels`);
  if (--budget.left < 0) throw fault(`more than ${MAX_ELEMENTS} elements`);
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
      at = readHead(bytes, at, limit, depth + 1, budget).end;
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
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #head: Head;
  readonly #depth: number;
  readonly #budget: Budget;
  #children: BerElement[] | undefined;

  constructor(bytes: Buffer, start: number, head: Head, depth: number, budget: Budget) {
    this.tag = head.tag;
    this.#bytes = bytes;
    this.#start = start;
    this.#head = head;
    this.#depth = depth;
    this.#budget = budget;
  }

  /** The whole element, head included. */
  get raw(): Buffer {
    return this.#bytes.subarray(this.#start, this.#head.end);
  }

  /** Contents octets. */
  get value(): Buffer {
    return this.#bytes.subarray(this.#head.contentStart, this.#head.contentEnd);
  }

  /** Child elements of a constructed element. */
  get children(): readonly BerElement[] {
    if (this.#children !== undefined) return this.#children;
    if ((this.tag & 32) === 0) throw fault("a primitive element where a constructed one belongs");
    const children: BerElement[] = [];
    const { contentStart, contentEnd } = this.#head;
    for (let at = contentStart; at < contentEnd; ) {
      if (children.length === MAX_CHILDREN) throw fault(`more than ${MAX_CHILDREN} elements in one`);
      const head = readHead(this.#bytes, at, contentEnd, this.#depth + 1, this.#budget);
      children.push(new BerElement(this.#bytes, at, head, this.#depth + 1, this.#budget));
      at = head.end;
    }
    this.#children = children;
    return children;
  }

  /** The descendant at these positions. */
  at(...path: readonly number[]): BerElement {
    return descend(this, path);
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
    const found = this.segments(tag);
    return found.length === 1 ? (found[0] as Buffer) : Buffer.concat(found);
  }

  /** The same without joining them. */
  segments(tag = 0x04): Buffer[] {
    if (this.tag === tag) return [this.value];
    this.expect(tag | 32);
    const found: Buffer[] = [];
    collectSegments(this.value, found, this.#depth + 1, this.#budget);
    return found;
  }
}

function descend(from: BerElement, path: readonly number[]): BerElement {
  let element = from;
  for (const index of path) {
    const child = element.children[index];
    if (child === undefined) throw fault("too few elements");
    element = child;
  }
  return element;
}

function collectSegments(bytes: Buffer, into: Buffer[], depth: number, budget: Budget): void {
  for (let at = 0; at < bytes.length; ) {
    const head = readHead(bytes, at, bytes.length, depth, budget);
    const content = bytes.subarray(head.contentStart, head.contentEnd);
    if (head.tag === 0x04) into.push(content);
    else if (head.tag === 0x24) collectSegments(content, into, depth + 1, budget);
    else throw fault("a segment that is no OCTET STRING");
    at = head.end;
  }
}

/**
 * Reads one element that fills `bytes`. With `trailingZeros`, zero octets may follow it, as some senders pad.
 *
 * @internal
 * @throws {HelsekontaktError} `protection/not-cms`
 */
export function readBer(bytes: Uint8Array, options: { readonly trailingZeros?: boolean } = {}): BerElement {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const budget = { left: MAX_ELEMENTS };
  const head = readHead(buffer, 0, buffer.length, 0, budget);
  for (let at = head.end; at < buffer.length; at++) {
    if (options.trailingZeros !== true || buffer[at] !== 0) throw fault("bytes after the structure");
  }
  return new BerElement(buffer, 0, head, 0, budget);
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
    const budget = { left: MAX_ELEMENTS };
    const head = readHead(contents, at, contents.length, 1, budget);
    yield new BerElement(contents, at, head, 1, budget);
    at = head.end;
  }
}

/** The dotted forms of encodings that have been read: a few dozen recur in every message. */
const dotted = new Map<string, string>();
const MAX_DOTTED = 256;

/** The dotted form of an OBJECT IDENTIFIER. @internal */
export function readObjectIdentifier(element: BerElement): string {
  const { value } = element.expect(0x06);
  const key = value.toString("latin1");
  let found = dotted.get(key);
  if (found === undefined) {
    found = decodeObjectIdentifier(value);
    if (dotted.size < MAX_DOTTED) dotted.set(key, found);
  }
  return found;
}

function decodeObjectIdentifier(value: Buffer): string {
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
