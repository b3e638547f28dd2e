import { HelsekontaktError } from "@helsekontakt/core";
import { type BerElement, readObjectIdentifier } from "./ber-reader.ts";
import { DER_NULL, type Der, integer, objectIdentifier, sequence, tlv } from "./der-writer.ts";

/** Digest algorithms that a policy may name; only the SHA-2 family is allowed unless it names others. */
export type Digest = "sha1" | "sha224" | "sha256" | "sha384" | "sha512";

/** Content encryption algorithms, all in CBC mode. */
export type ContentEncryption = "aes128" | "aes192" | "aes256" | "3des";

/** How the content key is encrypted to a recipient: RSA with PKCS#1 v1.5 or OAEP padding. */
export type KeyTransport = "pkcs1" | "oaep";

/** Which algorithms are accepted from a sender. Each list replaces the default. */
export interface ProtectionPolicy {
  /** Default: sha256, sha384, sha512. */
  readonly digests?: readonly Digest[];
  /** Default: aes256, aes192, aes128; `3des` only when named here. */
  readonly contentEncryption?: readonly ContentEncryption[];
  /** Default: pkcs1, oaep. */
  readonly keyTransport?: readonly KeyTransport[];
  /** Signatures by RSA keys shorter than this are refused, default 2048 bits. */
  readonly minimumRsaBits?: number;
  /** Largest protected message in bytes, default 64 MiB. */
  readonly maxBytes?: number;
  /**
   * What to do with a signer that neither `expectedSigner` nor `trust` vouches for. Default `refuse`. With `accept` the
   * signature is still checked, against whatever certificate the message carries: it then proves nothing about who sent.
   */
  readonly unknownSigner?: "refuse" | "accept";
}

/** @internal */
export const defaultPolicy: Required<ProtectionPolicy> = {
  digests: ["sha256", "sha384", "sha512"],
  contentEncryption: ["aes256", "aes192", "aes128"],
  keyTransport: ["pkcs1", "oaep"],
  minimumRsaBits: 2048,
  maxBytes: 64 * 1024 * 1024,
  unknownSigner: "refuse",
};

/** @internal */
export const OID = {
  data: "1.2.840.113549.1.7.1",
  signedData: "1.2.840.113549.1.7.2",
  envelopedData: "1.2.840.113549.1.7.3",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  rsaEncryption: "1.2.840.113549.1.1.1",
  rsaOaep: "1.2.840.113549.1.1.7",
  mgf1: "1.2.840.113549.1.1.8",
  pSpecified: "1.2.840.113549.1.1.9",
  rsaPss: "1.2.840.113549.1.1.10",
} as const;

/** Encoded object identifiers of the content types. @internal */
export const CONTENT_TYPE = {
  data: objectIdentifier(OID.data),
  signedData: objectIdentifier(OID.signedData),
  envelopedData: objectIdentifier(OID.envelopedData),
};

const digestOids: Record<Digest, { readonly digest: string; readonly withRsa: string; readonly size: number }> = {
  sha1: { digest: "1.3.14.3.2.26", withRsa: "1.2.840.113549.1.1.5", size: 20 },
  sha224: { digest: "2.16.840.1.101.3.4.2.4", withRsa: "1.2.840.113549.1.1.14", size: 28 },
  sha256: { digest: "2.16.840.1.101.3.4.2.1", withRsa: "1.2.840.113549.1.1.11", size: 32 },
  sha384: { digest: "2.16.840.1.101.3.4.2.2", withRsa: "1.2.840.113549.1.1.12", size: 48 },
  sha512: { digest: "2.16.840.1.101.3.4.2.3", withRsa: "1.2.840.113549.1.1.13", size: 64 },
};
const digests = Object.keys(digestOids) as Digest[];

/** @internal */
export const ciphers: Record<
  ContentEncryption,
  { readonly oid: string; readonly name: string; readonly keyBytes: number; readonly ivBytes: number }
> = {
  aes256: { oid: "2.16.840.1.101.3.4.1.42", name: "aes-256-cbc", keyBytes: 32, ivBytes: 16 },
  aes192: { oid: "2.16.840.1.101.3.4.1.22", name: "aes-192-cbc", keyBytes: 24, ivBytes: 16 },
  aes128: { oid: "2.16.840.1.101.3.4.1.2", name: "aes-128-cbc", keyBytes: 16, ivBytes: 16 },
  "3des": { oid: "1.2.840.113549.3.7", name: "des-ede3-cbc", keyBytes: 24, ivBytes: 8 },
};

/** @internal */
export function algorithmRefused(expected: string, found: string): HelsekontaktError {
  return new HelsekontaktError("protection/algorithm-refused", `expected ${expected}, found ${found}`, {
    context: { algorithm: found },
  });
}

/** AlgorithmIdentifier with NULL parameters. @internal */
export function withNull(oid: string): Der {
  return sequence(objectIdentifier(oid), DER_NULL);
}

/** @internal */
export function digestIdentifier(digest: Digest): Der {
  return withNull(digestOids[digest].digest);
}

/** An AlgorithmIdentifier taken apart. @internal */
export function readAlgorithm(element: BerElement): { readonly oid: string; readonly parameters?: BerElement } {
  const [oid, parameters] = element.expect(0x30).children;
  if (oid === undefined) element.at(0);
  const absent = parameters === undefined || parameters.tag === 0x05;
  return { oid: readObjectIdentifier(oid as BerElement), ...(absent ? {} : { parameters }) };
}

/** The digest that an AlgorithmIdentifier names, whatever policy says. @internal */
export function readDigest(element: BerElement): Digest {
  const { oid } = readAlgorithm(element);
  const digest = digests.find((name) => digestOids[name].digest === oid);
  if (digest === undefined) throw algorithmRefused("a digest of the SHA-2 family", oid);
  return digest;
}

/** @internal */
export function readCipher(
  oid: string,
  allowed: readonly ContentEncryption[],
): (typeof ciphers)[ContentEncryption] & { readonly algorithm: ContentEncryption } {
  const name = (Object.keys(ciphers) as ContentEncryption[]).find((key) => ciphers[key].oid === oid);
  if (name === undefined || !allowed.includes(name)) {
    throw algorithmRefused(`content encryption by ${allowed.join(", ")}`, name ?? oid);
  }
  return { algorithm: name, ...ciphers[name] };
}

/** How a signature was made. @internal */
export type SignatureScheme = { readonly padding: "pkcs1" } | { readonly padding: "pss"; readonly saltLength: number };

/**
 * Reads a signer's signature algorithm; it must agree with the signer's digest.
 *
 * @internal
 * @see RFC 4055, section 3.1
 */
export function readSignatureScheme(element: BerElement, digest: Digest): SignatureScheme {
  const { oid, parameters } = readAlgorithm(element);
  if (oid === OID.rsaEncryption || oid === digestOids[digest].withRsa) return { padding: "pkcs1" };
  if (oid !== OID.rsaPss) throw algorithmRefused(`an RSA signature over ${digest}`, oid);
  const field = explicitFields(parameters);
  const hash = field[0xa0] === undefined ? "sha1" : readDigest(field[0xa0]);
  const mask = field[0xa1] === undefined ? "sha1" : readMaskDigest(field[0xa1]);
  if (hash !== digest || mask !== digest) throw algorithmRefused(`PSS with ${digest} throughout`, `${hash}, ${mask}`);
  const saltLength = field[0xa2] === undefined ? 20 : smallInteger(field[0xa2]);
  return { padding: "pss", saltLength };
}

/** OAEP's parameters. @internal @see RFC 4055, section 4.1 */
export interface OaepScheme {
  readonly hash: Digest;
  readonly mask: Digest;
  readonly label: Buffer;
}

/** @internal */
export function readOaepScheme(parameters: BerElement | undefined): OaepScheme {
  const field = explicitFields(parameters);
  const source = field[0xa2] === undefined ? undefined : readAlgorithm(field[0xa2]);
  if (source !== undefined && source.oid !== OID.pSpecified) throw algorithmRefused("an OAEP label", source.oid);
  return {
    hash: field[0xa0] === undefined ? "sha1" : readDigest(field[0xa0]),
    mask: field[0xa1] === undefined ? "sha1" : readMaskDigest(field[0xa1]),
    label: source?.parameters === undefined ? Buffer.alloc(0) : source.parameters.octets(),
  };
}

/** OAEP's AlgorithmIdentifier with one hash throughout and no label. @internal */
export function oaepIdentifier(hash: Digest): Der {
  if (hash === "sha1") return sequence(objectIdentifier(OID.rsaOaep), sequence());
  const mask = sequence(objectIdentifier(OID.mgf1), digestIdentifier(hash));
  return sequence(objectIdentifier(OID.rsaOaep), sequence(explicit(0, digestIdentifier(hash)), explicit(1, mask)));
}

/** PSS's AlgorithmIdentifier with one hash throughout. @internal */
export function pssIdentifier(hash: Digest, saltLength: number): Der {
  const mask = sequence(objectIdentifier(OID.mgf1), digestIdentifier(hash));
  return sequence(
    objectIdentifier(OID.rsaPss),
    sequence(explicit(0, digestIdentifier(hash)), explicit(1, mask), explicit(2, integer(saltLength))),
  );
}

/** @internal */
export function digestSize(digest: Digest): number {
  return digestOids[digest].size;
}

/** @internal */
export function explicit(number: number, content: Der | Uint8Array): Der {
  return tlv(0xa0 + number, content);
}

/** Children of a SEQUENCE of explicitly tagged fields, by tag. */
function explicitFields(parameters: BerElement | undefined): Record<number, BerElement> {
  const fields: Record<number, BerElement> = {};
  for (const child of parameters?.expect(0x30).children ?? []) fields[child.tag] = child.at(0);
  return fields;
}

function readMaskDigest(element: BerElement): Digest {
  const { oid, parameters } = readAlgorithm(element);
  if (oid !== OID.mgf1 || parameters === undefined) throw algorithmRefused("mask generation by MGF1", oid);
  return readDigest(parameters);
}

function smallInteger(element: BerElement): number {
  const { value } = element.expect(0x02);
  if (value.length < 1 || value.length > 2) throw algorithmRefused("a salt of at most 32767 octets", "a longer one");
  return value.readUIntBE(0, value.length);
}
