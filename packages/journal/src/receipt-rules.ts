import type { ReceiptOutcome } from "./states.ts";

/** What an AppRec of one kind does. */
export interface ReceiptRule {
  /** Which AppRec it is. */
  readonly when: string;
  /** True: it is the message's answer from then on. False: what is stored of the message stays as it is. */
  readonly counts: boolean;
  /** True: it is kept with the receipts. A redelivery of one that is there is not kept again. */
  readonly kept: boolean;
  /** True: somebody has to look, because the two sides do not agree on what became of the message. */
  readonly escalates: boolean;
}

/**
 * The rules for every AppRec that can come, by what {@link Receipts.record} calls it. An AppRec's status is final: the
 * first answer stands. That a late one counts is confirmed; that one which nobody asked for counts is inferred.
 *
 * @see HIS 80415 (Applikasjonskvittering), chapters 3.3 to 3.5
 */
export const receiptRules: Readonly<Record<ReceiptOutcome, ReceiptRule>> = {
  accepted: { when: "the first answer, positive", counts: true, kept: true, escalates: false },
  rejected: { when: "the first answer, negative", counts: true, kept: true, escalates: false },
  late: { when: "the first answer, after the deadline", counts: true, kept: true, escalates: false },
  duplicate: { when: "the same answer again", counts: false, kept: true, escalates: false },
  "error-after-accepted": { when: "negative, after a positive one", counts: false, kept: true, escalates: true },
  contradiction: { when: "positive, after a negative one", counts: false, kept: true, escalates: true },
  unknown: { when: "of no message that was sent to that party", counts: false, kept: true, escalates: true },
};

/** The rules as a Markdown table. */
export function renderReceiptRules(): string {
  const mark = (yes: boolean): string => (yes ? "yes" : "no");
  const rows = Object.entries(receiptRules).map(
    ([outcome, { when, counts, kept, escalates }]) =>
      `| \`${outcome}\` | ${when} | ${mark(counts)} | ${mark(kept)} | ${mark(escalates)} |`,
  );
  return ["| AppRec | when | counts | kept | somebody must look |", "|---|---|---|---|---|", ...rows, ""].join("\n");
}
