import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSigningFetch } from "../../src/index.ts";
import { decode, type Helseid, listen, sourceOf, startHelseid } from "./_wire.ts";

// What the sandbox refuses is proven in its own tests, rows 03 and 04 too; here: what we send is never of that kind.

let helseid: Helseid;
beforeAll(async () => {
  helseid = await startHelseid();
});
afterAll(() => helseid.close());
beforeEach(() => {
  helseid.service.nonces.policy = "window";
});

/** Answers API calls itself, so that any address can be signed for. */
function offline() {
  return listen((request) =>
    request.url.startsWith(helseid.issuer) ? globalThis.fetch(request) : Promise.resolve(new Response("{}")),
  );
}

describe("row 03: proofs that we send", () => {
  it.each([
    ["row 03: htu without query", "https://api.example/a?b=c&d=e", "https://api.example/a"],
    ["row 03: htu without fragment", "https://api.example/a#b", "https://api.example/a"],
    ["row 03: htu without the default port", "https://api.example:443/a", "https://api.example/a"],
    ["row 03: htu with another port", "https://api.example:8443/a", "https://api.example:8443/a"],
    ["row 03: htu of an IDN host in ASCII", "https://bl\u00e5b\u00e6r.example/a", "https://xn--blbr-roah.example/a"],
    [
      "row 03: htu with the path as it is encoded",
      "https://api.example/a%2Fb/%C3%A6?x",
      "https://api.example/a%2Fb/%C3%A6",
    ],
    ["row 03: htu of the root", "https://api.example", "https://api.example/"],
    ["row 03: htu with upper-case host", "https://API.Example/A", "https://api.example/A"],
  ])("%s", async (_name, url, htu) => {
    const wire = offline();
    const source = sourceOf(helseid, { fetch: wire.fetch });
    await createSigningFetch(source, { scopes: [helseid.api.scope] })(new Request(url));
    const sent = wire.requests.at(-1);
    expect(decode(sent?.headers.get("dpop") ?? "").claims).toMatchObject({ htu, htm: "GET" });
  });

  it.each(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "patch", "get"])(
    "row 03: htm is the method as it is sent: %s",
    async (method) => {
      const wire = offline();
      const call = createSigningFetch(sourceOf(helseid, { fetch: wire.fetch }), { scopes: [helseid.api.scope] });
      await call(new Request("https://api.example/a", { method }));
      const sent = wire.requests.at(-1);
      expect(decode(sent?.headers.get("dpop") ?? "").claims["htm"]).toBe(sent?.method);
    },
  );

  it("row 03: form, key, hash and time are as a strict service wants them, at HelseID and at the API", async () => {
    const wire = listen();
    const call = createSigningFetch(sourceOf(helseid, { fetch: wire.fetch }), { scopes: [helseid.api.scope] });
    expect((await call(new Request(`${helseid.api.baseUrl}/x?y=1`))).status).toBe(200);
    const proofs = wire.requests.flatMap((r) => r.headers.get("dpop") ?? []);
    expect(proofs).toHaveLength(3);
    for (const proof of proofs) {
      const { header, claims } = decode(proof);
      expect(Object.keys(header).sort()).toEqual(["alg", "jwk", "typ"]);
      expect([header["typ"], header["alg"]]).toEqual(["dpop+jwt", "ES256"]);
      expect(Object.keys(header["jwk"] as object).sort()).toEqual(["crv", "kty", "x", "y"]);
      expect(typeof claims["iat"]).toBe("number");
    }
    const token = wire.requests.at(-1)?.headers.get("authorization")?.split(" ")[1] ?? "";
    expect(decode(proofs[2] ?? "").claims["ath"]).toBe(createHash("sha256").update(token).digest("base64url"));
    for (const proof of proofs.slice(0, 2)) expect(decode(proof).claims["ath"]).toBeUndefined();
  });
});

describe("row 04: nothing is sent twice", () => {
  it("row 04: new assertion and new proof on each nonce challenge, each fault that passes, each new token", async () => {
    helseid.service.nonces.policy = "single-use";
    const wire = listen();
    const source = sourceOf(helseid, { fetch: wire.fetch, maxCachedTokens: 1 });
    for (let turn = 0; turn < 6; turn++) {
      if (turn % 2 === 1) helseid.service.faults.token.plan({ kind: "status", status: 503 });
      await source.getToken({ scopes: [turn % 2 === 0 ? helseid.api.scope : `${helseid.api.scope}-2`] });
    }
    const tokens = wire.requests.filter((r) => r.url.endsWith("/connect/token"));
    expect(tokens.length).toBeGreaterThan(9);
    const ids = tokens.flatMap((r) => [
      decode(new URLSearchParams(r.body).get("client_assertion") ?? "").claims["jti"],
      decode(r.headers.get("dpop") ?? "").claims["jti"],
    ]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("row 04: new proof when an API call is repeated after a challenge or a refused token", async () => {
    let answers = 0;
    const wire = listen(async (request) => {
      if (request.url.startsWith(helseid.issuer)) return globalThis.fetch(request);
      answers++;
      if (answers === 1)
        return new Response("", {
          status: 401,
          headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "n-1" },
        });
      if (answers === 2)
        return new Response("", { status: 401, headers: { "www-authenticate": 'DPoP error="invalid_token"' } });
      return new Response("{}");
    });
    const call = createSigningFetch(sourceOf(helseid, { fetch: wire.fetch }), { scopes: [helseid.api.scope] });
    expect((await call(new Request("https://api.example/a"))).status).toBe(200);
    const proofs = wire.requests
      .filter((r) => r.url.startsWith("https:"))
      .map((r) => decode(r.headers.get("dpop") ?? "").claims);
    expect(proofs).toHaveLength(3);
    expect(new Set(proofs.map((p) => p["jti"])).size).toBe(3);
    expect(proofs.map((p) => p["nonce"])).toEqual([undefined, "n-1", "n-1"]);
  });

  it("row 04: what was sent is refused when somebody sends it again", async () => {
    const wire = listen();
    const call = createSigningFetch(sourceOf(helseid, { fetch: wire.fetch }), { scopes: [helseid.api.scope] });
    await call(new Request(`${helseid.api.baseUrl}/x`));
    const good = wire.requests.at(-1);
    const grant = wire.requests.findLast((r) => r.url.endsWith("/connect/token"));
    const again = await fetch(good?.url ?? "", { headers: good?.headers ?? {} });
    expect(again.status).toBe(401);
    const replay = await fetch(grant?.url ?? "", {
      method: "POST",
      headers: grant?.headers ?? {},
      body: grant?.body ?? "",
    });
    expect(await replay.json()).toEqual({ error: "invalid_client" });
  });
});
