// Over 400 lines: retention and rotation each go through every table once.
import { throwIfAborted } from "@helsekontakt/core";
import { sql } from "kysely";
import { wholeNumber } from "./faults.ts";
import { inboxPlace } from "./inbox-rows.ts";
import { memberLabel, memberPlace } from "./members.ts";
import { pruneBatches, pruneHistories, pruneRuns, pruneWithdrawn } from "./members-prune.ts";
import { offeringPlace } from "./offerings.ts";
import { outboxPlace } from "./outbox-rows.ts";
import { type Cancellable, lock, type Parts } from "./parts.ts";
import { hasPayload, isLarge, noPayload, payloadColumns, payloadLength, payloadPlace } from "./payload-columns.ts";
import {
  afterRow,
  beforeRow,
  largePayload,
  loosen,
  payloadValues,
  readPayload,
  removeLoose,
  withParts,
} from "./payloads.ts";
import { receiptPlace } from "./receipts.ts";
import type { Box } from "./set-aside.ts";
import type { Db, Engine } from "./store.ts";
import { threadPlace } from "./threads.ts";

/** What may go, by age in milliseconds since the row's last change. */
export interface Retention extends Cancellable {
  /** Empties payloads of finished messages; their ids stay, so that duplicates and late receipts are still recognised. */
  readonly payloadsOlderThanMs?: number;
  /**
   * Empties payloads of finished messages, those that changed first, until all payloads together hold no more than this
   * many bytes. What is unfinished stays, and may alone be more.
   */
  readonly payloadBytesAtMost?: number;
  /**
   * Deletes finished messages, receipts and closed threads whole; of the member register the withdrawn memberships of
   * which nothing is left to tell, and the runs and batches that came to an end.
   */
  readonly rowsOlderThanMs?: number;
  /** Empties the histories of memberships that nothing has happened to since; the memberships stay. */
  readonly memberHistoriesOlderThanMs?: number;
  /** Also what was set aside, in either box, and so waits for somebody; default false. */
  readonly quarantined?: boolean;
  /** Called after every step of at most 200 rows, with all that went so far. */
  readonly onProgress?: (sofar: Readonly<Pruned>) => void;
}

/** How many rows went. */
export interface Pruned {
  payloads: number;
  outbox: number;
  inbox: number;
  receipts: number;
  threads: number;
  reports: number;
  members: number;
  memberRuns: number;
  memberBatches: number;
  memberHistories: number;
}

/** Each transaction touches at most this many rows, so that sends are not held up. */
const batch = 200;

interface Finished {
  /** Changed before this time, in milliseconds since 1970 UTC. */
  readonly before: number;
  readonly withPayload: boolean;
  /** Failed ones too: somebody may still send them again. */
  readonly aside: boolean;
}

/** Sent or dropped, with nothing awaited and nothing more to be told of a missing answer: at most one batch. */
const finishedOutbox = (db: Db, engine: Engine, { before, withPayload, aside }: Finished) => {
  const query = db
    .selectFrom("outbox")
    .select("id")
    .where("transport", "in", aside ? ["sent", "failed", "dropped"] : ["sent", "dropped"])
    .where("changed_at", "<", before)
    .where((e) =>
      e.or([
        e("transport", "!=", "sent"),
        e("application", "not in", ["awaiting", "overdue"]),
        e.and([e("application", "=", "overdue"), e("escalate_at", "is", null)]),
      ]),
    );
  return (withPayload ? query.where(hasPayload(engine)) : query).limit(batch);
};

/** Bytes of all stored payloads. */
async function payloadBytes(db: Db, engine: Engine): Promise<number> {
  let sum = 0;
  for (const table of ["outbox", "inbox"] as const) {
    const row = await db
      .selectFrom(table)
      .select(sql<number | string | null>`sum(${payloadLength(engine)})`.as("bytes"))
      .executeTakeFirst();
    sum += Number(row?.bytes ?? 0);
  }
  return sum;
}

/** Empties finished messages of either box, those that changed first, until `excess` bytes went: at most one batch. */
async function emptyOldest(
  parts: Parts,
  db: Db,
  excess: number,
  states: readonly ("handled" | "dropped" | "quarantined")[],
  aside: boolean,
): Promise<{ readonly rows: number; readonly bytes: number }> {
  const { engine } = parts.store;
  const oldest = await finishedOutbox(db, engine, { before: Number.MAX_SAFE_INTEGER, withPayload: true, aside })
    .select(["changed_at", sql<string>`'outbox'`.as("box"), payloadLength(engine).as("bytes")])
    .orderBy("changed_at")
    .execute();
  const arrived = await db
    .selectFrom("inbox")
    .select(["id", "changed_at", sql<string>`'inbox'`.as("box"), payloadLength(engine).as("bytes")])
    .where("state", "in", states)
    .where(hasPayload(engine))
    .orderBy("changed_at")
    .limit(batch)
    .execute();
  const go = { outbox: [] as string[], inbox: [] as string[] };
  let bytes = 0;
  for (const row of [...oldest, ...arrived].sort((a, b) => a.changed_at - b.changed_at)) {
    if (bytes >= excess || go.outbox.length + go.inbox.length >= batch) break;
    go[row.box as "outbox" | "inbox"].push(row.id);
    bytes += Number(row.bytes);
  }
  for (const table of ["outbox", "inbox"] as const)
    if (go[table].length > 0) {
      await loosen(parts, db, table, go[table]);
      await db.updateTable(table).set(noPayload(engine)).where("id", "in", go[table]).execute();
    }
  return { rows: go.outbox.length + go.inbox.length, bytes };
}

/** A message is finished when nothing more is done or expected; awaited and queued ones never go. @internal */
export async function prune(parts: Parts, retention: Retention): Promise<Pruned> {
  const { store } = parts;
  const { engine } = store;
  const { signal, payloadsOlderThanMs, rowsOlderThanMs } = retention;
  const pruned: Pruned = {
    payloads: 0,
    outbox: 0,
    inbox: 0,
    receipts: 0,
    threads: 0,
    reports: 0,
    members: 0,
    memberRuns: 0,
    memberBatches: 0,
    memberHistories: 0,
  };
  const aside = retention.quarantined === true;
  const states = aside ? (["handled", "dropped", "quarantined"] as const) : (["handled", "dropped"] as const);
  const now = await parts.now();

  const inbox = (db: Db, before: number, withPayload: boolean) => {
    const query = db.selectFrom("inbox").select("id").where("state", "in", states).where("changed_at", "<", before);
    return (withPayload ? query.where(hasPayload(engine)) : query).limit(batch);
  };
  /** What a query finds; on SQLite by its ids, since the parts of these payloads have to go as well. */
  const found = async <Q extends { execute(): Promise<{ id: string }[]> }>(db: Db, box: Box, query: Q) => {
    if (engine !== "sqlite") return query;
    const ids = (await query.execute()).map(({ id }) => id);
    await loosen(parts, db, box, ids);
    return ids;
  };
  const counted = async (what: keyof Pruned, step: (db: Db) => Promise<number>): Promise<void> => {
    for (;;) {
      throwIfAborted(signal);
      const gone = await store.write(step, signal);
      pruned[what] += gone;
      if (gone > 0) retention.onProgress?.({ ...pruned });
      if (gone < batch) return;
    }
  };
  const repeat = (what: keyof Pruned, step: (db: Db) => Promise<readonly unknown[]>): Promise<void> =>
    counted(what, async (db) => (await step(db)).length);

  if (payloadsOlderThanMs !== undefined) {
    const before = now - wholeNumber("payloadsOlderThanMs", payloadsOlderThanMs, 0, Number.MAX_SAFE_INTEGER);
    const empty = noPayload(engine);
    await repeat("payloads", async (db) =>
      db
        .updateTable("outbox")
        .set(empty)
        .where("id", "in", await found(db, "outbox", finishedOutbox(db, engine, { before, withPayload: true, aside })))
        .returning("id")
        .execute(),
    );
    await repeat("payloads", async (db) =>
      db
        .updateTable("inbox")
        .set(empty)
        .where("id", "in", await found(db, "inbox", inbox(db, before, true)))
        .returning("id")
        .execute(),
    );
  }
  if (rowsOlderThanMs !== undefined) {
    const before = now - wholeNumber("rowsOlderThanMs", rowsOlderThanMs, 0, Number.MAX_SAFE_INTEGER);
    await repeat("outbox", async (db) =>
      db
        .deleteFrom("outbox")
        .where("id", "in", await found(db, "outbox", finishedOutbox(db, engine, { before, withPayload: false, aside })))
        .returning("id")
        .execute(),
    );
    await repeat("inbox", async (db) =>
      db
        .deleteFrom("inbox")
        .where("id", "in", await found(db, "inbox", inbox(db, before, false)))
        .returning("id")
        .execute(),
    );
    await repeat("receipts", (db) =>
      db
        .deleteFrom("receipt")
        .where("id", "in", (e) =>
          e.selectFrom("receipt as r").select("r.id").where("r.recorded_at", "<", before).limit(batch),
        )
        .returning("id")
        .execute(),
    );
    await repeat("threads", (db) =>
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
    await repeat("reports", (db) =>
      db
        .deleteFrom("error_report")
        .where("key_hash", "in", (e) =>
          e.selectFrom("error_report as r").select("r.key_hash").where("r.reported_at", "<", before).limit(batch),
        )
        .returning("key_hash")
        .execute(),
    );
    await counted("members", (db) => pruneWithdrawn(db, before, batch));
    await counted("memberBatches", (db) => pruneBatches(db, before, batch));
    await counted("memberRuns", (db) => pruneRuns(db, before, batch));
  }
  const { memberHistoriesOlderThanMs, payloadBytesAtMost } = retention;
  if (payloadBytesAtMost !== undefined) {
    wholeNumber("payloadBytesAtMost", payloadBytesAtMost, 0, Number.MAX_SAFE_INTEGER);
    let excess = (await store.read((db) => payloadBytes(db, engine), signal)) - payloadBytesAtMost;
    while (excess > 0) {
      throwIfAborted(signal);
      const emptied = await store.write((db) => emptyOldest(parts, db, excess, states, aside), signal);
      if (emptied.rows === 0) break;
      excess -= emptied.bytes;
      pruned.payloads += emptied.rows;
      retention.onProgress?.({ ...pruned });
    }
  }
  if (memberHistoriesOlderThanMs !== undefined) {
    const before =
      now - wholeNumber("memberHistoriesOlderThanMs", memberHistoriesOlderThanMs, 0, Number.MAX_SAFE_INTEGER);
    await counted("memberHistories", (db) => pruneHistories(db, before, batch));
  }
  await removeLoose(parts, signal === undefined ? {} : { signal });
  return pruned;
}

/** How a rotation is run. */
export interface Rotation extends Cancellable {
  /** Called after every step of at most 50 rows. `left` counts rows at the start, less those that are done. */
  readonly onProgress?: (progress: { readonly done: number; readonly left: number }) => void;
}

const rotating = ["outbox", "inbox", "receipt", "thread", "member", "offering_bundle"] as const;

/** Rows that are in clear or not under the present key. @internal */
export async function countOldRows({ store, cipher }: Parts, { signal }: Cancellable): Promise<number> {
  const { keyId } = cipher;
  if (keyId === null) return 0;
  return store.read(async (db) => {
    let total = 0;
    for (const table of rotating) {
      const row = await db
        .selectFrom(table)
        .select(sql<number | string>`count(*)`.as("n"))
        .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
        .executeTakeFirst();
      total += Number(row?.n ?? 0);
    }
    return total;
  }, signal);
}

/**
 * Encrypts every row that is in clear or under an older key with the present one, in small transactions. Afterwards the
 * older keys are no longer needed. What is done is done: stopped or killed, it goes on where it was at the next call.
 *
 * @returns how many rows were encrypted anew.
 * @internal
 */
export async function rotateKeys(parts: Parts, { signal, onProgress }: Rotation): Promise<number> {
  const { store, cipher } = parts;
  const { engine } = store;
  const keyId = cipher.keyId;
  if (keyId === null) return 0;
  const reseal = (from: string | null, bytes: Uint8Array, place: string): Uint8Array =>
    cipher.seal(cipher.open(from, bytes, place), place);
  const size = 50;
  let total = 0;
  const before = onProgress === undefined ? 0 : await countOldRows(parts, signal === undefined ? {} : { signal });

  const steps: ((db: Db) => Promise<number>)[] = [
    async (db) => {
      const rows = await lock(
        store,
        db
          .selectFrom("outbox")
          .select(["id", "key_id", ...payloadColumns(engine), "properties"])
          .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
          .where((e) => e.not(isLarge(engine)))
          .limit(size),
      ).execute();
      for (const row of rows) {
        const payload =
          row.payload === null ? null : cipher.open(row.key_id, row.payload, payloadPlace("outbox", row.id));
        await db
          .updateTable("outbox")
          .set({
            key_id: keyId,
            ...(payload === null ? noPayload(engine) : payloadValues(parts, "outbox", row.id, payload, undefined)),
            // Of an emptied message the digest is gone with the key: the id alone then stays taken.
            digest: payload === null ? "" : cipher.hash("outbox", payload),
            properties: reseal(row.key_id, row.properties, outboxPlace(row.id)),
          })
          .where("id", "=", row.id)
          .execute();
      }
      return rows.length;
    },
    async (db) => {
      const rows = await lock(
        store,
        db
          .selectFrom("inbox")
          .select(["id", "key_id", ...payloadColumns(engine), "properties", "content_hash"])
          .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
          .where((e) => e.not(isLarge(engine)))
          .limit(size),
      ).execute();
      for (const row of rows) {
        const payload =
          row.payload === null ? null : cipher.open(row.key_id, row.payload, payloadPlace("inbox", row.id));
        await db
          .updateTable("inbox")
          .set({
            key_id: keyId,
            ...(payload === null ? noPayload(engine) : payloadValues(parts, "inbox", row.id, payload, undefined)),
            content_hash: payload === null ? row.content_hash : cipher.hash("inbox", payload),
            properties: reseal(row.key_id, row.properties, inboxPlace(row.id)),
          })
          .where("id", "=", row.id)
          .execute();
      }
      return rows.length;
    },
    async (db) => {
      const rows = await lock(
        store,
        db
          .selectFrom("receipt")
          .select(["id", "key_id", "errors"])
          .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
          .limit(size),
      ).execute();
      for (const row of rows)
        await db
          .updateTable("receipt")
          .set({ key_id: keyId, errors: reseal(row.key_id, row.errors, receiptPlace(row.id)) })
          .where("id", "=", row.id)
          .execute();
      return rows.length;
    },
    async (db) => {
      const rows = await lock(
        store,
        db
          .selectFrom("thread")
          .select(["dialog_id", "key_id", "person", "facts"])
          .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
          .limit(size),
      ).execute();
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
      const rows = await lock(
        store,
        db
          .selectFrom("member")
          .select(["id", "key_id", "person"])
          .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
          .limit(size),
      ).execute();
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
      const rows = await lock(
        store,
        db
          .selectFrom("offering_bundle")
          .select(["organisation", "key_id", "content"])
          .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
          .limit(size),
      ).execute();
      for (const row of rows)
        await db
          .updateTable("offering_bundle")
          .set({ key_id: keyId, content: reseal(row.key_id, row.content, offeringPlace(row.organisation)) })
          .where("organisation", "=", row.organisation)
          .execute();
      return rows.length;
    },
  ];
  const count = (done: number): void => {
    total += done;
    if (done > 0) onProgress?.({ done: total, left: Math.max(0, before - total) });
  };
  for (const box of ["outbox", "inbox"] as const)
    for (;;) {
      throwIfAborted(signal);
      const done = await rotateLarge(parts, box, signal);
      if (done === undefined) break;
      count(done);
    }
  for (const step of steps) {
    for (;;) {
      throwIfAborted(signal);
      const done = await store.write(step, signal);
      count(done);
      if (done < size) break;
    }
  }
  return total;
}

/**
 * Writes the parts of one large payload anew, and then its row with them: whoever reads the older parts meanwhile finds the
 * new ones by the row. One of before version 7 comes into parts here.
 *
 * @returns undefined when there is none left; 0 when the row was changed meanwhile.
 */
async function rotateLarge(parts: Parts, box: Box, signal: AbortSignal | undefined): Promise<number | undefined> {
  const { store, cipher } = parts;
  const keyId = cipher.keyId;
  const how = signal === undefined ? {} : { signal };
  const row = await store.read(
    (db) =>
      db
        .selectFrom(box)
        .select(["id", "key_id", "properties", ...payloadColumns(store.engine)])
        .where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
        .where(isLarge(store.engine))
        .limit(1)
        .executeTakeFirst(),
    signal,
  );
  if (row === undefined) return undefined;
  const { id } = row;
  const payload = await readPayload(parts, box, row);
  if (payload === undefined) return 0;
  const large = largePayload(parts, box, id, payload);
  const place = box === "outbox" ? outboxPlace(id) : inboxPlace(id);
  const hash = await cipher.hashInTurns(keyId, box, payload);
  return withParts(parts, [large], how, () =>
    store.write(async (db) => {
      if (large !== undefined) {
        await beforeRow(parts, db, large);
        // Either the older parts go, or these.
        large.unused = true;
      }
      const same = await db
        .selectFrom(box)
        .select("id")
        .where("id", "=", id)
        .where(hasPayload(store.engine))
        .where("key_id", "is", row.key_id)
        .where("payload_ref", "is", row.payload_ref)
        .executeTakeFirst();
      if (same === undefined) return 0;
      await loosen(parts, db, box, [id]);
      await db
        .updateTable(box)
        .set({
          key_id: keyId,
          properties: cipher.seal(cipher.open(row.key_id, row.properties, place), place),
          ...payloadValues(parts, box, id, payload, large),
          ...(box === "outbox" ? { digest: hash } : { content_hash: hash }),
        })
        .where("id", "=", id)
        .execute();
      if (large !== undefined) await afterRow(parts, db, large);
      return 1;
    }, signal),
  );
}
