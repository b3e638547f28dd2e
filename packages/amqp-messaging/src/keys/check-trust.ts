import type { X509Certificate } from "node:crypto";
import type { RevocationChecker } from "../revocation/types.ts";
import { type TrustOptions, verifyTrust } from "./verify-trust.ts";

/** Whom to trust, and whether to ask for revocation. */
export interface CheckedTrustOptions extends TrustOptions {
  /** Asked about every certificate below the anchor. Absent: nobody is asked. */
  readonly revocation?: RevocationChecker;
}

/**
 * Finds a path to a trust anchor, as {@link verifyTrust} does, and asks whether anything in it is revoked.
 *
 * @returns the path, the certificate first and the anchor last.
 * @throws {HelsekontaktError} `protection/certificate-invalid`, with `context.reason` `untrusted`, `expired`,
 *   `not-yet-valid`, `revoked`, `revocation-unknown` or, retryable, `revocation-offline`; `abort/cancelled`.
 */
export async function checkTrust(
  certificate: X509Certificate,
  options: CheckedTrustOptions & { readonly signal?: AbortSignal },
): Promise<readonly X509Certificate[]> {
  const path = verifyTrust(certificate, options);
  await options.revocation?.check(path, options.signal === undefined ? {} : { signal: options.signal });
  return path;
}
