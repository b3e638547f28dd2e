import { HelsekontaktError } from "@helsekontakt/core";
import { type ErrorCondition, type FailureCause, failureReports } from "../gen/error-conditions.ts";
import type { CertificateFault } from "../keys/certificate-facts.ts";

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
  readonly reason: HelsekontaktError;

  constructor(refusal: Refusal, reason: HelsekontaktError) {
    super(reason.message);
    this.refusal = refusal;
    this.reason = reason;
  }
}

/** The refusal for a cause that the specification lists with a condition. */
function known(cause: FailureCause, data?: readonly string[]): Refusal {
  const { condition = "transport:internal-error", description, data: kind } = failureReports[cause];
  const stated = data ?? (kind === "empty" ? [] : undefined);
  return {
    condition,
    ...(description === undefined ? {} : { description }),
    ...(stated === undefined ? {} : { data: stated }),
  };
}

/**
 * One answer for everything from the key to the verified signature: told apart, they would decrypt for anybody who may
 * send to the queue.
 */
const undecryptable: Refusal = { condition: "transport:decryption-failed" };

const certificateCauses = {
  "not-yet-valid": "certificate-not-yet-valid",
  expired: "certificate-expired",
  "wrong-usage": "certificate-usage",
} as const satisfies Record<CertificateFault, FailureCause>;

/** @internal */
export function certificateRefusal(faults: readonly CertificateFault[], subject: string, thumbprint: string): Refusal {
  const [first, ...others] = faults;
  const cause = first === undefined || others.length > 0 ? "certificate-several-faults" : certificateCauses[first];
  return known(cause, [`Subject: ${subject}`, `Thumbprint: ${thumbprint}`]);
}

/** @internal */
export const refusals = {
  fieldsMissing: (names: readonly string[]): Refusal => known("fields-missing", names),
  senderUnknown: (herId: string): Refusal => ({
    description: "The sender's HER-id is not known",
    ...known("sender-unknown", ["FromHerId", herId]),
  }),
  certificateMissing: known("certificate-missing"),
  notProtected: { description: "The message must be signed and encrypted", ...known("unsupported-message") },
  bodyKind: { condition: "transport:invalid-cms-pkcs" },
  notXml: known("payload-not-xml"),
  spoofed: (amqp: string, application: readonly string[]): Refusal => known("sender-mismatch", [amqp, ...application]),
} as const;

/** @internal What the sender is told of a failure to open a message; nothing when it is none of the sender's business. */
export function openingRefusal(error: HelsekontaktError): Refusal | undefined {
  switch (error.code) {
    case "protection/not-cms":
      return {
        condition: "transport:invalid-cms-pkcs",
        description: "The body is not a CMS structure of the expected kind",
      };
    case "protection/decryption-failed":
    case "protection/signature-invalid":
    case "protection/algorithm-refused":
      return undecryptable;
    case "protection/signer-unexpected":
      return {
        condition: "transport:invalid-certificate",
      };
    case "protection/certificate-invalid":
      return {
        condition: "transport:unverified-certificate",
        description: "The signer's certificate could not be verified",
      };
    default:
      return undefined;
  }
}

/** @internal */
export function refused(
  refusal: Refusal,
  code: HelsekontaktError | ConstructorParameters<typeof HelsekontaktError>[0],
  message = "",
): RefusedMessage {
  return new RefusedMessage(
    refusal,
    code instanceof HelsekontaktError ? (code as HelsekontaktError) : new HelsekontaktError(code, message),
  );
}
