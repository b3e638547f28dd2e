import { webcrypto } from "node:crypto";
import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import { createSigningFetch } from "../../src/index.ts";
import { startSts } from "../_sts.ts";
import { failure, useService } from "./_service.ts";

const at = useService();

describe("row 05: nonce", () => {
  it.each([1, 2, 3, 4, 5])("row 05: 16 calls at once with nonces that serve once all succeed, round %i", async () => {
    at.sts.rules.nonce = "single-use";
    const s = at.source();
    const scopes = Array.from({ length: 16 }, (_, n) => `scope-${n}`);
    await Promise.all(scopes.map((scope) => s.getToken({ scopes: [scope] })));
    expect(at.sts.count.token).toBeLessThanOrEqual(16 * 3);
  });

  it("row 05: an endless challenge ends with a typed error in three calls", async () => {
    at.sts.rules.nonce = "endless";
    expect(await failure(at.source().getToken({ scopes: ["a"] }))).toMatchObject({
      code: "auth/token-rejected",
      remoteCode: "use_dpop_nonce",
    });
    expect(at.sts.count.token).toBe(3);
  });

  it("row 05: a nonce that came with a token is used for the next: one request each", async () => {
    const s = at.source();
    await s.getToken({ scopes: ["a"] });
    const before = at.sts.count.token;
    await s.getToken({ scopes: ["b"] });
    expect(at.sts.count.token - before).toBe(1);
  });

  it.each([
    ["without the header", {}],
    ["with an empty one", { "DPoP-Nonce": "" }],
    ["with one outside the alphabet", { "DPoP-Nonce": 'a "b"' }],
  ])("row 05: a challenge %s ends, at most three calls", async (_name, headers) => {
    const answer = { status: 400, headers, body: JSON.stringify({ error: "use_dpop_nonce" }) };
    at.sts.rules.tokenScript.push(answer, answer, answer, answer);
    expect((await failure(at.source().getToken({ scopes: ["a"] }))).code).toBe("auth/token-rejected");
    expect(at.sts.count.token).toBeLessThanOrEqual(3);
  });

  it("row 05: a nonce stays with its source: another one asked meanwhile, by the key, does not get it", async () => {
    const other = await startSts();
    try {
      other.register("client-2", at.key);
      at.sts.rules.nonce = "single-use";
      other.rules.nonce = "none";
      const inner = at.source({ issuer: other.issuer, clientId: "client-2" });
      const cryptoKey = await webcrypto.subtle.importKey("jwk", at.key, { name: "ECDSA", namedCurve: "P-256" }, false, [
        "sign",
      ]);
      let turn = 0;
      const outer = at.source({
        key: {
          kid: at.key.kid,
          alg: "ES256",
          async sign(data) {
            await inner.getToken({ scopes: [`vault-${turn++}`] });
            return new Uint8Array(await webcrypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, cryptoKey, data));
          },
        },
      });
      await outer.getToken({ scopes: ["a"] });
      expect(at.sts.tokenCalls.map((c) => typeof c.proof?.claims["nonce"])).toEqual(["undefined", "string"]);
      expect(other.tokenCalls.map((c) => c.proof?.claims["nonce"])).toEqual([undefined, undefined]);
    } finally {
      await other.close();
    }
  });

  it("row 05: another error with a nonce beside it is no challenge", async () => {
    at.sts.rules.tokenScript.push({
      status: 400,
      headers: { "DPoP-Nonce": "n" },
      body: JSON.stringify({ error: "unauthorized_client" }),
    });
    expect((await failure(at.source().getToken({ scopes: ["a"] }))).remoteCode).toBe("unauthorized_client");
    expect(at.sts.count.token).toBe(1);
  });

  /** An API that wants its own nonce, gives the next one with each answer, and notes what each proof held. */
  function nonceApis() {
    const seen: Record<string, unknown[]> = {};
    const wanted: Record<string, string> = {};
    const fetch = async (request: Request): Promise<Response> => {
      if (request.url.startsWith(at.sts.issuer)) return globalThis.fetch(request);
      const { origin } = new URL(request.url);
      const { nonce } = decodeJwt(request.headers.get("dpop") ?? "") as { nonce?: string };
      (seen[origin] ??= []).push(nonce);
      if (wanted[origin] !== undefined && nonce !== wanted[origin])
        return new Response("", {
          status: 401,
          headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": wanted[origin] },
        });
      wanted[origin] = `${new URL(origin).hostname}-${seen[origin].length}`;
      return new Response("{}", { headers: { "dpop-nonce": wanted[origin] } });
    };
    return { seen, wanted, fetch };
  }

  it("row 05: a nonce that came with a 200 is used for the next call, each in turn", async () => {
    const api = nonceApis();
    const call = createSigningFetch(at.source({ fetch: api.fetch }), { scopes: ["a"] });
    for (let n = 0; n < 4; n++) expect((await call(new Request("https://one.example/x"))).status).toBe(200);
    expect(api.seen["https://one.example"]).toEqual([undefined, "one.example-1", "one.example-2", "one.example-3"]);
  });

  it("row 05: two origins keep their nonces apart, and from HelseID's", async () => {
    const api = nonceApis();
    api.wanted["https://one.example"] = "first";
    api.wanted["https://two.example"] = "second";
    const call = createSigningFetch(at.source({ fetch: api.fetch }), { scopes: ["a"] });
    for (let n = 0; n < 2; n++)
      for (const host of ["one", "two"])
        expect((await call(new Request(`https://${host}.example/x`))).status).toBe(200);
    expect(api.seen).toEqual({
      "https://one.example": [undefined, "first", "one.example-2"],
      "https://two.example": [undefined, "second", "two.example-2"],
    });
    expect(at.sts.tokenCalls.at(-1)?.proof?.claims["nonce"]).toBe("window-nonce");
  });

  it("row 05: an API's endless challenge ends with a typed error in three calls, one without a nonce at once", async () => {
    let calls = 0;
    let nonce: string | undefined = "n";
    const fetch = async (request: Request): Promise<Response> => {
      if (request.url.startsWith(at.sts.issuer)) return globalThis.fetch(request);
      calls++;
      const headers = new Headers({ "www-authenticate": 'DPoP error="use_dpop_nonce"' });
      if (nonce !== undefined) headers.set("dpop-nonce", `${nonce}${calls}`);
      return new Response("", { status: 401, headers });
    };
    const call = createSigningFetch(at.source({ fetch }), { scopes: ["a"] });
    const expected = { code: "rest/unauthorized", remoteCode: "use_dpop_nonce", retryable: false };
    expect(await failure(call(new Request("https://api.example/x")))).toMatchObject(expected);
    expect(calls).toBe(3);
    nonce = undefined;
    expect(await failure(call(new Request("https://api.example/x")))).toMatchObject(expected);
    expect(calls).toBe(4);
  });

  it("row 05: 16 calls at once to an API whose nonces serve once all succeed", async () => {
    const open = new Set<string>();
    let made = 0;
    let calls = 0;
    const fetch = async (request: Request): Promise<Response> => {
      if (request.url.startsWith(at.sts.issuer)) return globalThis.fetch(request);
      calls++;
      const { nonce } = decodeJwt(request.headers.get("dpop") ?? "") as { nonce?: string };
      const good = nonce !== undefined && open.delete(nonce);
      const next = `n${++made}`;
      open.add(next);
      const headers = new Headers({ "dpop-nonce": next });
      if (!good) headers.set("www-authenticate", 'DPoP error="use_dpop_nonce"');
      return new Response("", { status: good ? 200 : 401, headers });
    };
    const call = createSigningFetch(at.source({ fetch }), { scopes: ["a"] });
    const answers = await Promise.all(Array.from({ length: 16 }, () => call(new Request("https://api.example/x"))));
    expect(answers.every((a) => a.status === 200)).toBe(true);
    expect(calls).toBeLessThanOrEqual(16 * 3);
  });
});
