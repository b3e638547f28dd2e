import type { X509Certificate } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  BasicConstraints,
  id_ce_basicConstraints,
  id_ce_keyUsage,
  id_ce_subjectKeyIdentifier,
  SubjectKeyIdentifier,
} from "@peculiar/asn1-x509";
import { readBer } from "../protection/ber-reader.ts";
import { certificateExtensions } from "./certificate-extensions.ts";
import { type KeyUsage, keyUsages } from "./key-usage.ts";

/** Facts about a certificate that may be shown and logged: enterprise certificates name organisations, not persons. */
export interface CertificateFacts {
  /** SHA-1 of the certificate, 40 lower-case hex digits: what registries and error reports call the thumbprint. */
  readonly thumbprint: string;
  /** SHA-256 of the certificate, 64 lower-case hex digits. */
  readonly thumbprint256: string;
  /** Lower-case hex digits. */
  readonly serialNumber: string;
  /** One line, attributes separated by comma and space, as in the certificate. */
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Absent when the certificate does not limit its key's use. */
  readonly keyUsage?: readonly KeyUsage[];
  readonly authority: boolean;
  /** Number of authorities that may follow below, for an authority that limits it. */
  readonly pathLength?: number;
  readonly subjectKeyIdentifier?: Buffer;
  /** Nine digits, when the subject names an organisation number. */
  readonly organisationNumber?: string;
}

const cache = new WeakMap<X509Certificate, CertificateFacts>();

/**
 * Reads what the SDK needs to know of a certificate; the answer is kept as long as the certificate object.
 *
 * @throws {HelsekontaktError} `protection/certificate-invalid` when an extension cannot be read.
 * @see RFC 5280, section 4.2
 */
export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  const known = cache.get(certificate);
  if (known !== undefined) return known;
  try {
    const facts = readFacts(certificate);
    cache.set(certificate, facts);
    return facts;
  } catch (error) {
    throw new HelsekontaktError("protection/certificate-invalid", "expected readable certificate extensions", {
      original: error,
    });
  }
}

function readFacts(certificate: X509Certificate): CertificateFacts {
  const extensions = certificateExtensions(certificate);
  const usage = extensions.get(id_ce_keyUsage);
  const constraints = extensions.get(id_ce_basicConstraints);
  const keyIdentifier = extensions.get(id_ce_subjectKeyIdentifier);
  const basic = constraints === undefined ? undefined : AsnConvert.parse(constraints, BasicConstraints);
  const subject = certificate.subject.replaceAll("\n", ", ");
  const organisation = /(?:^|\n)(?:serialNumber=|organizationIdentifier=NTRNO-)(\d{9})(?:\n|$)/u.exec(
    certificate.subject,
  )?.[1];
  return {
    thumbprint: certificate.fingerprint.replaceAll(":", "").toLowerCase(),
    thumbprint256: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    serialNumber: certificate.serialNumber.toLowerCase(),
    subject,
    issuer: certificate.issuer.replaceAll("\n", ", "),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    authority: basic?.cA ?? false,
    ...(basic?.pathLenConstraint === undefined ? {} : { pathLength: basic.pathLenConstraint }),
    ...(usage === undefined ? {} : { keyUsage: usageNames(Buffer.from(usage)) }),
    ...(keyIdentifier === undefined
      ? {}
      : { subjectKeyIdentifier: Buffer.from(AsnConvert.parse(keyIdentifier, SubjectKeyIdentifier).buffer) }),
    ...(organisation === undefined ? {} : { organisationNumber: organisation }),
  };
}

/** Names of the set bits of a BIT STRING. */
function usageNames(encoded: Buffer): KeyUsage[] {
  const { value } = readBer(encoded).expect(0x03);
  return keyUsages.filter((_, bit) => ((value[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

/** Why a certificate cannot be used now. */
export type CertificateFault = "not-yet-valid" | "expired" | "wrong-usage";

/**
 * Checks validity in time and the wanted use; trust in the issuer is another question ({@link verifyTrust}).
 *
 * @param options.usage - the certificate must list it: `keyEncipherment` to encrypt to it, `nonRepudiation` for signing.
 * @param options.at - the moment to judge at.
 * @returns all faults, none when the certificate can be used.
 * @throws {HelsekontaktError} `protection/certificate-invalid` when an extension cannot be read.
 */
export function certificateFaults(
  certificate: X509Certificate,
  options: { readonly usage?: KeyUsage; readonly at: Date },
): CertificateFault[] {
  const facts = certificateFacts(certificate);
  const faults: CertificateFault[] = [];
  if (options.at.getTime() < facts.notBefore.getTime()) faults.push("not-yet-valid");
  if (options.at.getTime() > facts.notAfter.getTime()) faults.push("expired");
  if (options.usage !== undefined && facts.keyUsage?.includes(options.usage) !== true) faults.push("wrong-usage");
  return faults;
}
