import { expect, it } from "vitest";
import { isBound } from "./bound.ts";

const set = {
  url: "urn:set",
  codes: new Map([
    ["urn:a", new Set(["1"])],
    ["urn:b", new Set(["2"])],
  ]),
};
const coding = (system: string, code: string): object => ({ system, code });

it("takes a code of its own system only", () => {
  expect(isBound(coding("urn:a", "1"), set)).toBe(true);
  expect(isBound(coding("urn:b", "2"), set)).toBe(true);
  expect(isBound(coding("urn:a", "2"), set)).toBe(false);
  expect(isBound(coding("urn:c", "1"), set)).toBe(false);
  expect(isBound({ coding: [coding("urn:b", "1"), coding("urn:b", "2")] }, set)).toBe(true);
  expect(isBound({ coding: [coding("urn:b", "1"), coding("urn:a", "2")] }, set)).toBe(false);
});

it("takes a text that is a code of any of the systems", () => {
  expect(["1", "2", "3"].map((code) => isBound(code, set))).toEqual([true, true, false]);
});

it("refuses every code where the set has none", () => {
  const none = { url: "urn:none", codes: new Map<string, ReadonlySet<string>>() };
  expect(isBound("1", none)).toBe(false);
  expect(isBound(coding("urn:a", "1"), none)).toBe(false);
});
