import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { JWK } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSigningFetch, createTokenSource } from "../src/index.ts";
import { makeKey, type Sts, startSts } from "./_sts.ts";

let sts: Sts;
let key: JWK & { kid: string; alg: string };
beforeEach(async () => {
  sts = await startSts();
  key = await makeKey("ES256");
  sts.register("client-1", key);
});
afterEach(() => sts.close());

function source() {
  return createTokenSource({
    issuer: sts.issuer,
    clientId: "client-1",
    key: { ...key },
    allowInsecureLoopback: true,
    random: () => 0,
  });
}
const scopes = ["a"];

describe("signing fetch", () => {
  it("sends bound tokens with a new proof each time; htu has no query and no fragment", async () => {
    const call = createSigningFetch(source(), { scopes });
    for (const url of [`${sts.api}/x?a=1&b=2#part`, `${sts.api}/x%20y/%C3%A6?q=%2F`, `${sts.api}/x`])
      expect((await call(new Request(url))).status).toBe(200);
    expect(sts.apiCalls.map((c) => c.scheme)).toEqual(["DPoP", "DPoP", "DPoP"]);
    expect(sts.apiCalls[0]?.path).toBe("/api/x?a=1&b=2");
    expect(sts.apiCalls[0]?.proof?.["htu"]).toBe(`${sts.api}/x`);
    expect(new Set(sts.apiCalls.map((c) => c.proof?.jti)).size).toBe(3);
    expect(sts.count.token).toBe(2);
  });

  it("answers a nonce challenge once, repeats the body, and remembers the nonce", async () => {
    sts.rules.nonce = "none";
    sts.rules.apiNonce = true;
    const call = createSigningFetch(source(), { scopes });
    for (const n of [1, 2]) {
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(`body-${n}`));
          controller.close();
        },
      });
      const request = new Request(`${sts.api}/x`, { method: "POST", body: stream, duplex: "half" } as RequestInit);
      expect((await call(request)).status).toBe(200);
    }
    expect(sts.apiCalls.map((c) => c.body)).toEqual(["body-1", "body-2"]);
    expect(sts.count.api).toBe(3);
    expect(sts.count.token).toBe(1);
  });

  it("an endless challenge ends with a typed error, in three calls", async () => {
    sts.rules.apiScript.push(
      ...Array.from({ length: 5 }, (_, n) => ({
        status: 401,
        headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": `n${n}` },
      })),
    );
    await expect(createSigningFetch(source(), { scopes })(new Request(sts.api))).rejects.toMatchObject({
      code: "rest/unauthorized",
      remoteCode: "use_dpop_nonce",
      retryable: false,
    });
    expect(sts.count.api).toBe(3);
  });

  it("names in the proof the address that the API sees behind a proxy", async () => {
    const proxied = new URL(sts.api);
    // The service judges by its own address; what is sent to goes through another name of the same place.
    const wire = createTokenSource({
      issuer: sts.issuer,
      clientId: "client-1",
      key: { ...key },
      allowInsecureLoopback: true,
      fetch: (request) =>
        fetch(
          request.url.startsWith("https://proxy.example")
            ? new Request(request.url.replace("https://proxy.example/outer", proxied.href), request)
            : request,
        ),
    });
    const call = createSigningFetch(wire, {
      scopes,
      proofUrl: (url) => new URL(url.href.replace("https://proxy.example/outer", proxied.href)),
    });
    expect((await call(new Request("https://proxy.example/outer/Task?x=1"))).status).toBe(200);
    expect(sts.apiCalls.at(-1)?.proof?.["htu"]).toBe(`${sts.api}/Task`);
  });

  it("drops a refused token, takes one new one, repeats once", async () => {
    const s = source();
    const call = createSigningFetch(s, { scopes });
    await call(new Request(sts.api, { method: "POST", body: "one" }));
    sts.revokeAll();
    const before = sts.count.token;
    expect((await call(new Request(sts.api, { method: "POST", body: "two" }))).status).toBe(200);
    expect(sts.count.token).toBe(before + 1);
    expect(sts.apiCalls.at(-1)?.body).toBe("two");
    sts.rules.apiScript.push(
      { status: 401, body: '{"Code":"EHSEC-110002"}' },
      { status: 401, body: '{"Code":"EHSEC-110002"}' },
    );
    const refused = await call(new Request(sts.api));
    expect(refused.status).toBe(401);
    expect(await refused.text()).toBe('{"Code":"EHSEC-110002"}');
    expect(sts.count.token).toBe(before + 2);
  });

  it("many calls that are refused at once take one new token", async () => {
    const call = createSigningFetch(source(), { scopes });
    await call(new Request(sts.api));
    sts.revokeAll();
    const before = sts.count.token;
    const results = await Promise.all(Array.from({ length: 20 }, () => call(new Request(sts.api))));
    expect(results.every((r) => r.status === 200)).toBe(true);
    expect(sts.count.token - before).toBeLessThanOrEqual(2);
  });

  it("a 403 stays a 403, except for a token that has expired meanwhile", async () => {
    const call = createSigningFetch(source(), { scopes });
    sts.rules.apiScript.push({ status: 403 });
    expect((await call(new Request(sts.api))).status).toBe(403);
    expect(sts.count.api).toBe(1);
    const late = createSigningFetch(source(), {
      scopes,
      clock: { now: () => Date.now() + 120_000, sleep: async () => undefined },
    });
    sts.rules.apiScript.push({ status: 403 });
    expect((await late(new Request(sts.api))).status).toBe(200);
  });

  it("keeps scheme and binding apart", async () => {
    const s = source();
    expect((await createSigningFetch(s, { scopes, scheme: "bound-as-bearer" })(new Request(sts.api))).status).toBe(200);
    expect(sts.apiCalls.at(-1)).toMatchObject({ scheme: "Bearer", proof: undefined });
    sts.rules.tokenType = "Bearer";
    expect((await createSigningFetch(s, { scopes, scheme: "bearer" })(new Request(sts.api))).status).toBe(200);
    expect(sts.apiCalls.at(-1)?.tokenClaims["cnf"]).toBeUndefined();
    sts.rules.tokenType = "DPoP";
    const bound = await s.getToken({ scopes: ["b"] });
    const request = {
      method: "GET",
      url: new URL(sts.api),
      headers: new Headers(),
      body: undefined,
      signal: undefined,
    };
    await expect(s.send(request, bound, "bearer")).rejects.toMatchObject({ code: "auth/token-not-bound" });
  });

  it("replaces credentials that the request carries", async () => {
    const call = createSigningFetch(source(), { scopes });
    const headers = { authorization: "Basic eDp5", dpop: "old", "x-own": "kept" };
    expect((await call(new Request(sts.api, { headers }))).status).toBe(200);
    expect(sts.apiCalls.at(-1)?.scheme).toBe("DPoP");
  });

  it.each([301, 302, 303, 307, 308])("does not follow a redirect %i", async (status) => {
    const other = await startSts();
    sts.rules.apiScript.push({ status, headers: { location: other.api } });
    try {
      await expect(createSigningFetch(source(), { scopes })(new Request(sts.api))).rejects.toMatchObject({
        code: "rest/http-status",
        context: { httpStatus: status },
      });
      expect(other.count.api).toBe(0);
    } finally {
      await other.close();
    }
  });

  it("sends nothing to a plain http address that is not loopback", async () => {
    await expect(createSigningFetch(source(), { scopes })(new Request("http://api.example/x"))).rejects.toMatchObject({
      code: "config/invalid",
    });
  });

  it("types a broken connection, a time limit and an abort", async () => {
    const call = createSigningFetch(source(), { scopes });
    sts.rules.apiScript.push({ status: 0, drop: true });
    await expect(call(new Request(sts.api))).rejects.toMatchObject({ code: "rest/network" });
    sts.rules.apiScript.push({ status: 0, hang: true });
    await expect(call(new Request(sts.api, { signal: AbortSignal.timeout(100) }))).rejects.toMatchObject({
      code: "rest/timeout",
    });
    sts.rules.apiScript.push({ status: 0, hang: true });
    const controller = new AbortController();
    const aborted = call(new Request(sts.api, { signal: controller.signal }));
    setTimeout(() => controller.abort(), 50);
    await expect(aborted).rejects.toMatchObject({ code: "abort/cancelled" });
  });

  it("hears its caller although memory is collected meanwhile", async () => {
    setFlagsFromString("--expose-gc");
    const collecting = setInterval(runInNewContext("gc") as () => void, 3);
    try {
      const call = createSigningFetch(source(), { scopes });
      expect((await call(new Request(sts.api))).status).toBe(200);
      sts.rules.apiScript.push({ status: 0, hang: true });
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 150);
      await expect(
        call(new Request(sts.api, { method: "POST", body: "x", signal: controller.signal })),
      ).rejects.toMatchObject({ code: "abort/cancelled" });
    } finally {
      clearInterval(collecting);
    }
  });
});
