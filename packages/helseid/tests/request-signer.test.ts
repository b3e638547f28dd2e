import { request as httpRequest, type IncomingMessage } from "node:http";
import type { JWK } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRequestSigner, createTokenSource } from "../src/index.ts";
import { makeKey, type Sts, startSts } from "./_sts.ts";

let sts: Sts;
let key: JWK & { kid: string; alg: string };
beforeEach(async () => {
  sts = await startSts();
  key = await makeKey("ES256");
  sts.register("client-1", key);
});
afterEach(() => sts.close());

const source = () =>
  createTokenSource({ issuer: sts.issuer, clientId: "client-1", key: { ...key }, allowInsecureLoopback: true });

/** Another HTTP library than fetch: Node's own, with its plain object of headers. */
function get(url: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { headers }, (response) => {
      response.resume().on("end", () => resolve(response));
    })
      .on("error", reject)
      .end();
  });
}

async function send(begin: ReturnType<typeof createRequestSigner>, url: string): Promise<IncomingMessage> {
  const call = begin({ method: "GET", url });
  for (;;) {
    const response = await get(url, await call.headers());
    if (!call.repeat({ status: response.statusCode ?? 0, headers: response.headers })) return response;
  }
}

describe("headers for any HTTP library", () => {
  it("gives token and proof; answers a challenge, and remembers its nonce for the next call", async () => {
    sts.rules.apiNonce = true;
    const begin = createRequestSigner(source(), { scopes: ["a"] });
    expect((await send(begin, `${sts.api}/x?y=1`)).statusCode).toBe(200);
    expect((await send(begin, `${sts.api}/x`)).statusCode).toBe(200);
    expect(sts.count.api).toBe(3);
    expect(sts.apiCalls.map((c) => [c.scheme, c.proof?.["nonce"]])).toEqual([
      ["DPoP", "api-nonce"],
      ["DPoP", "api-nonce"],
    ]);
  });

  it("replaces a refused token once", async () => {
    const begin = createRequestSigner(source(), { scopes: ["a"] });
    await send(begin, sts.api);
    sts.revokeAll();
    expect((await send(begin, sts.api)).statusCode).toBe(200);
    sts.rules.apiScript.push({ status: 401 }, { status: 401 });
    expect((await send(begin, sts.api)).statusCode).toBe(401);
    expect(sts.count.api).toBe(5);
  });

  it("ends an endless challenge, and one without a nonce", async () => {
    const begin = createRequestSigner(source(), { scopes: ["a"] });
    const challenge = (headers: object) => ({
      status: 401,
      headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', ...headers },
    });
    sts.rules.apiScript.push(...["1", "2", "3", "4"].map((n) => challenge({ "dpop-nonce": n })));
    await expect(send(begin, sts.api)).rejects.toMatchObject({ code: "rest/unauthorized" });
    expect(sts.count.api).toBe(3);
    sts.rules.apiScript.length = 0;
    sts.rules.apiScript.push(challenge({}));
    await expect(send(begin, sts.api)).rejects.toMatchObject({ remoteCode: "use_dpop_nonce" });
    expect(sts.count.api).toBe(4);
  });

  it("gives a bearer token without a proof", async () => {
    const begin = createRequestSigner(source(), { scopes: ["a"], scheme: "bound-as-bearer" });
    const headers = await begin({ method: "GET", url: sts.api }).headers();
    expect(Object.keys(headers)).toEqual(["authorization"]);
    expect(headers["authorization"]).toMatch(/^Bearer /);
  });

  it("gives nothing for an address without https, nor after an abort", async () => {
    const begin = createRequestSigner(source(), { scopes: ["a"] });
    await expect(begin({ method: "GET", url: "http://api.example/x" }).headers()).rejects.toMatchObject({
      code: "config/invalid",
    });
    const signal = AbortSignal.abort();
    await expect(begin({ method: "GET", url: sts.api, signal }).headers()).rejects.toMatchObject({
      code: "abort/cancelled",
    });
  });
});
