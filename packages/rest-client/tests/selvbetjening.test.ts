import { afterEach, describe, expect, it } from "vitest";
import { createSelvbetjeningClient, type PublicClientJwk } from "../src/index.ts";
import { type Answer, json, quick, startServer, type TestServer } from "./_server.ts";

let server: TestServer;
afterEach(() => server.close());

const key: PublicClientJwk = { kty: "RSA", kid: "k-1", alg: "PS256", use: "sig", n: "AQAB", e: "AQAB" };

async function client(answer: Answer) {
  server = await startServer(answer);
  return createSelvbetjeningClient({ baseUrl: server.url, retry: quick });
}

describe("Selvbetjening", () => {
  it("registers a public key as an object, once, whatever goes wrong", async () => {
    const c = await client(json(200, { expiration: "2027-01-01T00:00:00Z" }));
    expect(await c.registerKey(key)).toEqual({ expiresAt: Date.UTC(2027, 0, 1) });
    expect(server.seen.map((s) => [s.method, s.url])).toEqual([["POST", "/v1/client-secret"]]);
    expect(JSON.parse(server.seen[0]?.body ?? "")).toEqual(key);
    await server.close();
    const failing = await client(json(503, { title: "down" }));
    await expect(failing.registerKey(key)).rejects.toMatchObject({ code: "rest/unavailable" });
    expect(server.seen).toHaveLength(1);
  });

  it.each([
    ["a private member", { ...key, d: "AQAB" }],
    ["a member that no public key has", { ...key, x5c: "AQAB" }],
    ["no key id", { ...key, kid: "" }],
    ["another use", { ...key, use: "enc" }],
  ])("refuses %s before sending, without a word of the key", async (_name, bad) => {
    const c = await client(json(200, { expiration: null }));
    const error: unknown = await c.registerKey(bad as PublicClientJwk).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "input/invalid" });
    expect((error as Error).message).not.toContain("AQAB");
    expect(server.seen).toHaveLength(0);
  });

  it("lists keys with and without expiry, thumbprint and origin", async () => {
    const c = await client(
      json(200, [
        { expiration: null, kid: "old", jwkThumbprint: "t", origin: "Gui", publicJwk: null },
        { expiration: "2027-01-01T01:00:00+01:00", kid: "new" },
      ]),
    );
    expect(await c.listKeys()).toEqual([
      { kid: "old", thumbprint: "t", expiresAt: undefined, origin: "Gui" },
      { kid: "new", thumbprint: undefined, expiresAt: Date.UTC(2027, 0, 1), origin: undefined },
    ]);
  });

  it.each([
    ["no list", {}],
    ["no kid", [{}]],
    ["no time", [{ kid: "k", expiration: "soon" }]],
  ])("says that an answer with %s is not one", async (_name, body) => {
    await expect((await client(json(200, body))).listKeys()).rejects.toMatchObject({ code: "rest/response-invalid" });
  });
});
