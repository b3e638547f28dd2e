import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decode, type Helseid, listen, sourceOf, startHelseid } from "./_wire.ts";

// NHN's own conformance session needs a registered client and is not run; these are FAPI 2.0's checks against the mock.

let helseid: Helseid;
beforeAll(async () => {
  helseid = await startHelseid();
});
afterAll(() => helseid.close());

describe("row 22: FAPI 2.0 Security Profile against the mock", () => {
  it("row 22: private_key_jwt with aud the issuer as one string, PS256 or ES256, and no other secret", async () => {
    const wire = listen();
    await sourceOf(helseid, { fetch: wire.fetch }).getToken({ scopes: [helseid.api.scope] });
    for (const request of wire.requests.filter((r) => r.method === "POST")) {
      const form = new URLSearchParams(request.body);
      const { header, claims } = decode(form.get("client_assertion") ?? "");
      expect(["PS256", "ES256"]).toContain(header["alg"]);
      expect(claims["aud"]).toBe(helseid.issuer);
      expect(form.has("client_secret")).toBe(false);
      expect(request.headers.has("authorization")).toBe(false);
      expect(new URL(request.url).search).toBe("");
    }
  });

  it("row 22: tokens are sender-constrained: asked for with a proof, refused when they come as Bearer", async () => {
    const wire = listen(async (request) => {
      const response = await globalThis.fetch(request);
      if (!request.url.endsWith("/connect/token") || !response.ok) return response;
      return Response.json({ ...((await response.json()) as object), token_type: "Bearer" });
    });
    await expect(
      sourceOf(helseid, { fetch: wire.fetch }).getToken({ scopes: [helseid.api.scope] }),
    ).rejects.toMatchObject({
      code: "auth/token-not-bound",
    });
    expect(wire.requests.filter((r) => r.method === "POST").every((r) => r.headers.has("dpop"))).toBe(true);
  });

  it("row 22: the server's nonce is used, the metadata comes from the issuer's well-known address", async () => {
    const wire = listen();
    await sourceOf(helseid, { fetch: wire.fetch }).getToken({ scopes: [helseid.api.scope] });
    expect(wire.requests[0]?.url).toBe(`${helseid.issuer}/.well-known/openid-configuration`);
    expect(decode(wire.requests.at(-1)?.headers.get("dpop") ?? "").claims["nonce"]).toBeTypeOf("string");
  });
});
