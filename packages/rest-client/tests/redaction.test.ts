import { inspect } from "node:util";
import { metrics, trace } from "@opentelemetry/api";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { createAktivsjekkenClient, createHelsekontakterClient } from "../src/index.ts";

// Whatever a service answers, and however a call fails, nothing of what was sent or quoted comes to be shown: not in the
// error, not in what an application's OpenTelemetry is told.

const digits = (count: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: count, maxLength: count });
const base64url = fc.string({
  unit: fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
  minLength: 24,
  maxLength: 60,
});
/** What must not be shown: a number in the forms that people write it in, a name, a text, a token. */
const secret = fc.oneof(
  digits(11),
  fc.tuple(digits(6), fc.constantFrom(" ", "-", ".", "_"), digits(5)).map((parts) => parts.join("")),
  fc.constantFrom("Åse Markørsen", "Nordmann, Kari", "Har vondt i ryggen, ring meg"),
  fc.tuple(base64url, base64url).map(([claims, signature]) => `eyJhbGciOiJQUzI1NiJ9.${claims}.${signature}`),
);
type Body = (secret: string) => string;
const bodies: readonly Body[] = [
  (s) => s,
  (s) => JSON.stringify(s),
  (s) => JSON.stringify({ Code: s, Message: s, ErrorCategory: 1 }),
  (s) => JSON.stringify({ code: `EHAPI-${s}`, errormessage: { code: s, title: s } }),
  (s) => JSON.stringify({ error: s, error_description: s, [s]: s }),
  (s) =>
    JSON.stringify({ type: s, title: s, detail: s, instance: `/personer/${s}`, status: 400, errors: { [s]: [s] } }),
  (s) =>
    JSON.stringify({
      resourceType: "OperationOutcome",
      issue: [{ severity: "error", code: s, diagnostics: s, details: { coding: [{ code: s }], text: s } }],
    }),
  (s) =>
    `<OperationOutcome xmlns="http://hl7.org/fhir"><issue><code value="${s}"/><details><coding><code value="${s}"/></coding></details></issue></OperationOutcome>`,
  (s) => `<html><title>${s}</title><body>${s}`,
  (s) => JSON.stringify({ Code: s }).slice(0, -2),
  (s) => JSON.stringify([{ fnr: s, erDigitaltAktivSelv: s }]),
];

/** What an application's OpenTelemetry is told. */
const told: unknown[] = [];
const note =
  (name: string) =>
  (...given: unknown[]): void =>
    void told.push([name, given]);
const span = new Proxy({}, { get: (_span, name) => note(String(name)) });
trace.setGlobalTracerProvider({
  getTracer: () => ({ startSpan: (...given: unknown[]) => (told.push(given), span) }) as never,
});
metrics.setGlobalMeterProvider({
  getMeter: () =>
    ({ createHistogram: () => ({ record: note("record") }), createCounter: () => ({ add: note("add") }) }) as never,
});
afterAll(() => {
  trace.disable();
  metrics.disable();
});

/** Every way in which an error comes to be text. */
function shown(error: unknown): string {
  const e = error as Error;
  return [
    String(e),
    e.stack,
    JSON.stringify(e),
    JSON.stringify(Object.getOwnPropertyDescriptors(e)),
    inspect(e, { depth: Infinity, showHidden: true, getters: true }),
    inspect(e.cause, { depth: Infinity, showHidden: true }),
    inspect(structuredClone(e), { depth: Infinity, showHidden: true }),
    inspect(told, { depth: Infinity, showHidden: true, maxStringLength: null, maxArrayLength: null }),
  ].join("\n");
}

describe("errors and telemetry of calls", () => {
  it("show nothing of a number, a name, a text or a token, whatever is answered", async () => {
    const answer = fc.record({
      status: fc.constantFrom(200, 207, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503),
      body: fc.constantFrom(...bodies),
      type: fc.constantFrom("application/json", "application/problem+json", "application/fhir+xml", "text/html"),
      quotes: fc.boolean(),
    });
    let failed = 0;
    await fc.assert(
      fc.asyncProperty(answer, secret, digits(11), async ({ status, body, type, quotes }, hidden, fnr) => {
        told.length = 0;
        const text = body(hidden).replaceAll("\n", " ");
        const headers: Record<string, string> = { "content-type": type };
        const inHeader = /^[\w .-]+$/.test(hidden);
        if (quotes && inHeader)
          Object.assign(headers, {
            "www-authenticate": `DPoP error="${hidden}"`,
            location: `/${hidden}`,
          });
        const urls: string[] = [];
        const fetch = async (request: Request): Promise<Response> => {
          urls.push(request.url);
          await request.text();
          return new Response(text, { status, headers });
        };
        const options = { baseUrl: "https://eksternapi.example", fetch, retry: { tries: 1 } };
        const calls = [
          createAktivsjekkenClient(options).check({ fnrListe: [fnr], omraade: "Helsehjelp" }),
          createHelsekontakterClient(options).registerMembers({
            resourceType: "Bundle",
            type: "collection",
            entry: [{ resource: { resourceType: "Patient", identifier: [{ value: fnr }], name: [{ text: hidden }] } }],
          } as never),
        ];
        for (const outcome of await Promise.allSettled(calls)) {
          const view = outcome.status === "rejected" ? shown(outcome.reason) : inspect(told, { depth: Infinity });
          if (outcome.status === "rejected") failed++;
          for (const value of [hidden, fnr]) expect(view.includes(value), "a secret in what is shown").toBe(false);
        }
        expect(urls.length).toBeGreaterThan(0);
        for (const value of [hidden, fnr]) expect(urls.some((url) => url.includes(value))).toBe(false);
      }),
      { numRuns: 400 },
    );
    expect(failed).toBeGreaterThan(200);
  });

  it("show nothing of what a failed connection quotes", async () => {
    await fc.assert(
      fc.asyncProperty(
        secret,
        fc.constantFrom("ECONNRESET", "UND_ERR_SOCKET", "ENOTFOUND", undefined),
        async (hidden, code) => {
          told.length = 0;
          const cause = Object.assign(new Error(`sent ${hidden}`), { code, data: hidden, headers: [hidden] });
          const fetch = async (): Promise<Response> => {
            throw new TypeError(`fetch failed: ${hidden}`, { cause: new AggregateError([cause], hidden, { cause }) });
          };
          const client = createAktivsjekkenClient({
            baseUrl: "https://eksternapi.example",
            fetch,
            retry: { tries: 1 },
          });
          const error: unknown = await client
            .check({ fnrListe: ["01818010083"], omraade: "Helsehjelp" })
            .catch((e: unknown) => e);
          expect(error).toBeInstanceOf(Error);
          expect(shown(error).includes(hidden), "a secret in what is shown").toBe(false);
        },
      ),
      { numRuns: 100 },
    );
  });
});
