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
    const n = Number(digits);
    const hash = hashOf(n);
    const segment = this.#segments[hash & (segments - 1)] as Segment;
    const high = segment.high[find(segment, n, hash)] as number;
    return high === 0 ? undefined : (high >> 1) & 15;
  }

  /** @throws {HelsekontaktError} `input/too-large` for one number more than it takes */
  set(digits: string, value: number): void {
    const n = Number(digits);
    const hash = hashOf(n);
    const segment = this.#segments[hash & (segments - 1)] as Segment;
    let slot = find(segment, n, hash);
    if (segment.high[slot] === 0) {
      if (this.#size >= this.#max) throw tooMany(this.#max);
      this.#size++;
      if (++segment.used > segment.high.length * fullest) {
        grow(segment);
        slot = find(segment, n, hash);
      }
      segment.low[slot] = n >>> 0;
    }
    segment.high[slot] = (Math.floor(n / 2 ** 32) << 5) | (value << 1) | 1;
  }
}

function emptySegment(slots: number): Segment {
  return { low: new Uint32Array(slots), high: new Uint16Array(slots), used: 0 };
}

/** The slot of the number, or the free one where it would be. */
function find({ low, high }: Segment, n: number, hash: number): number {
  const mask = low.length - 1;
  const lower = n >>> 0;
  const upper = Math.floor(n / 2 ** 32);
  for (let slot = (hash >>> 6) & mask; ; slot = (slot + 1) & mask) {
    const entry = high[slot] as number;
    if (entry === 0 || (low[slot] === lower && entry >> 5 === upper)) return slot;
  }
}

function grow(segment: Segment): void {
  const { low, high } = segment;
  const next = emptySegment(low.length * 2);
  for (let slot = 0; slot < low.length; slot++) {
    const entry = high[slot] as number;
    if (entry === 0) continue;
    const n = (entry >> 5) * 2 ** 32 + (low[slot] as number);
    const to = find(next, n, hashOf(n));
    next.low[to] = low[slot] as number;
    next.high[to] = entry;
  }
  segment.low = next.low;
  segment.high = next.high;
}

/** Numbers of persons are dense in days and sparse in years: all bits have to reach the lowest ones. */
function hashOf(n: number): number {
  let h = Math.imul((n >>> 0) ^ Math.imul(Math.floor(n / 2 ** 32), 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function tooMany(max: number): HelsekontaktError {
  return new HelsekontaktError("input/too-large", `expected at most ${max} distinct numbers in one check, found more`, {
    hint: "split the list, or raise maxDistinct: a number takes 8 to 16 bytes",
  });
}
