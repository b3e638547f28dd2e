import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Seen } from "./fhirpath.ts";

describe("Seen", () => {
  it("says of each text whether it came before, as a set does", () => {
    // Few letters, so that most lists hold something twice, in their first places and behind them.
    const texts = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 2 }), { maxLength: 20 });
    fc.assert(
      fc.property(texts, (list) => {
        const seen = new Seen();
        expect(list.map((text) => seen.isNew(text))).toEqual(list.map((text, i) => list.indexOf(text) === i));
      }),
    );
  });
});
