import { type CharSet, contains } from "@helsekontakt/gen-xsd/src/chars.ts";
import type { Value } from "./fact.ts";
import { parsePattern, PatternError, type Re } from "@helsekontakt/gen-xsd/src/pattern-parse.ts";

/** How two patterns stand to each other; `unknown` when that cannot be decided within the budget. */
export type PatternOrder = "equal" | "narrowed" | "widened" | "crossing" | "unknown";

/** Pairs of states that are looked at; patterns of codes and numbers need a few dozen. */
const budget = 3_000;

/**
 * Decides by derivatives which texts two patterns let through: a pattern that is only written in another way is equal.
 *
 * @param before - in XSD's language; JSON Schema's is a superset of what specs use, without the anchors
 * @see Brzozowski, Derivatives of Regular Expressions (1964)
 */
export function comparePatterns(before: string, after: string): PatternOrder {
  let a: Re;
  let b: Re;
  try {
    a = parsePattern(before);
    b = parsePattern(after);
  } catch (error) {
    if (error instanceof PatternError) return "unknown";
    throw error;
  }
  let onlyA = false;
  let onlyB = false;
  const seen = new Set<string>();
  const open: [Re, Re][] = [[a, b]];
  while (open.length > 0) {
    const [x, y] = open.pop() as [Re, Re];
    const key = `${keyOf(x)}\u0000${keyOf(y)}`;
    if (seen.has(key)) continue;
    if (seen.size >= budget) return "unknown";
    seen.add(key);
    if (nullable(x) && !nullable(y)) onlyA = true;
    if (nullable(y) && !nullable(x)) onlyB = true;
    if (onlyA && onlyB) return "crossing";
    for (const point of representatives([x, y])) {
      const [dx, dy] = [derive(x, point), derive(y, point)];
      if (dx === undefined && dy === undefined) continue;
      open.push([dx ?? never, dy ?? never]);
    }
  }
  return onlyA ? "narrowed" : onlyB ? "widened" : "equal";
}

/** Both languages on one footing: XSD's one pattern of a step, JSON Schema's without anchors. */
export function patternText(value: Value | undefined): string {
  if (Array.isArray(value)) return value.length === 1 ? String(value[0]) : "\\";
  return typeof value === "string" ? value.replace(/^\^/, "").replace(/\$$/, "") : "\\";
}

const never: Re = { kind: "alt", items: [] };
const empty: Re = { kind: "seq", items: [] };

function nullable(re: Re): boolean {
  switch (re.kind) {
    case "class":
      return false;
    case "seq":
      return re.items.every(nullable);
    case "alt":
      return re.items.some(nullable);
    default:
      return re.min === 0 || nullable(re.item);
  }
}

/** What remains to be matched after one character; undefined when it does not fit. */
function derive(re: Re, point: number): Re | undefined {
  switch (re.kind) {
    case "class":
      return contains(re.set, point) ? empty : undefined;
    case "alt":
      return alternatives(re.items.map((item) => derive(item, point)));
    case "seq": {
      const parts: (Re | undefined)[] = [];
      for (const [index, item] of re.items.entries()) {
        const rest = derive(item, point);
        if (rest !== undefined) parts.push(sequence([rest, ...re.items.slice(index + 1)]));
        if (!nullable(item)) break;
      }
      return alternatives(parts);
    }
    default: {
      if (re.max === 0) return undefined;
      const rest = derive(re.item, point);
      if (rest === undefined) return undefined;
      const max = re.max - 1;
      return sequence([rest, { kind: "rep", item: re.item, min: Math.max(0, re.min - 1), max }]);
    }
  }
}

function sequence(items: readonly Re[]): Re {
  const flat = items.flatMap((item) =>
    item.kind === "seq" ? item.items : item.kind === "rep" && item.max === 0 ? [] : [item],
  );
  return flat.length === 1 ? (flat[0] as Re) : { kind: "seq", items: flat };
}

function alternatives(items: readonly (Re | undefined)[]): Re | undefined {
  const flat = items.flatMap((item) => (item === undefined ? [] : item.kind === "alt" ? item.items : [item]));
  const unique = [...new Map(flat.map((item) => [keyOf(item), item])).entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  if (unique.length === 0) return undefined;
  return unique.length === 1 ? (unique[0]?.[1] as Re) : { kind: "alt", items: unique.map(([, item]) => item) };
}

const keys = new WeakMap<Re, string>();

function keyOf(re: Re): string {
  const known = keys.get(re);
  if (known !== undefined) return known;
  const key =
    re.kind === "class"
      ? re.set.map(([lo, hi]) => `${lo}-${hi}`).join()
      : re.kind === "rep"
        ? `(${keyOf(re.item)}){${re.min},${re.max}}`
        : `${re.kind}(${re.items.map(keyOf).join(";")})`;
  keys.set(re, key);
  return key;
}

/** One code point of each class of characters that no set of the two tells apart; others lead nowhere. */
function representatives(res: readonly Re[]): number[] {
  const points = new Set<number>();
  const visit = (re: Re): void => {
    if (re.kind === "class") for (const [lo, hi] of re.set) points.add(lo).add(hi + 1);
    else if (re.kind === "rep") visit(re.item);
    else re.items.forEach(visit);
  };
  res.forEach(visit);
  const starts = [...points].sort((a, b) => a - b);
  const sets = res.flatMap(setsOf);
  const byMembership = new Map<string, number>();
  for (const point of starts) {
    const membership = sets.map((set) => (contains(set, point) ? "1" : "0")).join("");
    if (membership.includes("1") && !byMembership.has(membership)) byMembership.set(membership, point);
  }
  return [...byMembership.values()];
}

function setsOf(re: Re): CharSet[] {
  if (re.kind === "class") return [re.set];
  return re.kind === "rep" ? setsOf(re.item) : re.items.flatMap(setsOf);
}
