import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as p from "./primitives.ts";

/** R4's own regular expressions, as oracle. */
const year = "([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)";
const day = "(0[1-9]|[1-2][0-9]|3[0-1])";
const clock = "([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?";
const zone = "(Z|(\\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00))";
const forms: [p.PrimitiveCheck, string, string][] = [
  [p.date, `${year}(-(0[1-9]|1[0-2])(-${day})?)?`, "0123459-"],
  [p.dateTime, `${year}(-(0[1-9]|1[0-2])(-${day}(T${clock}${zone})?)?)?`, "0123459-T:.Z+"],
  [p.instant, `${year}-(0[1-9]|1[0-2])-${day}T${clock}${zone}`, "0123459-T:.Z+"],
  [p.time, clock, "0123459:."],
  [p.id, "[A-Za-z0-9\\-\\.]{1,64}", "aZ09-._"],
  [p.code, "[^ \\t\\n\\v\\f\\r]+([ \\t\\n\\v\\f\\r][^ \\t\\n\\v\\f\\r]+)*", "ab \t"],
  [p.oid, "urn:oid:[0-2](\\.(0|[1-9][0-9]*))+", "urn:oid.0129"],
  [p.uuid, "urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "0af-G"],
];

/** Texts near the form: made from a matching text by changing, dropping or adding characters. */
function near(regex: string, alphabet: string): fc.Arbitrary<string> {
  const change = fc.tuple(fc.nat(40), fc.constantFrom(...alphabet), fc.constantFrom("set", "drop", "add"));
  return fc
    .tuple(fc.stringMatching(new RegExp(`^(?:${regex})$`)), fc.array(change, { maxLength: 2 }))
    .map(([text, changes]) =>
      changes.reduce((s, [at, c, how]) => {
        const i = at % (s.length + 1);
        return s.slice(0, i) + (how === "drop" ? "" : c) + s.slice(how === "add" ? i : i + 1);
      }, text),
    );
}

describe("primitives agree with R4's regular expressions", () => {
  for (const [check, regex, alphabet] of forms)
    it(check.type, () => {
      const oracle = new RegExp(`^(?:${regex})$`);
      fc.assert(
        fc.property(
          fc.oneof(near(regex, alphabet), fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 12 })),
          (text) => {
            const verdict = check.check(text);
            expect(verdict === 0 || verdict === 3).toBe(oracle.test(text));
          },
        ),
        { numRuns: 500 },
      );
    });

  it("knows the calendar", () => {
    for (const good of ["2024-02-29", "2000-02-29", "1999-12-31"]) expect(p.date.check(good)).toBe(0);
    for (const bad of ["2023-02-29", "1900-02-29", "2024-04-31"]) expect(p.date.check(bad)).toBe(3);
    expect(p.dateTime.check("2023-02-29T10:00:00Z")).toBe(3);
  });

  it("knows the ranges of whole numbers", () => {
    expect([0, 1, -1, 1.5, 2147483648].map((v) => p.positiveInt.check(v))).toEqual([2, 0, 2, 2, 2]);
    expect([0, -1].map((v) => p.unsignedInt.check(v))).toEqual([0, 2]);
    expect([-2147483648, "1"].map((v) => p.integer.check(v))).toEqual([0, 1]);
  });

  it("knows base64 by its groups of four", () => {
    expect(["QUJD", "QUI=", "QU JD", "QUJ", "", "QUJD QUJD", "QUJ*"].map((v) => p.base64Binary.check(v))).toEqual([
      0, 0, 2, 2, 2, 0, 2,
    ]);
  });
});
