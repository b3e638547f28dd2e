import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isBuiltinValue } from "./builtins.ts";
import { simpleJudge } from "./judge-simple.ts";
import type { SimpleRule } from "./rules.ts";
import { checkSimple } from "./simple.ts";

const rule = (base: string, more: Partial<SimpleRule> = {}): SimpleRule => ({
  name: base,
  base,
  whiteSpace: base === "string" ? "preserve" : "collapse",
  ...more,
});

describe("a type's judge", () => {
  const rules: SimpleRule[] = [
    rule("string"),
    rule("token", { patterns: ["^(?:\\p{Nd}+(?:\\.\\p{Nd}+)*)$"] }),
    rule("token", { enumeration: ["A", "B C"] }),
    rule("token", { maxLength: 3 }),
    rule("integer", { enumeration: ["1", "02"] }),
    rule("int"),
    rule("boolean"),
    rule("duration", { maxInclusive: "P1M" }),
    rule("duration", { enumeration: ["P1Y"] }),
    rule("hexBinary", { enumeration: ["aB", "01"] }),
    rule("base64Binary", { enumeration: ["YQ=="] }),
    rule("token", { list: () => rule("int"), enumeration: ["1 2 3"] }),
    rule("anySimpleType", { union: [() => rule("int"), () => rule("token")], enumeration: ["2", "A"] }),
    rule("date"),
    rule("dateTime"),
    rule("gYear"),
    rule("base64Binary"),
    rule("anySimpleType", { union: [() => rule("dateTime"), () => rule("date"), () => rule("gYear")] }),
    rule("token", { list: () => rule("int") }),
    rule("decimal", { minInclusive: "0", totalDigits: 3 }),
  ];
  const texts = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      "A",
      " B  C ",
      "1",
      "02",
      "+2",
      "true",
      "0",
      "2026-02-28",
      "2024-02-29",
      "2023-02-29",
      "0000-01-01",
      "2026-13-01",
    ),
    fc.constantFrom(
      "2026-02-28T23:59:59",
      "2026-02-28T24:00:00",
      "2026-02-28T23:59:60Z",
      "2026-01-01T00:00:00+13:59",
      "2026-01-01T00:00:00+14:01",
      "2026-01-01T00:00:00.5Z",
    ),
    fc
      .tuple(fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 32 }), fc.constantFrom("", "T", "T.", "T.120"))
      .map(([month, day, clock]) => {
        const date = `2023-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
        return clock === "" ? date : `${date}T08:15:30${clock.slice(1)}${day % 2 === 0 ? "Z" : ""}`;
      }),
    fc.stringMatching(/^[0-9.]{1,8}$/),
    fc.constantFrom("P1M", "P28D", "P29D", "P12M", "P1Y", "AB", "ab", "01", "1  02 3", " P12M "),
    fc.constantFrom("YQ==", "YR==", "YWI=", "Y W I =", "YWJj", "YQ", "====", "1.2.3", "1..2", "1 2 3", "1 x"),
  );

  it("says what the explaining check says", () => {
    for (const r of rules)
      fc.assert(
        fc.property(texts, (text) => {
          expect(simpleJudge(r)(text), `${r.base} ${JSON.stringify(text)}`).toBe(checkSimple(r, text) === undefined);
        }),
      );
  });
});

describe("long base64", () => {
  const whole = "YWJj".repeat(1000);
  it.each([
    ["whole groups", whole, true],
    ["lines", whole.replaceAll(/.{76}/g, "$&\r\n"), true],
    ["one byte at the end", `${whole}YQ==`, true],
    ["two bytes at the end", `${whole}YWI=`, true],
    ["white space inside the end", `${whole}Y Q =\n= `, true],
    ["bits that are not zero", `${whole}YR==`, false],
    ["bits that are not zero, two bytes", `${whole}YWJ=`, false],
    ["no padding", `${whole}YQ`, false],
    ["half the padding", `${whole}YQ=`, false],
    ["padding too much", `${whole}====`, false],
    ["padding inside", `YQ==${whole}`, false],
    ["another character", `${whole}YW*j`, false],
    ["the URL's alphabet", `${whole}YW-j`, false],
    ["white space only", " \n".repeat(2000), true],
    ["one group behind white space", `YWJj${" ".repeat(4000)}`, true],
    ["a letter behind white space", `Y${" ".repeat(4000)}`, false],
    ["a no-break space", `${whole}\u00a0`, false],
  ])("%s", (_, text, valid) => expect(isBuiltinValue("base64Binary", text)).toBe(valid));
});
