import { createHash, createPublicKey, generateKeyPair, type JsonWebKey, type KeyObject } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import type { PrivateJwk, SigningAlgorithm } from "../options.ts";
import type { PublicJwk, StoredKey } from "./types.ts";

const curves: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

/** Members of a public key by kind, in the order of RFC 7638: an allow-list, so that no private member can slip through. */
const publicMembers = { RSA: ["e", "kty", "n"], EC: ["crv", "kty", "x", "y"] } as const;

/** A new key pair, made off the event loop; its id is its RFC 7638 thumbprint. */
export async function generateKey(alg: SigningAlgorithm, now: number): Promise<StoredKey> {
  const curve = curves[alg];
  const privateKey = await new Promise<KeyObject>((resolve, reject) => {
    const done = (error: Error | null, _: KeyObject, key: KeyObject): void =>
      error === null ? resolve(key) : reject(error);
    if (curve === undefined) generateKeyPair("rsa", { modulusLength: 4096 }, done);
    else generateKeyPair("ec", { namedCurve: curve }, done);
  });
  return describeKey({ ...privateKey.export({ format: "jwk" }), alg, use: "sig" }, now);
}

/**
 * A private JWK as the store keeps it, state `created`.
 *
 * @throws {HelsekontaktError} `auth/key-invalid`; the message never quotes the key
 */
export function describeKey(jwk: PrivateJwk, now: number): StoredKey {
  const alg = jwk["alg"];
  if (typeof jwk["d"] !== "string" || typeof alg !== "string")
    throw new HelsekontaktError("auth/key-invalid", "expected a private JWK with its algorithm, found another object");
  const thumbprint = thumbprintOf(jwk);
  const kid = typeof jwk["kid"] === "string" && jwk["kid"] !== "" ? jwk["kid"] : thumbprint;
  return {
    kid,
    alg: alg as SigningAlgorithm,
    jwk: { ...jwk, kid, alg, use: "sig" },
    thumbprint,
    state: "created",
    createdAt: now,
  };
}

/**
 * The public part of a key, as it is registered.
 *
 * @throws {HelsekontaktError} `auth/key-invalid` when the key cannot be read
 * @see RFC 7517
 */
export function publicJwk(key: Pick<StoredKey, "jwk" | "kid" | "alg">): PublicJwk {
  const members = publicPart(key.jwk);
  return { ...members, kid: key.kid, alg: key.alg, use: "sig" } as PublicJwk;
}

function publicPart(jwk: PrivateJwk): Record<string, string> {
  const kty = jwk["kty"];
  if (kty !== "RSA" && kty !== "EC") throw unreadable();
  let exported: Record<string, unknown>;
  try {
    // Read by the crypto library: what is registered belongs to what signs, whatever else the JWK says.
    exported = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" }).export({ format: "jwk" });
  } catch {
    throw unreadable();
  }
  return Object.fromEntries(publicMembers[kty].map((name) => [name, String(exported[name])]));
}

function thumbprintOf(jwk: PrivateJwk): string {
  return createHash("sha256")
    .update(JSON.stringify(publicPart(jwk)))
    .digest("base64url");
}

function unreadable(): HelsekontaktError {
  return new HelsekontaktError("auth/key-invalid", "expected a complete RSA or EC key, found one that cannot be read");
}
