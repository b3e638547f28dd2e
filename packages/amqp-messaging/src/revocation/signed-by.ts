import { constants, type KeyObject, verify } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { type Digest, OID, readAlgorithm, readDigest, readSignatureScheme } from "../protection/algorithms.ts";
import type { BerElement } from "../protection/ber-reader.ts";

/** Digests that an authority may sign with; SHA-1 lists are not believed. */
const digests: readonly Digest[] = ["sha256", "sha384", "sha512"];
const algorithms: Readonly<Record<string, { readonly digest: Digest; readonly type: "rsa" | "ec" }>> = {
  "1.2.840.113549.1.1.11": { digest: "sha256", type: "rsa" },
  "1.2.840.113549.1.1.12": { digest: "sha384", type: "rsa" },
  "1.2.840.113549.1.1.13": { digest: "sha512", type: "rsa" },
  "1.2.840.10045.4.3.2": { digest: "sha256", type: "ec" },
  "1.2.840.10045.4.3.3": { digest: "sha384", type: "ec" },
  "1.2.840.10045.4.3.4": { digest: "sha512", type: "ec" },
};

/** @internal A list or answer that proves nothing. */
export function unusable(expected: string): HelsekontaktError {
  return new HelsekontaktError("protection/certificate-invalid", `expected ${expected}`, {
    context: { reason: "revocation-unusable" },
  });
}

/**
 * Checks an authority's signature over a list or an answer.
 *
 * @param signature - the BIT STRING.
 * @internal
 * @throws {HelsekontaktError} `protection/certificate-invalid`
 */
export async function checkSignature(
  signed: Buffer,
  algorithm: BerElement,
  signature: BerElement,
  key: KeyObject,
): Promise<void> {
  const { value } = signature.expect(0x03);
  const { digest, options } = scheme(algorithm, key);
  const valid = await new Promise<boolean>((resolve) => {
    // The callback form hashes and verifies in the thread pool: lists may have megabytes.
    verify(digest, signed, options, value.subarray(1), (error, result) => resolve(error === null && result));
  });
  if (!valid) throw unusable("a signature of the issuer or its responder");
}

function scheme(
  algorithm: BerElement,
  key: KeyObject,
): { readonly digest: Digest; readonly options: Parameters<typeof verify>[2] } {
  const { oid, parameters } = readAlgorithm(algorithm);
  if (oid === OID.rsaPss) {
    const hash = parameters?.children.find(({ tag }) => tag === 0xa0);
    const digest = hash === undefined ? "sha1" : readDigest(hash.at(0));
    const read = readSignatureScheme(algorithm, digest);
    if (key.asymmetricKeyType === "rsa" && digests.includes(digest) && read.padding === "pss")
      return { digest, options: { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: read.saltLength } };
  }
  const known = algorithms[oid];
  if (known === undefined || key.asymmetricKeyType !== known.type)
    throw unusable(`a signature with SHA-2 by the issuer's kind of key, found ${oid}`);
  return { digest: known.digest, options: { key } };
}
