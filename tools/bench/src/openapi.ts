import { bodies } from "@helsekontakt/validators/openapi/aktivsjekken";
import { validateBody } from "@helsekontakt/validators/openapi";
import { compare, type Row } from "./measure.ts";

/** The generated checks of JSON bodies, held against the parser that every body passes anyway. */
export async function benchOpenapi(): Promise<Row[]> {
  const numbers = Array.from({ length: 1_000 }, (_, n) => String(10_000_000_000 + n * 7_919));
  const status = { erDigitaltAktivSelv: true, erDigitaltAktivViaAndre: false, tildeltFullmakt: false };
  const request = { fnrListe: numbers, omraade: "Helsehjelp" };
  const answer = { erAktivListe: Object.fromEntries(numbers.map((n) => [n, status])) };
  const rows: Row[] = [];
  for (const [what, place, body, value] of [
    ["request of 1,000 numbers", { operationId: "checkActive" }, request, 1.5],
    ["answer of 1,000 citizens", { operationId: "checkActive", status: 200 }, answer, 0.5],
  ] as const) {
    const text = JSON.stringify(body);
    const parsed: unknown = JSON.parse(text);
    if (validateBody(bodies, place, parsed)?.valid !== true) throw new Error("expected a valid body, found a fault");
    const { ratio, aPerSecond, bPerSecond } = await compare(
      () => JSON.parse(text),
      () => validateBody(bodies, place, parsed),
    );
    rows.push({
      name: `check of a ${what} (AktivSjekken) / JSON.parse of it`,
      ratio,
      bound: { kind: "at-most", value },
      note: `${Math.round(bPerSecond)} checks against ${Math.round(aPerSecond)} parses a second`,
    });
  }
  return rows;
}
