import { describe, expect, it } from "vitest";
import { translatePattern } from "../src/pattern.ts";

/** All texts over an alphabet up to a length. */
function texts(alphabet: string, length: number): string[] {
  let last = [""];
  const all = [""];
  for (let i = 0; i < length; i++) {
    last = last.flatMap((t) => [...alphabet].map((c) => t + c));
    all.push(...last);
  }
  return all;
}

describe("translatePattern()", () => {
  // For these JavaScript reads the source as XSD does, so the source itself is the reference.
  it.each([
    ["(\\d+\\.?)*\\d+", "1.x", 8],
    ["(a|a)*b", "ab", 8],
    ["(a*)*", "ab", 8],
    ["((a?|b?)c)*", "abc", 6],
    ["(a|ab)(c|bcd)(d*)", "abcd", 6],
    ["[ab]*[bc]*a?", "abc", 6],
    ["(a?){2,4}b{0,2}", "ab", 8],
    ["(\\+|-)?(\\d{2,3}|\\d+)-\\d{2}", "1+-", 7],
    ["(\\+|-)?P((\\d+Y)?(\\d+M)?(\\d+D)?T?(\\d+M)?)|(\\d+W)", "1PYMTW", 5],
    ["[^a]+|a+", "ab", 6],
    ["", "a", 2],
  ])("accepts for %s what the pattern says", (pattern, alphabet, length) => {
    const reference = new RegExp(`^(?:${pattern})$`, "u");
    const translated = new RegExp(translatePattern(pattern), "u");
    for (const text of texts(alphabet, length))
      expect([text, translated.test(text)]).toEqual([text, reference.test(text)]);
  });

  it.each([
    ["(\\d+\\.?)*\\d+", "^(?:\\p{Nd}(?:\\.?\\p{Nd})*)$"],
    ["\\d{4}", "^(?:\\p{Nd}{4})$"],
    ["true|false", "^(?:true|false)$"],
    ["a.c^$", "^(?:a[^\\n\\r]c\\^\\$)$"],
  ])("writes %s as %s", (pattern, want) => {
    expect(translatePattern(pattern)).toBe(want);
  });

  it.each([
    ["[\\i-[:]][\\c-[:]]*", ["a1", "_b-c", "Ål"], ["1a", "a:b", ""]],
    ["[a-z-[aeiou]]+", ["xyz"], ["xay"]],
    ["\\w+", ["aÅ1"], ["a b", "a-b"]],
    ["[^\\S ]", ["\t", "\n"], [" ", "x"]],
    ["[a\\W]+", ["a-a"], ["b"]],
    ["[\\S-[x]]", ["y"], ["x", " "]],
    ["\\p{Lu}\\P{Lu}", ["Åa"], ["aA"]],
    ["\\p{IsBasicLatin}*", ["abc"], ["å"]],
    ["[\\-\\]\\^]+", ["-]^"], ["a"]],
    ["\\I\\C\\D\\s", ["1 x "], ["a1xx"]],
  ])("knows XSD's own syntax in %s", (pattern, good, bad) => {
    const translated = new RegExp(translatePattern(pattern), "u");
    for (const text of good) expect([text, translated.test(text)]).toEqual([text, true]);
    for (const text of bad) expect([text, translated.test(text)]).toEqual([text, false]);
  });

  it("gives expressions that fail long texts at once", () => {
    for (const [pattern, text] of [
      ["(\\d+\\.?)*\\d+", `${"1".repeat(5000)}x`],
      ["(a*)*b", "a".repeat(5000)],
      ["(.*)@(.*)\\.(.*)", "@".repeat(5000)],
      ["(a|aa)+", `${"a".repeat(5001)}b`],
    ] as const) {
      expect(new RegExp(translatePattern(pattern), "u").test(text)).toBe(false);
    }
  });

  it.each([
    ["a{2,1}", "quantifier"],
    ["(a", "end"],
    ["a)", "unbalanced"],
    ["[]", "empty bracket"],
    ["*a", "without an atom"],
    ["\\q", "escape"],
    ["\\p{IsKlingon}", "Unicode block"],
    ["\\p{Foo}", "Unicode property"],
    ["[b-a]", "range"],
    ["a{9000}", "positions"],
    ["(a|b)*a(a|b){1,12}", "too large"],
  ])("refuses %s by name", (pattern, message) => {
    expect(() => translatePattern(pattern)).toThrow(message);
  });
});
