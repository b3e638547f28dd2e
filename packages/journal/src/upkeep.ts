import { throwIfAborted } from "@helsekontakt/core";
import { wholeNumber } from "./faults.ts";
import { inboxPlace } from "./inbox-rows.ts";
import { memberLabel, memberPlace } from "./members.ts";
import { pruneBatches, pruneHistories, pruneRuns, pruneWithdrawn } from "./members-prune.ts";
import { offeringPlace } from "./offerings.ts";
import { outboxPlace } from "./outbox-rows.ts";
import type { Cancellable, Parts } from "./parts.ts";
import { receiptPlace } from "./receipts.ts";
import type { Db } from "./store.ts";
import { threadPlace } from "./threads.ts";

/** What may go, by age in milliseconds since the row's last change. */
export interface Retention extends Cancellable {
  /** Empties payloads of finished messages; their ids stay, so that duplicates and late receipts are still recognised. */
  readonly payloadsOlderThanMs?: number;
  /**
   * Deletes finished messages, receipts and closed threads whole; of the member register the withdrawn memberships of
   * which nothing is left to tell, and the runs and batches that came to an end.
   */
  readonly rowsOlderThanMs?: number;
  /** Empties the histories of memberships that nothing has happened to since; the memberships stay. */
  readonly memberHistoriesOlderThanMs?: number;
  /** Also what was set aside in the inbox; default false. */
  readonly quarantined?: boolean;
}

/** How many rows went. */
export interface Pruned {
  payloads: number;
  outbox: number;
  inbox: number;
  receipts: number;
  threads: number;
  members: number;
  memberRuns: number;
  memberBatches: number;
  memberHistories: number;
}

/** Each transaction touches at most this many rows, so that sends are not held up. */
const batch = 200;

/** Sent or failed, with nothing awaited: at most one batch. */
const finishedOutbox = (db: Db, before: number, withPayload: boolean) => {
  const query = db
    .selectFrom("outbox")
    .select("id")
    .where("transport", "in", ["sent", "failed", "dropped"])
    .where("changed_at", "<", before)
    .where((e) => e.or([e("application", "!=", "awaiting"), e("transport", "!=", "sent")]));
  return (withPayload ? query.where("payload", "is not", null) : query).limit(batch);
};

/** A message is finished when nothing more is done or expected; awaited and queued ones never go. @internal */
export async function prune(parts: Parts, retention: Retention): Promise<Pruned> {
  const { store } = parts;
  const { signal, payloadsOlderThanMs, rowsOlderThanMs } = retention;
  const pruned: Pruned = {
    payloads: 0,
    outbox: 0,
    inbox: 0,
    receipts: 0,
    threads: 0,
    members: 0,
    memberRuns: 0,
    memberBatches: 0,
    memberHistories: 0,
  };
  const states = retention.quarantined
    ? (["handled", "dropped", "quarantined"] as const)
    : (["handled", "dropped"] as const);
  const now = await parts.now();

  const inbox = (db: Db, before: number, withPayload: boolean) => {
    const query = db.selectFrom("inbox").select("id").where("state", "in", states).where("changed_at", "<", before);
    return (withPayload ? query.where("payload", "is not", null) : query).limit(batch);
  };
  const counted = async (step: (db: Db) => Promise<number>): Promise<number> => {
    let total = 0;
    for (;;) {
      throwIfAborted(signal);
      const gone = await store.write(step, signal);
      total += gone;
      if (gone < batch) return total;
    }
  };
  const repeat = (step: (db: Db) => Promise<readonly unknown[]>): Promise<number> =>
    counted(async (db) => (await step(db)).length);

  if (payloadsOlderThanMs !== undefined) {
    const before = now - wholeNumber("payloadsOlderThanMs", payloadsOlderThanMs, 0, Number.MAX_SAFE_INTEGER);
    const empty = { payload: null };
    pruned.payloads += await repeat((db) =>
      db
        .updateTable("outbox")
        .set(empty)
        .where("id", "in", finishedOutbox(db, before, true))
        .returning("id")
        .execute(),
    );
    pruned.payloads += await repeat((db) =>
      db
        .updateTable("inbox")
        .set(empty)
        .where("id", "in", inbox(db, before, true))
        .returning("id")
        .execute(),
    );
  }
  if (rowsOlderThanMs !== undefined) {
    const before = now - wholeNumber("rowsOlderThanMs", rowsOlderThanMs, 0, Number.MAX_SAFE_INTEGER);
    pruned.outbox = await repeat((db) =>
      db
        .deleteFrom("outbox")
        .where("id", "in", finishedOutbox(db, before, false))
        .returning("id")
        .execute(),
    );
    pruned.inbox = await repeat((db) =>
      db
        .deleteFrom("inbox")
        .where("id", "in", inbox(db, before, false))
        .returning("id")
        .execute(),
    );
    pruned.receipts = await repeat((db) =>
      db
        .deleteFrom("receipt")
        .where("id", "in", (e) =>
          e.selectFrom("receipt as r").select("r.id").where("r.recorded_at", "<", before).limit(batch),
        )
        .returning("id")
        .execute(),
    );
    pruned.threads = await repeat((db) =>
      db
        .deleteFrom("thread")
        .where("dialog_id", "in", (e) =>
          e
            .selectFrom("thread as t")
            .select("t.dialog_id")
            .where("t.state", "=", "closed")
            .where("t.changed_at", "<", before)
            .limit(batch),
        )
        .returning("dialog_id")
        .execute(),
    );
    pruned.members = await counted((db) => pruneWithdrawn(db, before, batch));
    pruned.memberBatches = await counted((db) => pruneBatches(db, before, batch));
    pruned.memberRuns = await counted((db) => pruneRuns(db, before, batch));
  }
  const { memberHistoriesOlderThanMs } = retention;
  if (memberHistoriesOlderThanMs !== undefined) {
    const before =
      now - wholeNumber("memberHistoriesOlderThanMs", memberHistoriesOlderThanMs, 0, Number.MAX_SAFE_INTEGER);
    pruned.memberHistories = await counted((db) => pruneHistories(db, before, batch));
  }
  return pruned;
}

/**
 * Encrypts every row that is in clear or under an older key with the present one, in small transactions. Afterwards the
 * older keys are no longer needed.
 *
 * @returns how many rows were encrypted anew.
 * @internal
 */
export async function rotateKeys(parts: Parts, { signal }: Cancellable): Promise<number> {
  const { store, cipher } = parts;
  const keyId = cipher.keyId;
  if (keyId === null) return 0;
  const reseal = (from: string | null, bytes: Uint8Array, place: string): Uint8Array =>
    cipher.seal(cipher.open(from, bytes, place), place);
  const size = 50;
  let total = 0;

  const steps: ((db: Db) => Promise<number>)[] = [
    async (db) => {
      const rows = await db
        .selectFrom("outbox")
        .select(["id", "key_id", "payload", "properties"])
        .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
        .limit(size)
        .execute();
      for (const row of rows) {
        const payload =
          row.payload === null ? null : cipher.open(row.key_id, row.payload, outboxPlace("payload", row.id));
        await db
          .updateTable("outbox")
          .set({
            key_id: keyId,
            payload: payload === null ? null : cipher.seal(payload, outboxPlace("payload", row.id)),
            // Of an emptied message the digest is gone with the key: the id alone then stays taken.
            digest: payload === null ? "" : cipher.hash("outbox", payload),
            properties: reseal(row.key_id, row.properties, outboxPlace("properties", row.id)),
          })
          .where("id", "=", row.id)
          .execute();
      }
      return rows.length;
    },
    async (db) => {
      const rows = await db
        .selectFrom("inbox")
        .select(["id", "key_id", "payload", "properties", "content_hash"])
        .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
        .limit(size)
        .execute();
      for (const row of rows) {
        const payload =
          row.payload === null ? null : cipher.open(row.key_id, row.payload, inboxPlace("payload", row.id));
        await db
          .updateTable("inbox")
          .set({
            key_id: keyId,
            payload: payload === null ? null : cipher.seal(payload, inboxPlace("payload", row.id)),
            content_hash: payload === null ? row.content_hash : cipher.hash("inbox", payload),
            properties: reseal(row.key_id, row.properties, inboxPlace("properties", row.id)),
          })
          .where("id", "=", row.id)
          .execute();
      }
      return rows.length;
    },
    async (db) => {
      const rows = await db
        .selectFrom("receipt")
        .select(["id", "key_id", "errors"])
        .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
        .limit(size)
        .execute();
      for (const row of rows)
        await db
          .updateTable("receipt")
          .set({ key_id: keyId, errors: reseal(row.key_id, row.errors, receiptPlace(row.id)) })
          .where("id", "=", row.id)
          .execute();
      return rows.length;
    },
    async (db) => {
      const rows = await db
        .selectFrom("thread")
        .select(["dialog_id", "key_id", "person", "facts"])
        .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
        .limit(size)
        .execute();
      for (const row of rows) {
        const place = threadPlace("person", row.dialog_id);
        await db
          .updateTable("thread")
          .set({
            key_id: keyId,
            person: row.person === null ? null : reseal(row.key_id, row.person, place),
            facts: reseal(row.key_id, row.facts, threadPlace("facts", row.dialog_id)),
          })
          .where("dialog_id", "=", row.dialog_id)
          .execute();
      }
      return rows.length;
    },
    async (db) => {
      const rows = await db
        .selectFrom("member")
        .select(["id", "key_id", "person"])
        .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
        .limit(size)
        .execute();
      for (const row of rows) {
        const person = cipher.open(row.key_id, row.person, memberPlace(row.id));
        await db
          .updateTable("member")
          .set({
            key_id: keyId,
            person_hash: cipher.hash(memberLabel, person),
            person: cipher.seal(person, memberPlace(row.id)),
          })
          .where("id", "=", row.id)
          .execute();
      }
      return rows.length;
    },
    async (db) => {
      const rows = await db
        .selectFrom("offering_bundle")
        .select(["organisation", "key_id", "content"])
        .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
        .limit(size)
        .execute();
      for (const row of rows)
        await db
          .updateTable("offering_bundle")
          .set({ key_id: keyId, content: reseal(row.key_id, row.content, offeringPlace(row.organisation)) })
          .where("organisation", "=", row.organisation)
          .execute();
      return rows.length;
    },
  ];
  for (const step of steps) {
    for (;;) {
      throwIfAborted(signal);
      const done = await store.write(step, signal);
      total += done;
      if (done < size) break;
    }
  }
  return total;
}
