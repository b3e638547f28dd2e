import type { KeyObject, X509Certificate } from "node:crypto";

/** Digests that are used for signing. */
export type DigestName = "sha256" | "sha384" | "sha512";

/** What a key outside this process (HSM, cloud vault) is asked to do. Leave out what it must not do. */
export interface KeyOperations {
  /**
   * Signs `data`, which is not hashed yet. What it rejects with counts as passing: the message is sent later.
   *
   * @returns the raw signature.
   */
  readonly sign?: (
    data: Uint8Array,
    how: { readonly digest: DigestName; readonly padding: "pkcs1" | "pss"; readonly signal?: AbortSignal },
  ) => Promise<Uint8Array>;
  /**
   * Decrypts one encrypted content key (RSA). Reject with a retryable `HelsekontaktError` (`protection/key-unreadable`)
   * when the key cannot be reached: the message then waits. Any other rejection means that the key does not fit, and the
   * message is refused; the reason is never shown to a sender.
   *
   * @returns the content key.
   */
  readonly decrypt?: (
    encryptedKey: Uint8Array,
    how: {
      readonly padding: "pkcs1" | "oaep";
      /** Hash of OAEP, in node's spelling. */
      readonly oaepHash?: string;
      /** Hash of OAEP's mask; nearly always the same. */
      readonly mgf1Hash?: string;
      /** Label of OAEP, absent when empty. */
      readonly oaepLabel?: Uint8Array;
      readonly signal?: AbortSignal;
    },
  ) => Promise<Uint8Array>;
}

/** An own certificate with its private key, or with callbacks to where that key is kept. */
export interface Identity {
  readonly certificate: X509Certificate;
  readonly key: KeyObject | KeyOperations;
  /** Issuers of the certificate, nearest first; a root may be among them, it is left out of messages. */
  readonly chain?: readonly X509Certificate[];
}

/** True for a key in this process, false for callbacks. */
export function isKeyObject(key: Identity["key"]): key is KeyObject {
  return "asymmetricKeyType" in key;
}
