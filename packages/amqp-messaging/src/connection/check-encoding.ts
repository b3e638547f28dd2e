/** Values in one message, elements of arrays included; a message of this protocol has some dozens. */
const mostValues = 100_000;
const mostDepth = 32;
const sections = { first: 0x70, last: 0x78, applicationProperties: 0x74, data: 0x75, sequence: 0x76 } as const;

/**
 * @internal Walks the encoding of a message without building anything: sizes within their parents, counts that are
 * there, known sections, no application property twice, a bounded depth and number of values. An array of some bytes may claim four thousand million
 * elements of no width, which rhea would make one by one; and rhea prints what it does not know as a section to the
 * console, content and all. So it never gets to see such a message.
 *
 * @throws {TypeError}
 * @see AMQP 1.0, part 1, section 1.2 Type Encodings; part 3, section 3.2 Message Format
 */
export function checkEncoding(bytes: Buffer): void {
  const walk = new Walk(bytes);
  const seen = new Set<number>();
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] !== 0x00) fail("a described section");
    const section = walk.descriptor(at + 1);
    if (!(section >= sections.first && section <= sections.last)) fail("a message section");
    const many = section === sections.data || section === sections.sequence;
    if (!many && seen.has(section)) fail("each section once");
    seen.add(section);
    const value = walk.value(at + 1, bytes.length, 1);
    at = walk.value(value, bytes.length, 1);
    // Of two that say who sends, each reader might take another. What brokers add on the way, annotations, is not judged.
    if (section === sections.applicationProperties && hasKeyTwice(bytes, value)) fail("each application property once");
  }
}

/** Whether a text is a key more than once, in whatever form, in a map that was walked; false for what is no map. */
function hasKeyTwice(bytes: Buffer, at: number): boolean {
  const code = bytes[at];
  if (code !== 0xc1 && code !== 0xd1) return false;
  const walk = new Walk(bytes);
  const wide = code === 0xd1;
  const count = wide ? bytes.readUInt32BE(at + 5) : bytes.readUInt8(at + 2);
  const seen = new Set<string>();
  let next = at + (wide ? 9 : 3);
  for (let i = 0; i < count; i += 2) {
    const kind = (bytes[next] ?? 0) & 0xef;
    const end = walk.value(next, bytes.length, 1);
    // A string or a symbol, its size in one byte or in four.
    if (kind === 0xa1 || kind === 0xa3) {
      const key = bytes.toString("latin1", next + (((bytes[next] ?? 0) & 0x10) === 0 ? 2 : 5), end);
      if (seen.has(key)) return true;
      seen.add(key);
    }
    next = walk.value(end, bytes.length, 1);
  }
  return false;
}

/**
 * @internal Where a message ends by the size of its first data section, from its first bytes: nothing is known of what may
 * come after that. Undefined when the first bytes do not say.
 */
export function endOfData(bytes: Buffer): number | undefined {
  const walk = new Walk(bytes);
  try {
    for (let at = 0; at + 8 <= bytes.length; at = walk.value(at, bytes.length, 1)) {
      const isData = bytes[at] === 0x00 && bytes[at + 1] === 0x53 && bytes[at + 2] === sections.data;
      if (isData) return bytes[at + 3] === 0xb0 ? at + 8 + bytes.readUInt32BE(at + 4) : undefined;
    }
  } catch {
    // A section before the data is longer than these bytes, or no section.
  }
  return undefined;
}

function fail(expected: string): never {
  throw new TypeError(`expected ${expected}`);
}

class Walk {
  readonly #bytes: Buffer;
  #values = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** A section's number: smallulong or ulong. */
  descriptor(at: number): number {
    const code = this.#bytes[at];
    if (code === 0x53) return this.#bytes[at + 1] ?? fail("a descriptor");
    if (code === 0x80 && at + 9 <= this.#bytes.length) return Number(this.#bytes.readBigUInt64BE(at + 1));
    return fail("a section's number");
  }

  /** Where the value that begins at `at` ends; at most `end`. */
  value(at: number, end: number, depth: number): number {
    if (at >= end) fail("a value");
    const code = this.#bytes[at] ?? 0;
    if (code !== 0x00) return this.#body(code, at + 1, end, depth);
    this.#count(depth);
    return this.value(this.value(at + 1, end, depth + 1), end, depth + 1);
  }

  /** What follows a constructor. The high digit of the code says how its size is told. */
  #body(code: number, at: number, end: number, depth: number): number {
    this.#count(depth);
    const kind = code >> 4;
    if (kind >= 0x4 && kind <= 0x9) return within(at + (kind === 0x4 ? 0 : 1 << (kind - 0x5)), end);
    const wide = (kind & 1) === 1;
    if (kind === 0xa || kind === 0xb) return within(at + (wide ? 4 : 1) + this.#number(at, end, wide), end);
    if (kind === 0xc || kind === 0xd) return this.#compound(code, at, end, depth, wide);
    if (kind === 0xe || kind === 0xf) return this.#array(at, end, depth, wide);
    return fail("a known type");
  }

  #compound(code: number, at: number, end: number, depth: number, wide: boolean): number {
    const width = wide ? 4 : 1;
    const stop = within(at + width + this.#number(at, end, wide), end);
    const count = this.#number(at + width, stop, wide);
    if ((code & 0x0f) === 1 && count % 2 !== 0) fail("a value for each key");
    let next = at + 2 * width;
    for (let i = 0; i < count; i++) next = this.value(next, stop, depth + 1);
    if (next !== stop) fail("nothing after the last item");
    return stop;
  }

  #array(at: number, end: number, depth: number, wide: boolean): number {
    const width = wide ? 4 : 1;
    const stop = within(at + width + this.#number(at, end, wide), end);
    const count = this.#number(at + width, stop, wide);
    let next = at + 2 * width;
    let code = this.#bytes[next++] ?? 0;
    if (code === 0x00) {
      next = this.value(next, stop, depth + 1);
      code = this.#bytes[next++] ?? 0;
    }
    within(next, stop);
    for (let i = 0; i < count; i++) next = this.#body(code, next, stop, depth + 1);
    if (next !== stop) fail("nothing after the last element");
    return stop;
  }

  #number(at: number, end: number, wide: boolean): number {
    within(at + (wide ? 4 : 1), end);
    return wide ? this.#bytes.readUInt32BE(at) : this.#bytes.readUInt8(at);
  }

  #count(depth: number): void {
    if (depth > mostDepth) fail(`at most ${mostDepth} levels`);
    if (++this.#values > mostValues) fail(`at most ${mostValues} values`);
  }
}

function within(at: number, end: number): number {
  return at <= end ? at : fail("a size within the bounds");
}
