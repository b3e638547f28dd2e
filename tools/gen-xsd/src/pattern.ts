import { type CharSet, contains, intersects, sameSet } from "./chars.ts";
import { EMPTY, parsePattern, PatternError, type Re } from "./pattern-parse.ts";

const maxPositions = 6000;
const maxPairs = 200_000;
const maxStates = 120;
const maxLength = 4000;

/**
 * Translates a pattern of XSD to a JavaScript expression (flag `u`, anchored) that a backtracking engine runs in time
 * linear in the text.
 *
 * A pattern in which no text can be read in two ways is translated piece by piece. Any other (`(\d+\.?)*\d+`) is made
 * deterministic, minimised, and written back as an expression by state elimination: the result accepts the same language
 * and, since each text has one path through a deterministic automaton, is unambiguous.
 *
 * @throws {PatternError} for what cannot be translated, or becomes too large.
 */
export function translatePattern(text: string): string {
  const re = parsePattern(text);
  const nfa = glushkov(re);
  if (unambiguous(nfa)) return `^(?:${print(re)})$`;
  const dfa = minimise(determinise(nfa));
  // Two orders of elimination; the shorter text is the one that people can read.
  const rewritten = [eliminate(dfa, 1), eliminate(dfa, -1)].sort((a, b) => print(a).length - print(b).length)[0] as Re;
  const source = print(rewritten);
  const check = glushkov(rewritten);
  if (!unambiguous(check) || source.length > maxLength)
    throw new PatternError("a pattern that can be read in several ways and has no small unambiguous form");
  return `^(?:${source})$`;
}

interface Nfa {
  /** Class of each position; state `i + 1` is "position i was read", state 0 the start. */
  readonly classes: readonly (Re & { kind: "class" })[];
  readonly next: readonly ReadonlySet<number>[];
  readonly final: ReadonlySet<number>;
  /** An operator gave an edge twice, or two branches of an alternative match nothing. */
  readonly doubled: boolean;
}

interface Fragment {
  readonly nullable: boolean;
  readonly first: readonly number[];
  readonly last: readonly number[];
}

function glushkov(re: Re): Nfa {
  const classes: (Re & { kind: "class" })[] = [];
  const next: Set<number>[] = [new Set()];
  let doubled = false;
  const link = (from: readonly number[], to: readonly number[]): void => {
    for (const p of from) {
      const set = next[p] as Set<number>;
      for (const q of to) {
        if (set.has(q)) doubled = true;
        set.add(q);
      }
    }
  };
  const none: Fragment = { nullable: true, first: [], last: [] };
  const concat = (a: Fragment, b: Fragment): Fragment => {
    link(a.last, b.first);
    return {
      nullable: a.nullable && b.nullable,
      first: a.nullable ? [...a.first, ...b.first] : a.first,
      last: b.nullable ? [...b.last, ...a.last] : b.last,
    };
  };
  const build = (node: Re): Fragment => {
    switch (node.kind) {
      case "class": {
        if (classes.length >= maxPositions) throw new PatternError("a pattern of more than 6000 positions");
        const state = classes.push(node);
        next.push(new Set());
        return { nullable: false, first: [state], last: [state] };
      }
      case "seq":
        return node.items.map(build).reduce(concat, none);
      case "alt": {
        const parts = node.items.map(build);
        if (parts.filter((p) => p.nullable).length > 1) doubled = true;
        return {
          nullable: parts.some((p) => p.nullable),
          first: parts.flatMap((p) => p.first),
          last: parts.flatMap((p) => p.last),
        };
      }
      case "rep": {
        let out: Fragment;
        if (node.max === Number.POSITIVE_INFINITY) {
          const loop = build(node.item);
          link(loop.last, loop.first);
          out = { ...loop, nullable: node.min === 0 || loop.nullable };
          for (let i = 1; i < node.min; i++) out = concat(build(node.item), out);
          return out;
        }
        // x{1,3} is x(x(x)?)?: optional copies nest, so that the copies themselves are no ambiguity.
        out = none;
        for (let i = node.max; i > 0; i--) {
          const joined = concat(build(node.item), out);
          out = i > node.min ? { ...joined, nullable: true } : joined;
        }
        return out;
      }
    }
  };
  const whole = build(re);
  link([0], whole.first);
  return { classes, next, final: new Set([...whole.last, ...(whole.nullable ? [0] : [])]), doubled };
}

/** True when every text has at most one reading, which bounds a backtracking engine to linear time. */
function unambiguous(nfa: Nfa): boolean {
  if (nfa.doubled) return false;
  const size = nfa.next.length;
  const key = (p: number, q: number): number => p * size + q;
  const seen = new Set<number>([0]);
  const queue = [0];
  const back = new Map<number, number[]>();
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    const [p, q] = [Math.floor(at / size), at % size];
    for (const x of nfa.next[p] as ReadonlySet<number>) {
      for (const y of nfa.next[q] as ReadonlySet<number>) {
        if (p === q && x > y) continue;
        if (
          x !== y &&
          !intersects((nfa.classes[x - 1] as { set: CharSet }).set, (nfa.classes[y - 1] as { set: CharSet }).set)
        )
          continue;
        const to = key(x, y);
        back.set(to, [...(back.get(to) ?? []), at]);
        if (seen.has(to)) continue;
        if (seen.size > maxPairs) return false;
        seen.add(to);
        queue.push(to);
      }
    }
  }
  // A pair of different states that both lead to an end by one text.
  const useful = new Set<number>();
  const stack = [...seen].filter((k) => nfa.final.has(Math.floor(k / size)) && nfa.final.has(k % size));
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (useful.has(at)) continue;
    useful.add(at);
    stack.push(...(back.get(at) ?? []));
  }
  return ![...useful].some((k) => Math.floor(k / size) !== k % size);
}

interface Dfa {
  readonly symbols: readonly (Re & { kind: "class" })[];
  /** Original classes as sets of symbols, largest first: what edges are printed with where they fit. */
  readonly covers: readonly { readonly re: Re; readonly symbols: readonly number[] }[];
  /** For each state: symbol to next state. */
  readonly next: readonly ReadonlyMap<number, number>[];
  readonly final: readonly boolean[];
}

/** Disjoint classes from overlapping ones; a class that overlaps no other keeps its own source. */
function partition(classes: readonly (Re & { kind: "class" })[]): {
  symbols: (Re & { kind: "class" })[];
  covers: Dfa["covers"];
  of: (c: Re & { kind: "class" }) => number[];
} {
  const distinct: (Re & { kind: "class" })[] = [];
  for (const c of classes) if (!distinct.some((d) => sameSet(d.set, c.set))) distinct.push(c);
  const cuts = [...new Set(distinct.flatMap((d) => d.set.flatMap(([lo, hi]) => [lo, hi + 1])))].sort((a, b) => a - b);
  const groups = new Map<string, { members: number[]; ranges: [number, number][] }>();
  cuts.forEach((lo, i) => {
    const hi = (cuts[i + 1] ?? lo + 1) - 1;
    const members = distinct.flatMap((d, n) => (contains(d.set, lo) ? [n] : []));
    if (members.length === 0) return;
    const key = members.join(",");
    const group = groups.get(key) ?? { members, ranges: [] };
    group.ranges.push([lo, hi]);
    groups.set(key, group);
  });
  const list = [...groups.values()];
  const symbols = list.map(({ members, ranges }): Re & { kind: "class" } => {
    const [base, ...more] = members.map((m) => distinct[m] as Re & { kind: "class" });
    const out = distinct.filter((d, n) => !members.includes(n) && intersects(d.set, (base as { set: CharSet }).set));
    return {
      kind: "class",
      source: [
        ...more.map((m) => `(?=${m.source})`),
        ...out.map((o) => `(?!${o.source})`),
        (base as { source: string }).source,
      ].join(""),
      set: ranges,
    };
  });
  const symbolsOf = (n: number): number[] => list.flatMap((g, i) => (g.members.includes(n) ? [i] : []));
  const covers = distinct
    .map((re, n) => ({ re, symbols: symbolsOf(n) }))
    .sort((a, b) => b.symbols.length - a.symbols.length);
  return { symbols, covers, of: (c) => symbolsOf(distinct.findIndex((d) => sameSet(d.set, c.set))) };
}

function determinise(nfa: Nfa): Dfa {
  const { symbols, covers, of } = partition(nfa.classes);
  const symbolsOf = nfa.classes.map(of);
  const states: number[][] = [[0]];
  const index = new Map<string, number>([["0", 0]]);
  const next: Map<number, number>[] = [];
  for (let i = 0; i < states.length; i++) {
    const moves = new Map<number, Set<number>>();
    for (const p of states[i] as number[])
      for (const q of nfa.next[p] as ReadonlySet<number>)
        for (const s of symbolsOf[q - 1] as number[]) moves.set(s, (moves.get(s) ?? new Set()).add(q));
    const row = new Map<number, number>();
    for (const [symbol, set] of [...moves].sort((a, b) => a[0] - b[0])) {
      const target = [...set].sort((a, b) => a - b);
      const key = target.join(",");
      let to = index.get(key);
      if (to === undefined) {
        to = states.push(target) - 1;
        index.set(key, to);
        if (states.length > maxStates * 8) throw new PatternError("an ambiguous pattern whose automaton is too large");
      }
      row.set(symbol, to);
    }
    next.push(row);
  }
  return { symbols, covers, next, final: states.map((s) => s.some((q) => nfa.final.has(q))) };
}

/** Moore's partition refinement. Every state of a determinised Glushkov automaton leads to an end, so none is dead. */
function minimise(dfa: Dfa): Dfa {
  let group: number[] = dfa.final.map((f) => (f ? 1 : 0));
  for (let count = new Set(group).size; ; ) {
    const keys = new Map<string, number>();
    group = dfa.next.map((row, i) => {
      const key = `${group[i]}|${[...row].map(([s, t]) => `${s}:${group[t]}`).join(",")}`;
      if (!keys.has(key)) keys.set(key, keys.size);
      return keys.get(key) as number;
    });
    if (keys.size === count) break;
    count = keys.size;
  }
  const size = new Set(group).size;
  if (size > maxStates) throw new PatternError("an ambiguous pattern whose automaton is too large");
  const next: Map<number, number>[] = [];
  const final: boolean[] = [];
  dfa.next.forEach((row, i) => {
    next[group[i] as number] = new Map([...row].map(([s, t]) => [s, group[t] as number]));
    final[group[i] as number] = dfa.final[i] as boolean;
  });
  // State 0 was read first, so its group is 0.
  return { symbols: dfa.symbols, covers: dfa.covers, next, final };
}

/** State elimination, cheapest state first, ties by number in the order given. */
function eliminate(dfa: Dfa, order: 1 | -1): Re {
  const size = dfa.next.length;
  const [start, end] = [size, size + 1];
  const edges = new Map<number, Map<number, Re>>();
  const add = (from: number, to: number, re: Re): void => {
    const row = edges.get(from) ?? new Map<number, Re>();
    edges.set(from, row);
    const known = row.get(to);
    row.set(to, known ? alternative(known, re) : re);
  };
  dfa.next.forEach((row, i) => {
    for (const to of new Set(row.values())) {
      const open = new Set([...row].flatMap(([symbol, t]) => (t === to ? [symbol] : [])));
      for (const cover of dfa.covers) {
        if (!cover.symbols.every((x) => open.has(x))) continue;
        for (const x of cover.symbols) open.delete(x);
        add(i, to, cover.re);
      }
      for (const symbol of open) add(i, to, dfa.symbols[symbol] as Re);
    }
    if (dfa.final[i]) add(i, end, EMPTY);
  });
  add(start, 0, EMPTY);
  const left = new Set(dfa.next.keys());
  while (left.size > 0) {
    const cost = (s: number): number =>
      [...edges].filter(([from, row]) => from !== s && row.has(s)).length *
      [...(edges.get(s)?.keys() ?? [])].filter((t) => t !== s).length;
    const state = [...left].sort((a, b) => cost(a) - cost(b) || (a - b) * order)[0] as number;
    left.delete(state);
    const row = edges.get(state) ?? new Map<number, Re>();
    const loop = row.get(state);
    const middle: Re = loop ? { kind: "rep", item: loop, min: 0, max: Number.POSITIVE_INFINITY } : EMPTY;
    for (const [from, fromRow] of edges) {
      const into = fromRow.get(state);
      if (from === state || !into) continue;
      fromRow.delete(state);
      for (const [to, out] of row) if (to !== state) add(from, to, sequence([into, middle, out]));
    }
    edges.delete(state);
  }
  return edges.get(start)?.get(end) ?? EMPTY;
}

function sequence(items: readonly Re[]): Re {
  const flat: Re[] = [];
  for (const item of items.flatMap((i) => (i.kind === "seq" ? i.items : [i]))) {
    const last = flat.at(-1);
    // x x* is x+
    if (last && item.kind === "rep" && item.min === 0 && item.max === Number.POSITIVE_INFINITY && same(last, item.item))
      flat.splice(-1, 1, { ...item, min: 1 });
    else flat.push(item);
  }
  return flat.length === 1 ? (flat[0] as Re) : { kind: "seq", items: flat };
}

/** `a | b`, with a common end taken out: `d | .d` is `.?d`. */
function alternative(a: Re, b: Re): Re {
  const left = a.kind === "seq" ? [...a.items] : [a];
  const right = b.kind === "seq" ? [...b.items] : [b];
  const tail: Re[] = [];
  while (left.length > 0 && right.length > 0 && same(left.at(-1) as Re, right.at(-1) as Re)) {
    tail.unshift(left.pop() as Re);
    right.pop();
  }
  const [x, y] = [sequence(left), sequence(right)];
  let head: Re;
  if (left.length === 0 && right.length === 0) return a;
  if (left.length === 0) head = optional(y);
  else if (right.length === 0) head = optional(x);
  else head = { kind: "alt", items: [...(x.kind === "alt" ? x.items : [x]), ...(y.kind === "alt" ? y.items : [y])] };
  return sequence([head, ...tail]);
}

function optional(re: Re): Re {
  return { kind: "rep", item: re, min: 0, max: 1 };
}

function same(a: Re, b: Re): boolean {
  return print(a) === print(b);
}

function print(re: Re): string {
  switch (re.kind) {
    case "class":
      return re.source;
    case "seq":
      return re.items.map((i) => (i.kind === "alt" ? `(?:${print(i)})` : print(i))).join("");
    case "alt":
      return re.items.map(print).join("|");
    case "rep": {
      const inner = print(re.item);
      const atom = re.item.kind === "class" && !inner.startsWith("(?") ? inner : `(?:${inner})`;
      if (re.min === 1 && re.max === 1) return inner;
      const quantifier =
        re.max === Number.POSITIVE_INFINITY
          ? re.min === 0
            ? "*"
            : re.min === 1
              ? "+"
              : `{${re.min},}`
          : re.min === 0 && re.max === 1
            ? "?"
            : re.min === re.max
              ? `{${re.min}}`
              : `{${re.min},${re.max}}`;
      return `${atom}${quantifier}`;
    }
  }
}
