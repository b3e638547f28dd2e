import { createPublicKey, generateKeyPairSync, type KeyObject, webcrypto } from "node:crypto";
import { inspect } from "node:util";
import { HelsekontaktError } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import type { ClientKey, SigningAlgorithm } from "../src/index.ts";
import { loadSigner } from "../src/key.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const k256 = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
const ed = generateKeyPairSync("ed25519");

function jwk(key: KeyObject, members: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...key.export({ format: "jwk" }), kid: "k", ...members };
}
function pem(key: KeyObject, type: "pkcs8" | "pkcs1" | "sec1"): string {
  return key.export({ format: "pem", type } as never) as unknown as string;
}

async function verifies(key: ClientKey, publicKey: KeyObject, hash: string, algorithm: object): Promise<boolean> {
  const signer = await loadSigner(key);
  if (!("cryptoKey" in signer)) throw new Error("expected a key");
  expect(signer.cryptoKey.extractable).toBe(false);
  const data = Buffer.from("data");
  const signature = await webcrypto.subtle.sign(algorithm as webcrypto.AlgorithmIdentifier, signer.cryptoKey, data);
  const spki = publicKey.export({ format: "der", type: "spki" });
  const imported = await webcrypto.subtle.importKey(
    "spki",
    spki,
    { hash, namedCurve: "P-256", ...algorithm } as unknown as webcrypto.EcKeyImportParams,
    false,
    ["verify"],
  );
  return webcrypto.subtle.verify(algorithm as webcrypto.AlgorithmIdentifier, imported, signature, data);
}

describe("keys that are taken", () => {
  const pss = { name: "RSA-PSS", saltLength: 32 };
  const v15 = { name: "RSASSA-PKCS1-v1_5" };
  const ec = { name: "ECDSA", hash: "SHA-256" };
  const encrypted = rsa.privateKey.export({
    format: "pem",
    type: "pkcs8",
    cipher: "aes-256-cbc",
    passphrase: "pass",
  }) as string;
  const cases: [string, ClientKey, KeyObject, object][] = [
    ["JWK object", jwk(rsa.privateKey, { alg: "PS256" }), rsa.publicKey, pss],
    ["JWK text", JSON.stringify(jwk(rsa.privateKey, { alg: "RS256" })), rsa.publicKey, v15],
    [
      "JWK with id and algorithm beside it",
      { jwk: p256.privateKey.export({ format: "jwk" }) as never, kid: "k", alg: "ES256" },
      p256.publicKey,
      ec,
    ],
    ["PKCS#8", { pem: pem(rsa.privateKey, "pkcs8"), kid: "k", alg: "PS256" }, rsa.publicKey, pss],
    ["PKCS#1", { pem: pem(rsa.privateKey, "pkcs1"), kid: "k", alg: "RS256" }, rsa.publicKey, v15],
    ["SEC1", { pem: pem(p256.privateKey, "sec1"), kid: "k", alg: "ES256" }, p256.publicKey, ec],
    ["encrypted PKCS#8", { pem: encrypted, kid: "k", alg: "PS256", passphrase: "pass" }, rsa.publicKey, pss],
  ];
  it.each(cases)("%s", async (_name, key, publicKey, algorithm) => {
    expect(await verifies(key, publicKey, "SHA-256", algorithm)).toBe(true);
  });

  it("CryptoKey and callback", async () => {
    const pair = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-521" }, false, ["sign", "verify"]);
    expect((await loadSigner({ cryptoKey: pair.privateKey, kid: "k" })).alg).toBe("ES512");
    const signer = await loadSigner({ sign: async () => new Uint8Array(64), kid: "k", alg: "ES256" });
    expect(signer).toMatchObject({ kid: "k", alg: "ES256" });
  });
});

describe("keys that are refused, before anything is sent", () => {
  const publicPem = rsa.publicKey.export({ format: "pem", type: "spki" }) as string;
  const encrypted = rsa.privateKey.export({
    format: "pem",
    type: "pkcs8",
    cipher: "aes-256-cbc",
    passphrase: "pass",
  }) as string;
  const privateJwk = jwk(rsa.privateKey) as Record<string, string>;
  const cases: [string, ClientKey, string][] = [
    ["public JWK", jwk(createPublicKey(rsa.privateKey), { alg: "PS256" }), "without private members"],
    ["public PEM", { pem: publicPem, kid: "k", alg: "PS256" }, "found a public one"],
    [
      "only n, e and d",
      { kty: "RSA", n: privateJwk["n"], e: privateJwk["e"], d: privateJwk["d"], kid: "k", alg: "PS256" },
      "cannot be read",
    ],
    ["RSA of 1024 bits", jwk(weak.privateKey, { alg: "PS256" }), "at least 2048 bits, found 1024 bits"],
    ["P-384 as ES256", jwk(p384.privateKey, { alg: "ES256" }), "curve P-256 for ES256"],
    ["a curve that no algorithm has", { pem: pem(k256.privateKey, "pkcs8"), kid: "k", alg: "ES256" }, "curve P-256"],
    ["RSA as ES256", jwk(rsa.privateKey, { alg: "ES256" }), "found another kind"],
    ["Ed25519", { pem: pem(ed.privateKey, "pkcs8"), kid: "k", alg: "ES256" }, "found another kind"],
    ["HS256", jwk(rsa.privateKey, { alg: "HS256" }), "found another algorithm"],
    ["none", jwk(rsa.privateKey, { alg: "none" }), "found another algorithm"],
    ["symmetric", { kty: "oct", k: "AAAA", kid: "k", alg: "HS256" }, "of kind RSA or EC"],
    ["no algorithm", jwk(rsa.privateKey), "expected an algorithm"],
    ["no key id", { ...jwk(rsa.privateKey, { alg: "PS256" }), kid: undefined }, "expected a key id"],
    ["two algorithms", { jwk: jwk(rsa.privateKey, { alg: "RS256" }), alg: "PS256" }, "another in the JWK"],
    ["an encryption key", jwk(rsa.privateKey, { alg: "PS256", use: "enc" }), 'use "sig"'],
    ["no passphrase", { pem: encrypted, kid: "k", alg: "PS256" }, "expected a passphrase"],
    ["a wrong passphrase", { pem: encrypted, kid: "k", alg: "PS256", passphrase: "wrong" }, "cannot be read with it"],
    ["PEM without id", pem(rsa.privateKey, "pkcs8"), "found PEM text"],
    ["text", "marker-not-a-key", "another text"],
    [
      "callback with a wrong algorithm",
      { sign: async () => new Uint8Array(), kid: "k", alg: "HS256" as SigningAlgorithm },
      "another algorithm",
    ],
  ];
  it.each(cases)("%s", async (_name, key, text) => {
    try {
      await loadSigner(key);
    } catch (error) {
      expect(error).toBeInstanceOf(HelsekontaktError);
      expect((error as HelsekontaktError).code).toBe("auth/key-invalid");
      expect((error as HelsekontaktError).message).toContain(text);
      const printed = inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error);
      for (const secret of [privateJwk["d"], privateJwk["p"], "marker-not-a-key", "wrong"])
        if (secret !== undefined && secret !== "wrong") expect(printed).not.toContain(secret);
      return;
    }
    throw new Error("expected a refusal");
  });

  it("CryptoKey: public, too short, another algorithm", async () => {
    const params = { name: "RSA-PSS", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
    const short = await webcrypto.subtle.generateKey(params, false, ["sign", "verify"]);
    const pair = await webcrypto.subtle.generateKey({ ...params, modulusLength: 2048 }, false, ["sign", "verify"]);
    for (const key of [
      { cryptoKey: short.privateKey, kid: "k" },
      { cryptoKey: pair.publicKey, kid: "k" },
      { cryptoKey: pair.privateKey, kid: "k", alg: "RS256" as const },
      { cryptoKey: pair.privateKey, kid: "" },
    ])
      await expect(loadSigner(key)).rejects.toMatchObject({ code: "auth/key-invalid" });
  });
});

describe("what a key says of itself", () => {
  const rsaKey = (name: string, hash: string, usages: webcrypto.KeyUsage[] = ["sign", "verify"]) =>
    webcrypto.subtle.generateKey(
      { name, hash, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
      false,
      usages,
    ) as Promise<webcrypto.CryptoKeyPair>;

  it.each([
    ["RSA-PSS", "SHA-256", "PS256"],
    ["RSA-PSS", "SHA-512", "PS512"],
    ["RSASSA-PKCS1-v1_5", "SHA-384", "RS384"],
  ] as const)("a CryptoKey for %s with %s is for %s", async (name, hash, alg) => {
    const { privateKey } = await rsaKey(name, hash);
    for (const given of [{}, { alg }])
      expect(await loadSigner({ cryptoKey: privateKey, kid: "k", ...given })).toMatchObject({ alg, kid: "k" });
    await expect(loadSigner({ cryptoKey: privateKey, kid: "k", alg: "ES256" })).rejects.toThrow(
      "for another algorithm",
    );
  });

  it.each([
    ["P-256", "ES256"],
    ["P-384", "ES384"],
    ["P-521", "ES512"],
  ] as const)("a CryptoKey on %s is for %s", async (namedCurve, alg) => {
    const pair = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve }, false, ["sign", "verify"]);
    expect(await loadSigner({ cryptoKey: pair.privateKey, kid: "k" })).toMatchObject({ alg });
  });

  it("a CryptoKey that cannot sign, or by no algorithm of HelseID's, is refused", async () => {
    const oaep = await rsaKey("RSA-OAEP", "SHA-256", ["encrypt", "decrypt"]);
    await expect(loadSigner({ cryptoKey: oaep.privateKey, kid: "k" })).rejects.toThrow('usage "sign"');
    const ed25519 = (await webcrypto.subtle.generateKey("Ed25519", false, [
      "sign",
      "verify",
    ])) as webcrypto.CryptoKeyPair;
    await expect(loadSigner({ cryptoKey: ed25519.privateKey, kid: "k" })).rejects.toThrow("RSA or ECDSA");
    const sha1 = await rsaKey("RSA-PSS", "SHA-1");
    await expect(loadSigner({ cryptoKey: sha1.privateKey, kid: "k" })).rejects.toMatchObject({
      code: "auth/key-invalid",
    });
    const hmac = await webcrypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
    await expect(loadSigner({ cryptoKey: hmac, kid: "k" })).rejects.toMatchObject({ code: "auth/key-invalid" });
  });

  it("a JWK may have members of any name, stand as text beside its facts, and say them twice alike", async () => {
    const members = jwk(rsa.privateKey, { alg: "PS256", use: "sig", sign: "text" });
    expect(await loadSigner(members)).toHaveProperty("cryptoKey");
    expect(await loadSigner({ jwk: JSON.stringify(members), kid: "other", alg: "PS256" })).toMatchObject({
      kid: "other",
    });
  });

  it.each(["null", "[]", "7", "[{}]", "true"])("the text %s is no JWK", async (text) => {
    await expect(loadSigner(text)).rejects.toMatchObject({
      code: "auth/key-invalid",
      message: expect.stringMatching(/another text/) as string,
    });
  });

  it("PEM may have a certificate before it, and is no public key only because it cannot be read", async () => {
    const certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    const both = certificate + pem(p256.privateKey, "pkcs8");
    expect(await loadSigner({ pem: both, kid: "k", alg: "ES256" })).toMatchObject({ alg: "ES256" });
    await expect(loadSigner({ pem: "text", kid: "k", alg: "ES256" })).rejects.toThrow("cannot be read with it");
    await expect(loadSigner({ pem: certificate, kid: "k", alg: "ES256" })).rejects.toThrow("found a public one");
  });

  it("a refusal has a hint where there is one to give", async () => {
    await expect(loadSigner(jwk(rsa.privateKey))).rejects.toMatchObject({
      hint: expect.stringMatching(/"alg"/) as string,
    });
    await expect(loadSigner(jwk(rsa.privateKey, { alg: "PS256", kid: "" }))).rejects.toMatchObject({
      hint: expect.stringMatching(/"kid"/) as string,
    });
    await expect(loadSigner(jwk(rsa.privateKey, { alg: "none" }))).rejects.not.toHaveProperty(
      "hint",
      expect.any(String),
    );
  });

  it.each(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] as const)(
    "RSA of 2048 bits is enough for %s",
    async (alg) => {
      expect(await loadSigner(jwk(rsa.privateKey, { alg }))).toMatchObject({ alg });
    },
  );

  it.each(["RS2567", "xRS256", "ES", "EdDSA", "RS25", "", null, 7])("the algorithm %j is refused", async (alg) => {
    await expect(loadSigner(jwk(rsa.privateKey, { alg }))).rejects.toMatchObject({ code: "auth/key-invalid" });
  });
});
