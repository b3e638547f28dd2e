import { throwIfAborted } from "@helsekontakt/core";
import { derBytes } from "./der-writer.ts";
import { type EncryptOptions, encryptData } from "./encrypt-data.ts";
import { type SignOptions, signData } from "./sign-data.ts";

/** Who signs, who can read, and with which algorithms. */
export type ProtectOptions = SignOptions & EncryptOptions;

/**
 * Signs content, then encrypts it, in the form that Helsenorge and partners expect on the wire: CMS SignedData (SHA-256,
 * RSA PKCS#1 v1.5, no signed attributes) inside CMS EnvelopedData (AES-256-CBC, RSA PKCS#1 v1.5), in DER.
 *
 * A large message is hashed and encrypted in slices between which the event loop runs; RSA with long keys runs in the
 * thread pool. Validity and use of the certificates are not looked at: see {@link certificateFaults}.
 *
 * @param content - the payload, sent byte for byte.
 * @returns the body of a message of type `application/pkcs7-mime; smime-type=signed-and-enveloped-data`.
 * @throws {HelsekontaktError} `input/invalid` without recipients; `protection/certificate-invalid` or
 *   `protection/algorithm-refused` when a key is not RSA; `protection/key-unreadable` when the key cannot sign;
 *   `config/missing` when the signer has neither key nor callback; `abort/cancelled`.
 * @see RFC 5652, sections 5 and 6
 */
export async function protect(content: Uint8Array, options: ProtectOptions): Promise<Buffer<ArrayBuffer>> {
  throwIfAborted(options.signal);
  const signed = await signData(content, options);
  throwIfAborted(options.signal);
  return derBytes(await encryptData(signed, options));
}
