import type { X509Certificate } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { type ErrorCondition, type FailureCause, failureReports } from "../gen/error-conditions.ts";
import { type CertificateFault, certificateFacts } from "../keys/certificate-facts.ts";

/** What a sender is told: one of the kinds that the profile lists. Internal faults are never reported. */
export interface Refusal {
  readonly condition: ErrorCondition;
  /** Default: the published text of the condition. */
  readonly description?: string;
  /** Field names, HER-ids or thumbprints. */
  readonly data?: readonly string[];
}

/** A message that is refused for good, with what the sender is told. */
export class RefusedMessage extends Error {
  readonly refusal: Refusal;
  readonly failure: FailureCause;
  readonly reason: HelsekontaktError;

  /** @param told - the cause whose condition the sender is told, where its own must not be. */
  constructor(
    failure: FailureCause,
    reason: HelsekontaktError,
    details: Omit<Partial<Refusal>, "condition"> = {},
    told = failure,
  ) {
    super(reason.message);
    this.refusal = { ...refusalFor(told), ...details };
    this.failure = failure;
    this.reason = reason;
  }
}

/** @internal What the sender is told for a cause that the specification lists with a condition. */
export function refusalFor(cause: FailureCause, data?: readonly string[]): Refusal {
  const { condition = "transport:internal-error", description, data: kind } = failureReports[cause];
  const stated = data ?? (kind === "empty" ? [] : undefined);
  return {
    condition,
    ...(description === undefined ? {} : { description }),
    ...(stated === undefined ? {} : { data: stated }),
  };
}

/** What can be wrong with a certificate, its revocation included. */
type JudgedFault = CertificateFault | "revoked" | "revocation-unknown";

const certificateCauses = {
  "not-yet-valid": "certificate-not-yet-valid",
  expired: "certificate-expired",
  "wrong-usage": "certificate-usage",
  revoked: "certificate-revoked",
  "revocation-unknown": "certificate-revocation-unknown",
} as const satisfies Record<JudgedFault, FailureCause>;

/** @internal The cause of one fault, or of several together. */
export function certificateCause(faults: readonly JudgedFault[]): FailureCause {
  const [first, ...others] = faults;
  return first === undefined || others.length > 0 ? "certificate-several-faults" : certificateCauses[first];
}

function isJudged(reason: unknown): reason is JudgedFault {
  return typeof reason === "string" && Object.hasOwn(certificateCauses, reason);
}

/** @internal What is told of a certificate: whose it is, and which. */
export function certificateData(certificate: X509Certificate): readonly string[] {
  const { subject, thumbprint } = certificateFacts(certificate);
  return [`Subject: ${subject}`, `Thumbprint: ${thumbprint}`];
}

/**
 * @internal What the sender is told of a failure to open a message; nothing when it is none of the sender's business.
 *
 * One answer for everything from the key to the verified signature: told apart, they would decrypt for anybody who may
 * send to the queue.
 */
export function openingRefusal(
  error: HelsekontaktError,
  expected: X509Certificate | undefined,
): RefusedMessage | undefined {
  switch (error.code) {
    case "protection/not-cms":
      return new RefusedMessage("not-cms", error, {
        description: "The body is not a CMS structure of the expected kind",
      });
    case "protection/decryption-failed":
    case "protection/signature-invalid":
    case "protection/algorithm-refused":
      return new RefusedMessage("undecryptable", error);
    // Certificates in a message are not signed: damage that spares the signature alone would be told by another answer.
    case "protection/signer-unexpected":
      return new RefusedMessage("signer-unexpected", error, {}, "undecryptable");
    case "protection/certificate-invalid":
      // A list out of reach is not the sender's fault.
      if (error.retryable) return undefined;
      if (isJudged(error.context["reason"]))
        return new RefusedMessage(
          certificateCause([error.context["reason"]]),
          error,
          expected === undefined ? {} : { data: certificateData(expected) },
        );
      return new RefusedMessage("sender-without-certificate", error, {
        description: "The signer's certificate could not be verified",
      });
    case "input/too-large":
      return new RefusedMessage("unsupported-message", error, { description: "The message is larger than is taken" });
    default:
      return undefined;
  }
}

/** @internal */
export function refused(
  cause: FailureCause,
  code: HelsekontaktError | ConstructorParameters<typeof HelsekontaktError>[0],
  message = "",
  details: Omit<Partial<Refusal>, "condition"> = {},
): RefusedMessage {
  const error = code instanceof HelsekontaktError ? (code as HelsekontaktError) : new HelsekontaktError(code, message);
  return new RefusedMessage(cause, error, details);
}
