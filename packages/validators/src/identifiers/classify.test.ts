import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  classifyIdentifier,
  identifierClasses,
  isOrganisationNumber,
  isPersonNumber,
  safeParseOid,
  safeParseOrganisationNumber,
  safeParsePersonNumber,
  safeParseUuid,
} from "./index.ts";

const weights1 = [3, 7, 6, 1, 8, 9, 4, 5, 2];
const weights2 = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
const sum = (digits: string, weights: readonly number[]) => weights.reduce((s, w, i) => s + w * Number(digits[i]), 0);

/** Control digits by the published formula k = 11 - (sum mod 11); K1 raised by 0 to 3 for the rule of 2032. */
function withControls(nine: string, raise = 0): string | undefined {
  const first = (11 - ((sum(nine, weights1) - raise + 11) % 11)) % 11;
  const second = (11 - (sum(`${nine}${first}`, weights2) % 11)) % 11;
  return first === 10 || second === 10 ? undefined : `${nine}${first}${second}`;
}

const two = (n: number) => String(n).padStart(2, "0");
const years = fc.integer({ min: 1940, max: 2039 });
const births = fc.tuple(years, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }));
const individual = (year: number) =>
  year < 2000 ? fc.integer({ min: 0, max: 499 }) : fc.integer({ min: 750, max: 999 });
const persons = births.chain(([year, month, day]) =>
  fc.record({
    year: fc.constant(year),
    month: fc.constant(month),
    day: fc.constant(day),
    serial: individual(year),
    dnr: fc.boolean(),
    series: fc.constantFrom([0, false], [40, "dolly"], [65, "nhn"], [80, "tenor"] as const),
    raise: fc.integer({ min: 0, max: 3 }),
  }),
);

describe("person numbers", () => {
  it("reads back what a number was made of: kind, series, date, sex and which rule of control digits", () => {
    fc.assert(
      fc.property(persons, ({ year, month, day, serial, dnr, series: [offset, synthetic], raise }) => {
        const nine = `${two(day + (dnr ? 40 : 0))}${two(month + Number(offset))}${two(year % 100)}${String(serial).padStart(3, "0")}`;
        const number = withControls(nine, raise);
        fc.pre(number !== undefined);
        const parsed = safeParsePersonNumber(number as string);
        expect(parsed).toMatchObject({
          kind: dnr ? "dnr" : synthetic === "dolly" ? "h-or-dolly" : "fnr",
          synthetic,
          birthDate: `${year}-${two(month)}-${two(day)}`,
          checksum: raise === 0 ? "valid" : "valid-from-2032",
        });
        expect(parsed?.sex).toBe(raise === 0 ? (serial % 2 === 0 ? "female" : "male") : undefined);
        expect(isPersonNumber(number as string)).toBe(true);
        expect(classifyIdentifier("person-number", number as string)).toEqual({
          kind: "person-number",
          valid: true,
          number: parsed,
        });
      }),
    );
  });

  it("takes exactly four first control digits for nine digits, of those that exist", () => {
    fc.assert(
      fc.property(persons, ({ year, month, day, serial }) => {
        const nine = `${two(day)}${two(month)}${two(year % 100)}${String(serial).padStart(3, "0")}`;
        const made = new Set([0, 1, 2, 3].map((raise) => withControls(nine, raise)).filter((n) => n !== undefined));
        const taken = new Set(Array.from({ length: 100 }, (_, k) => `${nine}${two(k)}`).filter(isPersonNumber));
        expect(taken).toEqual(made);
      }),
    );
  });

  it("finds one wrong digit, by the rule of today", () => {
    fc.assert(
      fc.property(persons, fc.nat({ max: 10 }), fc.integer({ min: 1, max: 9 }), (p, at, by) => {
        const nine = `${two(p.day)}${two(p.month)}${two(p.year % 100)}${String(p.serial).padStart(3, "0")}`;
        const number = withControls(nine);
        fc.pre(number !== undefined);
        const digits = [...(number as string)];
        digits[at] = String((Number(digits[at]) + by) % 10);
        expect(safeParsePersonNumber(digits.join(""))?.checksum).not.toBe("valid");
      }),
    );
  });

  it("takes helper numbers from 800000000 on, without date, sex and series", () => {
    fc.assert(
      fc.property(fc.integer({ min: 800_000_000, max: 999_999_999 }), (nine) => {
        const number = withControls(String(nine));
        fc.pre(number !== undefined);
        expect(safeParsePersonNumber(number as string)).toEqual({ kind: "fhn", synthetic: false, checksum: "valid" });
      }),
    );
  });
});

describe("organisation numbers", () => {
  it("takes one control digit for eight digits, or none", () => {
    fc.assert(
      fc.property(fc.integer({ min: 10_000_000, max: 99_999_999 }), (eight) => {
        const control = (11 - (sum(String(eight), [3, 2, 7, 6, 5, 4, 3, 2]) % 11)) % 11;
        const taken = Array.from({ length: 10 }, (_, k) => `${eight}${k}`).filter(isOrganisationNumber);
        expect(taken).toEqual(control === 10 ? [] : [`${eight}${control}`]);
      }),
    );
  });

  it.each([
    ["915933149", { series: "register", checksum: "valid" }],
    ["915933148", { series: "register", checksum: "invalid" }],
    ["310000005", { series: "synthetic" }],
    ["500000000", { series: "other" }],
  ])("reads %s", (text, expected) => expect(safeParseOrganisationNumber(text)).toMatchObject(expected));
});

describe("OID and UUID", () => {
  it.each([
    ["2.16.578.1.12.4.1.1.7601", { root: "norway-health", codeList: "7601" }],
    ["2.16.578.1.12.4.1.2", { root: "norway-health" }],
    ["1.0.6523", { root: "iso" }],
    ["0.39", { root: "itu-t" }],
    ["2.999", { root: "joint" }],
  ])("reads the OID %s", (text, expected) => {
    expect(safeParseOid(text)).toMatchObject(expected);
    if (!("codeList" in expected)) expect(safeParseOid(text)).not.toHaveProperty("codeList");
  });

  it.each(["", "2", "2.", ".2", "3.1", "0.40", "1.40", "2.016", "2..16", "2.16 ", "urn:oid:2.16", "2.a"])(
    "refuses %j as an OID",
    (text) => expect(safeParseOid(text)).toBeUndefined(),
  );

  it("reads every OID made of arcs, and refuses a long text that ends otherwise", () => {
    const arcs = fc.array(fc.nat().map(String), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(arcs, (rest) => {
        expect(safeParseOid(["2", ...rest].join("."))?.arcs).toEqual(["2", ...rest]);
      }),
    );
    expect(safeParseOid(`2.${"1".repeat(200_000)}x`)).toBeUndefined();
  });

  it("reads version and variant of every UUID", () => {
    fc.assert(
      fc.property(fc.uuid(), (text) => {
        const parsed = safeParseUuid(text.toUpperCase());
        expect(parsed).toEqual({ variant: "rfc", version: Number(text[14]) });
      }),
    );
    expect(safeParseUuid("00000000-0000-0000-0000-000000000000")).toEqual({ variant: "nil" });
    expect(safeParseUuid("ffffffff-ffff-ffff-ffff-ffffffffffff")).toEqual({ variant: "max" });
    expect(safeParseUuid("5f0c9c1e-6a0e-4b7d-1d0f-0a7c1e2b3d41")).toEqual({ variant: "other" });
  });
});

describe("identifierClasses()", () => {
  it("tells everything that a text can be", () => {
    const kinds = (text: string) => identifierClasses(text).map((c) => c.kind);
    expect(kinds("915933149")).toEqual(["organisation-number", "hpr-number", "resh-id"]);
    expect(kinds("8141705")).toEqual(["her-id", "hpr-number", "resh-id"]);
    expect(kinds("17851360018")).toEqual(["person-number"]);
    expect(kinds("200012345678")).toEqual(["duf-number"]);
    expect(kinds("2.16.578.1.12.4.1.2")).toEqual(["oid"]);
    expect(kinds("5f0c9c1e-6a0e-4b7d-9d0f-0a7c1e2b3d41")).toEqual(["uuid"]);
    expect(kinds("Signe")).toEqual([]);
  });

  it("answers for any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\d.-]{0,40}$/)), (text) => {
        for (const c of identifierClasses(text)) expect(classifyIdentifier(c.kind, text)).toEqual(c);
      }),
    );
  });
});
