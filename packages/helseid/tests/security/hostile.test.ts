import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import { createRequestSigner, createSigningFetch } from "../../src/index.ts";
import { failure, useService } from "./_service.ts";

const at = useService();

describe("row 18: hostile answers", () => {
  it.each(["a\r\nX-Evil: 1", "a b", 'a"b', "a\u0000", "å"])(
    "row 18: scope %j is refused before any request",
    async (s) => {
      expect((await failure(at.source().getToken({ scopes: [s] }))).code).toBe("input/invalid");
      expect(at.sts.count.token + at.sts.count.metadata).toBe(0);
    },
  );

  it("row 18: __proto__ and constructor in a token response change nothing", async () => {
    const body =
      '{"access_token":"x","token_type":"DPoP","expires_in":60,"scope":"a","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    at.sts.rules.tokenScript.push({ status: 200, body });
    const token = await at.source().getToken({ scopes: ["a"] });
    expect("polluted" in {} || "polluted" in token).toBe(false);
  });

  it("row 18: __proto__ in the metadata and in an error body changes nothing", async () => {
    at.sts.rules.tokenScript.push({ status: 400, body: '{"__proto__":{"error":"use_dpop_nonce","polluted":1}}' });
    expect((await failure(at.source().getToken({ scopes: ["a"] }))).code).toBe("auth/token-unavailable");
    expect("polluted" in {}).toBe(false);
    expect(at.sts.count.token).toBe(1);
  });

  it("row 18: line breaks in an API's address reach neither headers nor proof", async () => {
    const call = createSigningFetch(at.source(), { scopes: ["a"] });
    const url = `${at.sts.api}/x\r\nX-Evil: 1\r\n?q=\r\nX-Evil: 2`;
    expect((await call(new Request(url))).status).toBe(200);
    expect(at.sts.apiCalls[0]?.path).toBe("/api/xX-Evil:%201?q=X-Evil:%202");
    expect(at.sts.apiCalls[0]?.proof?.["htu"]).toBe(`${at.sts.api}/xX-Evil:%201`);
  });

  it.each(["a\r\nX-Evil: 1", 'a", "b', "a b", "å", "\u0000", "x".repeat(1_025)])(
    "row 18: a nonce %j is not taken into a proof",
    async (nonce) => {
      const s = at.source();
      const call = createRequestSigner(s, { scopes: ["a"] })({ method: "GET", url: at.sts.api });
      await call.headers();
      const headers = { "DPoP-Nonce": nonce, "WWW-Authenticate": 'DPoP error="use_dpop_nonce"' };
      expect(() => call.repeat({ status: 401, headers })).toThrow("rest/unauthorized");
      const proof = (await call.headers())["dpop"] ?? "";
      expect(decodeJwt(proof)["nonce"]).not.toBe(nonce);
    },
  );

  it("row 18: client id and resource with line breaks and separators stay one parameter each", async () => {
    const clientId = "client-1&scope=b\r\nX-Evil: 1";
    at.sts.register(clientId, at.key);
    const resource = "nhn:x&client_id=other\r\nX-Evil: 1";
    await at.source({ clientId }).getToken({ scopes: ["a"], resource });
    const form = at.sts.tokenCalls.at(-1)?.form;
    expect([form?.getAll("client_id"), form?.getAll("scope"), form?.getAll("resource")]).toEqual([
      [clientId],
      ["a"],
      [resource],
    ]);
  });
});
