import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flagsIn, flagsInText, notMentioned, statusTable } from "./status.ts";

const fnr = fc.integer({ min: 0, max: 99 }).map((n) => `0181801${String(n).padStart(4, "0")}`);
const status = fc.record(
  { erDigitaltAktivSelv: fc.boolean(), erDigitaltAktivViaAndre: fc.boolean(), tildeltFullmakt: fc.boolean() },
  { requiredKeys: ["erDigitaltAktivSelv", "erDigitaltAktivViaAndre"] },
);

describe("the text of an answer", () => {
  it("says the same when it is looked through as when it is parsed", () => {
    let looked = 0;
    fc.assert(
      fc.property(
        fc.uniqueArray(fnr, { maxLength: 8 }),
        fc.array(status, { minLength: 8, maxLength: 8 }),
        (asked, of) => {
          const text = JSON.stringify({ erAktivListe: Object.fromEntries(asked.map((n, i) => [n, of[i]])) });
          const found = flagsInText(text, asked);
          const table = statusTable(JSON.parse(text));
          expect(found).toEqual(asked.map((n, i) => flagsIn(table, n, i)));
          looked++;
        },
      ),
    );
    expect(looked).toBeGreaterThan(50);
  });

  const [a, b] = ["01818010083", "01818010164"];
  const one = '{"erDigitaltAktivSelv":true,"erDigitaltAktivViaAndre":false}';
  it.each([
    ["another order", `{"erAktivListe":{"${b}":${one},"${a}":${one}}}`],
    ["one missing", `{"erAktivListe":{"${a}":${one}}}`],
    ["one more", `{"erAktivListe":{"${a}":${one},"${b}":${one},"01818010245":${one}}}`],
    ["blanks", `{ "erAktivListe": {"${a}":${one},"${b}":${one}}}`],
    ["older names", `{"erAktivListe":{"${a}":${one.replace("erDigitaltAktivSelv", "erAktivSelv")},"${b}":${one}}}`],
    ["another member", `{"erAktivListe":{"${a}":${one},"${b}":${one}},"x":1}`],
    ["another member of one", `{"erAktivListe":{"${a}":${one.replace("}", ',"x":1}')},"${b}":${one}}}`],
    ["a null", `{"erAktivListe":{"${a}":${one.replace("true", "null")},"${b}":${one}}}`],
    ["one twice", `{"erAktivListe":{"${a}":${one},"${a}":${one}}}`],
    ["a text that ends early", `{"erAktivListe":{"${a}":${one},"${b}":${one}}`],
    ["something after its end", `{"erAktivListe":{"${a}":${one},"${b}":${one}}}}}`],
    ["no separator", `{"erAktivListe":{"${a}":${one};"${b}":${one}}}`],
    ["an empty text", ""],
  ])("is left to the parser: %s", (_name, text) => {
    expect(flagsInText(text, [a, b])).toBeUndefined();
  });

  it("mentions whom it mentions, whatever its order", () => {
    const table = statusTable(JSON.parse(`{"erAktivListe":{"${b}":${one}}}`));
    expect([flagsIn(table, a, 0), flagsIn(table, b, 1)]).toEqual([notMentioned, 1]);
  });
});
