import { type ErrorCode, HelsekontaktError } from "@helsekontakt/core";
import { shownId } from "../envelope/shown-id.ts";
import { type FailureCause, failureReports } from "../gen/error-conditions.ts";
import type { EventCode } from "../gen/events.ts";

/** What a {@link MessagingError} adds to the error that it stands for. */
export interface MessagingFacts {
  /** HER-id of the other party. */
  readonly party?: string;
  readonly messageId?: string;
  /** Why a received message was refused. */
  readonly cause?: FailureCause;
  /** Default: of the cause, else of the code. */
  readonly event?: EventCode;
}

/** Whether a message was on its way out or in, or a synchronous call was waited for. */
export type Direction = "send" | "receive" | "call";

/**
 * A failure of one message: the code as everywhere, and beside it the party, the message id, the cause, and the number
 * under which the official library logs the same, for vendors whose alarms know those numbers.
 */
export class MessagingError extends HelsekontaktError {
  static override readonly brandName: string = "MessagingError";
  /** HER-id of the other party. */
  readonly party: string | undefined;
  /** One that has not the form of an id may be any text: it is here as the beginning of its SHA-256, `sha256:…`. */
  readonly messageId: string | undefined;
  /** Why a received message was refused; never a foreign error. */
  override readonly cause: FailureCause | undefined;
  /** `MUG-…` or `REG-…`. */
  readonly event: EventCode | undefined;

  constructor(error: HelsekontaktError, direction: Direction, facts: MessagingFacts = {}) {
    super(error.code, error.message.replace(/^\[[^\]]*\] /, ""), {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.remoteCode === undefined ? {} : { remoteCode: error.remoteCode }),
      retryable: error.retryable,
      context: error.context,
      original: error.original(),
    });
    this.party = facts.party;
    this.messageId = facts.messageId === undefined ? undefined : shownId(facts.messageId);
    this.cause = facts.cause;
    this.event = facts.event ?? eventOf(error.code, direction, facts.cause);
  }

  /** Passes a messaging error through, with what it does not know yet; makes one of anything else. */
  static of(reason: unknown, direction: Direction, facts: MessagingFacts = {}): MessagingError {
    const error = HelsekontaktError.from(reason);
    if (!(error instanceof MessagingError)) return new MessagingError(error, direction, facts);
    const { party = facts.party, messageId = facts.messageId, cause = facts.cause, event = facts.event } = error;
    return new MessagingError(error, direction, {
      ...(party === undefined ? {} : { party }),
      ...(messageId === undefined ? {} : { messageId }),
      ...(cause === undefined ? {} : { cause }),
      ...(event === undefined ? {} : { event }),
    });
  }

  override toJSON(): Record<string, unknown> {
    const { party, messageId, cause, event } = this;
    return { ...super.toJSON(), party, messageId, cause, event };
  }
}

/** @internal Numbers of codes that have one of their own; everything else is the general number of its direction. */
export const eventsByCode: Readonly<Partial<Record<ErrorCode, EventCode>>> = {
  "registry/party-unknown": "MUG-4",
  "registry/party-inactive": "MUG-4",
  "registry/no-queue": "MUG-3",
  "registry/function-unsupported": "MUG-33",
  "registry/profile-invalid": "REG-2",
  // The official library gives this number with its setting that asks for a profile.
  "registry/no-profile": "REG-2",
  // Inferred: it looks at no agreement's time, and has this one for agreements that cannot be had.
  "registry/agreement-expired": "REG-3",
  "registry/unavailable": "REG-1",
  "amqp/header-invalid": "MUG-21",
  "amqp/unsupported-message": "MUG-23",
  "message/spoofed-sender": "MUG-22",
  "message/not-deliverable": "MUG-34",
  "message/handler-failed": "MUG-35",
  "protection/certificate-invalid": "MUG-10",
  "protection/not-cms": "MUG-10",
  "protection/decryption-failed": "MUG-10",
  "protection/signature-invalid": "MUG-10",
  "protection/signer-unexpected": "MUG-10",
  "protection/algorithm-refused": "MUG-10",
  "xml/not-well-formed": "MUG-20",
  "xml/doctype-refused": "MUG-20",
  "xml/encoding": "MUG-20",
  "xml/limit-exceeded": "MUG-20",
  "xml/not-valid": "MUG-20",
};
const general: Readonly<Record<Direction, EventCode>> = { send: "MUG-2", receive: "MUG-35", call: "MUG-2" };

/** @internal */
export function eventOf(code: ErrorCode, direction: Direction, cause?: FailureCause): EventCode | undefined {
  if (cause !== undefined) return failureReports[cause].event;
  if (code === "abort/cancelled" || code.startsWith("config/")) return undefined;
  if (code === "amqp/timeout" && direction === "call") return "MUG-30";
  return eventsByCode[code] ?? general[direction];
}
