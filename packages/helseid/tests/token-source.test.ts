import type { webcrypto } from "node:crypto";
import { inspect } from "node:util";
import { HelsekontaktError } from "@helsekontakt/core";
import { calculateJwkThumbprint, type JWK } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTokenSource, explainFault, type TokenSourceOptions } from "../src/index.ts";
import { makeKey, manualClock, type Sts, startSts } from "./_sts.ts";

// One long file: every case is one rule of the same request to the same token service.

const scopes = ["nhn:helsenorge.eksternapi/oppgave"];
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
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(HelsekontaktError);
    return error as HelsekontaktError;
  }
  throw new Error("expected a failure, found none");
}

describe("the token request", () => {
  it("is what a strict service asks for, and the nonce costs one more trip once", async () => {
    const s = source();
    const token = await s.getToken({ scopes });
    expect(token.tokenType).toBe("DPoP");
    expect(token.scopes).toEqual(scopes);
    expect(sts.count).toEqual({ metadata: 1, token: 2, api: 0 });
    const [first, second] = sts.tokenCalls;
    expect(first?.header).toEqual({ alg: "ES256", kid: "key-1", typ: "client-authentication+jwt" });
    expect(first?.claims).toMatchObject({ iss: "client-1", sub: "client-1", aud: sts.issuer });
    expect(typeof first?.claims.iat).toBe("number");
    expect((first?.claims.exp as number) - (first?.claims.iat as number)).toBe(30);
    expect(first?.claims.jti).not.toBe(second?.claims.jti);
    expect(first?.proof?.claims.jti).not.toBe(second?.proof?.claims.jti);
    expect(second?.proof?.claims["nonce"]).toBe("window-nonce");
    expect(first?.form.get("client_id")).toBe("client-1");
    await s.getToken({ scopes: ["other"] });
    expect(sts.count.token).toBe(3);
  });

  it("works for an issuer with a path, and uses the metadata's issuer as audience", async () => {
    const other = await startSts("/session-1");
    other.register("client-1", key);
    try {
      await source({ issuer: other.issuer }).getToken({ scopes });
      expect(other.tokenCalls[0]?.claims.aud).toBe(other.issuer);
    } finally {
      await other.close();
    }
  });

  it("a configured trailing slash does not reach the audience", async () => {
    await source({ issuer: `${sts.issuer}/` }).getToken({ scopes });
    expect(sts.tokenCalls.at(-1)?.claims.aud).toBe(sts.issuer);
  });

  it("asks for a bearer token without a proof", async () => {
    sts.rules.tokenType = "Bearer";
    const token = await source({ binding: "bearer" }).getToken({ scopes });
    expect(token.tokenType).toBe("Bearer");
    expect(sts.tokenCalls[0]?.proof).toBeUndefined();
  });

  it.each(["RS256", "PS256", "PS512", "ES384", "ES512"])("signs with %s", async (alg) => {
    const other = await makeKey(alg, "key-2");
    sts.register("client-2", other);
    await source({ clientId: "client-2", key: JSON.stringify(other) }).getToken({ scopes });
    expect(sts.tokenCalls.at(-1)?.header["alg"]).toBe(alg);
  });

  it("signs through a callback", async () => {
    const imported = await crypto.subtle.importKey(
      "jwk",
      { ...key } as never,
      { name: "ECDSA", namedCurve: "P-256" },
      false,
      ["sign"],
    );
    const s = source({
      key: {
        kid: "key-1",
        alg: "ES256",
        sign: async (data) =>
          new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, imported, new Uint8Array(data))),
      },
    });
    expect((await s.getToken({ scopes })).tokenType).toBe("DPoP");
  });

  it.each([
    ["single", { tenancy: "single", child: "999999998" } as const, "urn:oid:2.16.578.1.12.4.1.4.101", "999999998"],
    [
      "multi with child",
      { tenancy: "multi", parent: "999999999", child: "999999998" } as const,
      "urn:oid:1.0.6523",
      "NO:ORGNR:999999999:999999998",
    ],
    [
      "multi without child",
      { tenancy: "multi", parent: "999999999" } as const,
      "urn:oid:1.0.6523",
      "NO:ORGNR:999999999:",
    ],
  ])("tells the organisation inside the assertion: %s", async (_name, organisation, system, value) => {
    await source().getToken({ scopes, organisation });
    expect(sts.tokenCalls.at(-1)?.claims["assertion_details"]).toEqual({
      type: "helseid_authorization",
      practitioner_role: { organization: { identifier: { system, type: "ENH", value } } },
    });
    expect([...(sts.tokenCalls.at(-1)?.form.keys() ?? [])].sort()).toEqual(
      ["client_assertion", "client_assertion_type", "client_id", "grant_type", "scope"].sort(),
    );
  });

  it("sends several details as a list, and refuses a malformed organisation number before any request", async () => {
    await source().getToken({
      scopes,
      organisation: { tenancy: "multi", parent: "999999999" },
      sfmJournalId: "journal-1",
      details: [{ type: "custom", value: 1 }],
      resource: "nhn:api",
    });
    expect(sts.tokenCalls.at(-1)?.claims["assertion_details"]).toMatchObject([
      { type: "helseid_authorization" },
      { type: "nhn:sfm:journal-id", value: { journal_id: "journal-1" } },
      { type: "custom", value: 1 },
    ]);
    expect(sts.tokenCalls.at(-1)?.form.get("resource")).toBe("nhn:api");
    const before = sts.count.token;
    const error = await failure(
      source().getToken({ scopes, organisation: { tenancy: "multi", parent: "999 999 999" } }),
    );
    expect(error.code).toBe("input/invalid");
    expect(error.message).toBe(
      '[input/invalid] expected organisation number "parent" to be nine digits without blanks, found another text',
    );
    expect(sts.count.token).toBe(before);
  });

  it("refuses scopes that could break out of the parameter", async () => {
    expect((await failure(source().getToken({ scopes: ["a b"] }))).code).toBe("input/invalid");
    expect((await failure(source().getToken({ scopes: ["a\r\nb"] }))).code).toBe("input/invalid");
  });
});

describe("nonces", () => {
  it("single-use nonces: 16 callers at once all succeed", async () => {
    sts.rules.nonce = "single-use";
    const s = source();
    const tokens = await Promise.all(Array.from({ length: 16 }, (_, n) => s.getToken({ scopes: [`scope-${n}`] })));
    expect(new Set(tokens.map((t) => t.accessToken.reveal())).size).toBe(16);
    const ids = sts.tokenCalls.flatMap((c) => [c.claims.jti, c.proof?.claims.jti]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("an endless challenge ends after three calls", async () => {
    sts.rules.nonce = "endless";
    const error = await failure(source().getToken({ scopes }));
    expect(error).toMatchObject({ code: "auth/token-rejected", remoteCode: "use_dpop_nonce" });
    expect(sts.count.token).toBe(3);
  });

  it("another error with a nonce header is no challenge", async () => {
    sts.rules.tokenScript.push({ status: 400, headers: { "dpop-nonce": "n" }, body: '{"error":"invalid_scope"}' });
    const error = await failure(source().getToken({ scopes }));
    expect(error).toMatchObject({ code: "auth/scope-rejected", remoteCode: "invalid_scope" });
    expect(sts.count.token).toBe(1);
  });
});

describe("answers that are refused", () => {
  it("a bearer token for a bound request", async () => {
    sts.rules.tokenType = "Bearer";
    expect((await failure(source().getToken({ scopes }))).code).toBe("auth/token-not-bound");
  });

  it("takes the kind of token in any letter case", async () => {
    sts.rules.tokenType = "dpop";
    expect((await source().getToken({ scopes })).tokenType).toBe("DPoP");
  });

  it.each([
    ["no kind", { token_type: undefined }],
    ["a negative life", { expires_in: -1 }],
    ["no token", { access_token: "" }],
    ["a list as token", { access_token: ["x"] }],
  ])("%s", async (_name, extra) => {
    sts.rules.extra = extra as Record<string, unknown>;
    const error = await failure(source().getToken({ scopes }));
    expect(error).toMatchObject({ code: "auth/token-unavailable", retryable: false });
  });

  it("a narrower scope, unless it is wanted", async () => {
    sts.rules.scope = "a";
    sts.rules.rejectedScope = "b";
    const error = await failure(source().getToken({ scopes: ["a", "b"] }));
    expect(error).toMatchObject({ code: "auth/scope-rejected", context: { missing: ["b"] } });
    const token = await source().getToken({ scopes: ["a", "b"], acceptNarrowerScope: true });
    expect(token.scopes).toEqual(["a"]);
    expect(token.rejectedScopes).toEqual(["b"]);
  });

  it.each([
    ["invalid_client", "auth/token-rejected", "invalid_client"],
    ["invalid_request", "auth/token-rejected", "invalid_request"],
    ["unauthorized_client", "auth/token-rejected", "unauthorized_client"],
    ["invalid_scope", "auth/scope-rejected", "invalid_scope"],
  ])("%s", async (error, code, remoteCode) => {
    sts.rules.tokenScript.push({ status: 400, body: JSON.stringify({ error }) });
    const found = await failure(source().getToken({ scopes }));
    expect(found).toMatchObject({ code, remoteCode, retryable: false });
  });

  it("HelseID's own codes in the description", async () => {
    sts.rules.tokenScript.push({
      status: 400,
      body: JSON.stringify({ error: "invalid_request", error_description: "HID-1002: orgnr 999999998" }),
    });
    const found = await failure(source().getToken({ scopes }));
    expect(found.remoteCode).toBe("HID-1002");
    expect(found.hint).toBe(
      "The child organisation is not on the client's whitelist. What to do: add the unit to the client in Selvbetjening, or leave it out.",
    );
    expect(inspect(found)).not.toContain("999999998");
  });

  it("a redirect, which is not followed", async () => {
    const other = await startSts();
    sts.rules.tokenScript.push({ status: 307, headers: { location: `${other.issuer}/connect/token` } });
    try {
      expect((await failure(source().getToken({ scopes }))).code).toBe("auth/token-unavailable");
      expect(other.count.token).toBe(0);
    } finally {
      await other.close();
    }
  });

  it.each([
    ["HTML", { status: 200, headers: { "content-type": "text/html" }, body: "<html>" }],
    ["broken JSON", { status: 200, body: "{" }],
    ["null", { status: 200, body: "null" }],
  ])("%s", async (_name, scripted) => {
    sts.rules.tokenScript.push(scripted);
    expect(await failure(source().getToken({ scopes }))).toMatchObject({
      code: "auth/token-unavailable",
      retryable: false,
    });
  });

  it("an answer above 1 MiB", async () => {
    sts.rules.tokenScript.push({ status: 200, body: `"${"x".repeat(1_100_000)}"` });
    expect((await failure(source().getToken({ scopes }))).message).toContain("at most 1 MiB");
  });
});

describe("faults that pass", () => {
  it("tries again on 503 and a dropped connection, with new assertions", async () => {
    const clock = manualClock();
    sts.rules.nonce = "none";
    sts.rules.tokenScript.push({ status: 503 }, { status: 0, drop: true });
    await source({ clock }).getToken({ scopes });
    expect(sts.count.token).toBe(3);
    expect(clock.slept).toHaveLength(2);
  });

  it("honours Retry-After, and gives up at once when it is too long", async () => {
    const clock = manualClock();
    sts.rules.tokenScript.push({ status: 429, headers: { "retry-after": "7" } });
    await source({ clock }).getToken({ scopes });
    expect(clock.slept).toEqual([7000]);
    sts.rules.tokenScript.push({ status: 429, headers: { "retry-after": "3600" } });
    expect(await failure(source({ clock }).getToken({ scopes }))).toMatchObject({
      code: "auth/token-unavailable",
      retryable: true,
    });
    expect(clock.slept).toEqual([7000]);
  });

  it("gives up after three tries, and does not cache the failure", async () => {
    const clock = manualClock();
    sts.rules.tokenScript.push({ status: 500 }, { status: 500 }, { status: 500 });
    const s = source({ clock });
    expect(await failure(s.getToken({ scopes }))).toMatchObject({ code: "auth/token-unavailable", retryable: true });
    expect(sts.count.token).toBe(3);
    expect((await s.getToken({ scopes })).tokenType).toBe("DPoP");
  });

  it("ends a request that gets no answer", async () => {
    sts.rules.tokenScript.push({ status: 0, hang: true }, { status: 0, hang: true }, { status: 0, hang: true });
    const error = await failure(source({ timeoutMs: 100, clock: manualClock() }).getToken({ scopes }));
    expect(error).toMatchObject({ code: "auth/token-unavailable", retryable: true });
    expect(error.message).toContain("none in time");
  });

  it("corrects its clock once from the service's, in both directions", async () => {
    for (const ahead of [5, -5, 30, -30, 120, -120, 3600, -3600]) {
      sts.rules.clockAhead = ahead;
      const s = source();
      await s.getToken({ scopes });
      const iat = sts.tokenCalls.at(-1)?.claims.iat as number;
      // Small differences pass as they are; larger ones are taken over from the service.
      const corrected = Math.abs(ahead) > 5 ? ahead : 0;
      expect(Math.abs(iat - Math.floor(Date.now() / 1000) - corrected)).toBeLessThanOrEqual(3);
    }
  });

  it("gives a failing key provider's fault a code, hides its text, and asks it again next time", async () => {
    let asked = 0;
    const s = source({
      key: () => {
        if (++asked === 1) throw new Error("vault token s.1234");
        return key;
      },
    });
    const fault: unknown = await s.getToken({ scopes: ["a"] }).catch((e: unknown) => e);
    expect(fault).toMatchObject({ code: "auth/key-invalid", retryable: true });
    expect(inspect(fault, { depth: 9 }) + JSON.stringify(fault)).not.toContain("s.1234");
    expect((await s.getToken({ scopes: ["a"] })).tokenType).toBe("DPoP");
  });
  it("asks a key provider again after invalid_client", async () => {
    const next = await makeKey("ES256", "key-2");
    let asked = 0;
    const s = source({ key: () => (++asked === 1 ? { ...key } : { ...next }) });
    await s.getToken({ scopes: ["a"] });
    sts.register("client-1", next);
    await s.getToken({ scopes: ["b"] });
    expect(asked).toBe(2);
    expect(sts.tokenCalls.at(-1)?.header["kid"]).toBe("key-2");
  });
});

describe("metadata", () => {
  it("of another issuer, without or with a foreign or insecure token endpoint is refused", async () => {
    for (const metadata of [
      { issuer: "https://evil.example" },
      { token_endpoint: undefined },
      { token_endpoint: "https://evil.example/connect/token" },
      { token_endpoint: "not an address" },
    ]) {
      sts.rules.metadata = metadata as Record<string, unknown>;
      expect((await failure(source().getToken({ scopes }))).code).toBe("auth/metadata-invalid");
    }
    expect(sts.count.token).toBe(0);
  });

  it("is kept for 24 hours and serves on through an outage", async () => {
    const clock = manualClock();
    const s = source({ clock });
    await s.getToken({ scopes: ["a"] });
    clock.move(23 * 3600_000);
    sts.rules.clockAhead = 23 * 3600;
    await s.getToken({ scopes: ["b"] });
    expect(sts.count.metadata).toBe(1);
    clock.move(2 * 3600_000);
    sts.rules.clockAhead = 25 * 3600;
    sts.rules.metadataScript.push({ status: 503 });
    await s.getToken({ scopes: ["c"] });
    expect(sts.count.metadata).toBe(2);
  });

  it("is read again when the token endpoint is gone", async () => {
    const s = source();
    await s.getToken({ scopes: ["a"] });
    sts.rules.tokenScript.push({ status: 404 });
    await s.getToken({ scopes: ["b"] });
    expect(sts.count.metadata).toBe(2);
  });
});

describe("settings", () => {
  it.each([
    ["http", { issuer: "http://helseid.example" }, "https"],
    ["loopback without consent", { issuer: "http://127.0.0.1:1", allowInsecureLoopback: false }, "https"],
    ["localhost", { issuer: "http://localhost:1" }, "https"],
    ["no address", { issuer: "helseid" }, "absolute address"],
    ["a user in it", { issuer: "https://user:pw@helseid.example" }, "without user"],
    ["no client", { clientId: "" }, "clientId"],
    ["a long assertion", { assertionSeconds: 61 }, "assertionSeconds"],
    ["an assertion that never holds", { assertionSeconds: 0 }, "assertionSeconds"],
    ["half a second", { assertionSeconds: 1.5 }, "assertionSeconds"],
    ["no time for a request", { timeoutMs: 0 }, "timeoutMs"],
    ["no time for a token", { deadlineMs: 0 }, "deadlineMs"],
    ["a part of a token", { maxCachedTokens: 0.5 }, "maxCachedTokens"],
    ["no tokens", { maxCachedTokens: 0 }, "maxCachedTokens"],
  ])("refuses %s", (_name, options, text) => {
    expect(() => source(options)).toThrow(text);
  });

  it("takes the longest and the shortest assertion that HelseID does", async () => {
    for (const assertionSeconds of [1, 60]) {
      await source({ assertionSeconds }).getToken({ scopes });
      const { exp, iat } = sts.tokenCalls.at(-1)?.claims ?? {};
      expect(Number(exp) - Number(iat)).toBe(assertionSeconds);
    }
  });

  it("uses the key pair given for proofs", async () => {
    const pair = (await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, [
      "sign",
      "verify",
    ])) as webcrypto.CryptoKeyPair;
    await source({ dpopKey: pair }).getToken({ scopes });
    const jwk = sts.tokenCalls.at(-1)?.proof?.header["jwk"] as JWK;
    expect(await calculateJwkThumbprint(jwk)).toBe(
      await calculateJwkThumbprint((await crypto.subtle.exportKey("jwk", pair.publicKey)) as JWK),
    );
    expect(jwk).not.toHaveProperty("d");
  });
});

describe("explainFault", () => {
  it("explains codes of the spec, and no others", () => {
    expect(explainFault("HID-1004")?.todo).toBe("give nine digits without blanks");
    for (const code of ["HID-9999", "constructor", "__proto__", "toString", ""])
      expect(explainFault(code)).toBeUndefined();
  });
});
