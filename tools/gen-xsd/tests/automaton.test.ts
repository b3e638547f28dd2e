import { describe, expect, it } from "vitest";
import { contentAutomaton } from "../src/automaton.ts";
import { builtins } from "../src/builtins.ts";
import type { Element, Particle } from "../src/model.ts";

const source = { file: "a.xsd", line: 1, pointer: "a#complexType/T" };
const type = builtins.get("string") as NonNullable<ReturnType<typeof builtins.get>>;

function element(name: string): Element {
  return {
    name,
    ns: "",
    type: () => type,
    nillable: false,
    abstract: false,
    blocksSubstitution: false,
    block: [],
    constraints: [],
    source,
  };
}

const letters = ["a", "b", "c"].map(element);

/** A small generator of numbers, so that every run sees the same models. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

function particle(next: () => number, depth: number): { particle: Particle; regex: string } {
  const min = Math.floor(next() * 3);
  const max = next() < 0.25 ? Number.POSITIVE_INFINITY : min + Math.floor(next() * 3);
  const quantifier = `{${min},${max === Number.POSITIVE_INFINITY ? "" : max}}`;
  if (depth === 0 || next() < 0.4) {
    const e = letters[Math.floor(next() * 3)] as Element;
    return { particle: { kind: "element", element: e, min, max }, regex: `${e.name}${quantifier}` };
  }
  const kind = next() < 0.5 ? "sequence" : "choice";
  const items = [...Array(1 + Math.floor(next() * 3))].map(() => particle(next, depth - 1));
  const inner = items.map((i) => i.regex).join(kind === "sequence" ? "" : "|");
  return { particle: { kind, items: items.map((i) => i.particle), min, max }, regex: `(?:${inner})${quantifier}` };
}

function accepts(model: ReturnType<typeof contentAutomaton>, word: string): boolean {
  let state = 0;
  for (const letter of word) {
    const edge = model.states[state]?.next.find(([t]) => {
      const terminal = model.terminals[t];
      return terminal !== undefined && "element" in terminal && terminal.element.name === letter;
    });
    if (!edge) return false;
    state = edge[1];
  }
  return model.states[state]?.final ?? false;
}

describe("contentAutomaton()", () => {
  it("accepts the same sequences as the particle tree, for ambiguous models too", () => {
    const words = [""];
    for (let i = 0; i < words.length && (words[i] as string).length < 5; i++)
      for (const l of "abc") words.push(words[i] + l);
    for (let seed = 1; seed <= 300; seed++) {
      const { particle: tree, regex } = particle(random(seed), 2);
      const model = contentAutomaton(tree, () => [], source);
      const reference = new RegExp(`^(?:${regex})$`);
      for (const word of words) if (accepts(model, word) !== reference.test(word)) expect.fail(`${regex} on "${word}"`);
    }
  });

  it("takes the members of an all group in any order, each as often as it says", () => {
    const items = letters.map((e, i): Particle => ({ kind: "element", element: e, min: i === 2 ? 0 : 1, max: 1 }));
    const model = contentAutomaton({ kind: "all", items, min: 1, max: 1 }, () => [], source);
    expect(["ab", "ba", "abc", "cab", "bca"].every((w) => accepts(model, w))).toBe(true);
    expect(["", "a", "ac", "aab", "abcc"].some((w) => accepts(model, w))).toBe(false);
  });

  it("names what it cannot make small", () => {
    const big: Particle = { kind: "element", element: letters[0] as Element, min: 0, max: 20_000 };
    expect(() => contentAutomaton(big, () => [], source)).toThrow(
      /a\.xsd:1: expected .*maxOccurs, found more than 12000/,
    );
  });

  it("puts elements before wildcards, so that the first match is right", () => {
    const model = contentAutomaton(
      {
        kind: "sequence",
        min: 1,
        max: 1,
        items: [
          {
            kind: "wildcard",
            wildcard: { namespaces: "##any", process: "lax" },
            min: 0,
            max: Number.POSITIVE_INFINITY,
          },
          { kind: "element", element: letters[0] as Element, min: 0, max: 1 },
        ],
      },
      () => [],
      source,
    );
    const first = model.states[0]?.next[0];
    expect(first && "element" in (model.terminals[first[0]] as object)).toBe(true);
    // After an element that the wildcard takes as well, another may follow.
    expect(model.states[first?.[1] as number]?.next.length).toBe(2);
  });
});
