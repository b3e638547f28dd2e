import { createPrivateKey, type KeyObject, type webcrypto } from "node:crypto";
import { checkAlgorithm, checkKid, checkRsaBits, curves, refuse, type Signer, toCryptoKey } from "./key.ts";
import type { SigningAlgorithm } from "./options.ts";

// Keys in other forms than JWK, which is what Selvbetjening gives: loaded where there is one.

export async function fromPem(
  pem: string,
  passphrase: string | undefined,
  kid: string,
  alg: SigningAlgorithm,
): Promise<Signer> {
  const algorithm = checkAlgorithm(alg);
  const id = checkKid(kid);
  if (/-----BEGIN (PUBLIC KEY|RSA PUBLIC KEY|CERTIFICATE)-----/.test(pem) && !pem.includes("PRIVATE KEY-----"))
    throw refuse("expected a private key in PEM, found a public one");
  if (passphrase === undefined && /ENCRYPTED/.test(pem))
    throw refuse("expected a passphrase for the encrypted key, found none");
  let keyObject: KeyObject;
  try {
    keyObject = createPrivateKey({ key: pem, format: "pem", ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    throw refuse("expected a private key in PEM and its passphrase, found text that cannot be read with it");
  }
  return { kid: id, alg: algorithm, cryptoKey: await toCryptoKey(keyObject, algorithm) };
}

export function fromCryptoKey(key: webcrypto.CryptoKey, kid: string, alg: SigningAlgorithm | undefined): Signer {
  if (key.type !== "private" || !key.usages.includes("sign"))
    throw refuse('expected a private CryptoKey with usage "sign", found another');
  const found = algorithmOf(key);
  if (alg !== undefined && alg !== found)
    throw refuse(`expected a CryptoKey for ${alg}, found one for another algorithm`);
  const bits = (key.algorithm as webcrypto.RsaHashedKeyAlgorithm).modulusLength;
  if (!found.startsWith("ES")) checkRsaBits(bits);
  return { kid: checkKid(kid), alg: found, cryptoKey: key };
}

function algorithmOf(key: webcrypto.CryptoKey): SigningAlgorithm {
  const { name } = key.algorithm;
  if (name === "ECDSA") {
    const curve = (key.algorithm as webcrypto.EcKeyAlgorithm).namedCurve;
    const found = Object.entries(curves).find(([, c]) => c === curve);
    if (found) return found[0] as SigningAlgorithm;
  }
  const hash = (key.algorithm as { hash?: { name?: string } }).hash?.name?.replace("SHA-", "");
  const family = name === "RSA-PSS" ? "PS" : name === "RSASSA-PKCS1-v1_5" ? "RS" : undefined;
  if (family !== undefined && hash !== undefined) return checkAlgorithm(family + hash);
  throw refuse("expected a CryptoKey for RSA or ECDSA, found another algorithm");
}
