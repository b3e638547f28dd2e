import { type Code8221, codeLabel } from "@helsekontakt/types/codes";
import type { Journal, OutboxEntry } from "@helsekontakt/journal";

/** One fault that an AppRec names. */
export interface ReceiptFault {
  /** Code list 8221, as received. */
  readonly code: Code8221 | (string & {});
  /** The code's text in the list, when it is there. */
  readonly meaning?: string;
}

/**
 * How a message ended at the receiving application.
 *
 * `not-active`: rejected with E35, the citizen is not digitally active: mark as inactive, do not resend. `undeliverable`:
 * the receiver's transport refused it, or every try to send it failed. `overdue`: no AppRec within the deadline; a late
 * one may still come.
 */
export type Receipt =
  | { readonly status: "accepted"; readonly errors: readonly ReceiptFault[] }
  | { readonly status: "not-active"; readonly errors: readonly ReceiptFault[] }
  | { readonly status: "rejected"; readonly errors: readonly ReceiptFault[] }
  | { readonly status: "undeliverable"; readonly reason: string }
  | { readonly status: "overdue" };

/** The receiving application's answer "the patient does not exist here": the citizen is not digitally active. */
export const notActiveCode: Code8221 = "E35";

/** Waits until nothing more is expected for a message, and says how it ended. */
export async function awaitReceipt(journal: Journal, id: string, signal?: AbortSignal): Promise<Receipt> {
  const options = signal === undefined ? {} : { signal };
  const entry = await journal.outbox.wait(id, options);
  return describeReceipt(journal, entry, signal);
}

/** The receipt of a message that is settled. */
export async function describeReceipt(journal: Journal, entry: OutboxEntry, signal?: AbortSignal): Promise<Receipt> {
  if (entry.application === "overdue") return { status: "overdue" };
  if (entry.application === "accepted" || entry.application === "rejected") {
    const stored = await journal.receipts.list(entry.id, signal === undefined ? {} : { signal });
    const first = stored.find((r) => r.outcome === "accepted" || r.outcome === "rejected" || r.outcome === "late");
    const errors = (first?.errors ?? []).map((e): ReceiptFault => {
      const meaning = codeLabel("8221", e.code);
      return { code: e.code, ...(meaning === undefined ? {} : { meaning }) };
    });
    if (entry.application === "accepted") return { status: "accepted", errors };
    return { status: errors.some((e) => e.code === notActiveCode) ? "not-active" : "rejected", errors };
  }
  return { status: "undeliverable", reason: entry.reason ?? "unknown" };
}
