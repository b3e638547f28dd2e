/** Sets of code points as sorted, disjoint, inclusive ranges: what pattern analysis computes with. */
export type CharSet = readonly (readonly [number, number])[];

export const MAX_CODE_POINT = 0x10ffff;

export function normaliseSet(ranges: readonly (readonly [number, number])[]): CharSet {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const out: [number, number][] = [];
  for (const [lo, hi] of sorted) {
    const last = out.at(-1);
    if (last && lo <= last[1] + 1) last[1] = Math.max(last[1], hi);
    else out.push([lo, hi]);
  }
  return out;
}

export function complement(set: CharSet): CharSet {
  const out: [number, number][] = [];
  let from = 0;
  for (const [lo, hi] of set) {
    if (lo > from) out.push([from, lo - 1]);
    from = hi + 1;
  }
  if (from <= MAX_CODE_POINT) out.push([from, MAX_CODE_POINT]);
  return out;
}

export function union(a: CharSet, b: CharSet): CharSet {
  return normaliseSet([...a, ...b]);
}

export function subtract(a: CharSet, b: CharSet): CharSet {
  return complement(union(complement(a), b));
}

export function intersects(a: CharSet, b: CharSet): boolean {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const [al, ah] = a[i] as readonly [number, number];
    const [bl, bh] = b[j] as readonly [number, number];
    if (ah < bl) i++;
    else if (bh < al) j++;
    else return true;
  }
  return false;
}

export function contains(set: CharSet, point: number): boolean {
  return set.some(([lo, hi]) => point >= lo && point <= hi);
}

export function sameSet(a: CharSet, b: CharSet): boolean {
  return a.length === b.length && a.every(([lo, hi], i) => lo === b[i]?.[0] && hi === b[i]?.[1]);
}

const properties = new Map<string, CharSet>();

/** The code points with a Unicode property (`Nd`, `L`); undefined when there is no such property. Asked of the engine once. */
export function propertySet(property: string): CharSet | undefined {
  const known = properties.get(property);
  if (known) return known;
  let pattern: RegExp;
  try {
    pattern = new RegExp(`\\p{${property}}`, "u");
  } catch {
    return undefined;
  }
  const out: [number, number][] = [];
  let start = -1;
  for (let point = 0; point <= MAX_CODE_POINT + 1; point++) {
    const inside = point <= MAX_CODE_POINT && pattern.test(String.fromCodePoint(point));
    if (inside && start < 0) start = point;
    if (!inside && start >= 0) {
      out.push([start, point - 1]);
      start = -1;
    }
  }
  properties.set(property, out);
  return out;
}

/** `\i`: characters that may start an XML name. */
export const nameStart: CharSet = normaliseSet([
  [0x3a, 0x3a],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
  [0xc0, 0xd6],
  [0xd8, 0xf6],
  [0xf8, 0x2ff],
  [0x370, 0x37d],
  [0x37f, 0x1fff],
  [0x200c, 0x200d],
  [0x2070, 0x218f],
  [0x2c00, 0x2fef],
  [0x3001, 0xd7ff],
  [0xf900, 0xfdcf],
  [0xfdf0, 0xfffd],
  [0x10000, 0xeffff],
]);

/** `\c`: characters of an XML name. */
export const nameChar: CharSet = union(
  nameStart,
  normaliseSet([
    [0x2d, 0x2e],
    [0x30, 0x39],
    [0xb7, 0xb7],
    [0x300, 0x36f],
    [0x203f, 0x2040],
  ]),
);

/** Unicode blocks that patterns may name as `\p{IsBlock}`. */
export const blocks: Readonly<Record<string, readonly [number, number]>> = {
  BasicLatin: [0, 0x7f],
  "Latin-1Supplement": [0x80, 0xff],
  "LatinExtended-A": [0x100, 0x17f],
  "LatinExtended-B": [0x180, 0x24f],
  IPAExtensions: [0x250, 0x2af],
  SpacingModifierLetters: [0x2b0, 0x2ff],
  CombiningDiacriticalMarks: [0x300, 0x36f],
  Greek: [0x370, 0x3ff],
  Cyrillic: [0x400, 0x4ff],
  LatinExtendedAdditional: [0x1e00, 0x1eff],
  GeneralPunctuation: [0x2000, 0x206f],
  CurrencySymbols: [0x20a0, 0x20cf],
  LetterlikeSymbols: [0x2100, 0x214f],
};
