import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64Content, encodeBase64Content } from "./base64.ts";

/** By the rule itself: what is left without white space is base64, or it is refused. */
function byRule(text: string): number[] | "refused" {
  const compact = text.replace(/\s+/g, "");
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return "refused";
  return [...Buffer.from(compact, "base64")];
}

function decoded(text: string): number[] | "refused" {
  try {
    return [...decodeBase64Content(text)];
  } catch {
    return "refused";
  }
}

describe("decodeBase64Content()", () => {
  it("gives back what was encoded", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect([...decodeBase64Content(encodeBase64Content(bytes))]).toEqual([...bytes]);
      }),
    );
  });

  it("takes and refuses by the rule, whatever stands in the text", () => {
    // Letters, padding, base64url's own, white space, and characters whose low byte is a letter of base64.
    const character = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom("A", "Z", "a", "z", "0", "9", "+", "/") },
      { weight: 1, arbitrary: fc.constantFrom("=", "-", "_", " ", "\n", "\u0141", "\u00e9", "*", "\0", "\ud83d") },
    );
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 16 }), fc.constantFrom("", "=", "=="), (text, padding) => {
        expect(decoded(text + padding)).toEqual(byRule(text + padding));
      }),
      { numRuns: 3_000 },
    );
  });

  it.each(["A===", "====", "AB=C", "=AAA", "AA-_", "AAA", "AAAA=", "\u0141AAA"])("refuses %j", (text) => {
    expect(decoded(text)).toBe("refused");
    expect(byRule(text)).toBe("refused");
  });
});
