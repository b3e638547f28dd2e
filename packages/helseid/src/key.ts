import { createPrivateKey, type JsonWebKey, type KeyObject, webcrypto } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import type { ClientKey, SigningAlgorithm } from "./options.ts";

/** A key ready to sign: a WebCrypto key, or a callback to where it lives. */
export type Signer = { readonly kid: string; readonly alg: SigningAlgorithm } & (
  | { readonly cryptoKey: webcrypto.CryptoKey }
  | { readonly sign: (data: Uint8Array, options: { readonly signal: AbortSignal }) => Promise<Uint8Array> }
);

export const curves: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };
const nodeCurves: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };
const algorithmPattern = /^(RS|PS|ES)(256|384|512)$/;
const minimumRsaBits = 2048;

/**
 * Reads a client key in any accepted form and refuses what HelseID would: public and symmetric keys, RSA below 2048
 * bits, a curve that does not fit the algorithm, a missing key id or algorithm.
 *
 * @throws {HelsekontaktError} `auth/key-invalid`; the message never quotes the key
 * @see RFC 7517, RFC 7518 section 3
 */
export async function loadSigner(key: ClientKey): Promise<Signer> {
  if (typeof key === "string") return fromJwk(parseJwk(key), undefined, undefined);
  if ("sign" in key && typeof key.sign === "function") {
    const { sign, kid, alg } = key as Extract<ClientKey, { sign: unknown }>;
    return { kid: checkKid(kid), alg: checkAlgorithm(alg), sign };
  }
  if ("cryptoKey" in key) {
    const { cryptoKey, kid, alg } = key as Extract<ClientKey, { cryptoKey: unknown }>;
    return (await import("./key-forms.ts")).fromCryptoKey(cryptoKey, kid, alg);
  }
  if ("pem" in key) {
    const { pem, kid, alg, passphrase } = key as Extract<ClientKey, { pem: string }>;
    return (await import("./key-forms.ts")).fromPem(pem, passphrase, kid, alg);
  }
  if ("jwk" in key) {
    const { jwk, kid, alg } = key as Extract<ClientKey, { jwk: unknown }>;
    return fromJwk(typeof jwk === "string" ? parseJwk(jwk) : jwk, kid, alg);
  }
  return fromJwk(key as Record<string, unknown>, undefined, undefined);
}

export function refuse(message: string, hint?: string): HelsekontaktError {
  return new HelsekontaktError("auth/key-invalid", message, hint === undefined ? {} : { hint });
}

function parseJwk(text: string): Record<string, unknown> {
  if (text.includes("-----BEGIN"))
    throw refuse(
      "expected a JWK, found PEM text",
      "give PEM as { pem, kid, alg }: it holds neither key id nor algorithm",
    );
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // The parser's own message quotes the text.
  }
  throw refuse("expected a JWK as JSON, found another text");
}

async function fromJwk(
  jwk: Readonly<Record<string, unknown>>,
  kid: string | undefined,
  alg: SigningAlgorithm | undefined,
): Promise<Signer> {
  if (jwk["kty"] !== "RSA" && jwk["kty"] !== "EC") throw refuse("expected a JWK of kind RSA or EC, found another kind");
  if (typeof jwk["d"] !== "string") throw refuse("expected a private JWK, found one without private members");
  if (alg !== undefined && jwk["alg"] !== undefined && jwk["alg"] !== alg)
    throw refuse("expected one algorithm, found another in the JWK than beside it");
  if (jwk["use"] !== undefined && jwk["use"] !== "sig")
    throw refuse('expected a JWK with use "sig", found another use');
  const algorithm = checkAlgorithm(alg ?? jwk["alg"]);
  const id = checkKid(kid ?? jwk["kid"]);
  let keyObject: KeyObject;
  try {
    keyObject = createPrivateKey({ key: jwk as JsonWebKey, format: "jwk" });
  } catch {
    throw refuse("expected a complete private JWK, found one that cannot be read");
  }
  return { kid: id, alg: algorithm, cryptoKey: await toCryptoKey(keyObject, algorithm) };
}

export async function toCryptoKey(key: KeyObject, alg: SigningAlgorithm): Promise<webcrypto.CryptoKey> {
  const elliptic = alg.startsWith("ES");
  if (key.asymmetricKeyType !== (elliptic ? "ec" : "rsa"))
    throw refuse(`expected a key of the kind that ${alg} needs, found another kind`);
  if (elliptic) {
    if (nodeCurves[key.asymmetricKeyDetails?.namedCurve ?? ""] !== curves[alg])
      throw refuse(`expected a key on curve ${curves[alg]} for ${alg}, found another curve`);
  } else checkRsaBits(key.asymmetricKeyDetails?.modulusLength);
  const algorithm = elliptic
    ? { name: "ECDSA", namedCurve: curves[alg] as string }
    : { name: alg.startsWith("PS") ? "RSA-PSS" : "RSASSA-PKCS1-v1_5", hash: `SHA-${alg.slice(2)}` };
  try {
    const der = key.export({ format: "der", type: "pkcs8" });
    return await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  } catch {
    throw refuse("expected a key that WebCrypto can sign with, found one that it refuses");
  }
}

export function checkRsaBits(bits: number | undefined): void {
  if (bits === undefined || bits < minimumRsaBits)
    throw refuse(
      `expected an RSA key of at least ${minimumRsaBits} bits, found ${bits ?? "an unknown number of"} bits`,
    );
}

export function checkAlgorithm(alg: unknown): SigningAlgorithm {
  if (alg === undefined)
    throw refuse("expected an algorithm with the key, found none", 'put "alg" into the JWK or give it beside the key');
  if (typeof alg !== "string" || !algorithmPattern.test(alg))
    throw refuse("expected one of RS, PS or ES with 256, 384 or 512, found another algorithm");
  return alg as SigningAlgorithm;
}

export function checkKid(kid: unknown): string {
  if (typeof kid !== "string" || kid === "")
    throw refuse("expected a key id with the key, found none", 'put "kid" into the JWK or give it beside the key');
  return kid;
}
