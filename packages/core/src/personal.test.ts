import { inspect } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Personal, pseudonym } from "./personal.ts";

const value = "01818010083";

describe("Personal", () => {
  it("prints as a pseudonym in every way that prints, and reveals only when asked", () => {
    const person = new Personal(value);
    const shown = [
      String(person),
      `${person}`,
      JSON.stringify({ person }),
      inspect(person),
      inspect({ deep: { person } }, { depth: 9, showHidden: true }),
      Object.keys(person).join(),
      JSON.stringify(Object.getOwnPropertyDescriptors(person)),
    ];
    for (const text of shown) expect(text).not.toContain(value);
    expect(person.reveal()).toBe(value);
  });

  it("is equal by value, and so is what it prints", () => {
    expect(new Personal(value).equals(new Personal(value))).toBe(true);
    expect(new Personal(value).equals(new Personal("01818010164"))).toBe(false);
    expect(String(new Personal(value))).toBe(String(new Personal(value)));
  });
});

describe("pseudonym()", () => {
  it("is `~` and 12 hex digits, the same for equal values and different otherwise", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(pseudonym(a)).toMatch(/^~[0-9a-f]{12}$/);
        expect(pseudonym(a) === pseudonym(b)).toBe(a === b);
      }),
    );
  });
});
