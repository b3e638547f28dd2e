import { Personal } from "@helsekontakt/core";
import { beforeEach, describe, expect, it } from "vitest";
import {
  type AnswerFacts,
  createRequestSigner,
  type Token,
  type TokenRequest,
  type TokenSource,
} from "../src/index.ts";
import { manualClock } from "./_sts.ts";

// How answers are judged, with a token source that only notes what it is asked.

const clock = manualClock();
const url = "https://api.example/a?b#c";
let asked: TokenRequest[];
let signed: { method: string; url: URL; nonce?: string; scheme: string; token: string }[];
let remembered: [string, string | undefined][];
let forgotten: string[];
let life: number | undefined;
let source: TokenSource;

beforeEach(() => {
  [asked, signed, remembered, forgotten, life] = [[], [], [], [], 60_000];
  source = {
    binding: "dpop",
    async getToken(request) {
      asked.push(request);
      return {
        accessToken: new Personal(`token-${asked.length}`),
        tokenType: "DPoP",
        scopes: [],
        rejectedScopes: [],
        expiresAt: life === undefined ? undefined : clock.now() + life,
      } satisfies Token;
    },
    forget: (token) => void forgotten.push(token.accessToken.reveal()),
    async sign(request, token, scheme) {
      signed.push({ ...request, token: token.accessToken.reveal(), scheme });
      return {};
    },
    remember: (at, nonce) => void remembered.push([at.href, nonce]),
    send: () => Promise.reject(new Error("nothing is sent here")),
  };
});

const challenge = (error: string, scheme = "DPoP"): string => `${scheme} error="${error}"`;
const answer = (status: number, headers: Record<string, string> = {}): AnswerFacts => ({ status, headers });

describe("a call that is signed", () => {
  it("asks once for a token, with all that the call is for", async () => {
    const controller = new AbortController();
    const call = createRequestSigner(source, { scopes: ["a"], resource: "r" })({
      method: "GET",
      url,
      signal: controller.signal,
    });
    await call.headers();
    await call.headers();
    expect(asked).toEqual([{ scopes: ["a"], resource: "r", binding: "dpop", signal: controller.signal }]);
    expect(signed.map((s) => [s.method, s.url.href, s.nonce, s.token, s.scheme])).toEqual(
      Array.from({ length: 2 }, () => ["GET", url, undefined, "token-1", "dpop"]),
    );
    controller.abort();
    await expect(call.headers()).rejects.toMatchObject({ code: "abort/cancelled" });
  });

  it.each([
    ["bearer", "bearer"],
    ["bound-as-bearer", "dpop"],
    ["dpop", "dpop"],
  ] as const)("by %s asks for a token of kind %s", async (scheme, binding) => {
    await createRequestSigner(source, { scopes: [], scheme })({ method: "GET", url }).headers();
    expect(asked).toEqual([{ scopes: [], binding }]);
    expect(signed[0]?.scheme).toBe(scheme);
  });

  it("names the address that the API sees, and keeps nonces for that one", async () => {
    const seen = new URL("https://seen.example/");
    const call = createRequestSigner(source, { scopes: [], proofUrl: () => seen })({ method: "GET", url });
    await call.headers();
    expect(call.repeat(answer(200, { "dpop-nonce": "n" }))).toBe(false);
    expect([signed[0]?.url.href, remembered]).toEqual([seen.href, [[seen.href, "n"]]]);
  });
});

describe("an answer", () => {
  const begin = async (options: Partial<Parameters<typeof createRequestSigner>[1]> = {}) => {
    const call = createRequestSigner(source, { scopes: [], clock, ...options })({ method: "GET", url });
    await call.headers();
    return call;
  };

  it("before a token was asked for is no reason to repeat", () => {
    const call = createRequestSigner(source, { scopes: [] })({ method: "GET", url });
    expect(call.repeat(answer(401, { "www-authenticate": challenge("invalid_token") }))).toBe(false);
  });

  it.each([200, 400, 402, 404, 500])("with status %d is the caller's, whatever it says", async (status) => {
    const call = await begin();
    const headers = { "www-authenticate": challenge("use_dpop_nonce"), "dpop-nonce": "n" };
    expect(call.repeat(answer(status, headers))).toBe(false);
    expect([remembered.length, forgotten]).toEqual([1, []]);
  });

  it("with a nonce is repeated with it and the same token, twice at most", async () => {
    const call = await begin();
    for (const nonce of ["n1", "n2"]) {
      expect(call.repeat(answer(401, { "WWW-Authenticate": challenge("use_dpop_nonce"), "DPoP-Nonce": nonce }))).toBe(
        true,
      );
      await call.headers();
      expect(signed.at(-1)).toMatchObject({ nonce, token: "token-1" });
    }
    const third = answer(401, { "www-authenticate": challenge("use_dpop_nonce"), "dpop-nonce": "n3" });
    expect(() => call.repeat(third)).toThrow(
      expect.objectContaining({
        code: "rest/unauthorized",
        message: expect.stringContaining("3 challenges") as string,
      }),
    );
    expect(forgotten).toEqual([]);
  });

  it("with a challenge and no nonce cannot be satisfied", async () => {
    const call = await begin();
    expect(() => call.repeat(answer(401, { "www-authenticate": challenge("use_dpop_nonce") }))).toThrow(
      expect.objectContaining({ code: "rest/unauthorized", message: expect.stringContaining("found none") as string }),
    );
  });

  it("that refuses the token is repeated once, with another token and without the nonce of before", async () => {
    const call = await begin();
    call.repeat(answer(401, { "www-authenticate": challenge("use_dpop_nonce"), "dpop-nonce": "n" }));
    await call.headers();
    expect(call.repeat(answer(401, { "www-authenticate": challenge("invalid_token") }))).toBe(true);
    await call.headers();
    expect(forgotten).toEqual(["token-1"]);
    expect(signed.at(-1)).toMatchObject({ token: "token-2" });
    expect(signed.at(-1)).not.toHaveProperty("nonce");
    expect(call.repeat(answer(401, { "www-authenticate": challenge("invalid_token") }))).toBe(false);
    expect(forgotten).toEqual(["token-1"]);
  });

  it("that brings no nonce with its second challenge says so, and not that there were too many", async () => {
    const call = await begin();
    expect(call.repeat(answer(401, { "www-authenticate": challenge("use_dpop_nonce"), "dpop-nonce": "n" }))).toBe(true);
    expect(() => call.repeat(answer(401, { "www-authenticate": challenge("use_dpop_nonce") }))).toThrow("found none");
  });

  it("401 for another reason is the caller's, also when the token has expired meanwhile", async () => {
    const call = await begin();
    clock.move(60_000);
    expect(call.repeat(answer(401, { "www-authenticate": challenge("insufficient_scope") }))).toBe(false);
    expect(call.repeat(answer(404))).toBe(false);
    expect(forgotten).toEqual([]);
  });

  it("401 without a reason means the token; another reason does not", async () => {
    for (const [headers, again] of [
      [{}, true],
      [{ "www-authenticate": "DPoP" }, true],
      [{ "www-authenticate": challenge("insufficient_scope") }, false],
      [{ "www-authenticate": challenge("invalid_dpop_proof") }, false],
    ] as const)
      expect((await begin()).repeat(answer(401, headers))).toBe(again);
  });

  it("403 means the token only when that has expired", async () => {
    const call = await begin();
    expect(call.repeat(answer(403))).toBe(false);
    clock.move(59_999);
    expect(call.repeat(answer(403))).toBe(false);
    clock.move(1);
    expect(call.repeat(answer(403, { "www-authenticate": challenge("use_dpop_nonce"), "dpop-nonce": "n" }))).toBe(true);
    life = undefined;
    expect((await begin()).repeat(answer(403))).toBe(false);
  });

  it("is read from the challenge of DPoP where there are several", async () => {
    const nonce = { "dpop-nonce": "n" };
    for (const text of [
      `Bearer error="invalid_token", DPoP error="use_dpop_nonce"`,
      `Bearer realm="x",dpop algs="ES256", error=use_dpop_nonce`,
      `DPoP error="use_dpop_nonce", Bearer error="invalid_token"`,
      // One service names it under the wrong scheme.
      `Bearer error="use_dpop_nonce"`,
    ]) {
      const call = await begin();
      expect(call.repeat(answer(401, { "www-authenticate": text, ...nonce }))).toBe(true);
      expect(forgotten).toEqual([]);
    }
  });

  it("to a bearer call is no matter of proofs", async () => {
    for (const scheme of ["bearer", "bound-as-bearer"] as const) {
      const call = await begin({ scheme });
      expect(call.repeat(answer(401, { "www-authenticate": challenge("use_dpop_nonce"), "dpop-nonce": "n" }))).toBe(
        false,
      );
      expect(remembered).toEqual([]);
      const both = `${challenge("invalid_token", "Bearer")}, ${challenge("use_dpop_nonce")}`;
      expect(call.repeat(answer(401, { "www-authenticate": both }))).toBe(true);
    }
  });

  it("may come as Headers, as a plain object of any letter case, and with lists", async () => {
    const headers = new Headers({ "www-authenticate": challenge("use_dpop_nonce"), "dpop-nonce": "n" });
    expect((await begin()).repeat({ status: 401, headers })).toBe(true);
    const lists = {
      "Www-Authenticate": [challenge("invalid_token", "Bearer"), challenge("use_dpop_nonce")],
      "Dpop-Nonce": ["n"],
    };
    expect((await begin()).repeat({ status: 401, headers: lists })).toBe(true);
    expect(forgotten).toEqual([]);
    expect((await begin()).repeat({ status: 401, headers: { "www-authenticate": undefined } })).toBe(true);
    expect((await begin()).repeat({ status: 401, headers: new Headers() })).toBe(true);
  });
});
