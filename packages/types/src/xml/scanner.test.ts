import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom, damage, ourEvents, knownSlip, randomDocument, saxesEvents, wellFormed } from "./_fuzz.ts";

describe("the scanner", () => {
  it("tells what saxes tells of random documents, well-formed and damaged", () => {
    let good = 0;
    let bad = 0;
    for (let seed = 1; seed <= 4_000; seed++) {
      const random = createRandom(seed);
      const document = randomDocument(random);
      for (const text of [document, damage(document, random)]) {
        if (knownSlip(text)) continue;
        const ours = ourEvents(text);
        if (ours === undefined) bad++;
        else good++;
        expect(ours, `seed ${seed}: ${JSON.stringify(text)}`).toBe(saxesEvents(text));
      }
    }
    expect(good).toBeGreaterThan(1_000);
    expect(bad).toBeGreaterThan(1_000);
  });

  it("answers any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => void ourEvents(wellFormed(text))));
  });
});
