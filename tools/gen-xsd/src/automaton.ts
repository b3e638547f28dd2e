import { GeneratorError } from "@helsekontakt/codegen";
import { clark, type Element, type Particle, type Source, type Wildcard } from "./model.ts";

/** What one transition reads. */
export type Terminal = { readonly element: Element } | { readonly wildcard: Wildcard };

/** A deterministic automaton over child elements; state 0 is the start. */
export interface Automaton {
  readonly terminals: readonly Terminal[];
  readonly states: readonly { readonly final: boolean; readonly next: readonly (readonly [number, number])[] }[];
  /** An `all` group that would have too many states: for each member the terminals that read it, and bits of those required. */
  readonly all?: {
    readonly members: readonly (readonly number[])[];
    readonly needed: number;
    readonly optional: boolean;
  };
}

const maxPositions = 12_000;
const maxStates = 4000;
/** Members of an `all` group: as many as a whole number has bits in every engine. */
const maxAll = 30;
/** Members up to which an `all` group is an automaton. */
const fewAll = 11;

/**
 * Builds the deterministic automaton of a content model: Glushkov's positions (finite repetitions are written out),
 * subset construction, minimisation. Models that break XSD's "unique particle attribution" are made deterministic too.
 *
 * @throws {GeneratorError} when repetitions or an `all` group make the automaton too large, or when an element name has two
 *   types in one state, or when two wildcards overlap in part.
 */
export function contentAutomaton(
  particle: Particle | undefined,
  members: (element: Element) => readonly Element[],
  source: Source,
): Automaton {
  const terminals: Terminal[] = [];
  const follow: Set<number>[] = [new Set()];
  const positionTerminal: number[] = [-1];
  const fail = (construct: string, expected: string): never => {
    throw new GeneratorError(source.file, source.line, `${construct} in ${source.pointer}`, expected);
  };
  const terminalOf = (t: Terminal): number => {
    const at = terminals.findIndex((x) =>
      "element" in x && "element" in t
        ? x.element === t.element
        : "wildcard" in x && "wildcard" in t && wildcardKey(x.wildcard) === wildcardKey(t.wildcard),
    );
    return at >= 0 ? at : terminals.push(t) - 1;
  };
  const link = (from: readonly number[], to: readonly number[]): void => {
    for (const p of from) for (const q of to) (follow[p] as Set<number>).add(q);
  };
  const leaf = (t: Terminal): Fragment => {
    if (follow.length > maxPositions) fail("more than 12000 positions", "a content model with smaller maxOccurs");
    positionTerminal.push(terminalOf(t));
    const p = follow.push(new Set()) - 1;
    return { nullable: false, first: [p], last: [p] };
  };
  const concat = (a: Fragment, b: Fragment): Fragment => {
    link(a.last, b.first);
    return {
      nullable: a.nullable && b.nullable,
      first: a.nullable ? [...a.first, ...b.first] : a.first,
      last: b.nullable ? [...a.last, ...b.last] : b.last,
    };
  };
  const either = (parts: readonly Fragment[]): Fragment => ({
    nullable: parts.some((p) => p.nullable),
    first: parts.flatMap((p) => p.first),
    last: parts.flatMap((p) => p.last),
  });
  const none: Fragment = { nullable: true, first: [], last: [] };
  const term = (p: Particle): Fragment => {
    if (p.kind === "wildcard") return leaf({ wildcard: p.wildcard });
    if (p.kind === "element") {
      const all = [p.element, ...members(p.element)].filter((e) => !e.abstract);
      return either(all.map((element) => leaf({ element })));
    }
    if (p.kind === "choice")
      return p.items.length === 0 ? { nullable: false, first: [], last: [] } : either(p.items.map(build));
    if (p.kind === "sequence") return p.items.map(build).reduce(concat, none);
    return fail("an all group inside another group", "an all group as the whole content");
  };
  const build = (p: Particle): Fragment => {
    if (p.max === Number.POSITIVE_INFINITY) {
      const loop = term(p);
      link(loop.last, loop.first);
      let out: Fragment = { ...loop, nullable: loop.nullable || p.min === 0 };
      for (let i = 1; i < p.min; i++) out = concat(term(p), out);
      return out;
    }
    let out = none;
    for (let i = p.max; i > 0; i--) {
      const joined = concat(term(p), out);
      out = i > p.min ? { ...joined, nullable: true } : joined;
    }
    return out;
  };
  if (particle?.kind === "all") {
    if (particle.items.length > maxAll) fail(`an all group of ${particle.items.length} elements`, `at most ${maxAll}`);
    return allAutomaton(particle.items, particle.min === 0, members, terminalOf, terminals);
  }
  const whole = particle ? build(particle) : none;
  link([0], whole.first);
  const finals = new Set([...whole.last, ...(whole.nullable ? [0] : [])]);

  const states: number[][] = [[0]];
  const index = new Map<string, number>([["0", 0]]);
  const rows: [number, number][][] = [];
  const stateOf = (set: ReadonlySet<number>): number => {
    const list = [...set].sort((a, b) => a - b);
    const key = list.join(",");
    let at = index.get(key);
    if (at === undefined) {
      at = states.push(list) - 1;
      index.set(key, at);
      if (states.length > maxStates) fail("more than 4000 states", "a smaller content model");
    }
    return at;
  };
  for (let i = 0; i < states.length; i++) {
    const moves = new Map<number, Set<number>>();
    for (const p of states[i] as number[]) {
      for (const q of follow[p] as ReadonlySet<number>) {
        const t = positionTerminal[q] as number;
        moves.set(t, (moves.get(t) ?? new Set()).add(q));
      }
    }
    rows.push(transitions(moves, terminals, fail).map(([t, set]) => [t, stateOf(set)]));
  }
  return minimise(
    terminals,
    rows,
    states.map((s) => s.some((p) => finals.has(p))),
  );
}

/** One state for each set of members still to come; the first is "all of them". */
function allAutomaton(
  particles: readonly Particle[],
  optional: boolean,
  members: (element: Element) => readonly Element[],
  terminalOf: (t: Terminal) => number,
  terminals: readonly Terminal[],
): Automaton {
  const items = particles.flatMap((p) => (p.kind === "element" ? [p] : []));
  const edges = items.map((p) =>
    [p.element, ...members(p.element)].filter((e) => !e.abstract).map((element) => terminalOf({ element })),
  );
  if (items.length > fewAll) {
    const needed = items.reduce((bits, p, i) => (p.min === 0 ? bits : bits | (1 << i)), 0);
    return { terminals, states: [], all: { members: edges, needed, optional } };
  }
  const full = (1 << items.length) - 1;
  // State n stands for the set `full - n`, so that state 0 is the start.
  const rows = [...Array(full + 1).keys()].map((state) =>
    items.flatMap((_, i) =>
      ((full - state) & (1 << i)) === 0 ? [] : (edges[i] as number[]).map((t) => [t, state | (1 << i)] as const),
    ),
  );
  const final = rows.map((_, state) => items.every((p, i) => p.min === 0 || (state & (1 << i)) !== 0));
  if (optional) final[0] = true;
  return minimise(terminals, rows, final);
}

interface Fragment {
  readonly nullable: boolean;
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/** One state's moves with overlaps settled: elements before wildcards, so that the first match in order is the right one. */
function transitions(
  moves: ReadonlyMap<number, ReadonlySet<number>>,
  terminals: readonly Terminal[],
  fail: (c: string, e: string) => never,
): [number, Set<number>][] {
  const list = [...moves].sort((a, b) => Math.min(...a[1]) - Math.min(...b[1]));
  const elements: [number, Set<number>][] = [];
  const byName = new Map<string, { terminal: number; set: Set<number> }>();
  const wild = list.filter(([t]) => "wildcard" in (terminals[t] as Terminal));
  for (const [t, set] of list) {
    const terminal = terminals[t] as Terminal;
    if (!("element" in terminal)) continue;
    const { element } = terminal;
    const name = clark(element.ns, element.name);
    const known = byName.get(name);
    if (known) {
      const other = (terminals[known.terminal] as { element: Element }).element;
      if (other.type() !== element.type())
        fail(`element "${name}" with two types at one place`, "one type for a name in one content model");
      for (const p of set) known.set.add(p);
      continue;
    }
    const target = new Set(set);
    for (const [w, more] of wild)
      if (allows((terminals[w] as { wildcard: Wildcard }).wildcard, element.ns)) for (const p of more) target.add(p);
    byName.set(name, { terminal: t, set: target });
    elements.push([t, target]);
  }
  // Narrow wildcards before wide ones; a wide one's targets are reached by what a narrow one takes as well.
  const ordered = [...wild].sort((a, b) => width(a[0]) - width(b[0]));
  function width(t: number): number {
    const { namespaces } = (terminals[t] as { wildcard: Wildcard }).wildcard;
    return namespaces === "##any" ? 2 : "not" in namespaces ? 1 : 0;
  }
  const wildcards = ordered.map(([t, set], i): [number, Set<number>] => {
    const own = (terminals[t] as { wildcard: Wildcard }).wildcard;
    const target = new Set(set);
    ordered.forEach(([other, more], j) => {
      if (i === j) return;
      const wide = (terminals[other] as { wildcard: Wildcard }).wildcard;
      if (covers(wide, own)) for (const p of more) target.add(p);
      else if (!covers(own, wide) && overlap(own, wide))
        fail("two wildcards that overlap in part", "wildcards that are apart, or one inside the other");
    });
    return [t, target];
  });
  return [...elements, ...wildcards];
}

/** Whether a wildcard takes an element of a namespace. */
export function allows(w: Wildcard, ns: string): boolean {
  if (w.namespaces === "##any") return true;
  if ("not" in w.namespaces) return ns !== "" && ns !== w.namespaces.not;
  return w.namespaces.includes(ns);
}

function covers(wide: Wildcard, narrow: Wildcard): boolean {
  if (wide.namespaces === "##any") return true;
  if (narrow.namespaces === "##any") return false;
  if ("not" in narrow.namespaces) return "not" in wide.namespaces && wide.namespaces.not === narrow.namespaces.not;
  return narrow.namespaces.every((ns) => allows(wide, ns));
}

function overlap(a: Wildcard, b: Wildcard): boolean {
  if (a.namespaces === "##any" || b.namespaces === "##any") return true;
  if ("not" in a.namespaces) return "not" in b.namespaces || b.namespaces.some((ns) => allows(a, ns));
  return a.namespaces.some((ns) => allows(b, ns));
}

function wildcardKey(w: Wildcard): string {
  return JSON.stringify([w.namespaces, w.process]);
}

/** Merges states with the same future and renumbers by first visit, so that the result does not depend on construction order. */
function minimise(
  terminals: readonly Terminal[],
  rows: readonly (readonly [number, number])[][],
  final: readonly boolean[],
): Automaton {
  let group: number[] = final.map((f) => (f ? 1 : 0));
  for (let count = new Set(group).size; ; ) {
    const keys = new Map<string, number>();
    group = rows.map((row, i) => {
      const key = `${group[i]}|${row.map(([t, s]) => `${t}:${group[s]}`).join(",")}`;
      if (!keys.has(key)) keys.set(key, keys.size);
      return keys.get(key) as number;
    });
    if (keys.size === count) break;
    count = keys.size;
  }
  const order = [group[0] as number];
  const sample = new Map<number, number>();
  group.forEach((g, i) => {
    if (!sample.has(g)) sample.set(g, i);
  });
  for (let i = 0; i < order.length; i++)
    for (const [, s] of rows[sample.get(order[i] as number) as number] as [number, number][])
      if (!order.includes(group[s] as number)) order.push(group[s] as number);
  const states = order.map((g) => {
    const at = sample.get(g) as number;
    return {
      final: final[at] as boolean,
      next: (rows[at] as (readonly [number, number])[]).map(
        ([t, s]) => [t, order.indexOf(group[s] as number)] as const,
      ),
    };
  });
  const used = [...new Set(states.flatMap((s) => s.next.map(([t]) => t)))].sort((a, b) => a - b);
  return {
    terminals: used.map((t) => terminals[t] as Terminal),
    states: states.map((s) => ({ ...s, next: s.next.map(([t, to]) => [used.indexOf(t), to] as const) })),
  };
}
