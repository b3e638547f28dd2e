import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { decodeJwt } from "jose";
import { describe, expect, it, vi } from "vitest";
import type { TokenRequest } from "../../src/index.ts";
import { cacheKey } from "../../src/token-source.ts";
import { manualClock } from "../_sts.ts";
import { failure, useService } from "./_service.ts";

const pairs = Number(process.env["HELSEKONTAKT_SECURITY_PAIRS"] ?? 1_000_000);
const at = useService();

describe("row 07: downgrade", () => {
  it.each([
    ["Bearer", "auth/token-not-bound"],
    ["bearer", "auth/token-not-bound"],
    ["", "auth/token-unavailable"],
    ["mac", "auth/token-unavailable"],
  ])("row 07: an answer of kind %j is refused for a bound token", async (kind, code) => {
    at.sts.rules.tokenType = kind;
    expect((await failure(at.source().getToken({ scopes: ["a"] }))).code).toBe(code);
  });

  it("row 07: a bound token is not sent as bearer unless asked for", async () => {
    const s = at.source();
    const token = await s.getToken({ scopes: ["a"] });
    const request = {
      method: "GET",
      url: new URL(at.sts.api),
      headers: new Headers(),
      body: undefined,
      signal: undefined,
    };
    expect((await failure(s.send(request, token, "bearer"))).code).toBe("auth/token-not-bound");
    expect(at.sts.count.api).toBe(0);
    expect((await s.send(request, token, "bound-as-bearer")).status).toBe(200);
  });
});

describe("row 08: scope and tenancy", () => {
  it("row 08: a narrower scope is refused, or taken when asked for", async () => {
    at.sts.rules.scope = "a";
    expect((await failure(at.source().getToken({ scopes: ["a", "b"] }))).code).toBe("auth/scope-rejected");
    expect((await at.source().getToken({ scopes: ["a", "b"], acceptNarrowerScope: true })).rejectedScopes).toEqual([
      "b",
    ]);
  });

  it.each([["b"], [["b"]]])("row 08: rejected_scope %j", async (rejected) => {
    at.sts.rules.rejectedScope = rejected;
    expect((await failure(at.source().getToken({ scopes: ["a", "b"] }))).code).toBe("auth/scope-rejected");
  });

  it.each(["12345678", "1234567890", "123 456 789", "12345678x", ""])(
    "row 08: organisation number %j is refused before any request",
    async (parent) => {
      const asked = at.source().getToken({ scopes: ["a"], organisation: { tenancy: "multi", parent } });
      expect((await failure(asked)).code).toBe("input/invalid");
      expect(at.sts.count.token + at.sts.count.metadata).toBe(0);
    },
  );

  it("row 08: single and multi tenancy have each their own structure", async () => {
    const s = at.source();
    await s.getToken({ scopes: ["a"], organisation: { tenancy: "single", child: "222222222" } });
    await s.getToken({ scopes: ["a"], organisation: { tenancy: "multi", parent: "111111111", child: "222222222" } });
    const text = at.sts.tokenCalls.map((c) => JSON.stringify(c.claims["assertion_details"]));
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
    const s = at.source({ clock });
    at.sts.rules.nonce = "none";
    let waves = 0;
    for (const move of [0, 47_000, 47_000]) {
      clock.move(move);
      at.sts.rules.clockAhead = Math.round((clock.now() - Date.now()) / 1000);
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
      expect(at.sts.tokenCalls.length).toBe(50 * waves);
    }
  });
});
