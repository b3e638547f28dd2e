import { HelsekontaktError } from "@helsekontakt/core";
import * as fc from "fast-check";
import { afterEach, describe, expect, expectTypeOf, it } from "vitest";
import { type AktivSjekkRequest, createAktivsjekkenClient, maxNumbersPerCheck } from "../src/index.ts";
import { type Answer, json, quick, startServer, type TestServer } from "./_server.ts";

const fnrListe = ["01818010083", "17851360018", "41818010077"];
let server: TestServer;
afterEach(() => server.close());

async function client(answer: Answer) {
  server = await startServer(answer);
  return createAktivsjekkenClient({ baseUrl: `${server.url}/`, retry: quick });
}

describe("check", () => {
  it("posts the numbers in the body and reads a status per number; a missing one stays missing", async () => {
    const c = await client(
      json(200, {
        erAktivListe: {
          "01818010083": { erDigitaltAktivSelv: true, erDigitaltAktivViaAndre: false, tildeltFullmakt: false },
          "17851360018": { erAktivSelv: false, erAktivViaAndre: true },
          "01818010164": { erDigitaltAktivSelv: true, erDigitaltAktivViaAndre: true, tildeltFullmakt: true },
        },
      }),
    );
    const statuses = await c.check({ fnrListe, omraade: "Helsehjelp" });
    expect([...statuses]).toEqual([
      ["01818010083", { erDigitaltAktivSelv: true, erDigitaltAktivViaAndre: false, tildeltFullmakt: false }],
      ["17851360018", { erDigitaltAktivSelv: false, erDigitaltAktivViaAndre: true, tildeltFullmakt: false }],
    ]);
    expect(server.seen).toMatchObject([
      {
        method: "POST",
        url: "/digitaltaktiv/helsenorgeaktivsjekken/v1",
        headers: { "content-type": "application/json", accept: "application/json" },
      },
    ]);
    expect(JSON.parse(server.seen[0]?.body ?? "")).toEqual({ fnrListe, omraade: "Helsehjelp" });
  });

  it("sends only what the document knows", async () => {
    const c = await client(json(200, { erAktivListe: {} }));
    await c.check({ fnrListe, omraade: "Ungdom", extra: "x" } as AktivSjekkRequest);
    expect(Object.keys(JSON.parse(server.seen[0]?.body ?? ""))).toEqual(["fnrListe", "omraade"]);
  });

  it("takes a thousand numbers and no more, and refuses before sending", async () => {
    const c = await client(json(200, { erAktivListe: {} }));
    expect(maxNumbersPerCheck).toBe(1000);
    await c.check({ fnrListe: Array.from({ length: 1000 }, () => "01818010083"), omraade: "Helsehjelp" });
    const cases: [unknown, string, string][] = [
      [
        { fnrListe: Array.from({ length: 1001 }, () => "01818010083"), omraade: "Helsehjelp" },
        "input/too-large",
        'expected "/fnrListe" to have at most 1000 items, found 1001',
      ],
      [
        { fnrListe: [], omraade: "Helsehjelp" },
        "input/invalid",
        'expected "/fnrListe" to have at least 1 items, found 0',
      ],
      [
        { fnrListe: ["01818010083", "0181801008"], omraade: "Helsehjelp" },
        "input/invalid",
        'expected "/fnrListe/1" to be text that matches',
      ],
      [{ fnrListe, omraade: "Skole" }, "input/invalid", 'expected "/omraade" to be one of Helsehjelp, Ungdom'],
      [{ fnrListe }, "input/invalid", 'expected "/omraade" to be present'],
      [{ fnrListe: "01818010083", omraade: "Helsehjelp" }, "input/invalid", 'expected "/fnrListe" to be a list'],
    ];
    for (const [request, code, message] of cases) {
      const error = await c.check(request as AktivSjekkRequest).catch((e: unknown) => e as HelsekontaktError);
      expect(error).toBeInstanceOf(HelsekontaktError);
      expect((error as HelsekontaktError).code).toBe(code);
      expect((error as HelsekontaktError).message).toContain(message);
    }
    expect(server.seen).toHaveLength(1);
  });

  it("never quotes a number that it refuses", async () => {
    const c = await client(json(200, { erAktivListe: {} }));
    await fc.assert(
      fc.asyncProperty(
        fc
          .string({ minLength: 5 })
          .filter((s) => !/^[0-9]{11}$/.test(s) && !"/fnrListe/0 something else expected matches".includes(s)),
        async (text) => {
          const error = (await c
            .check({ fnrListe: [text], omraade: "Helsehjelp" })
            .catch((e: unknown) => e)) as HelsekontaktError;
          expect(error.code).toBe("input/invalid");
          expect(error.message).not.toContain(text);
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each([
    ["broken JSON", "{"],
    ["an empty body", ""],
    ["null", "null"],
    ["a list", "[]"],
    ["another object", "{}"],
    ["a status that is none", JSON.stringify({ erAktivListe: { "01818010083": true } })],
    ["a status without flags", JSON.stringify({ erAktivListe: { "01818010083": { erDigitaltAktivSelv: "true" } } })],
  ])("%s is not an answer", async (_name, body) => {
    const c = await client(json(200, body));
    await expect(c.check({ fnrListe, omraade: "Helsehjelp" })).rejects.toMatchObject({
      code: "rest/response-invalid",
      retryable: false,
    });
  });

  it("is not fooled by hostile keys", async () => {
    const c = await client(json(200, '{"erAktivListe":{"__proto__":{"erDigitaltAktivSelv":true},"constructor":{}}}'));
    expect((await c.check({ fnrListe, omraade: "Helsehjelp" })).size).toBe(0);
  });

  it("has the document's types", async () => {
    const c = await client(json(200, { erAktivListe: {} }));
    expectTypeOf<AktivSjekkRequest["omraade"]>().toEqualTypeOf<"Helsehjelp" | "Ungdom">();
    // @ts-expect-error another area
    await expect(c.check({ fnrListe, omraade: "Skole" })).rejects.toThrow();
  });
});
