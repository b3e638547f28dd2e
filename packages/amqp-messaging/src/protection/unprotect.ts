import type { X509Certificate } from "node:crypto";
import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import type { Identity } from "../keys/identity.ts";
import { type CheckedTrustOptions, checkTrust } from "../keys/check-trust.ts";
import {
  type ContentEncryption,
  type Digest,
  defaultPolicy,
  type KeyTransport,
  type ProtectionPolicy,
} from "./algorithms.ts";
import { decryptData, type OpeningFailure } from "./decrypt-data.ts";
import {
  embeddedCertificates,
  readSigned,
  type SignedParts,
  type VerifiedSigner,
  verifyEmbedded,
  verifyExpected,
} from "./verify-data.ts";

/** Whose keys open the message and who may have signed it. */
export interface UnprotectOptions {
  /** Own encryption identities: the present one, and previous ones while messages for them may still come. */
  readonly keys: readonly Identity[];
  /** The sender's signature certificate from its profile; several while it changes. */
  readonly expectedSigner?: X509Certificate | readonly X509Certificate[];
  /** Demands that a trust anchor vouches for the signer, and that it is not revoked; alone, or besides `expectedSigner`. */
  readonly trust?: CheckedTrustOptions;
  readonly policy?: ProtectionPolicy;
  /** Told where a `protection/decryption-failed` came from. For the own log: nothing of it may reach a sender. */
  readonly onFailure?: (failure: OpeningFailure) => void;
  readonly signal?: AbortSignal;
}

/** A message opened and proved. */
export interface Unprotected {
  /** The payload, byte for byte as it was signed. */
  readonly content: Buffer;
  readonly signer: X509Certificate;
  /** What vouches for the signer: the caller's `expectedSigner`, an `anchor`, or (by policy only) `nobody`. */
  readonly vouchedBy: "expected" | "anchor" | "nobody";
  /** The own identity whose key opened the message: tells when a sender still uses a previous certificate. */
  readonly recipient: Identity;
  readonly digest: Digest;
  /** What the sender used: tells who still needs an algorithm that is on its way out. */
  readonly contentEncryption: ContentEncryption;
  readonly keyTransport: KeyTransport;
}

/**
 * Opens a signed and encrypted message: decrypts with any of the own keys, verifies that the expected certificate signed
 * it, and returns the payload. Reads DER and BER, issuer and serial number or key identifiers, PKCS#1 v1.5 and OAEP key
 * transport, PKCS#1 v1.5 and PSS signatures, AES in CBC mode, signed attributes, several recipients and signers, and the
 * extra OCTET STRING of older .NET runtimes.
 *
 * All failures from the key to the signed structure give one constant error. Do not tell a sender which of
 * `decryption-failed` and `signature-invalid` it was: report both with one and the same text.
 *
 * @param bytes - the body of a message of type `application/pkcs7-mime; smime-type=signed-and-enveloped-data`.
 * @throws {HelsekontaktError} `protection/not-cms` when the outer structure cannot be read;
 *   `protection/decryption-failed`; `protection/signature-invalid`; `protection/signer-unexpected`;
 *   `protection/algorithm-refused` by policy; `protection/certificate-invalid` when `trust` does not hold;
 *   `input/too-large`; `abort/cancelled`; the retryable error with which a `decrypt` callback rejected.
 * @see RFC 5652, sections 5 and 6
 */
export async function unprotect(bytes: Uint8Array, options: UnprotectOptions): Promise<Unprotected> {
  const { signal } = options;
  throwIfAborted(signal);
  const policy = { ...defaultPolicy, ...options.policy };
  if (bytes.length > policy.maxBytes) {
    throw new HelsekontaktError("input/too-large", `expected at most ${policy.maxBytes} bytes, found ${bytes.length}`);
  }
  const opened = await decryptData(bytes, options.keys, policy, readSigned, options.onFailure, signal);
  const { content: parts, ...facts } = opened;
  const { signer, digest, vouchedBy } = await verify(parts, options, policy);
  return { content: parts.content, signer, vouchedBy, digest, ...facts };
}

/** What {@link verifySigned} takes. */
export type VerifySignedOptions = Omit<UnprotectOptions, "keys" | "onFailure">;

/**
 * Verifies SignedData that is not encrypted, by the same rules as {@link unprotect}.
 *
 * @throws {HelsekontaktError} the codes of {@link unprotect} except `protection/decryption-failed`.
 */
export async function verifySigned(
  bytes: Uint8Array,
  options: VerifySignedOptions,
): Promise<Omit<Unprotected, "recipient" | "contentEncryption" | "keyTransport">> {
  throwIfAborted(options.signal);
  const policy = { ...defaultPolicy, ...options.policy };
  if (bytes.length > policy.maxBytes) {
    throw new HelsekontaktError("input/too-large", `expected at most ${policy.maxBytes} bytes, found ${bytes.length}`);
  }
  const parts = readSigned(bytes);
  return { content: parts.content, ...(await verify(parts, options, policy)) };
}

async function verify(
  parts: SignedParts,
  options: VerifySignedOptions,
  policy: Required<ProtectionPolicy>,
): Promise<VerifiedSigner & Pick<Unprotected, "vouchedBy">> {
  const { expectedSigner, trust, signal } = options;
  if (expectedSigner === undefined && trust === undefined && policy.unknownSigner !== "accept") {
    throw new HelsekontaktError(
      "protection/signer-unexpected",
      "expected a known signature certificate of the sender",
      {
        hint: "give expectedSigner or trust",
      },
    );
  }
  const verified =
    expectedSigner === undefined
      ? await verifyEmbedded(parts, policy, signal)
      : await verifyExpected(
          parts,
          Array.isArray(expectedSigner) ? expectedSigner : [expectedSigner as X509Certificate],
          policy,
          signal,
        );
  if (trust !== undefined) {
    const intermediates = [...(trust.intermediates ?? []), ...embeddedCertificates(parts)];
    await checkTrust(verified.signer, { ...trust, intermediates, ...(signal === undefined ? {} : { signal }) });
  }
  const vouchedBy = expectedSigner !== undefined ? "expected" : trust !== undefined ? "anchor" : "nobody";
  return { ...verified, vouchedBy };
}
