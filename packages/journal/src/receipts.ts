import { createHash, randomUUID } from "node:crypto";
import type { Insertable } from "kysely";
import { fromJsonBytes, toJsonBytes } from "./cipher.ts";
import { once } from "./compiled.ts";
import { recordFirst, selectMessage } from "./first-answer.ts";
import { notFound, plainText, wholeNumber } from "./faults.ts";
import { entryColumns, entryFromRow, type OutboxEntry } from "./outbox-rows.ts";
import { type Cancellable, literal, lock, outboxTopic, type Parts } from "./parts.ts";
import { receiptRules } from "./receipt-rules.ts";
import type { ReceiptTable } from "./schema.ts";
import {
  type ApplicationState,
  applicationTable,
  type ReceiptOutcome,
  type TransportState,
  transportTable,
} from "./states.ts";

/** One fault that an AppRec names. `text` is free text and may be personal: it is encrypted at rest. */
export interface ReceiptError {
  /** Value of code list 8221 or of the sender's own. */
  readonly code: string;
  readonly text?: string;
}

/** The facts of an AppRec. */
export interface ReceiptFacts {
  /**
   * The AppRec's own Id. One that its sender used for another answer before is kept as `sha256:…`: both are answers.
   */
  readonly receiptId: string;
  /** OriginalMsgId/Id. */
  readonly originalMsgId: string;
  /** HER-id of the AppRec's sender: must be the receiver of the original. */
  readonly from: string;
  /** Status 1 is true, 2 is false; 3 (OK, fault in a part) is true with errors. */
  readonly accepted: boolean;
  readonly errors?: readonly ReceiptError[];
}

/** What recording gave. */
export interface ReceiptRecord {
  readonly outcome: ReceiptOutcome;
  /** The message that the receipt is for, after the change; absent when unknown. */
  readonly message?: OutboxEntry;
}

/** A recorded receipt. */
export interface StoredReceipt extends ReceiptFacts {
  readonly outcome: ReceiptOutcome;
  readonly errors: readonly ReceiptError[];
  /** Milliseconds since 1970 UTC. */
  readonly recordedAt: number;
}

/** AppRecs and their deadlines. */
export interface Receipts {
  /**
   * Records an AppRec: the first answer stands; see {@link receiptRules} for what every outcome means.
   *
   * @throws {HelsekontaktError} `input/invalid`, `journal/unavailable`, `journal/closed`, `abort/cancelled`
   */
  record(facts: ReceiptFacts, options?: Cancellable): Promise<ReceiptRecord>;
  /**
   * Makes sent messages overdue whose deadline has passed, and returns them, at most `limit` (default 100) a call. Each is
   * returned three times, a deadline's length apart, unless its answer comes: `escalations` counts from 1. So a notice
   * that was lost with its process is not the last one.
   */
  overdue(options?: Cancellable & { readonly limit?: number }): Promise<OutboxEntry[]>;
  /** When the next deadline passes (milliseconds since 1970 UTC); undefined when none is awaited. */
  nextDeadline(options?: Cancellable): Promise<number | undefined>;
  /** Receipts of one message, oldest first, at most 100. */
  list(outboxId: string, options?: Cancellable): Promise<StoredReceipt[]>;
  /** Receipts of no known message, oldest first, at most `limit` (default 100). */
  unknown(options?: Cancellable & { readonly limit?: number }): Promise<StoredReceipt[]>;
}

/** How often an overdue answer is told. */
const notices = 3;

/** @internal */
export function receiptPlace(id: string): string {
  return `receipt:errors:${id}`;
}

const columns = [
  "id",
  "receipt_id",
  "original_msg_id",
  "from_party",
  "accepted",
  "outcome",
  "errors",
  "key_id",
  "recorded_at",
] as const;

const messageRow = once((db, v: { readonly msgId: string; readonly from: string }, { store }) =>
  lock(store, selectMessage(db, v).select(entryColumns)),
);

const knownRow = once((db, v: { readonly from: string; readonly receiptId: string }) =>
  db
    .selectFrom("receipt")
    .select(["id", "outbox_id", "original_msg_id", "accepted"])
    .where("from_party", "=", v.from)
    .where("receipt_id", "=", v.receiptId),
);

const insertRow = once<Insertable<ReceiptTable>, unknown>((db, row) => db.insertInto("receipt").values(row));

type Answered = { readonly id: string; readonly application: ApplicationState; readonly transport: TransportState } & {
  readonly sentAt: number;
  readonly now: number;
};

const answeredRow = once((db, v: Answered) =>
  db
    .updateTable("outbox")
    .set({
      application: v.application,
      transport: v.transport,
      owner: null,
      lease_until: null,
      escalate_at: null,
      sent_at: v.sentAt,
      changed_at: v.now,
    })
    .where("id", "=", v.id)
    .returning(entryColumns),
);

const ofMessageRows = once((db, v: { readonly outboxId: string; readonly limit: number }) =>
  db.selectFrom("receipt").select(columns).where("outbox_id", "=", v.outboxId).orderBy("seq").limit(v.limit),
);

/** Whether the next message of its key waits for one in this state. */
function holdsUp(state: TransportState): boolean {
  return state === "queued" || state === "sending";
}

type Said = Pick<Insertable<ReceiptTable>, "original_msg_id" | "accepted">;

function isSameAnswer(a: Said, b: Said): boolean {
  return a.original_msg_id === b.original_msg_id && a.accepted === b.accepted;
}

/** An id for an AppRec whose own is taken: the same one whenever it comes again. */
function idOfOther({ receipt_id: id, original_msg_id: original, accepted }: Said & { receipt_id: string }): string {
  return `sha256:${createHash("sha256")
    .update(JSON.stringify([id, original, accepted]))
    .digest("hex")}`;
}

/** @internal */
export function createReceipts(parts: Parts): Receipts {
  const { store, notifier, cipher } = parts;

  async function stored(
    where: { outboxId: string } | "unknown",
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<StoredReceipt[]> {
    const rows = await store.read(
      (db) =>
        where === "unknown"
          ? db
              .selectFrom("receipt")
              .select(columns)
              .where("outbox_id", "is", null)
              .orderBy("seq")
              .limit(limit)
              .execute()
          : ofMessageRows(parts, db, { outboxId: where.outboxId, limit }),
      signal,
    );
    return rows.map((row) => ({
      receiptId: row.receipt_id,
      originalMsgId: row.original_msg_id,
      from: row.from_party,
      accepted: row.accepted === 1,
      errors: fromJsonBytes(cipher.open(row.key_id, row.errors, receiptPlace(row.id)), receiptPlace(row.id)),
      outcome: row.outcome,
      recordedAt: row.recorded_at,
    }));
  }

  return {
    async record(facts, { signal } = {}) {
      const id = randomUUID();
      const now = await parts.now();
      const row = {
        id,
        receipt_id: plainText("receiptId", facts.receiptId),
        from_party: plainText("from", facts.from),
        original_msg_id: plainText("originalMsgId", facts.originalMsgId),
        accepted: facts.accepted ? 1 : 0,
        errors: cipher.seal(toJsonBytes(facts.errors ?? []), receiptPlace(id)),
        key_id: cipher.keyId,
        recorded_at: now,
      };
      for (const error of facts.errors ?? []) plainText("errors.code", error.code);
      const event = facts.accepted ? "receipt-accepted" : "receipt-rejected";
      const first = await recordFirst(parts, event, row, signal);
      if (first !== undefined) {
        const { row: changed, outcome } = first;
        notifier.publish(changed.id, ...(holdsUp(changed.was) ? [outboxTopic] : []));
        return { outcome, message: entryFromRow(parts, changed) };
      }
      let freed = false;
      const record = await store.write(async (db): Promise<ReceiptRecord> => {
        const [message] = await messageRow(parts, db, { msgId: row.original_msg_id, from: row.from_party });
        let [again] = await knownRow(parts, db, { from: row.from_party, receiptId: row.receipt_id });
        // An id that was used for another answer, or for another message's, makes this one no redelivery.
        if (again !== undefined && !isSameAnswer(again, row)) {
          row.receipt_id = idOfOther(row);
          [again] = await knownRow(parts, db, { from: row.from_party, receiptId: row.receipt_id });
        }
        if (again !== undefined && (again.outbox_id !== null || message === undefined))
          return message === undefined
            ? { outcome: "unknown" }
            : { outcome: "duplicate", message: entryFromRow(parts, message) };
        // One that was unknown and is known now (a restored copy of the outbox) is recorded anew.
        if (again !== undefined) await db.deleteFrom("receipt").where("id", "=", again.id).execute();
        const insert = (outcome: ReceiptOutcome, outboxId: string | null) =>
          insertRow(parts, db, { ...row, outcome, outbox_id: outboxId });
        if (message === undefined) {
          await insert("unknown", null);
          return { outcome: "unknown" };
        }
        const cell = applicationTable[message.application][event];
        const outcome = cell?.outcome ?? "duplicate";
        await insert(outcome, message.id);
        if (cell === null || !receiptRules[outcome].counts) return { outcome, message: entryFromRow(parts, message) };
        const [changed] = await answeredRow(parts, db, {
          id: message.id,
          application: cell.to,
          transport: transportTable[message.transport].receipt?.to ?? message.transport,
          sentAt: message.sent_at ?? now,
          now,
        });
        if (changed === undefined) throw notFound("a message", message.id);
        freed = holdsUp(message.transport);
        return { outcome, message: entryFromRow(parts, changed) };
      }, signal);
      if (record.message !== undefined) notifier.publish(record.message.id, ...(freed ? [outboxTopic] : []));
      if (receiptRules[record.outcome].escalates)
        parts.logger.warn("receipt does not fit", { outcome: record.outcome, receiptId: facts.receiptId });
      return record;
    },

    async overdue({ limit = 100, signal } = {}) {
      wholeNumber("limit", limit, 1, 1_000);
      const now = await parts.now();
      const late = await store.write(async (db) => {
        const first = db
          .selectFrom("outbox")
          .select("id")
          .where(literal.awaiting("outbox"))
          .where("transport", "=", "sent")
          .where("receipt_deadline", "<=", now)
          .orderBy("receipt_deadline")
          .limit(limit);
        const again = db
          .selectFrom("outbox")
          .select("id")
          .where("escalate_at", "is not", null)
          .where("escalate_at", "<=", now)
          .where("application", "=", "overdue")
          .where("transport", "=", "sent")
          .orderBy("escalate_at")
          .limit(limit);
        const due = [
          ...(await lock(store, first, true).execute()),
          ...(await lock(store, again, true).execute()),
        ].slice(0, limit);
        if (due.length === 0) return [];
        return db
          .updateTable("outbox")
          .set((e) => ({
            application: applicationTable.awaiting.deadline?.to ?? "overdue",
            escalations: e("escalations", "+", 1),
            escalate_at: e
              .case()
              .when("escalations", "<", notices - 1)
              .then(e(e.val(now), "+", e.ref("receipt_within")))
              .else(null)
              .end(),
            changed_at: now,
          }))
          .where(
            "id",
            "in",
            due.map((row) => row.id),
          )
          .returning(entryColumns)
          .execute();
      }, signal);
      const entries = late.map((row) => entryFromRow(parts, row));
      entries.sort((a, b) => (a.receiptDeadline ?? 0) - (b.receiptDeadline ?? 0));
      notifier.publish(...entries.map((entry) => entry.id));
      for (const entry of entries)
        parts.logger.warn("receipt overdue", {
          id: entry.id,
          kind: entry.kind,
          to: entry.to,
          escalation: entry.escalations,
        });
      return entries;
    },

    async nextDeadline({ signal } = {}) {
      const [first, again] = await store.read(
        async (db) => [
          await db
            .selectFrom("outbox")
            .select("receipt_deadline as at")
            .where(literal.awaiting("outbox"))
            .where("transport", "=", "sent")
            .where("receipt_deadline", "is not", null)
            .orderBy("receipt_deadline")
            .limit(1)
            .executeTakeFirst(),
          await db
            .selectFrom("outbox")
            .select("escalate_at as at")
            .where("escalate_at", "is not", null)
            .where("application", "=", "overdue")
            .where("transport", "=", "sent")
            .orderBy("escalate_at")
            .limit(1)
            .executeTakeFirst(),
        ],
        signal,
      );
      const next = Math.min(first?.at ?? Number.POSITIVE_INFINITY, again?.at ?? Number.POSITIVE_INFINITY);
      return Number.isFinite(next) ? next : undefined;
    },

    list: (outboxId, { signal } = {}) => stored({ outboxId }, 100, signal),
    unknown: ({ limit = 100, signal } = {}) => stored("unknown", wholeNumber("limit", limit, 1, 1_000), signal),
  };
}
