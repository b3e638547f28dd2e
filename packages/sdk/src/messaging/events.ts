import type { CertificateRole } from "@helsekontakt/amqp-messaging/protection";
import type { ErrorCode, Issue } from "@helsekontakt/core";
import type { Box, ReceiptOutcome } from "@helsekontakt/journal";
import type { Code8221 } from "@helsekontakt/types/codes";

/** What happens while messages travel. Ids, codes and counts only; never personal values. */
export type HelsekontaktEvent =
  | {
      /** An answer that is not as its API's document states: see `rest.bodies`. */
      readonly type: "answer-differs";
      readonly api: string;
      readonly operation: string;
      readonly status: number;
      readonly issues: readonly Issue[];
    }
  | {
      readonly type: "sent";
      readonly function: string;
      readonly id: string;
      readonly msgId?: string;
      readonly attempt: number;
    }
  | {
      readonly type: "send-failed";
      readonly function: string;
      readonly id: string;
      readonly code: ErrorCode;
      readonly willRetry: boolean;
      readonly attempt: number;
    }
  | {
      readonly type: "receipt";
      readonly outcome: ReceiptOutcome;
      readonly originalMsgId: string;
      readonly accepted: boolean;
      readonly codes: readonly string[];
    }
  /** An AppRec said of a member that he is not digitally active; the register tries again by its calendar. */
  | { readonly type: "member-inactive"; readonly id: string }
  /** No AppRec within the deadline. Told three times, a deadline's length apart, unless it comes: `escalation` counts from 1. */
  | {
      readonly type: "overdue";
      readonly function: string;
      readonly id: string;
      readonly msgId?: string;
      readonly escalation: number;
    }
  /**
   * The receiver found an error in a message that it had accepted: somebody must look. `by`: another AppRec, a report on
   * the error queue, or a message in the thread that refuses what was asked.
   */
  | {
      readonly type: "error-after-accepted";
      readonly by: "receipt" | "error-report" | "message";
      readonly id: string;
      readonly function: string;
      readonly msgId?: string;
      /** Of list 8221, an AMQP condition, or of list 7602. */
      readonly codes: readonly string[];
    }
  /** Nothing more is done for a message by itself; see `setAside`. */
  | { readonly type: "set-aside"; readonly box: Box; readonly id: string; readonly reason: string }
  | {
      readonly type: "undeliverable";
      readonly originalMessageId: string;
      readonly condition: string;
      readonly known: boolean;
    }
  | {
      readonly type: "received";
      readonly function: string;
      readonly msgId?: string;
      readonly from: string;
      readonly duplicate: boolean;
      /** It gets a negative AppRec with this code, and no handler sees it. */
      readonly rejection?: Code8221;
      /** Path of the first fault in a message that is not valid. */
      readonly place?: string;
    }
  | { readonly type: "handled"; readonly function: string; readonly msgId?: string; readonly decision: string }
  | {
      readonly type: "handler-failed";
      readonly function: string;
      readonly msgId?: string;
      readonly code: ErrorCode;
      readonly tries: number;
      /** True after the last try: the journal keeps it, and only an operator brings it back. */
      readonly setAside: boolean;
    }
  | { readonly type: "receipt-unreadable"; readonly code: ErrorCode; readonly from: string }
  | {
      readonly type: "refused";
      /** What the sender is told on its error queue. */
      readonly condition: string;
      /** Why, in this side's terms. */
      readonly code: ErrorCode;
      /** Line of XML that cannot be read. */
      readonly line?: number;
      readonly reported: boolean;
    }
  /** A delivery is back on the broker's queue, to come again. */
  | { readonly type: "delivery-retried"; readonly code?: ErrorCode; readonly tries: number }
  /** A delivery is on the broker's dead-letter queue. */
  | { readonly type: "dead-letter"; readonly reason: string }
  | { readonly type: "connection"; readonly state: string }
  /** An own or a partner's certificate has reached 60, 30 or 7 days before its end, or the end: once for each. */
  | {
      readonly type: "certificate-expires";
      readonly role: CertificateRole;
      /** `keys.signing`, `cpa`, `address registry` …. */
      readonly source: string;
      /** Of the partner whose it is; absent for own certificates. */
      readonly herId?: string;
      readonly serialNumber: string;
      /** Whole days, negative after the end. */
      readonly daysLeft: number;
      /** `red` from 7 days before the end. */
      readonly level: "yellow" | "red";
    };

/** Takes events; what it throws is ignored. */
export type EventSink = (event: HelsekontaktEvent) => void;
