import {
  createHash,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { promisify } from "node:util";
import { HelsekontaktError } from "@helsekontakt/core";
import { readBer } from "../protection/ber-reader.ts";
import {
  bitString,
  DER_NULL,
  DER_TRUE,
  type Der,
  derBytes,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tlv,
} from "../protection/der-writer.ts";
import { certificateFacts } from "./certificate-facts.ts";
import { certificateNames } from "./certificate-names.ts";
import { type Identity, isKeyObject } from "./identity.ts";
import { type KeyUsage, keyUsages } from "./key-usage.ts";

/** Names in a certificate's subject. */
export interface CertificateSubject {
  readonly commonName: string;
  readonly organizationName?: string;
  /** Organisation number as Norwegian enterprise certificates carry it: `NTRNO-123456785`. */
  readonly organizationIdentifier?: string;
  /** Attribute serialNumber: the organisation number in older certificates. */
  readonly serialNumber?: string;
  /** Two letters, default `NO`. */
  readonly countryName?: string;
}

/** What {@link createCertificate} takes. */
export interface CertificateOptions {
  readonly subject: CertificateSubject;
  /** The key that the certificate is about; a private key gives its public half. */
  readonly publicKey: KeyObject;
  /** Who signs. `certificate` absent: self-signed by `key`. */
  readonly issuer: { readonly key: KeyObject; readonly certificate?: X509Certificate };
  readonly usage: readonly KeyUsage[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** A certificate authority; `pathLength` limits the authorities below it. */
  readonly authority?: true | { readonly pathLength: number };
  /** 1 to 20 octets, big-endian, default 16 random octets. */
  readonly serialNumber?: Uint8Array;
  /** Extended key usages, as object identifiers. */
  readonly extendedUsage?: readonly string[];
  /** Addresses of revocation lists. */
  readonly revocationLists?: readonly string[];
  /** Addresses of OCSP responders. */
  readonly ocspResponders?: readonly string[];
  /** Leave out the key identifiers, as some old authorities do. */
  readonly withoutKeyIdentifiers?: boolean;
}

const OID = {
  commonName: "2.5.4.3",
  serialNumber: "2.5.4.5",
  countryName: "2.5.4.6",
  organizationName: "2.5.4.10",
  organizationIdentifier: "2.5.4.97",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  revocationLists: "2.5.29.31",
  authorityInfoAccess: "1.3.6.1.5.5.7.1.1",
  ocsp: "1.3.6.1.5.5.7.48.1",
  sha256WithRsa: "1.2.840.113549.1.1.11",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
} as const;

/**
 * Makes an X.509 v3 certificate, signed with SHA-256 by an RSA or EC key: for sandboxes, tests and a first key of one's
 * own. Certificates for real traffic come from an authority.
 *
 * @throws {HelsekontaktError} `input/invalid` when the dates, serial number or issuer's key cannot be used.
 * @see RFC 5280, section 4.1
 */
export function createCertificate(options: CertificateOptions): X509Certificate {
  const { issuer, notBefore, notAfter } = options;
  if (!(notBefore.getTime() < notAfter.getTime())) {
    throw new HelsekontaktError("input/invalid", "expected notBefore earlier than notAfter");
  }
  const serial = options.serialNumber ?? positive(randomBytes(16));
  if (serial.length < 1 || serial.length > 20) {
    throw new HelsekontaktError("input/invalid", `expected a serial number of 1 to 20 octets, found ${serial.length}`);
  }
  const publicKey = options.publicKey.type === "private" ? createPublicKey(options.publicKey) : options.publicKey;
  const spki = publicKey.export({ format: "der", type: "spki" });
  const subject = nameOf(options.subject);
  const algorithm = signatureAlgorithm(issuer.key);
  const tbs = sequence(
    tlv(0xa0, integer(2)),
    integer(serial),
    algorithm,
    issuer.certificate === undefined ? subject : certificateNames(issuer.certificate).subject,
    sequence(time(notBefore), time(notAfter)),
    subject,
    spki,
    tlv(0xa3, sequence(...extensions(options, spki))),
  );
  const signature = sign("sha256", derBytes(tbs), issuer.key);
  return new X509Certificate(derBytes(sequence(tbs, algorithm, bitString(signature))));
}

/** What {@link createIdentity} takes: a certificate's options without keys. */
export interface IdentityOptions extends Omit<CertificateOptions, "publicKey" | "issuer"> {
  /** The issuing authority; absent: self-signed. */
  readonly issuer?: Identity;
  /** RSA key length in bits, default 2048. */
  readonly modulusLength?: number;
}

/**
 * Makes an RSA key pair off the event loop and a certificate for it.
 *
 * @returns the identity with the issuers of its certificate as chain, nearest first.
 * @throws {HelsekontaktError} `input/invalid` as {@link createCertificate}, or when the issuer's key is not in this process.
 */
export async function createIdentity(options: IdentityOptions): Promise<Identity & { readonly key: KeyObject }> {
  const { issuer, modulusLength = 2048, ...rest } = options;
  const issuerKey = issuer?.key;
  if (issuerKey !== undefined && !isKeyObject(issuerKey)) {
    throw new HelsekontaktError("input/invalid", "expected an issuer whose private key is in this process");
  }
  const pair = await promisify(generateKeyPair)("rsa", { modulusLength });
  const certificate = createCertificate({
    ...rest,
    publicKey: pair.publicKey,
    issuer:
      issuer === undefined || issuerKey === undefined
        ? { key: pair.privateKey }
        : { key: issuerKey, certificate: issuer.certificate },
  });
  const chain = issuer === undefined ? [] : [issuer.certificate, ...(issuer.chain ?? [])];
  return { certificate, key: pair.privateKey, chain };
}

/** Clears the top bit and sets the next, so that the number is positive and has a fixed length. */
function positive(bytes: Buffer): Buffer {
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

function signatureAlgorithm(key: KeyObject): Der {
  if (key.asymmetricKeyType === "rsa") return sequence(objectIdentifier(OID.sha256WithRsa), DER_NULL);
  if (key.asymmetricKeyType === "ec") return sequence(objectIdentifier(OID.ecdsaWithSha256));
  throw new HelsekontaktError("input/invalid", "expected an RSA or EC key of the issuer");
}

function nameOf(subject: CertificateSubject): Der {
  const attributes: [string, string | undefined, number][] = [
    [OID.countryName, subject.countryName ?? "NO", 0x13],
    [OID.organizationName, subject.organizationName, 0x0c],
    [OID.organizationIdentifier, subject.organizationIdentifier, 0x0c],
    [OID.serialNumber, subject.serialNumber, 0x13],
    [OID.commonName, subject.commonName, 0x0c],
  ];
  return sequence(
    ...attributes.flatMap(([oid, value, tag]) =>
      value === undefined ? [] : [setOf(sequence(objectIdentifier(oid), tlv(tag, Buffer.from(value))))],
    ),
  );
}

function time(date: Date): Der {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/gu, "");
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050 ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits));
}

function extensions(options: CertificateOptions, spki: Buffer): Der[] {
  const list: Der[] = [];
  const add = (oid: string, value: Der, critical: boolean): void => {
    list.push(sequence(objectIdentifier(oid), ...(critical ? [DER_TRUE] : []), octetString(value)));
  };
  const { authority } = options;
  if (authority !== undefined) {
    const path = authority === true ? [] : [integer(authority.pathLength)];
    add(OID.basicConstraints, sequence(DER_TRUE, ...path), true);
  }
  if (options.usage.length > 0) add(OID.keyUsage, usageBits(options.usage), true);
  const { extendedUsage = [], revocationLists = [], ocspResponders = [] } = options;
  const uri = (address: string): Der => tlv(0x86, Buffer.from(address));
  if (extendedUsage.length > 0) add(OID.extendedKeyUsage, sequence(...extendedUsage.map(objectIdentifier)), false);
  if (revocationLists.length > 0) {
    const points = revocationLists.map((address) => sequence(tlv(0xa0, tlv(0xa0, uri(address)))));
    add(OID.revocationLists, sequence(...points), false);
  }
  if (ocspResponders.length > 0) {
    const access = ocspResponders.map((address) => sequence(objectIdentifier(OID.ocsp), uri(address)));
    add(OID.authorityInfoAccess, sequence(...access), false);
  }
  if (options.withoutKeyIdentifiers !== true) {
    const own = keyIdentifier(spki);
    const issuer = options.issuer.certificate;
    const above = issuer === undefined ? own : certificateFacts(issuer).subjectKeyIdentifier;
    add(OID.subjectKeyIdentifier, octetString(own), false);
    if (above !== undefined) add(OID.authorityKeyIdentifier, sequence(tlv(0x80, above)), false);
  }
  return list;
}

/** SHA-1 of the key without its algorithm: method 1 of RFC 5280, section 4.2.1.2. */
function keyIdentifier(spki: Buffer): Buffer {
  return createHash("sha1").update(readBer(spki).at(1).value.subarray(1)).digest();
}

function usageBits(usage: readonly KeyUsage[]): Der {
  const numbers = usage.map((name) => keyUsages.indexOf(name));
  const last = Math.max(...numbers);
  const bytes = new Uint8Array(Math.floor(last / 8) + 1);
  for (const bit of numbers) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  // DER: trailing zero bits of a named bit list are unused bits (X.690, section 11.2.2).
  return tlv(0x03, Uint8Array.of(7 - (last & 7)), bytes);
}
