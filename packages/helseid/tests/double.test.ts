import { createHash, randomUUID } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeKey, type Sts, startSts } from "./_sts.ts";

// The double must be as strict as HelseID is said to be: a lenient one would prove nothing about what we send.
let sts: Sts;
let key: JWK & { kid: string; alg: string };
let dpop: CryptoKeyPairLike;
let token: string;
type CryptoKeyPairLike = Awaited<ReturnType<typeof generateKeyPair>>;
type Change = (header: Record<string, unknown>, payload: Record<string, unknown>) => void;

const now = (): number => Math.floor(Date.now() / 1000);

async function assertion(change: Change = () => undefined, signer?: JWK): Promise<string> {
  const header = { alg: key.alg, kid: key.kid, typ: "client-authentication+jwt" };
  const payload = { iss: "c", sub: "c", aud: sts.issuer, iat: now(), nbf: now(), exp: now() + 30, jti: randomUUID() };
  change(header, payload);
  return new SignJWT(payload).setProtectedHeader(header).sign((signer ?? key) as never);
}

async function proof(
  method: string,
  url: string,
  accessToken: string | undefined,
  change: Change = () => undefined,
  signer = dpop,
): Promise<string> {
  const header: Record<string, unknown> = { alg: "ES256", typ: "dpop+jwt", jwk: await exportJWK(dpop.publicKey) };
  const payload: Record<string, unknown> = {
    htm: method,
    htu: url,
    iat: now(),
    jti: randomUUID(),
    ...(accessToken === undefined ? {} : { ath: createHash("sha256").update(accessToken).digest("base64url") }),
  };
  change(header, payload);
  return new SignJWT(payload).setProtectedHeader(header as never).sign(signer.privateKey);
}

async function askToken(clientAssertion: string, dpopProof?: string): Promise<Response> {
  return fetch(`${sts.issuer}/connect/token`, {
    method: "POST",
    headers: dpopProof === undefined ? {} : { dpop: dpopProof },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: "c",
      scope: "a",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: clientAssertion,
    }),
  });
}

beforeAll(async () => {
  sts = await startSts();
  sts.rules.nonce = "none";
  key = await makeKey("ES256");
  sts.register("c", key);
  dpop = await generateKeyPair("ES256", { extractable: true });
  const response = await askToken(await assertion(), await proof("POST", `${sts.issuer}/connect/token`, undefined));
  token = ((await response.json()) as { access_token: string }).access_token;
});
afterAll(() => sts.close());

describe("the double refuses client assertions that are", () => {
  const cases: [string, Change][] = [
    ["for the token endpoint", (_h, p) => void (p["aud"] = `${sts.issuer}/connect/token`)],
    ["for the issuer with a slash", (_h, p) => void (p["aud"] = `${sts.issuer}/`)],
    ["for a list", (_h, p) => void (p["aud"] = [sts.issuer])],
    ["of type JWT", (h) => void (h["typ"] = "JWT")],
    ["without type", (h) => delete h["typ"]],
    ["of another key", (h) => void (h["kid"] = "other")],
    ["longer than a minute", (_h, p) => void (p["exp"] = now() + 120)],
    ["expired", (_h, p) => void (p["exp"] = now() - 30)],
    ["without expiry", (_h, p) => delete p["exp"]],
    ["without id", (_h, p) => delete p["jti"]],
    ["of another client", (_h, p) => void (p["iss"] = "d")],
    ["from the future", (_h, p) => void (p["nbf"] = now() + 60)],
    ["with times as text", (_h, p) => void (p["iat"] = String(now()))],
  ];
  it.each(cases)("%s", async (_name, change) => {
    const response = await askToken(await assertion(change));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: "invalid_client" });
  });

  it("signed by another key, or used twice", async () => {
    expect((await askToken(await assertion(undefined, await makeKey("ES256")))).status).toBe(400);
    const once = await assertion();
    expect((await askToken(once)).status).toBe(200);
    expect((await askToken(once)).status).toBe(400);
  });
});

const call = (p: string, accessToken = token): Promise<Response> =>
  fetch(`${sts.api}/x?a=1`, { headers: { authorization: `DPoP ${accessToken}`, dpop: p } });

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("the double's API refuses proofs that are", () => {
  const good = (change?: Change): Promise<string> => proof("GET", `${sts.api}/x`, token, change);
  const cases: [string, Change][] = [
    ["without htu", (_h, p) => delete p["htu"]],
    ["without htm", (_h, p) => delete p["htm"]],
    ["old", (_h, p) => void (p["iat"] = now() - 60)],
    ["early", (_h, p) => void (p["iat"] = now() + 60)],
    ["without iat", (_h, p) => delete p["iat"]],
    ["without ath", (_h, p) => delete p["ath"]],
    ["of another token", (_h, p) => void (p["ath"] = "x")],
    ["without jwk", (h) => delete h["jwk"]],
    ["without jti", (_h, p) => delete p["jti"]],
    ["of another type", (h) => void (h["typ"] = "JWT")],
    ["for another method", (_h, p) => void (p["htm"] = "POST")],
    ["for a method in lower case", (_h, p) => void (p["htm"] = "get")],
    ["for a URL with its query", (_h, p) => void (p["htu"] = `${sts.api}/x?a=1`)],
    ["for another path", (_h, p) => void (p["htu"] = `${sts.api}/y`)],
  ];
  it("(a good one passes, once)", async () => {
    const once = await good();
    expect((await call(once)).status).toBe(200);
    expect((await call(once)).status).toBe(401);
  });
  it.each(cases)("%s", async (_name, change) => {
    expect((await call(await good(change))).status).toBe(401);
  });
  it("carrying the private key", async () => {
    const jwk = await exportJWK(dpop.privateKey);
    expect((await call(await good((h) => void (h["jwk"] = jwk)))).status).toBe(401);
  });
  it("signed by another key than the one inside, or bound to another token", async () => {
    const other = await generateKeyPair("ES256", { extractable: true });
    expect((await call(await proof("GET", `${sts.api}/x`, token, undefined, other))).status).toBe(401);
    const jwk = await exportJWK(other.publicKey);
    expect(await calculateJwkThumbprint(jwk)).not.toBe(await calculateJwkThumbprint(await exportJWK(dpop.publicKey)));
    expect((await call(await proof("GET", `${sts.api}/x`, token, (h) => void (h["jwk"] = jwk), other))).status).toBe(
      401,
    );
  });
  it("symmetric, unsigned, tampered with, or twice in one header", async () => {
    const [header = "", payload = ""] = (await good()).split(".");
    const hs = await new SignJWT({ htm: "GET", htu: `${sts.api}/x`, iat: now(), jti: randomUUID() })
      .setProtectedHeader({ alg: "HS256", typ: "dpop+jwt" })
      .sign(Buffer.alloc(32));
    for (const p of [
      hs,
      `${encode({ alg: "none", typ: "dpop+jwt" })}.${payload}.`,
      `${header}.${encode({ htm: "GET" })}.AAAA`,
      `${await good()}, ${await good()}`,
    ])
      expect((await call(p)).status).toBe(401);
  });
  it("missing", async () => {
    expect((await fetch(`${sts.api}/x`, { headers: { authorization: `DPoP ${token}` } })).status).toBe(401);
  });
});
