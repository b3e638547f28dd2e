import { Personal, silentLogger } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { createTokenCache } from "../../src/token-cache.ts";
import { createTokenSource } from "../../src/index.ts";
import { manualClock } from "../_sts.ts";

const day = 24 * 3_600_000;

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

  it("row 12: the whole source, 24 h, tokens of 60 s: no token that HelseID holds for expired, at most 1.3 grants per life", async () => {
    const clock = manualClock(0);
    const issuer = "https://helseid.example";
    const expiry = new Map<string, number>();
    const waiting: { readonly at: number; readonly answer: () => void }[] = [];
    let seed = 12;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    let requests = 0;
    const source = createTokenSource({
      issuer,
      clientId: "client-1",
      // What the service would check is other rows' business; here it is the times.
      key: { kid: "k", alg: "ES256", sign: async () => new Uint8Array(64) },
      clock,
      fetch: async (request) => {
        if (request.method === "GET") return Response.json({ issuer, token_endpoint: `${issuer}/connect/token` });
        requests++;
        // The service works half of the time that the answer takes, then the token's life begins.
        const late = random() * 4_000;
        const issuedAt = clock.now() + late / 2;
        await new Promise<void>((resolve) => waiting.push({ at: clock.now() + late, answer: resolve }));
        const value = `token-${expiry.size}`;
        expiry.set(value, issuedAt + 60_000);
        return Response.json({ access_token: value, token_type: "DPoP", expires_in: 60, scope: "a" });
      },
    });
    let calls = 0;
    let expired = 0;
    while (clock.now() < day) {
      const state = { done: false };
      const asked = source.getToken({ scopes: ["a"] }).finally(() => (state.done = true));
      for (let n = 0; n < 4; n++) await Promise.resolve();
      while (!state.done) {
        for (const one of waiting.splice(0)) {
          if (one.at <= clock.now()) one.answer();
          else waiting.push(one);
        }
        await new Promise((resolve) => setImmediate(resolve));
        if (!state.done && waiting.length > 0) clock.move(250);
      }
      const token = await asked;
      calls++;
      if ((expiry.get(token.accessToken.reveal()) ?? 0) <= clock.now()) expired++;
      // A renewal begins here; its keys are worked with in real time, so simulated time waits for its request.
      if ((token.expiresAt ?? 0) - clock.now() < 14_000)
        for (let n = 0; n < 30 && waiting.length === 0; n++) await new Promise((resolve) => setImmediate(resolve));
      for (const one of waiting.splice(0)) {
        if (one.at <= clock.now()) one.answer();
        else waiting.push(one);
      }
      clock.move(2_000 + random() * 4_000);
    }
    expect(calls).toBeGreaterThan(15_000);
    expect(expired).toBe(0);
    expect(requests).toBeGreaterThan(day / 60_000);
    expect(requests).toBeLessThanOrEqual((day / 60_000) * 1.3);
  });
});
