import { splitClark } from "@helsekontakt/types/xml";
import type { ContentModel, ElementRule, WildcardRule } from "./rules.ts";

/** One step that a state allows for an element name. */
export interface Transition {
  readonly ns: string;
  readonly rule: ElementRule;
  readonly to: number;
}

export interface CompiledState {
  readonly final: boolean;
  readonly byName: ReadonlyMap<string, readonly Transition[]>;
  readonly wildcards: readonly { readonly rule: WildcardRule; readonly to: number }[];
  /** Names that may stand next, for messages. */
  readonly expected: readonly string[];
}

export interface CompiledModel {
  /** By its number; of a large `all` group, by the bits of what has been seen. */
  readonly state: (at: number) => CompiledState | undefined;
  /** Local names that may occur more than once; their path steps carry an index. */
  readonly repeating: ReadonlySet<string>;
  /** Every element the model names, for recovery. */
  readonly all: ReadonlyMap<string, readonly Transition[]>;
  readonly source: ContentModel;
}

const cache = new WeakMap<ContentModel, CompiledModel>();

/** Look-up tables of a content model, made once. */
export function compileModel(model: ContentModel): CompiledModel {
  const known = cache.get(model);
  if (known !== undefined) return known;
  const all = new Map<string, Transition[]>();
  const stateOf = (final: boolean, next: readonly (readonly [number, number])[]): CompiledState => {
    const byName = new Map<string, Transition[]>();
    const wildcards: { rule: WildcardRule; to: number }[] = [];
    const expected: string[] = [];
    for (const [index, to] of next) {
      const particle = model.particles[index];
      if (particle === undefined) continue;
      if (!("name" in particle)) {
        wildcards.push({ rule: particle, to });
        expected.push("another element");
        continue;
      }
      const { ns, local } = splitClark(particle.name);
      const transition = { ns, rule: particle, to };
      push(byName, local, transition);
      if (!expected.includes(local)) expected.push(local);
    }
    return { final, byName, wildcards, expected };
  };
  const states = model.states.map((s) => stateOf(s.final === true, s.next));
  // There are too many of them to be made, or kept, beforehand.
  const state = (at: number): CompiledState | undefined =>
    model.all === undefined ? states[at] : stateOf(...unseen(model.all, at));
  for (const { byName } of model.all === undefined ? states : [stateOf(...unseen(model.all, 0))])
    for (const [local, list] of byName) for (const transition of list) push(all, local, transition);
  const compiled = { state, repeating: repeating(states), all, source: model };
  cache.set(model, compiled);
  return compiled;
}

/** Whether the content may end where these members of an `all` group have been seen, and what may stand next. */
function unseen(all: NonNullable<ContentModel["all"]>, seen: number): [boolean, [number, number][]] {
  const final = (seen & all.needed) === all.needed || (seen === 0 && all.optional === true);
  const next = all.members.flatMap((particles, i) =>
    (seen & (1 << i)) === 0 ? particles.map((p): [number, number] => [p, seen | (1 << i)]) : [],
  );
  return [final, next];
}

/** The nearest state, over elements left out, from which a step for this name exists. */
export function skipAhead(model: CompiledModel, from: number, local: string, ns: string): Transition | undefined {
  const seen = new Set([from]);
  let edge = [from];
  while (edge.length > 0) {
    const next: number[] = [];
    for (const at of edge) {
      for (const [, to] of model.source.states[at]?.next ?? []) {
        if (seen.has(to)) continue;
        seen.add(to);
        const found = model
          .state(to)
          ?.byName.get(local)
          ?.find((t) => t.ns === ns);
        if (found !== undefined) return found;
        next.push(to);
      }
    }
    edge = next;
  }
  return undefined;
}

/** A list of names for a message: `A`, or `one of A, B or C`. */
export function nameList(names: readonly string[]): string {
  if (names.length === 0) return "no further element";
  if (names.length === 1) return names[0] as string;
  const shown = names.slice(0, 12);
  return `one of ${shown.slice(0, -1).join(", ")} or ${shown.at(-1)}${names.length > 12 ? " …" : ""}`;
}

function repeating(states: readonly CompiledState[]): ReadonlySet<string> {
  const names = new Set<string>();
  const reach = states.map((_, start) => {
    const seen = new Set<number>();
    const edge = [start];
    for (let at = edge.pop(); at !== undefined; at = edge.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const state = states[at];
      for (const list of state?.byName.values() ?? []) for (const t of list) edge.push(t.to);
      for (const w of state?.wildcards ?? []) edge.push(w.to);
    }
    return seen;
  });
  for (const state of states) {
    for (const [local, list] of state.byName) {
      if (list.some((t) => [...(reach[t.to] ?? [])].some((at) => states[at]?.byName.has(local)))) names.add(local);
    }
  }
  return names;
}

function push(map: Map<string, Transition[]>, key: string, value: Transition): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
