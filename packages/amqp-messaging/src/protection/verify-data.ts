import { constants, createHash, createVerify, verify as cryptoVerify, X509Certificate } from "node:crypto";
import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import { encodedNames } from "../keys/certificate-names.ts";
import { rsaBits } from "../keys/rsa-bits.ts";
import {
  algorithmRefused,
  CONTENT_TYPE,
  type Digest,
  OID,
  type ProtectionPolicy,
  readDigest,
  readSignatureScheme,
  type SignatureScheme,
} from "./algorithms.ts";
import { type BerElement, berToDer, readBer, readObjectIdentifier } from "./ber-reader.ts";
import { identifies } from "./certificate-identifier.ts";
import { SLICED_FROM } from "./sign-data.ts";
import { inSlices } from "./slices.ts";

/** Most signer entries that are looked at. */
const MAX_SIGNERS = 16;
/** Most certificates of a message that are looked at; a chain has three or four. */
const MAX_CERTIFICATES = 16;
/** Most signatures that are checked for one message: each costs a hash of its content. */
const MAX_SIGNATURES = 16;

/** SignedData taken apart; nothing in it is proved yet. @internal */
export interface SignedParts {
  readonly contentType: string;
  readonly content: Buffer;
  /** Certificates in DER, in the order of the message. */
  readonly certificates: readonly Buffer[];
  readonly signers: readonly SignerFields[];
}

/** One signer entry. @internal */
export interface SignerFields {
  readonly identifier: BerElement;
  readonly digest: BerElement;
  readonly attributes: BerElement | undefined;
  readonly algorithm: BerElement;
  readonly signature: Buffer;
}

/**
 * Takes SignedData apart. An extra OCTET STRING around it, as older .NET runtimes write, is taken off.
 *
 * @internal
 * @throws {HelsekontaktError} `protection/not-cms`
 * @see RFC 5652, section 5
 */
export function readSigned(bytes: Uint8Array): SignedParts {
  let info = readBer(bytes, { trailingZeros: true });
  if (info.tag === 0x04 || info.tag === 0x24) info = readBer(info.octets(), { trailingZeros: true });
  if (!info.expect(0x30).at(0).raw.equals(CONTENT_TYPE.signedData)) {
    throw new HelsekontaktError("protection/not-cms", "expected CMS SignedData, found another content type");
  }
  const [version, digests, encapsulated, ...rest] = info.at(1).expect(0xa0).at(0).expect(0x30).children;
  if (version === undefined || digests === undefined || encapsulated === undefined) info.at(1, 0, 2);
  const box = encapsulated as BerElement;
  const signers = rest.at(-1);
  if (signers === undefined) throw new HelsekontaktError("protection/not-cms", "expected signer entries, found none");
  return {
    contentType: readObjectIdentifier(box.expect(0x30).at(0)),
    content: box.at(1).expect(0xa0).at(0).octets(),
    // Other kinds of certificate (attribute certificates, obsolete forms) carry tags of their own.
    certificates: (rest[0]?.tag === 0xa0 ? rest[0].children : []).filter((c) => c.tag === 0x30).map((c) => c.raw),
    signers: signers.expect(0x31).children.slice(0, MAX_SIGNERS).map(signerFields),
  };
}

/** Who signed, and with what. @internal */
export interface VerifiedSigner {
  readonly signer: X509Certificate;
  readonly digest: Digest;
}

function signatureInvalid(reason: string): HelsekontaktError {
  return new HelsekontaktError(
    "protection/signature-invalid",
    `expected a signature over this content, found ${reason}`,
  );
}

function signerUnexpected(found: string): HelsekontaktError {
  return new HelsekontaktError(
    "protection/signer-unexpected",
    `expected the sender's signature certificate, found ${found}`,
    { hint: "the sender may have changed certificate: fetch its profile again" },
  );
}

/**
 * Checks that one of `expected` signed the content. The signer entry must point at that very certificate, and the
 * message must not carry another one under the same name and number; certificates merely attached prove nothing.
 *
 * Another signer is named only when its own signature holds. Otherwise a sender who damages somebody's encrypted message
 * would learn from the answer whether the damage decrypted to a readable structure.
 *
 * @internal
 */
export async function verifyExpected(
  parts: SignedParts,
  expected: readonly X509Certificate[],
  policy: Required<ProtectionPolicy>,
  signal?: AbortSignal,
): Promise<VerifiedSigner> {
  let failure: HelsekontaktError | undefined;
  for (const info of parts.signers) {
    for (const signer of expected) {
      const { identifier } = info;
      if (!identifies(identifier, signer)) continue;
      const namesakes = parts.certificates.filter((certificate) => sameName(identifier, certificate));
      if (namesakes.length > 0 && !namesakes.some((certificate) => certificate.equals(signer.raw))) {
        failure = signerUnexpected("another certificate of the same name and number");
        continue;
      }
      const result = await verifySigner(parts, info, signer, policy, signal);
      if (!(result instanceof HelsekontaktError)) return result;
      // With a twin attached, the signature may be the twin's: its own check below decides what is told.
      const twins = namesakes.some((certificate) => !certificate.equals(signer.raw));
      failure = twins ? signerUnexpected("another certificate of the same name and number") : result;
    }
  }
  failure ??= signerUnexpected("another one");
  if (failure.code === "protection/signer-unexpected") await verifyEmbedded(parts, policy, signal);
  throw failure;
}

/**
 * Checks the signature against the certificate that the message itself carries.
 *
 * @returns the signer, whom somebody else has to vouch for.
 * @throws {HelsekontaktError} `protection/signature-invalid`, `protection/algorithm-refused`
 * @internal
 */
export async function verifyEmbedded(
  parts: SignedParts,
  policy: Required<ProtectionPolicy>,
  signal?: AbortSignal,
): Promise<VerifiedSigner> {
  let failure: HelsekontaktError | undefined;
  const certificates = embeddedCertificates(parts);
  let left = MAX_SIGNATURES;
  for (const info of parts.signers) {
    const { identifier } = info;
    for (const certificate of certificates) {
      if (left === 0 || !identifies(identifier, certificate)) continue;
      left--;
      const result = await verifySigner(parts, info, certificate, policy, signal);
      if (!(result instanceof HelsekontaktError)) return result;
      failure = result;
    }
  }
  throw failure ?? signatureInvalid(parts.signers.length === 0 ? "none" : "no certificate of the signer");
}

/** The certificates that node can parse, of the first in the message. @internal */
export function embeddedCertificates(parts: SignedParts): X509Certificate[] {
  return parts.certificates.slice(0, MAX_CERTIFICATES).flatMap((raw) => {
    try {
      return [new X509Certificate(raw)];
    } catch {
      return [];
    }
  });
}

/** By issuer and serial number; an identifier of another kind gives false. */
function sameName(identifier: BerElement, certificate: Buffer): boolean {
  if (identifier.tag !== 0x30) return false;
  try {
    const names = encodedNames(certificate);
    return identifier.at(1).raw.equals(names.serialNumber) && identifier.at(0).raw.equals(names.issuer);
  } catch {
    return false;
  }
}

function signerFields(info: BerElement): SignerFields {
  const attributes = info.expect(0x30).at(3).tag === 0xa0 ? info.at(3) : undefined;
  const next = attributes === undefined ? 3 : 4;
  return {
    identifier: info.at(1),
    digest: info.at(2),
    attributes,
    algorithm: info.at(next),
    signature: info.at(next + 1).octets(),
  };
}

/** The signer when its signature holds, else the error to report if no other entry does better. */
async function verifySigner(
  parts: SignedParts,
  fields: SignerFields,
  signer: X509Certificate,
  policy: Required<ProtectionPolicy>,
  signal?: AbortSignal,
): Promise<VerifiedSigner | HelsekontaktError> {
  try {
    const digest = readDigest(fields.digest);
    if (!policy.digests.includes(digest)) {
      throw algorithmRefused(`a digest among ${policy.digests.join(", ")}`, digest);
    }
    const scheme = readSignatureScheme(fields.algorithm, digest);
    const bits = rsaBits(signer.publicKey);
    if (bits < policy.minimumRsaBits) {
      throw algorithmRefused(`an RSA key of at least ${policy.minimumRsaBits} bits`, `${bits} bits`);
    }
    for (const signed of await signedForms(parts, fields.attributes, digest, signal)) {
      if (await verifyBytes(signed, signer, digest, scheme, fields.signature, signal)) return { signer, digest };
    }
    return signatureInvalid("another one");
  } catch (error) {
    // A fault of form in here is a fault of the signature: the structure around it has been read.
    if (error instanceof HelsekontaktError && error.code !== "protection/not-cms") return error;
    return signatureInvalid("one that cannot be read");
  }
}

/**
 * The bytes that may have been signed: the content, or the signed attributes as a SET. Senders differ in whether they
 * sign the attributes in the order they send or sorted as DER wants; both are tried.
 */
async function signedForms(
  parts: SignedParts,
  attributes: BerElement | undefined,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Uint8Array[]> {
  if (attributes === undefined) {
    // Without this, signed attributes of another message could be passed off as content.
    if (isAttributeSet(parts.content)) throw signatureInvalid("a signature over attributes");
    // RFC 5652, section 5.3: what the content is would be said by nobody who signed.
    if (parts.contentType !== OID.data)
      throw signatureInvalid("a signature without attributes over another content type");
    return [parts.content];
  }
  if (readObjectIdentifier(attributeValue(attributes, OID.contentType)) !== parts.contentType) {
    throw signatureInvalid("signed attributes of another content type");
  }
  const hash = createHash(digest);
  await inSlices([parts.content], (slice) => hash.update(slice), signal);
  if (!hash.digest().equals(attributeValue(attributes, OID.messageDigest).octets())) {
    throw signatureInvalid("signed attributes of other content");
  }
  const sorted = berToDer(attributes, 0x31, true);
  const asSent = berToDer(attributes, 0x31, false);
  return sorted.equals(asSent) ? [sorted] : [sorted, asSent];
}

/** The only value of an attribute that must stand exactly once. */
function attributeValue(attributes: BerElement, oid: string): BerElement {
  const found = attributes.children.filter((attribute) => readObjectIdentifier(attribute.at(0)) === oid);
  const values = found[0]?.at(1).expect(0x31).children;
  const value = values?.[0];
  if (found.length !== 1 || values?.length !== 1 || value === undefined) {
    throw signatureInvalid("signed attributes without content type and digest");
  }
  return value;
}

function isAttributeSet(content: Buffer): boolean {
  if (content[0] !== 0x31) return false;
  try {
    const attributes = readBer(content);
    return attributes.children.some((attribute) => readObjectIdentifier(attribute.at(0)) === OID.messageDigest);
  } catch {
    return false;
  }
}

async function verifyBytes(
  data: Uint8Array,
  signer: X509Certificate,
  digest: Digest,
  scheme: SignatureScheme,
  signature: Uint8Array,
  signal?: AbortSignal,
): Promise<boolean> {
  const key =
    scheme.padding === "pss"
      ? { key: signer.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: scheme.saltLength }
      : { key: signer.publicKey, padding: constants.RSA_PKCS1_PADDING };
  try {
    // A fraction of a millisecond, which the way to the thread pool and back would double.
    if (data.length <= SLICED_FROM) return cryptoVerify(digest, data, key, signature);
    const verification = createVerify(digest);
    await inSlices([data], (slice) => verification.update(slice), signal);
    return verification.verify(key, signature);
  } catch {
    throwIfAborted(signal);
    return false;
  }
}
