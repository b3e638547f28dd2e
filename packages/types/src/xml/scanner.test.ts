import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom, damage, ourEvents, knownSlip, randomDocument, saxesEvents, wellFormed } from "./_fuzz.ts";
import { readXml, type XmlTag } from "./reader.ts";

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

  it("reads tags wherever they stand in a long document, also those that are longer than what it looks at at once", () => {
    const long = "n".repeat(1_500);
    const value = "v".repeat(20_000);
    for (let before = 14_000; before < 18_000; before += 131) {
      const filling = "x".repeat(before);
      for (const text of [
        `<r>${filling}<${long} a='1' Øl='2'   ${long}='${value}' b="&amp;"/><b>${filling}</b ></r>`,
        `<r>${"<a b='c'>d</a>".repeat(before / 14)}<${long}><e></e></${long}></r>`,
        `<r>${filling}<${long}a></${long}b></r>`,
        `<r>${filling}<${long} a='${value}' a='2'/></r>`,
        `<r>${filling}<e a='${long}`,
        `<r>${filling}<e>${filling}</`,
      ])
        expect(ourEvents(text), `${before}: ${text.slice(-60)}`).toBe(saxesEvents(text));
    }
  });

  it("reads a document while another one is being read", () => {
    const names: string[] = [];
    const bytes = new TextEncoder().encode("<a><b c='d'/><e/></a>");
    const inner = { open: (tag: XmlTag) => names.push(tag.local), text: () => {}, close: () => {} };
    readXml(bytes, {
      open: (tag) => {
        names.push(tag.local);
        readXml(new TextEncoder().encode("<inner><x y='z'/></inner>"), inner);
      },
      text: () => {},
      close: () => {},
    });
    expect(names.join(" ")).toBe("a inner x b inner x e inner x");
  });

  it("answers any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => void ourEvents(wellFormed(text))));
  });
});
