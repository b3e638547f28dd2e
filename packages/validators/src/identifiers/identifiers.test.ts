import { HelsekontaktError } from "@helsekontakt/core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ageOn,
  isHerId,
  isHprNumber,
  isOrganisationNumber,
  isPersonNumber,
  isUuid,
  parsePersonNumber,
  safeParsePersonNumber,
} from "./index.ts";

describe("parsePersonNumber()", () => {
  it.each([
    ["13116900216", "fnr", false, "1969-11-13", true],
    ["01015000232", "fnr", false, "1950-01-01", true],
    ["01015000322", "fnr", false, "1950-01-01", false],
    ["01015002322", "fnr", false, "1950-01-01", false],
    ["01818010083", "fnr", "tenor", "1980-01-01", true],
    ["01818010164", "fnr", "tenor", "1980-01-01", true],
    ["17851360018", "fnr", "tenor", "2013-05-17", true],
    ["41818010077", "dnr", "tenor", "1980-01-01", true],
    ["15467520188", "h-or-dolly", "dolly", "1975-06-15", true],
    ["80000000098", "fhn", false, undefined, true],
    ["90000000220", "fhn", false, undefined, true],
    ["13115700217", "fnr", false, "1957-11-13", false],
  ])("reads %s as %s", (number, kind, synthetic, birthDate, valid) => {
    const parsed = parsePersonNumber(number);
    expect(parsed.kind).toBe(kind);
    expect(parsed.synthetic).toBe(synthetic);
    expect(parsed.birthDate).toBe(birthDate);
    expect(isPersonNumber(number)).toBe(valid);
  });

  it("accepts numbers of the rule from 2032: four first control digits for the same nine digits", () => {
    let today = 0;
    let later = 0;
    for (let k = 0; k < 100; k++) {
      const parsed = safeParsePersonNumber(`018180100${String(k).padStart(2, "0")}`);
      if (parsed?.checksum === "valid") today++;
      if (parsed?.checksum === "valid-from-2032") later++;
    }
    expect(today).toBeLessThanOrEqual(1);
    expect(today + later).toBeGreaterThan(1);
    expect(today + later).toBeLessThanOrEqual(4);
  });

  it.each(["", "1311690021", "131169002166", "32116900216", "13136900216", "1311690021a", "30026900216"])(
    "refuses %s without repeating it",
    (text) => {
      expect(safeParsePersonNumber(text)).toBeUndefined();
      try {
        parsePersonNumber(text);
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(HelsekontaktError);
        if (text !== "") expect(String(error)).not.toContain(text);
      }
    },
  );

  it("never throws on any digits and gives a date that exists", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{11}$/), (text) => {
        const date = safeParsePersonNumber(text)?.birthDate;
        if (date !== undefined) expect(new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10)).toBe(date);
      }),
    );
  });
});

describe("ageOn()", () => {
  it("counts whole years", () => {
    expect(ageOn("2013-05-17", "2026-05-16")).toBe(12);
    expect(ageOn("2013-05-17", "2026-05-17")).toBe(13);
  });
});

describe("other identifiers", () => {
  it("tells HER-ids from longer numbers", () => {
    expect(["100001", "8141705", "9"].every(isHerId)).toBe(true);
    expect(["", "0", "01", "05073500186", "915933149", "93 238", "x"].some(isHerId)).toBe(false);
  });

  it("checks the control digit of organisation numbers", () => {
    expect(isOrganisationNumber("915933149")).toBe(true);
    expect(["915933148", "91593314", "9159331490", "a15933149"].some(isOrganisationNumber)).toBe(false);
  });

  it("checks HPR numbers and UUIDs by form", () => {
    expect(isHprNumber("9144889")).toBe(true);
    expect(isHprNumber("0144889")).toBe(false);
    expect(isUuid("5f0c9c1e-6a0e-4b7d-9d0f-0a7c1e2b3d41")).toBe(true);
    expect(isUuid("5F0C9C1E-6A0E-4B7D-9D0F-0A7C1E2B3D41")).toBe(true);
    expect(isUuid("5f0c9c1e6a0e4b7d9d0f0a7c1e2b3d41")).toBe(false);
  });
});
