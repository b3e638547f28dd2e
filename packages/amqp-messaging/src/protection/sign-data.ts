import { constants, createHash, createSign, sign as cryptoSign, type X509Certificate } from "node:crypto";
import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import { certificateNames } from "../keys/certificate-names.ts";
import { type DigestName, type Identity, isKeyObject } from "../keys/identity.ts";
import { rsaBits } from "../keys/rsa-bits.ts";
import { CONTENT_TYPE, digestIdentifier, digestSize, explicit, OID, pssIdentifier, withNull } from "./algorithms.ts";
import { type Der, derBytes, integer, objectIdentifier, octetString, sequence, setOf, tlv } from "./der-writer.ts";
import { inSlices } from "./slices.ts";

/** How content is signed; the defaults are what Helsenorge's own library sends. */
export interface SignOptions {
  readonly signer: Identity;
  /** Default `sha256`. */
  readonly digest?: DigestName;
  /** Adds the attributes contentType and messageDigest and signs them in place of the content. Default false. */
  readonly signedAttributes?: boolean;
  /** Default `pkcs1`. */
  readonly signaturePadding?: "pkcs1" | "pss";
  /** Certificates that go with the message: the chain without its root (default), or the signer's alone. */
  readonly certificates?: "chain" | "signer";
  readonly signal?: AbortSignal;
}

/** Up to here a signature takes a quarter of a millisecond, and the way to the thread pool and back a sixth of that. */
const SIGN_HERE_BITS = 2048;

/** The thread pool would get a copy of what it hashes: above this size the loop hashes in slices. Also for verifying. */
export const SLICED_FROM = 64 * 1024;

const ATTRIBUTE = {
  contentType: objectIdentifier(OID.contentType),
  messageDigest: objectIdentifier(OID.messageDigest),
};

/**
 * SignedData around `content`, as ContentInfo.
 *
 * @internal
 * @see RFC 5652, section 5
 */
export async function signData(content: Uint8Array, options: SignOptions): Promise<Der> {
  const { signer, digest = "sha256", signaturePadding: padding = "pkcs1", signal } = options;
  const attributes = options.signedAttributes === true ? await attributesFor(content, digest, signal) : undefined;
  const signed = attributes === undefined ? content : derBytes(setOf(...attributes));
  const signature = await signBytes(signed, signer, { digest, padding, ...(signal === undefined ? {} : { signal }) });
  const names = certificateNames(signer.certificate);
  const signerInfo = sequence(
    integer(1),
    sequence(names.issuer, names.serialNumber),
    digestIdentifier(digest),
    // Signed as a SET, sent under [0]: the sorted elements are the same.
    ...(attributes === undefined ? [] : [tlv(0xa0, ...attributes)]),
    padding === "pss" ? pssIdentifier(digest, digestSize(digest)) : withNull(OID.rsaEncryption),
    octetString(signature),
  );
  const certificates = [signer.certificate, ...(options.certificates === "signer" ? [] : withoutRoot(signer))];
  return sequence(
    CONTENT_TYPE.signedData,
    explicit(
      0,
      sequence(
        integer(1),
        setOf(digestIdentifier(digest)),
        sequence(CONTENT_TYPE.data, explicit(0, octetString(content))),
        tlv(0xa0, ...certificates.map((certificate) => certificate.raw)),
        setOf(signerInfo),
      ),
    ),
  );
}

/** The issuers that a receiver may lack; a root is known to it or is worth nothing. */
function withoutRoot(signer: Identity): X509Certificate[] {
  return (signer.chain ?? []).filter((certificate) => certificate.subject !== certificate.issuer);
}

async function attributesFor(content: Uint8Array, digest: DigestName, signal?: AbortSignal): Promise<Buffer[]> {
  const hash = createHash(digest);
  await inSlices([content], (slice) => hash.update(slice), signal);
  return [
    derBytes(sequence(ATTRIBUTE.contentType, setOf(CONTENT_TYPE.data))),
    derBytes(sequence(ATTRIBUTE.messageDigest, setOf(octetString(hash.digest())))),
  ].sort(Buffer.compare);
}

async function signBytes(
  data: Uint8Array,
  signer: Identity,
  how: { readonly digest: DigestName; readonly padding: "pkcs1" | "pss"; readonly signal?: AbortSignal },
): Promise<Uint8Array> {
  const { key } = signer;
  if (!isKeyObject(key)) {
    if (key.sign === undefined) throw new HelsekontaktError("config/missing", "expected a signer with a sign callback");
    try {
      return await key.sign(data, how);
    } catch (reason) {
      throwIfAborted(how.signal);
      if (reason instanceof HelsekontaktError) throw reason;
      throw new HelsekontaktError("protection/key-unreadable", "expected the sign callback to answer a signature", {
        retryable: true,
        original: reason,
      });
    }
  }
  const bits = rsaBits(key);
  if (bits === 0) {
    throw new HelsekontaktError("protection/algorithm-refused", "expected a signer with an RSA key");
  }
  const padding = how.padding === "pss" ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const saltLength = how.padding === "pss" ? { saltLength: digestSize(how.digest) } : {};
  const unusable = (original: unknown): HelsekontaktError =>
    new HelsekontaktError("protection/key-unreadable", "expected a private key that signs", { original });
  if (data.length > SLICED_FROM) {
    const signing = createSign(how.digest);
    await inSlices([data], (slice) => signing.update(slice), how.signal);
    try {
      return signing.sign({ key, padding, ...saltLength });
    } catch (error) {
      throw unusable(error);
    }
  }
  if (bits <= SIGN_HERE_BITS) {
    try {
      return cryptoSign(how.digest, data, { key, padding, ...saltLength });
    } catch (error) {
      throw unusable(error);
    }
  }
  // The callback form hashes and signs in the thread pool.
  return new Promise((resolve, reject) => {
    cryptoSign(how.digest, data, { key, padding, ...saltLength }, (error, signature) => {
      if (error === null) resolve(signature);
      else reject(unusable(error));
    });
  });
}
