import { HelsekontaktError } from "@helsekontakt/core";

const segments = 64;
const firstSlots = 128;
/** Share of slots in use above which a segment doubles. */
const fullest = 0.8;

interface Segment {
  low: Uint32Array;
  /** Bits 0: in use, 1 to 4: the value, 5 to 9: the upper bits of the number. */
  high: Uint16Array;
  used: number;
}

/**
 * A number of 11 digits per entry, each with a value from 0 to 15; exact, not a filter. An entry takes 6 bytes in a table
 * that is between 0.4 and 0.8 full: a million numbers take 8 to 16 MB. The table grows in 64 parts, one at a time, so
 * that growing never holds it twice.
 */
export class NumberTable {
  readonly #max: number;
  readonly #segments: Segment[] = Array.from({ length: segments }, () => emptySegment(firstSlots));
  #size = 0;

  /** @param max - distinct numbers that it takes. */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of its tables. */
  get bytes(): number {
    return this.#segments.reduce((sum, s) => sum + s.low.byteLength + s.high.byteLength, 0);
  }

  get(digits: string): number | undefined {
    read(digits);
    const hash = hashOf(low, upper);
    const segment = this.#segments[hash & (segments - 1)] as Segment;
    const entry = segment.high[find(segment, low, upper, hash)] as number;
    return entry === 0 ? undefined : (entry >> 1) & 15;
  }

  /** @throws {HelsekontaktError} `input/too-large` for one number more than it takes */
  set(digits: string, value: number): void {
    this.#put(digits, value, undefined);
  }

  /**
   * Sets the value of a number that is not there, or has the value `over`.
   *
   * @returns false where the number has another value, which it keeps.
   * @throws {HelsekontaktError} `input/too-large` for one number more than it takes
   */
  claim(digits: string, value: number, over: number): boolean {
    return this.#put(digits, value, over);
  }

  #put(digits: string, value: number, over: number | undefined): boolean {
    read(digits);
    const hash = hashOf(low, upper);
    const segment = this.#segments[hash & (segments - 1)] as Segment;
    let slot = find(segment, low, upper, hash);
    const before = segment.high[slot] as number;
    if (before !== 0 && over !== undefined && ((before >> 1) & 15) !== over) return false;
    if (before === 0) {
      if (this.#size >= this.#max) throw tooMany(this.#max);
      this.#size++;
      if (++segment.used > segment.high.length * fullest) {
        grow(segment);
        slot = find(segment, low, upper, hash);
      }
      segment.low[slot] = low;
    }
    segment.high[slot] = (upper << 5) | (value << 1) | 1;
    return true;
  }
}

/** Where {@link read} leaves the lower 32 bits of a number, as a signed integer, and the five above them. */
let low = 0;
let upper = 0;

/**
 * Takes 11 digits in two parts of 17 and 20 bits. All of it in small integers, and no object: the parser of numbers, and
 * arithmetic beyond 32 bits, would show among a million.
 */
function read(digits: string): void {
  let [first, last] = [0, 0];
  for (let n = 0; n < 5; n++) first = (first * 10 + digits.charCodeAt(n) - 48) | 0;
  for (let n = 5; n < 11; n++) last = (last * 10 + digits.charCodeAt(n) - 48) | 0;
  low = (first << 20) | last;
  upper = first >> 12;
}

function emptySegment(slots: number): Segment {
  return { low: new Uint32Array(slots), high: new Uint16Array(slots), used: 0 };
}

/** The slot of the number, or the free one where it would be. */
function find({ low: lows, high }: Segment, lower: number, above: number, hash: number): number {
  const mask = lows.length - 1;
  for (let slot = (hash >>> 6) & mask; ; slot = (slot + 1) & mask) {
    const entry = high[slot] as number;
    if (entry === 0 || (((lows[slot] as number) | 0) === lower && entry >> 5 === above)) return slot;
  }
}

function grow(segment: Segment): void {
  const next = emptySegment(segment.low.length * 2);
  for (let slot = 0; slot < segment.low.length; slot++) {
    const entry = segment.high[slot] as number;
    if (entry === 0) continue;
    const lower = (segment.low[slot] as number) | 0;
    const to = find(next, lower, entry >> 5, hashOf(lower, entry >> 5));
    next.low[to] = lower;
    next.high[to] = entry;
  }
  segment.low = next.low;
  segment.high = next.high;
}

/** Numbers of persons are dense in days and sparse in years: all bits have to reach the lowest ones. */
function hashOf(lower: number, above: number): number {
  let h = Math.imul(lower ^ Math.imul(above, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function tooMany(max: number): HelsekontaktError {
  return new HelsekontaktError("input/too-large", `expected at most ${max} distinct numbers in one check, found more`, {
    hint: "split the list, or raise maxDistinct: a number takes 8 to 16 bytes",
  });
}
