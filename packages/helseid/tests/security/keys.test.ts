import { createPublicKey, generateKeyPairSync, type KeyObject, webcrypto } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type ClientKey, createTokenSource } from "../../src/index.ts";
import { makeKey } from "../_sts.ts";
import { useService } from "./_service.ts";

const at = useService();

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const jwk = (key: KeyObject, more: object): ClientKey => ({ ...key.export({ format: "jwk" }), kid: "k", ...more });
const publicPem = createPublicKey(rsa).export({ format: "pem", type: "spki" }) as string;
const encrypted = rsa.export({
  format: "pem",
  type: "pkcs8",
  cipher: "aes-256-cbc",
  passphrase: "right",
}) as string;
const asRsassa = await webcrypto.subtle.generateKey(
  { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
  false,
  ["sign", "verify"],
);
const secret = Buffer.from(publicPem).toString("base64url");

const cases: readonly (readonly [string, ClientKey])[] = [
  ["a public JWK as private", jwk(createPublicKey(rsa), { alg: "PS256" })],
  ["a public PEM as private", { pem: publicPem, kid: "k", alg: "PS256" }],
  ["a public CryptoKey as private", { cryptoKey: asRsassa.publicKey, kid: "k" }],
  ["an RS key as PS", { cryptoKey: asRsassa.privateKey, kid: "k", alg: "PS256" }],
  ["P-384 as ES256", jwk(p384, { alg: "ES256" })],
  ["P-256 as ES384", jwk(p256, { alg: "ES384" })],
  ["RSA as ES256", jwk(rsa, { alg: "ES256" })],
  ["RSA of 1024 bits", jwk(weak, { alg: "PS256" })],
  ["HS256 with the public key as secret", { kty: "oct", k: secret, kid: "k", alg: "HS256" }],
  ["algorithm none", jwk(rsa, { alg: "none" })],
  ["no key id", jwk(p256, { alg: "ES256", kid: "" })],
  ["an encrypted PEM with a wrong passphrase", { pem: encrypted, kid: "k", alg: "PS256", passphrase: "wrong" }],
  ["an encrypted PEM without a passphrase", { pem: encrypted, kid: "k", alg: "PS256" }],
];

describe("row 13: key confusion", () => {
  it.each(cases)("row 13: %s is refused before any request", async (_name, key) => {
    let requests = 0;
    const source = createTokenSource({
      issuer: "https://helseid.invalid",
      clientId: "client-1",
      key,
      fetch: async () => {
        requests++;
        return new Response(null, { status: 500 });
      },
    });
    await expect(source.getToken({ scopes: ["a"] })).rejects.toMatchObject({ code: "auth/key-invalid" });
    expect(requests).toBe(0);
  });

  it("row 13: another's kid, or the right kid with another's key: HelseID refuses it once, nothing is sent after that", async () => {
    const key = await makeKey("ES256", "right");
    at.sts.register("client-1", key);
    for (const wrong of [{ ...key, kid: "wrong" }, await makeKey("ES256", "right")]) {
      const before = at.sts.count.token;
      await expect(at.source({ key: wrong }).getToken({ scopes: ["a"] })).rejects.toMatchObject({
        code: "auth/token-rejected",
        remoteCode: "invalid_client",
      });
      expect(at.sts.count.token - before).toBe(1);
    }
    expect(at.sts.count.api).toBe(0);
  });

  it.each([
    ["EC", { name: "ECDSA", namedCurve: "P-256" }],
    ["RSA", { name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }],
  ])("row 13: the jwk of a proof has no private member, though the %s key could be exported", async (_kind, kind) => {
    const dpopKey = (await webcrypto.subtle.generateKey(kind, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
    await at.source({ dpopKey }).getToken({ scopes: ["a"] });
    const jwk = at.sts.tokenCalls.at(-1)?.proof?.header["jwk"] as object;
    expect(Object.keys(jwk).filter((name) => ["d", "p", "q", "dp", "dq", "qi", "k"].includes(name))).toEqual([]);
  });

  it("row 13: a private key in the public key's place is refused before any request", async () => {
    const kind = { name: "ECDSA", namedCurve: "P-256" };
    const pair = (await webcrypto.subtle.generateKey(kind, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
    for (const dpopKey of [
      { publicKey: pair.privateKey, privateKey: pair.privateKey },
      { publicKey: pair.publicKey, privateKey: pair.publicKey },
    ])
      await expect(at.source({ dpopKey }).getToken({ scopes: ["a"] })).rejects.toMatchObject({
        code: "auth/key-invalid",
      });
    expect(at.sts.count.token).toBe(0);
  });
});
