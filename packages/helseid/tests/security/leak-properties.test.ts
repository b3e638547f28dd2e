import { inspect } from "node:util";
import type { Logger } from "@helsekontakt/core";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClientKey, createSigningFetch } from "../../src/index.ts";
import { manualClock } from "../_sts.ts";
import { type Helseid, listen, sourceOf, startHelseid } from "./_wire.ts";

// As in leaks.test.ts, with any secret in any place of an answer, of a failed connection or of a key that is none.

let helseid: Helseid;
beforeAll(async () => {
  helseid = await startHelseid();
});
afterAll(() => helseid.close());

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const base64url = (minLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...letters), minLength, maxLength: minLength + 20 });
const digits = (count: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."123456789"), minLength: count, maxLength: count });
const secret = fc.oneof(
  digits(11),
  fc.tuple(digits(6), fc.constantFrom(" ", "-", "_"), digits(5)).map((parts) => parts.join("")),
  digits(3).map((n) => `Markørsen, Åse ${n}`),
  base64url(43),
  fc.tuple(base64url(40), base64url(40)).map(([claims, signature]) => `eyJhbGciOiJQUzI1NiJ9.${claims}.${signature}`),
);

type Body = (secret: string) => string;
const bodies: readonly Body[] = [
  (s) => s,
  (s) => `<html>${s}`,
  (s) => JSON.stringify({ error: s, error_description: s, error_uri: `https://x.example/${s}` }),
  (s) => JSON.stringify({ error: "invalid_client", error_description: `HID-0001 ${s}`, [s]: s }),
  (s) => JSON.stringify({ error: ["invalid_client", s] }),
  (s) => JSON.stringify({ access_token: s, token_type: "DPoP", expires_in: 60, scope: s }),
  (s) => JSON.stringify({ access_token: s, token_type: s, expires_in: 60 }),
  (s) => JSON.stringify({ access_token: s, token_type: "DPoP", expires_in: s, refresh_token: s, id_token: s }),
  (s) => JSON.stringify({ access_token: { value: s }, token_type: "DPoP" }),
  (s) => JSON.stringify({ issuer: s, token_endpoint: `https://${s}` }),
  (s) => JSON.stringify({ access_token: s }).slice(0, -3),
];

/** Every way in which a value comes to be text. */
function sinks(value: unknown): string {
  const e = value as Error;
  return [
    String(e),
    e.stack,
    JSON.stringify(e),
    JSON.stringify(Object.getOwnPropertyDescriptors(e)),
    inspect(e, { depth: Infinity, showHidden: true, getters: true }),
    inspect(e.cause, { depth: Infinity, showHidden: true }),
  ].join("\n");
}

function collector(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const write = (...parts: unknown[]): void => void lines.push(inspect(parts, { depth: Infinity, showHidden: true }));
  return { lines, logger: { debug: write, info: write, warn: write, error: write } };
}

const ascii = (text: string): boolean => /^[\x21-\x7e]+$/.test(text);

describe("row 14: leaks, with any secret", () => {
  it("row 14: no error and no line shows what an answer of the token service, its metadata or the API holds", async () => {
    const answer = fc.record({
      at: fc.constantFrom("token", "metadata", "api"),
      status: fc.constantFrom(200, 201, 302, 400, 401, 403, 404, 429, 500, 503),
      body: fc.constantFrom(...bodies),
      type: fc.constantFrom("application/json", "text/html", "application/jwt"),
      headers: fc.subarray(["dpop-nonce", "www-authenticate", "location", "date", "x-error"]),
    });
    let failed = 0;
    await fc.assert(
      fc.asyncProperty(answer, secret, async ({ at, status, body, type, headers }, hidden) => {
        const { lines, logger } = collector();
        const wire = listen(async (request) => {
          const place = request.url.includes(".well-known")
            ? "metadata"
            : request.url.startsWith(helseid.api.baseUrl)
              ? "api"
              : "token";
          if (place !== at) return fetch(request);
          const quoted = ascii(hidden) ? headers : [];
          return new Response(body(hidden), {
            status,
            headers: {
              "content-type": type,
              ...Object.fromEntries(
                quoted.map((name) => [
                  name,
                  name === "www-authenticate" ? `DPoP error="${hidden}", error_description="${hidden}"` : hidden,
                ]),
              ),
            },
          });
        });
        const source = sourceOf(helseid, { fetch: wire.fetch, logger, clock: manualClock(), timeoutMs: 2_000 });
        const call = createSigningFetch(source, { scopes: [helseid.api.scope] });
        const outcome: unknown = await call(new Request(`${helseid.api.baseUrl}/x`)).catch((e: unknown) => e);
        const text = [...lines, inspect(source, { depth: Infinity, showHidden: true })];
        if (outcome instanceof Error) {
          failed++;
          text.push(sinks(outcome));
        }
        for (const value of [hidden, String(helseid.client.jwk.d), ...wire.secrets])
          expect(
            text.some((t) => t.includes(value)),
            "a secret in what is shown",
          ).toBe(false);
      }),
      { numRuns: 60 },
    );
    expect(failed).toBeGreaterThan(20);
  });

  it("row 14: no error shows what a failed connection quotes", async () => {
    const code = fc.constantFrom("ECONNREFUSED", "UND_ERR_SOCKET", "CERT_HAS_EXPIRED", undefined);
    await fc.assert(
      fc.asyncProperty(secret, code, async (hidden, name) => {
        const { lines, logger } = collector();
        const cause = Object.assign(new Error(`sent ${hidden}`), { code: name, request: { body: hidden } });
        const source = sourceOf(helseid, {
          fetch: () =>
            Promise.reject(
              new TypeError(`fetch failed: ${hidden}`, { cause: new AggregateError([cause], hidden, { cause }) }),
            ),
          logger,
          clock: manualClock(),
        });
        const error: unknown = await source.getToken({ scopes: [helseid.api.scope] }).catch((e: unknown) => e);
        expect(error).toBeInstanceOf(Error);
        for (const text of [...lines, sinks(error)]) expect(text.includes(hidden), "a secret").toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it("row 14: no error shows what stands where a key is expected", async () => {
    const jwk = { ...helseid.client.jwk };
    const keys: readonly ((s: string) => unknown)[] = [
      (s) => s,
      (s) => JSON.stringify({ ...jwk, d: s }),
      (s) => JSON.stringify({ ...jwk, d: s }).slice(0, -4),
      (s) => ({ ...jwk, d: s }),
      (s) => ({ ...jwk, kty: s, d: s }),
      (s) => ({ jwk: { ...jwk, alg: s, d: s } }),
      (s) => ({ jwk: s, kid: "k" }),
      (s) => ({ pem: s, kid: "k", alg: "PS256" }),
      (s) => ({
        pem: `-----BEGIN PRIVATE KEY-----\n${s}\n-----END PRIVATE KEY-----`,
        kid: "k",
        alg: "PS256",
        passphrase: s,
      }),
      (s) => ({ secret: s }),
      (s) => () => Promise.reject(new Error(s)),
      (s) => ({ sign: () => Promise.reject(new Error(s)), kid: "k", alg: "PS256" }),
    ];
    let failed = 0;
    await fc.assert(
      fc.asyncProperty(secret, fc.constantFrom(...keys), async (hidden, key) => {
        const { lines, logger } = collector();
        const error: unknown = await (async () => {
          const source = sourceOf(helseid, { key: key(hidden) as ClientKey, logger, clock: manualClock() });
          await source.getToken({ scopes: [helseid.api.scope] });
        })().catch((e: unknown) => e);
        if (!(error instanceof Error)) return;
        failed++;
        for (const text of [...lines, sinks(error)]) expect(text.includes(hidden), "a secret").toBe(false);
      }),
      { numRuns: 80 },
    );
    expect(failed).toBeGreaterThan(20);
  });
});
