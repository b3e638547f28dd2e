import type { X509Certificate } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { certificateFacts, certificateFaults } from "./certificate-facts.ts";

/** Longest path from a certificate to its anchor that is tried. */
const MAX_PATH = 8;
/** Most steps from a certificate to an issuer that are tried: authorities that vouch for each other make paths without number. */
const MAX_STEPS = 64;

/** Whom to trust. */
export interface TrustOptions {
  /** Certificates trusted as they are: roots, or issuing authorities. */
  readonly anchors: readonly X509Certificate[];
  /** Further issuers that help to find a path; they are not trusted by themselves. */
  readonly intermediates?: readonly X509Certificate[];
  /** The moment to judge at, default now. */
  readonly at?: Date;
}

/**
 * Finds a path from a certificate to a trust anchor: each issuer an authority that may sign certificates, each signature
 * right, each certificate within its time, path length limits kept. Revocation and key usage of the certificate itself
 * are not looked at.
 *
 * @returns the path, the certificate first and the anchor last.
 * @throws {HelsekontaktError} `protection/certificate-invalid`, with `context.reason` `untrusted`, `expired` or
 *   `not-yet-valid`.
 * @see RFC 5280, section 6
 */
export function verifyTrust(certificate: X509Certificate, options: TrustOptions): readonly X509Certificate[] {
  const at = options.at ?? new Date();
  const fault = certificateFaults(certificate, { at })[0];
  if (fault !== undefined) throw invalid("a certificate within its time", fault);
  const path = findPath([certificate], options, at, { left: MAX_STEPS });
  if (path === undefined) throw invalid("a certificate that a trust anchor vouches for", "untrusted");
  return path;
}

function invalid(expected: string, reason: string): HelsekontaktError {
  return new HelsekontaktError("protection/certificate-invalid", `expected ${expected}`, { context: { reason } });
}

function findPath(
  path: readonly X509Certificate[],
  options: TrustOptions,
  at: Date,
  steps: { left: number },
): readonly X509Certificate[] | undefined {
  const last = path.at(-1) as X509Certificate;
  if (options.anchors.some((anchor) => anchor.raw.equals(last.raw))) return path;
  if (path.length === MAX_PATH) return undefined;
  for (const issuer of [...options.anchors, ...(options.intermediates ?? [])]) {
    if (path.some((passed) => passed.raw.equals(issuer.raw))) continue;
    if (!vouches(issuer, last, path.length - 1, at, steps)) continue;
    const found = findPath([...path, issuer], options, at, steps);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `below`: number of authorities between the issuer and the first certificate. */
function vouches(
  issuer: X509Certificate,
  subject: X509Certificate,
  below: number,
  at: Date,
  steps: { left: number },
): boolean {
  try {
    if (!subject.checkIssued(issuer) || steps.left-- <= 0 || !isSignedBy(subject, issuer)) return false;
    const facts = certificateFacts(issuer);
    if (!facts.authority || (facts.pathLength ?? Number.POSITIVE_INFINITY) < below) return false;
    if (facts.keyUsage !== undefined && !facts.keyUsage.includes("keyCertSign")) return false;
    return certificateFaults(issuer, { at }).length === 0;
  } catch {
    return false;
  }
}

/** Which certificates an issuer's signature has been seen to hold for; partners' certificates are asked about at each send. */
const signed = new WeakMap<X509Certificate, WeakSet<X509Certificate>>();

function isSignedBy(subject: X509Certificate, issuer: X509Certificate): boolean {
  if (signed.get(issuer)?.has(subject) === true) return true;
  if (!subject.verify(issuer.publicKey)) return false;
  const subjects = signed.get(issuer) ?? new WeakSet();
  signed.set(issuer, subjects.add(subject));
  return true;
}
