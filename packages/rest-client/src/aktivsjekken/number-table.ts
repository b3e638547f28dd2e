import { HelsekontaktError } from "@helsekontakt/core";

const segmentBits = 9;
const segments = 2 ** segmentBits;
const firstSlots = 16;
/** Slots of a segment once there are more than a thousand numbers or two: enough for a million of them in all. */
const secondSlots = 2_700;
/** Share of slots in use above which a segment grows by half. */
const fullest = 0.8;

interface Segment {
  /** Of each entry 28 bits of its number, and above them four of its value and one; 0 is a free slot. */
  slots: Uint32Array<ArrayBuffer>;
  used: number;
}

/**
 * A number of 11 digits per entry, each with a value from 0 to 14; exact, not a filter. An entry takes 4 bytes. A
 * thousand numbers take 32 kB, up to a million take 5.5 MB that are there from then on, so that a long check does not grow;
 * beyond, the table grows in 512 parts, one at a time, and is between 0.53 and 0.8 full: 5 to 8 bytes a number.
 *
 * Numbers are mixed by a permutation of their 37 bits: nine choose the part, and only the other 28 have to be kept.
 */
export class NumberTable {
  readonly #max: number;
  readonly #segments: Segment[] = slices(firstSlots).map((slots) => ({ slots, used: 0 }));
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
    return this.#segments.reduce((sum, s) => sum + s.slots.byteLength, 0);
  }

  get(digits: string): number | undefined {
    mix(digits);
    const { slots } = this.#segments[part] as Segment;
    const entry = slots[find(slots, rest)] as number;
    return entry === 0 ? undefined : (entry >>> 28) - 1;
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
    mix(digits);
    const key = rest;
    const segment = this.#segments[part] as Segment;
    let slot = find(segment.slots, key);
    const before = segment.slots[slot] as number;
    if (before !== 0 && over !== undefined && (before >>> 28) - 1 !== over) return false;
    if (before === 0) {
      if (this.#size >= this.#max) throw tooMany(this.#max);
      this.#size++;
      if (++segment.used > segment.slots.length * fullest) {
        this.#grow(segment);
        slot = find(segment.slots, key);
      }
    }
    segment.slots[slot] = ((value + 1) << 28) | key;
    return true;
  }

  #grow(segment: Segment): void {
    if (segment.slots.length === firstSlots) {
      for (const [n, slots] of slices(secondSlots).entries()) move(this.#segments[n] as Segment, slots);
      return;
    }
    const { slots } = segment;
    move(segment, new Uint32Array(Math.ceil(slots.length * 1.5)));
    // Given back at once, and not when garbage is collected: the parts grow at about the same time, and what they leave
    // would lie between what they take.
    if (slots.byteLength === slots.buffer.byteLength) slots.buffer.transfer(0);
  }
}

/** Where {@link mix} leaves the part that a number belongs to, and the 28 bits that tell it from others there. */
let part = 0;
let rest = 0;

/**
 * Takes 11 digits in two parts of 17 and 20 bits, each changed in turn by the other, which can be undone: different
 * numbers stay different. All of it in small integers, and no object: the parser of numbers, and arithmetic beyond 32
 * bits, would show among a million.
 */
function mix(digits: string): void {
  let [first, last] = [0, 0];
  for (let n = 0; n < 5; n++) first = (first * 10 + digits.charCodeAt(n) - 48) | 0;
  for (let n = 5; n < 11; n++) last = (last * 10 + digits.charCodeAt(n) - 48) | 0;
  // Numbers of persons are dense in days and sparse in years: all bits have to reach the lowest ones.
  last ^= scramble(first) & 0xfffff;
  first ^= scramble(last) & 0x1ffff;
  last ^= scramble(first) & 0xfffff;
  part = first & (segments - 1);
  rest = ((first >>> segmentBits) << 20) | last;
}

function scramble(bits: number): number {
  let h = Math.imul(bits ^ 0x5bd1e995, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** The slot of the number, or the free one where it would be. */
function find(slots: Uint32Array, key: number): number {
  const { length } = slots;
  for (let slot = Math.floor(((Math.imul(key, 0x9e3779b1) >>> 0) * length) / 0x1_0000_0000); ; ) {
    const entry = slots[slot] as number;
    if (entry === 0 || (entry & 0xfff_ffff) === key) return slot;
    if (++slot === length) slot = 0;
  }
}

/** Slots for all segments in one piece. */
function slices(length: number): Uint32Array<ArrayBuffer>[] {
  const all = new Uint32Array(segments * length);
  return Array.from({ length: segments }, (_, n) => all.subarray(n * length, (n + 1) * length));
}

function move(segment: Segment, to: Uint32Array<ArrayBuffer>): void {
  for (const entry of segment.slots) if (entry !== 0) to[find(to, entry & 0xfff_ffff)] = entry;
  segment.slots = to;
}

function tooMany(max: number): HelsekontaktError {
  return new HelsekontaktError("input/too-large", `expected at most ${max} distinct numbers in one check, found more`, {
    hint: "split the list, or raise maxDistinct: a number takes 5 to 8 bytes",
  });
}
