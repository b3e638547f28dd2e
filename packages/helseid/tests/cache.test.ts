import { HelsekontaktError, silentLogger } from "@helsekontakt/core";
import * as fc from "fast-check";
import type { JWK } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createTokenSource, type TokenRequest } from "../src/index.ts";
import { createTokenCache, safetyMargin } from "../src/token-cache.ts";
import { cacheKey } from "../src/token-source.ts";
import { makeKey, manualClock, type Sts, startSts } from "./_sts.ts";

const patience = { timeout: 20_000, interval: 10 };
const warnings: string[] = [];
let sts: Sts;
let key: JWK & { kid: string; alg: string };
beforeEach(async () => {
  warnings.length = 0;
  sts = await startSts();
  sts.rules.nonce = "none";
  key = await makeKey("ES256");
  sts.register("client-1", key);
});
afterEach(() => sts.close());

function source(clock = manualClock()) {
  return {
    clock,
    source: createTokenSource({
      issuer: sts.issuer,
      clientId: "client-1",
      key: { ...key },
      allowInsecureLoopback: true,
      clock,
      random: () => 0,
      logger: { ...silentLogger, warn: (message) => void warnings.push(message) },
    }),
  };
}

describe("cache", () => {
  it("10 000 callers at once share one request", async () => {
    const { source: s } = source();
    const tokens = await Promise.all(Array.from({ length: 10_000 }, () => s.getToken({ scopes: ["a"] })));
    expect(new Set(tokens).size).toBe(1);
    expect(sts.count.token).toBe(1);
  });

  it("does not tell scopes apart by order or repetition", async () => {
    const { source: s } = source();
    expect(await s.getToken({ scopes: ["a", "b"] })).toBe(await s.getToken({ scopes: ["b", "a", "b"] }));
  });

  it("renews in the background late in a token's life, and never gives out a token inside the margin", async () => {
    const { source: s, clock } = source();
    const first = await s.getToken({ scopes: ["a"] });
    clock.move(41_000);
    expect(await s.getToken({ scopes: ["a"] })).toBe(first);
    expect(sts.count.token).toBe(1);
    sts.rules.clockAhead = 47;
    clock.move(6_000);
    expect(await s.getToken({ scopes: ["a"] })).toBe(first);
    // The clock stands still, so only the renewal can change the answer.
    const second = await vi.waitFor(async () => {
      const next = await s.getToken({ scopes: ["a"] });
      expect(next).not.toBe(first);
      return next;
    }, patience);
    expect(sts.count.token).toBe(2);
    clock.move(49_000);
    sts.rules.clockAhead = 96;
    expect(await s.getToken({ scopes: ["a"] })).not.toBe(second);
  });

  it("a failed renewal leaves the present token in use and is not repeated at once", async () => {
    const { source: s, clock } = source();
    const first = await s.getToken({ scopes: ["a"] });
    sts.rules.tokenScript.push(
      ...Array.from({ length: 20 }, () => ({ status: 400, body: '{"error":"invalid_request"}' })),
    );
    clock.move(47_000);
    expect(await s.getToken({ scopes: ["a"] })).toBe(first);
    await vi.waitFor(() => expect(warnings).toHaveLength(1), patience);
    for (let n = 0; n < 20; n++) expect(await s.getToken({ scopes: ["a"] })).toBe(first);
    expect(sts.count.token).toBe(2);
  });

  it("does not keep a token without a lifetime, or with one inside the margin", async () => {
    for (const lifetime of [undefined, 5]) {
      sts.rules.lifetime = lifetime;
      const { source: s } = source();
      const before = sts.count.token;
      await s.getToken({ scopes: ["a"] });
      await s.getToken({ scopes: ["a"] });
      expect(sts.count.token - before).toBe(2);
    }
  });

  it("a failed flight rejects all its callers and is not kept", async () => {
    sts.rules.tokenScript.push({ status: 400, body: '{"error":"invalid_client"}' });
    const { source: s } = source();
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => s.getToken({ scopes: ["a"] })));
    expect(results.every((r) => r.status === "rejected" && r.reason instanceof HelsekontaktError)).toBe(true);
    expect(sts.count.token).toBe(1);
    expect((await s.getToken({ scopes: ["a"] })).tokenType).toBe("DPoP");
  });

  it("one caller's abort does not disturb the others; when all have left, the request ends", async () => {
    const { source: s } = source();
    const leaving = new AbortController();
    const leaver = s.getToken({ scopes: ["a"], signal: leaving.signal });
    const stayer = s.getToken({ scopes: ["a"] });
    await Promise.resolve();
    leaving.abort();
    await expect(leaver).rejects.toMatchObject({ code: "abort/cancelled" });
    expect((await stayer).tokenType).toBe("DPoP");

    sts.rules.tokenScript.push({ status: 0, hang: true });
    const all = new AbortController();
    const alone = s.getToken({ scopes: ["b"], signal: all.signal });
    await vi.waitFor(() => expect(sts.count.token).toBe(2), patience);
    all.abort();
    await expect(alone).rejects.toMatchObject({ code: "abort/cancelled" });
    expect((await s.getToken({ scopes: ["b"] })).tokenType).toBe("DPoP");
    await expect(s.getToken({ scopes: ["b"], signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "abort/cancelled",
    });
  });

  it("never mixes tenants, also under load and while tokens are renewed", async () => {
    sts.rules.lifetime = 12;
    const { source: s, clock } = source();
    let now = 0;
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        Array.from({ length: 400 }, async (_, n) => {
          const parent = String(900_000_000 + (n % 20));
          const token = await s.getToken({ scopes: ["a"], organisation: { tenancy: "multi", parent } });
          const [, claims = ""] = token.accessToken.reveal().split(".");
          const { orgnr } = JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as { orgnr: string };
          expect(orgnr).toBe(`NO:ORGNR:${parent}:`);
        }),
      );
      now += 9;
      clock.move(9_000);
      sts.rules.clockAhead = now;
    }
  });

  it("asks at most 1.3 times per lifetime and never gives out an expired token, over a simulated day", async () => {
    const clock = manualClock(0);
    const cache = createTokenCache({ clock, logger: silentLogger, maxEntries: 10 });
    let grants = 0;
    let expired = 0;
    const { Personal } = await import("@helsekontakt/core");
    const load = async () => ({
      accessToken: new Personal(`t${++grants}`),
      tokenType: "DPoP" as const,
      scopes: [],
      rejectedScopes: [],
      expiresAt: clock.now() + 60_000,
    });
    const day = 24 * 3600_000;
    while (clock.now() < day) {
      const token = await cache.get("k", load, undefined);
      if ((token.expiresAt ?? 0) <= clock.now()) expired++;
      await Promise.resolve();
      clock.move(1_000);
    }
    expect(expired).toBe(0);
    expect(grants).toBeLessThanOrEqual((day / 60_000) * 1.3);
  });

  it("holds a bounded number of tokens", async () => {
    const s = createTokenSource({
      issuer: sts.issuer,
      clientId: "client-1",
      key: { ...key },
      allowInsecureLoopback: true,
      maxCachedTokens: 2,
    });
    for (const scope of ["a", "b", "c"]) await s.getToken({ scopes: [scope] });
    await s.getToken({ scopes: ["c"] });
    expect(sts.count.token).toBe(3);
    await s.getToken({ scopes: ["a"] });
    expect(sts.count.token).toBe(4);
  });

  it("keeps a margin of 20 %, between 5 and 30 seconds", () => {
    expect([10_000, 60_000, 300_000].map(safetyMargin)).toEqual([5_000, 12_000, 30_000]);
  });
});

describe("cache key", () => {
  const text = fc.oneof(
    fc.constantFrom("", "a", "b", "_", ":", ",", '"', "[", "a_b", "null"),
    fc.string({ maxLength: 4 }),
  );
  const organisation = fc.option(
    fc.oneof(
      fc.record({ tenancy: fc.constant("single" as const), child: fc.constantFrom("111111111", "222222222") }),
      fc.record({ tenancy: fc.constant("multi" as const), parent: fc.constantFrom("111111111", "222222222") }),
      fc.record({
        tenancy: fc.constant("multi" as const),
        parent: fc.constantFrom("111111111", "222222222"),
        child: fc.constantFrom("111111111", "222222222"),
      }),
    ),
    { nil: undefined },
  );
  const subject = fc.record({
    issuer: text,
    clientId: text,
    kid: text,
    thumbprint: text,
    scopes: fc.array(text, { maxLength: 3 }),
    resource: fc.option(text, { nil: undefined }),
    sfm: fc.option(text, { nil: undefined }),
    organisation,
  });
  type Subject = typeof subject extends fc.Arbitrary<infer T> ? T : never;
  const keyOf = (s: Subject): string =>
    cacheKey(s, s.kid, s.thumbprint, {
      scopes: s.scopes,
      ...(s.resource === undefined ? {} : { resource: s.resource }),
      ...(s.sfm === undefined ? {} : { sfmJournalId: s.sfm }),
      ...(s.organisation === undefined ? {} : { organisation: s.organisation }),
    } as TokenRequest);
  const normal = (s: Subject): unknown => ({ ...s, scopes: [...new Set(s.scopes)].sort() });

  it("is equal exactly for equal needs", () => {
    fc.assert(
      fc.property(subject, subject, (a, b) => {
        expect(keyOf(a) === keyOf(b)).toBe(JSON.stringify(normal(a)) === JSON.stringify(normal(b)));
      }),
      { numRuns: 4_000 },
    );
  });

  it("tells a parent alone from a child alone", () => {
    const base = { scopes: ["a"] };
    const keys = [
      { ...base, organisation: { tenancy: "multi", parent: "111111111" } },
      { ...base, organisation: { tenancy: "single", child: "111111111" } },
      { ...base, organisation: { tenancy: "multi", parent: "111111111", child: "111111111" } },
      base,
      { ...base, sfmJournalId: "111111111" },
      { ...base, resource: "111111111" },
    ].map((r) => cacheKey({ issuer: "i", clientId: "c" }, "k", "t", r as TokenRequest));
    expect(new Set(keys).size).toBe(keys.length);
  });
});
