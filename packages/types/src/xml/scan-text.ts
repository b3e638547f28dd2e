import type { Buffer } from "node:buffer";

/** For a byte of a text: 2 where a closer look is needed, 1 beyond ASCII, 0 for what means only itself. */
export const textTable: Uint8Array = classes("<&]\r");
/** The same for a value, whichever quotes it has. */
export const valueTable: Uint8Array = classes("\"'<&\r\n\t");

function classes(meaning: string): Uint8Array {
  const table = new Uint8Array(256).fill(2, 0, 32).fill(1, 128);
  for (const c of "\t\n\r") table[c.charCodeAt(0)] = 0;
  for (const c of meaning) table[c.charCodeAt(0)] = 2;
  // U+FFFE and U+FFFF, which XML forbids, begin with it.
  table[0xef] = 2;
  return table;
}

export const NOTHING = 0;
/** There are bytes beyond ASCII. */
export const WIDE = 1;
/** There may be a character that XML forbids. */
export const FORBIDDEN = 2;

/**
 * What stands in a range of bytes, sixteen a step: bits of {@link WIDE} and {@link FORBIDDEN}.
 *
 * @param words - the same memory, four bytes at a time, from the byte `lead` on.
 */
export function survey(bytes: Uint8Array, words: Int32Array, lead: number, from: number, to: number): number {
  let found = NOTHING;
  let at = from;
  for (; at < to && ((at - lead) & 3) !== 0; at++) found |= ofByte(bytes[at] as number);
  const blanks = 0x20202020;
  const tops = 0x80808080 | 0;
  let all = 0;
  let controls = 0;
  const last = (to - lead) >> 2;
  let n = (at - lead) >> 2;
  for (; n + 4 <= last; n += 4) {
    const a = words[n] as number;
    const b = words[n + 1] as number;
    const c = words[n + 2] as number;
    const d = words[n + 3] as number;
    all |= a | b | c | d;
    // A byte below 32 borrows into its top bit, which it does not have of its own; a borrow from a neighbour only adds looks.
    controls = ((a - blanks) & ~a) | ((b - blanks) & ~b) | ((c - blanks) & ~c) | ((d - blanks) & ~d);
    if ((controls & tops) === 0) continue;
    for (let k = lead + n * 4; k < lead + n * 4 + 16; k++) found |= ofByte(bytes[k] as number);
  }
  if ((all & tops) !== 0) found |= WIDE;
  for (at = Math.max(at, lead + n * 4); at < to; at++) found |= ofByte(bytes[at] as number);
  return found;
}

function ofByte(c: number): number {
  if (c > 127) return WIDE;
  return c < 32 && c !== 9 && c !== 10 && c !== 13 ? FORBIDDEN : NOTHING;
}

/** U+FFFE and U+FFFF. */
const nonCharacters: readonly string[] = ["\u00ef\u00bf\u00be", "\u00ef\u00bf\u00bf"];

/** Offset of the first character that XML forbids, in a text of one byte a character; -1 when there is none. */
export function firstForbidden(text: string, hasControls: boolean, isUtf8: boolean): number {
  // No encoding of one byte a character has the others.
  const found = isUtf8 ? nonCharacters.map((char) => text.indexOf(char)) : [];
  // One search for each is faster than one pattern for all.
  for (let c = 0; c < (hasControls ? 32 : 0); c++)
    if (c !== 9 && c !== 10 && c !== 13) found.push(text.indexOf(String.fromCharCode(c)));
  return found.reduce((first, at) => (at >= 0 && (first < 0 || at < first) ? at : first), -1);
}

const entities: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

/** What a reference stands for, between `&` and `;`; `undefined` for none. */
export function referenceOf(text: string, from: number, to: number): string | undefined {
  return text.charCodeAt(from) === 35 ? characterOf(text, from + 1, to) : entities.get(text.slice(from, to));
}

/** The character that `65` or `x41` stands for, between two places. */
function characterOf(raw: string, from: number, to: number): string | undefined {
  const hex = raw.charCodeAt(from) === 120;
  let at = hex ? from + 1 : from;
  if (at >= to || to - at > 10) return undefined;
  let point = 0;
  for (; at < to; at++) {
    const digit = digitOf(raw.charCodeAt(at));
    if (digit < 0 || (!hex && digit > 9)) return undefined;
    point = point * (hex ? 16 : 10) + digit;
  }
  const allowed =
    point === 9 ||
    point === 10 ||
    point === 13 ||
    (point >= 0x20 && point <= 0xd7ff) ||
    (point >= 0xe000 && point <= 0xfffd) ||
    (point >= 0x10000 && point <= 0x10ffff);
  return allowed ? String.fromCodePoint(point) : undefined;
}

function digitOf(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** Line ends become line feeds; in attributes white space becomes blanks. */
export function tidy(text: string, attribute: boolean): string {
  if (attribute)
    return text.includes("\n") || text.includes("\t") || text.includes("\r")
      ? text.replaceAll(/\r\n|[\r\n\t]/g, " ")
      : text;
  return text.includes("\r") ? text.replaceAll(/\r\n?/g, "\n") : text;
}

/** UTF-16 code units that bytes of valid UTF-8 make. */
export function unitsOf(bytes: Buffer, from: number, to: number): number {
  let units = 0;
  for (let at = from; at < to; at++) {
    const c = bytes[at] as number;
    if ((c & 0xc0) !== 0x80) units += c >= 0xf0 ? 2 : 1;
  }
  return units;
}

export function isSpace(c: number): boolean {
  return c === 32 || c === 10 || c === 13 || c === 9;
}
