import { type Fact, sameValue } from "./fact.ts";

/** Below this a removal and an addition are two things. */
const threshold = 0.6;

/**
 * Pairs what went with what came: of the same kind and under the same parent, alike in name and in what it states. The
 * likeliest pair goes first; each fact is in one pair at most.
 */
export function pairRenamed(removed: readonly Fact[], added: readonly Fact[]): [Fact, Fact][] {
  const candidates = removed
    .flatMap((old) =>
      added
        .filter((now) => now.kind === old.kind && now.parent === old.parent)
        .map((now) => ({ old, now, score: likeness(old, now) })),
    )
    .filter((c) => c.score >= threshold)
    .sort((a, b) => b.score - a.score);
  const taken = new Set<Fact>();
  const pairs: [Fact, Fact][] = [];
  for (const { old, now } of candidates) {
    if (taken.has(old) || taken.has(now)) continue;
    taken.add(old).add(now);
    pairs.push([old, now]);
  }
  return pairs;
}

function likeness(a: Fact, b: Fact): number {
  const names = new Set([...Object.keys(a.values), ...Object.keys(b.values)]);
  const same = [...names].filter((n) => sameValue(a.values[n], b.values[n])).length;
  const values = names.size === 0 ? 0.5 : same / names.size;
  return 0.6 * alikeNames(a.name, b.name) + 0.4 * values;
}

/** Shared pairs of letters (Dice's coefficient), without regard to case and separators. */
function alikeNames(a: string, b: string): number {
  const [x, y] = [letters(a), letters(b)];
  if (x === y) return 1;
  const [first, second] = [pairsOf(x), pairsOf(y)];
  const total = first.length + second.length;
  if (total === 0) return 0;
  let shared = 0;
  for (const pair of first) {
    const at = second.indexOf(pair);
    if (at < 0) continue;
    second.splice(at, 1);
    shared++;
  }
  return (2 * shared) / total;
}

function letters(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
}

function pairsOf(text: string): string[] {
  return Array.from({ length: Math.max(0, text.length - 1) }, (_, n) => text.slice(n, n + 2));
}
