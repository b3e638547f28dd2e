import type { X509Certificate } from "node:crypto";
import { certificateFacts } from "./certificate-facts.ts";

const DAY_MS = 86_400_000;

/** Days before a certificate's end at which its state becomes more urgent. */
export const expiryWarningDays = [60, 30, 7] as const;

/** What a certificate is for: own ones sign and decrypt, partners' ones are encrypted to and verify. */
export type CertificateRole = "signing" | "decryption" | "previous-decryption" | "encryption" | "signature";

/** A certificate to look after. */
export interface CertificateEntry {
  readonly certificate: X509Certificate;
  readonly role: CertificateRole;
  /** Where it comes from: a setting's path, a file, `profile`, `address registry`. */
  readonly source: string;
  /** HER-id of the party whose it is; absent for own keys, which serve several. */
  readonly herId?: string;
}

/** What is to be known of a certificate. */
export interface CertificateLine {
  readonly role: CertificateRole;
  readonly source: string;
  readonly herId?: string;
  /** The certificate's subject: an organisation. */
  readonly owner: string;
  /** Nine digits, when the subject has them. */
  readonly organisationNumber?: string;
  readonly issuer: string;
  /** Lower-case hex. */
  readonly serialNumber: string;
  /** SHA-1, 40 lower-case hex digits. */
  readonly thumbprint: string;
  /** ISO 8601, UTC. */
  readonly notAfter: string;
  /** Whole days until the end; negative after it. */
  readonly daysLeft: number;
  /**
   * `yellow` from 60 days before the end, `red` from 7 days before it and after it. A previous decryption key only opens
   * what was sent before, and is `ok` for as long as it is kept.
   */
  readonly level: "ok" | "yellow" | "red";
  /** The last of 60, 30, 7 and 0 that has been reached. */
  readonly reached?: (typeof expiryWarningDays)[number] | 0;
}

/**
 * Lists certificates with what an operator wants to know of them, those that end first at the top.
 *
 * @param now - milliseconds since 1970-01-01 UTC.
 * @throws {HelsekontaktError} `protection/certificate-invalid` when an extension cannot be read.
 */
export function certificateReport(entries: readonly CertificateEntry[], now: number): CertificateLine[] {
  return entries.map((entry) => lineOf(entry, now)).sort((a, b) => a.daysLeft - b.daysLeft);
}

function lineOf({ certificate, role, source, herId }: CertificateEntry, now: number): CertificateLine {
  const facts = certificateFacts(certificate);
  const left = facts.notAfter.getTime() - now;
  const reached = role === "previous-decryption" ? undefined : reachedAt(left);
  return {
    role,
    source,
    ...(herId === undefined ? {} : { herId }),
    owner: facts.subject,
    ...(facts.organisationNumber === undefined ? {} : { organisationNumber: facts.organisationNumber }),
    issuer: facts.issuer,
    serialNumber: facts.serialNumber,
    thumbprint: facts.thumbprint,
    notAfter: facts.notAfter.toISOString(),
    daysLeft: Math.floor(left / DAY_MS),
    level: reached === undefined ? "ok" : reached > 7 ? "yellow" : "red",
    ...(reached === undefined ? {} : { reached }),
  };
}

function reachedAt(left: number): CertificateLine["reached"] {
  if (left <= 0) return 0;
  return expiryWarningDays.findLast((days) => left <= days * DAY_MS);
}
