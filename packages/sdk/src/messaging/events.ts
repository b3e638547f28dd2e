import type { ErrorCode } from "@helsekontakt/core";
import type { ReceiptOutcome } from "@helsekontakt/journal";

/** What happens while messages travel. Ids, codes and counts only; never personal values. */
export type HelsekontaktEvent =
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
  | { readonly type: "overdue"; readonly function: string; readonly id: string; readonly msgId?: string }
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
    }
  | { readonly type: "handled"; readonly function: string; readonly msgId?: string; readonly decision: string }
  | {
      readonly type: "handler-failed";
      readonly function: string;
      readonly msgId?: string;
      readonly code: ErrorCode;
      readonly tries: number;
    }
  | { readonly type: "refused"; readonly function?: string; readonly condition: string; readonly reported: boolean }
  | { readonly type: "connection"; readonly state: string };

export type EventSink = (event: HelsekontaktEvent) => void;
