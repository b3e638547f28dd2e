import { createHash, webcrypto } from "node:crypto";
import { HelsekontaktError, Personal, silentLogger } from "@helsekontakt/core";
import * as fc from "fast-check";
import { decodeJwt, type JWK } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createSigningFetch, createTokenSource, type TokenRequest, type TokenSourceOptions } from "../../src/index.ts";
import { createTokenCache } from "../../src/token-cache.ts";
import { cacheKey } from "../../src/token-source.ts";
import { makeKey, manualClock, type Sts, startSts } from "../_sts.ts";

// One long file: the rows of the security table that concern a grant share one strict token service.

const pairs = Number(process.env["HELSEKONTAKT_SECURITY_PAIRS"] ?? 1_000_000);
let sts: Sts;
let key: JWK & { kid: string; alg: string };
beforeEach(async () => {
  sts = await startSts();
  key = await makeKey("ES256");
  sts.register("client-1", key);
});
afterEach(() => sts.close());

function source(options: Partial<TokenSourceOptions> = {}) {
  return createTokenSource({
    issuer: sts.issuer,
    clientId: "client-1",
    key: { ...key },
    allowInsecureLoopback: true,
    random: () => 0,
    ...options,
  });
}

async function failure(promise: Promise<unknown>): Promise<HelsekontaktError> {
  const reason = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(reason).toBeInstanceOf(HelsekontaktError);
  return reason as HelsekontaktError;
}

describe("row 05: nonce", () => {
  it.each([1, 2, 3, 4, 5])("row 05: 16 calls at once with nonces that serve once all succeed, round %i", async () => {
    sts.rules.nonce = "single-use";
    const s = source();
    const scopes = Array.from({ length: 16 }, (_, n) => `scope-${n}`);
    await Promise.all(scopes.map((scope) => s.getToken({ scopes: [scope] })));
    expect(sts.count.token).toBeLessThanOrEqual(16 * 3);
  });

  it("row 05: an endless challenge ends with a typed error in three calls", async () => {
    sts.rules.nonce = "endless";
    expect(await failure(source().getToken({ scopes: ["a"] }))).toMatchObject({
      code: "auth/token-rejected",
      remoteCode: "use_dpop_nonce",
    });
    expect(sts.count.token).toBe(3);
  });

  it("row 05: a nonce that came with a token is used for the next: one request each", async () => {
    const s = source();
    await s.getToken({ scopes: ["a"] });
    const before = sts.count.token;
    await s.getToken({ scopes: ["b"] });
    expect(sts.count.token - before).toBe(1);
  });

  it.each([
    ["without the header", {}],
    ["with an empty one", { "DPoP-Nonce": "" }],
    ["with one outside the alphabet", { "DPoP-Nonce": 'a "b"' }],
  ])("row 05: a challenge %s ends, at most three calls", async (_name, headers) => {
    const answer = { status: 400, headers, body: JSON.stringify({ error: "use_dpop_nonce" }) };
    sts.rules.tokenScript.push(answer, answer, answer, answer);
    expect((await failure(source().getToken({ scopes: ["a"] }))).code).toBe("auth/token-rejected");
    expect(sts.count.token).toBeLessThanOrEqual(3);
  });

  it("row 05: a nonce stays with its source: another one asked meanwhile, by the key, does not get it", async () => {
    const other = await startSts();
    try {
      other.register("client-2", key);
      sts.rules.nonce = "single-use";
      other.rules.nonce = "none";
      const inner = source({ issuer: other.issuer, clientId: "client-2" });
      const cryptoKey = await webcrypto.subtle.importKey("jwk", key, { name: "ECDSA", namedCurve: "P-256" }, false, [
        "sign",
      ]);
      let turn = 0;
      const outer = source({
        key: {
          kid: key.kid,
          alg: "ES256",
          async sign(data) {
            await inner.getToken({ scopes: [`vault-${turn++}`] });
            return new Uint8Array(await webcrypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, cryptoKey, data));
          },
        },
      });
      await outer.getToken({ scopes: ["a"] });
      expect(sts.tokenCalls.map((c) => typeof c.proof?.claims["nonce"])).toEqual(["undefined", "string"]);
      expect(other.tokenCalls.map((c) => c.proof?.claims["nonce"])).toEqual([undefined, undefined]);
    } finally {
      await other.close();
    }
  });

  it("row 05: another error with a nonce beside it is no challenge", async () => {
    sts.rules.tokenScript.push({
      status: 400,
      headers: { "DPoP-Nonce": "n" },
      body: JSON.stringify({ error: "unauthorized_client" }),
    });
    expect((await failure(source().getToken({ scopes: ["a"] }))).remoteCode).toBe("unauthorized_client");
    expect(sts.count.token).toBe(1);
  });

  it("row 05: the API's nonce is answered once and remembered, apart from HelseID's of another origin", async () => {
    const other = await startSts();
    other.rules.apiNonce = true;
    try {
      sts.rules.apiNonce = true;
      const call = createSigningFetch(source(), { scopes: ["a"] });
      for (let n = 0; n < 3; n++) expect((await call(new Request(sts.api))).status).toBe(200);
      expect(sts.count.api).toBe(4);
      // The other API does not know this token; it must not get the first one's nonce either.
      await call(new Request(other.api));
      expect(other.apiCalls).toHaveLength(0);
    } finally {
      await other.close();
    }
  });
});

describe("row 02: jti", () => {
  it("row 02: no jti comes twice, over assertions, proofs and repetitions", async () => {
    sts.rules.nonce = "single-use";
    const s = source();
    await Promise.all(Array.from({ length: 100 }, (_, n) => s.getToken({ scopes: [`s${n}`] })));
    const ids = sts.tokenCalls.flatMap((c) => [c.claims.jti, c.proof?.claims.jti]);
    expect(ids.length).toBeGreaterThanOrEqual(200);
    expect(new Set(ids).size).toBe(ids.length);
    process.stdout.write(`row 02: ${ids.length} ids compared\n`);
  });
});

describe("row 06: clock", () => {
  it.each([5, -5, 30, -30, 120, -120, 3600, -3600])("row 06: HelseID's clock %i s away from ours", async (seconds) => {
    sts.rules.clockAhead = seconds;
    const s = source();
    await s.getToken({ scopes: ["a"] });
    const first = sts.count.token;
    expect(first).toBeLessThanOrEqual(3);
    await s.getToken({ scopes: ["b"] });
    expect(sts.count.token - first).toBe(1);
  });

  it("row 06: a clock that cannot be right is corrected once, never in a loop", async () => {
    const answer = (date: string) => ({
      status: 400,
      headers: { Date: date },
      body: JSON.stringify({ error: "invalid_client" }),
    });
    for (let n = 1; n < 10; n++) sts.rules.tokenScript.push(answer(new Date(n * 1e11).toUTCString()));
    expect((await failure(source().getToken({ scopes: ["a"] }))).remoteCode).toBe("invalid_client");
    expect(sts.count.token).toBe(2);
  });
});

describe("row 07: downgrade", () => {
  it.each([
    ["Bearer", "auth/token-not-bound"],
    ["bearer", "auth/token-not-bound"],
    ["", "auth/token-unavailable"],
    ["mac", "auth/token-unavailable"],
  ])("row 07: an answer of kind %j is refused for a bound token", async (kind, code) => {
    sts.rules.tokenType = kind;
    expect((await failure(source().getToken({ scopes: ["a"] }))).code).toBe(code);
  });

  it("row 07: a bound token is not sent as bearer unless asked for", async () => {
    const s = source();
    const token = await s.getToken({ scopes: ["a"] });
    const request = {
      method: "GET",
      url: new URL(sts.api),
      headers: new Headers(),
      body: undefined,
      signal: undefined,
    };
    expect((await failure(s.send(request, token, "bearer"))).code).toBe("auth/token-not-bound");
    expect(sts.count.api).toBe(0);
    expect((await s.send(request, token, "bound-as-bearer")).status).toBe(200);
  });
});

describe("row 08: scope and tenancy", () => {
  it("row 08: a narrower scope is refused, or taken when asked for", async () => {
    sts.rules.scope = "a";
    expect((await failure(source().getToken({ scopes: ["a", "b"] }))).code).toBe("auth/scope-rejected");
    expect((await source().getToken({ scopes: ["a", "b"], acceptNarrowerScope: true })).rejectedScopes).toEqual(["b"]);
  });

  it.each([["b"], [["b"]]])("row 08: rejected_scope %j", async (rejected) => {
    sts.rules.rejectedScope = rejected;
    expect((await failure(source().getToken({ scopes: ["a", "b"] }))).code).toBe("auth/scope-rejected");
  });

  it.each(["12345678", "1234567890", "123 456 789", "12345678x", ""])(
    "row 08: organisation number %j is refused before any request",
    async (parent) => {
      const asked = source().getToken({ scopes: ["a"], organisation: { tenancy: "multi", parent } });
      expect((await failure(asked)).code).toBe("input/invalid");
      expect(sts.count.token + sts.count.metadata).toBe(0);
    },
  );

  it("row 08: single and multi tenancy have each their own structure", async () => {
    const s = source();
    await s.getToken({ scopes: ["a"], organisation: { tenancy: "single", child: "222222222" } });
    await s.getToken({ scopes: ["a"], organisation: { tenancy: "multi", parent: "111111111", child: "222222222" } });
    const text = sts.tokenCalls.map((c) => JSON.stringify(c.claims["assertion_details"]));
    expect(text[0]).toContain("urn:oid:2.16.578.1.12.4.1.4.101");
    expect(text.at(-1)).toContain('"NO:ORGNR:111111111:222222222"');
  });
});

describe("row 09: cache key", () => {
  it(`row 09: no collision in ${pairs} pairs, with delimiters and empties`, () => {
    const text = fc.constantFrom("", "a", "b", "ab", ",", '"', "\\", "[", "]", "null", "a b", ":", "\u0000");
    const number = fc.constantFrom("111111111", "222222222");
    const organisation = fc.oneof(
      fc.constant(undefined),
      fc.record({ tenancy: fc.constant("single" as const), child: number }),
      fc.record(
        { tenancy: fc.constant("multi" as const), parent: number, child: number },
        { requiredKeys: ["tenancy", "parent"] },
      ),
    );
    const subject = fc.tuple(text, text, text, text, fc.array(text, { maxLength: 3 }), text, text, organisation);
    const keys = new Map<string, string>();
    let count = 0;
    fc.assert(
      fc.property(subject, ([issuer, clientId, kid, thumbprint, scopes, resource, sfm, org]) => {
        const request = {
          scopes,
          ...(resource === "" ? {} : { resource }),
          ...(sfm === "" ? {} : { sfmJournalId: sfm }),
          ...(org === undefined ? {} : { organisation: org }),
        } as TokenRequest;
        const made = createHash("sha256")
          .update(cacheKey({ issuer, clientId }, kid, thumbprint, request))
          .digest("base64");
        const needs = [issuer, clientId, kid, thumbprint, [...new Set(scopes)].sort(), resource, sfm, org ?? null];
        const meaning = createHash("sha256").update(JSON.stringify(needs)).digest("base64");
        count++;
        // Each subject is compared with every one before it: equal keys must mean equal needs.
        expect(keys.get(made) ?? meaning).toBe(meaning);
        keys.set(made, meaning);
      }),
      { numRuns: Math.ceil(Math.sqrt(pairs * 2)) + 1 },
    );
    expect(new Set(keys.values()).size).toBe(keys.size);
    process.stdout.write(`row 09: ${count} subjects, ${(count * (count - 1)) / 2} pairs compared\n`);
    expect((count * (count - 1)) / 2).toBeGreaterThanOrEqual(pairs);
  });
});

describe("row 10: tenants", () => {
  it("row 10: 50 tenants x 200 callers, renewal running: nobody gets another's token", async () => {
    const clock = manualClock();
    const s = source({ clock });
    sts.rules.nonce = "none";
    let waves = 0;
    for (const move of [0, 47_000, 47_000]) {
      clock.move(move);
      sts.rules.clockAhead = Math.round((clock.now() - Date.now()) / 1000);
      const calls = Array.from({ length: 10_000 }, async (_, n) => {
        const parent = `9000000${String(n % 50).padStart(2, "0")}`;
        const token = await s.getToken({ scopes: ["a"], organisation: { tenancy: "multi", parent } });
        return { parent, value: token.accessToken.reveal() };
      });
      const org = new Map<string, unknown>();
      for (const { parent, value } of await Promise.all(calls)) {
        if (!org.has(value)) org.set(value, decodeJwt(value)["orgnr"]);
        if (org.get(value) !== `NO:ORGNR:${parent}:`) throw new Error("expected the caller's own tenant");
      }
      // The next wave moves the clock: renewals that are under way must not be judged by the new time.
      waves++;
      const parents = Array.from({ length: 50 }, (_, n) => `9000000${String(n).padStart(2, "0")}`);
      const settled = async (): Promise<void> => {
        for (const parent of parents) {
          const token = await s.getToken({ scopes: ["a"], organisation: { tenancy: "multi", parent } });
          expect(token.expiresAt).toBe(clock.now() + 60_000);
        }
      };
      await vi.waitFor(settled, { timeout: 10_000 });
      expect(sts.tokenCalls.length).toBe(50 * waves);
    }
  });
});

describe("row 11: single flight", () => {
  it("row 11: 10 000 cold callers, one grant, at most two requests, one metadata fetch", async () => {
    const s = source();
    const tokens = await Promise.all(Array.from({ length: 10_000 }, () => s.getToken({ scopes: ["a"] })));
    expect(new Set(tokens).size).toBe(1);
    expect(sts.count.token).toBeLessThanOrEqual(2);
    expect(sts.count.metadata).toBe(1);
  });

  it("row 11: cold callers with different needs share one metadata fetch", async () => {
    const s = source();
    await Promise.all(Array.from({ length: 20 }, (_, n) => s.getToken({ scopes: [`s${n}`] })));
    expect(sts.count.metadata).toBe(1);
  });

  it("row 11: the abort of the caller that began the metadata fetch does not end it for the others", async () => {
    const s = source();
    const leaving = new AbortController();
    const first = s.getToken({ scopes: ["a"], signal: leaving.signal });
    const second = s.getToken({ scopes: ["b"] });
    setImmediate(() => leaving.abort());
    expect((await failure(first)).code).toBe("abort/cancelled");
    await second;
    expect(sts.count.metadata).toBe(1);
  });

  it("row 11: a failed flight fails for all and is not kept", async () => {
    const answer = { status: 400, body: JSON.stringify({ error: "invalid_scope" }) };
    sts.rules.tokenScript.push(answer);
    const s = source();
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => s.getToken({ scopes: ["a"] })));
    expect(results.every((r) => r.status === "rejected")).toBe(true);
    expect(sts.count.token).toBe(1);
    await s.getToken({ scopes: ["a"] });
  });
});

describe("row 12: expiry", () => {
  it("row 12: 24 h, tokens of 60 s, answers late by up to 4 s: none expired, at most 1.3 grants per life", async () => {
    const clock = manualClock(0);
    const cache = createTokenCache({ clock, logger: silentLogger, maxEntries: 10 });
    let grants = 0;
    let seed = 7;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    const waiting: { at: number; answer: () => void }[] = [];
    const load = (): Promise<import("../../src/index.ts").Token> =>
      new Promise((resolve) => {
        grants++;
        const sentAt = clock.now();
        const answer = (): void =>
          resolve({
            accessToken: new Personal(`t${grants}`),
            tokenType: "DPoP",
            scopes: [],
            rejectedScopes: [],
            expiresAt: sentAt + 60_000,
          });
        waiting.push({ at: sentAt + random() * 4_000, answer });
      });
    const day = 24 * 3_600_000;
    let used = 0;
    while (clock.now() < day) {
      const asked = cache.get("k", load, undefined).then((token) => {
        used++;
        if ((token.expiresAt ?? 0) <= clock.now()) throw new Error("expected a valid token");
      });
      const state = { done: false };
      void asked.finally(() => (state.done = true)).catch(() => undefined);
      await Promise.resolve();
      clock.move(250 + random() * 1_000);
      do {
        for (const late of waiting.splice(0)) {
          if (late.at <= clock.now()) late.answer();
          else waiting.push(late);
        }
        for (let n = 0; n < 8; n++) await Promise.resolve();
        if (!state.done) clock.move(250);
      } while (!state.done);
      await asked;
    }
    expect(used).toBeGreaterThan(80_000);
    expect(grants).toBeLessThanOrEqual((day / 60_000) * 1.3);
  });
});

describe("row 18: hostile answers", () => {
  it.each(["a\r\nX-Evil: 1", "a b", 'a"b', "a\u0000", "å"])(
    "row 18: scope %j is refused before any request",
    async (s) => {
      expect((await failure(source().getToken({ scopes: [s] }))).code).toBe("input/invalid");
      expect(sts.count.token + sts.count.metadata).toBe(0);
    },
  );

  it("row 18: __proto__ and constructor in a token response change nothing", async () => {
    const body =
      '{"access_token":"x","token_type":"DPoP","expires_in":60,"scope":"a","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    sts.rules.tokenScript.push({ status: 200, body });
    const token = await source().getToken({ scopes: ["a"] });
    expect("polluted" in {} || "polluted" in token).toBe(false);
  });

  it("row 18: __proto__ in the metadata and in an error body changes nothing", async () => {
    sts.rules.tokenScript.push({ status: 400, body: '{"__proto__":{"error":"use_dpop_nonce","polluted":1}}' });
    expect((await failure(source().getToken({ scopes: ["a"] }))).code).toBe("auth/token-unavailable");
    expect("polluted" in {}).toBe(false);
    expect(sts.count.token).toBe(1);
  });
});
