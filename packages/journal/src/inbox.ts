// Over 400 lines: one object whose operations share their fenced changes.
import type { ErrorCode, HelsekontaktError } from "@helsekontakt/core";
import { type Insertable, sql } from "kysely";
import { backoffMs } from "./backoff.ts";
import { openEach } from "./cipher.ts";
import { once } from "./compiled.ts";
import { conflict, notFound, plainText, wholeNumber } from "./faults.ts";
import {
  type InboxClaim,
  type InboxEntry,
  type InboxMessage,
  type InboxRow,
  inboxColumns,
  inboxEntryFromRow,
  insertFromInboxMessage,
} from "./inbox-rows.ts";
import { dueRows, selectDue, type TakenRow, takeDue, takeRows } from "./inbox-claim.ts";
import { KeyOrder } from "./key-order.ts";
import { digestLarge, insertFromMessage, insertOutbox, type OutboxMessage } from "./outbox-rows.ts";
import {
  atOnce,
  type Cancellable,
  defaultLeaseMs,
  inboxTopic,
  inTransaction,
  type Lease,
  lock,
  outboxTopic,
  type Parts,
} from "./parts.ts";
import { hasPayload, noPayload, type PayloadRow, payloadColumns } from "./payload-columns.ts";
import {
  afterRow,
  beforeRow,
  inlinePayload,
  inParts,
  loosen,
  readClaimed,
  readPayload,
  removeQuietly,
  withParts,
} from "./payloads.ts";
import type { InboxTable, OutboxTable } from "./schema.ts";
import { tellAside } from "./set-aside.ts";
import { type InboxEvent, type InboxState, inboxTable, statesAllowing } from "./states.ts";
import type { CallersTransaction, Db } from "./store.ts";

/** What {@link Inbox.accept} found. */
export type Acceptance =
  | { readonly outcome: "new"; readonly entry: InboxEntry; readonly claim?: InboxClaim }
  | { readonly outcome: "duplicate"; readonly by: "message-id" | "msg-id" | "content"; readonly entry: InboxEntry };

/** Messages that came in. */
export interface Inbox {
  /**
   * Stores a message, or recognises it by AMQP message id and sender, by MsgId and sender, and with `byContent` by
   * content and sender. Durable when this resolves: the delivery may then be settled.
   *
   * @param options.claim - also takes the new message for handling at once, if its key allows.
   * @throws {HelsekontaktError} `input/invalid`, `input/too-large`, `journal/unavailable`, `journal/closed`
   */
  accept(
    message: InboxMessage,
    options?: Cancellable & { readonly byContent?: boolean; readonly claim?: Lease },
  ): Promise<Acceptance>;
  /**
   * Takes up to `limit` messages (default 16) that wait to be handled, oldest first, at most one per key. One that
   * used up its tries without an answer (its handler's process died each time) is set aside instead, and so is one
   * whose stored value is damaged.
   *
   * @throws {HelsekontaktError} `journal/key-unknown`, `journal/unavailable`, `journal/closed`, `abort/cancelled`
   */
  claim(lease: Lease & Cancellable & { readonly limit?: number }): Promise<InboxClaim[]>;
  /** Prolongs a claim. @throws {HelsekontaktError} `journal/conflict` when another took over */
  renew(claim: InboxClaim, options?: Cancellable & { readonly leaseMs?: number }): Promise<InboxClaim>;
  /**
   * The handler is done; its answers are queued in the same transaction.
   *
   * @param options.transaction - the application's: handled when that commits, together with the application's own rows.
   * @throws {HelsekontaktError} `journal/conflict` when another took over
   */
  handled(
    claim: InboxClaim,
    options?: Cancellable & {
      readonly replies?: readonly OutboxMessage[];
      readonly transaction?: CallersTransaction;
    },
  ): Promise<InboxEntry>;
  /** The handler failed: tried again later, or set aside when the tries are used up. `reason` is a code. */
  retry(
    claim: InboxClaim,
    failure: { readonly reason: string; readonly retryAt?: number },
    options?: Cancellable,
  ): Promise<InboxEntry>;
  /** Sets a message aside at once; it holds nothing up. `reason` is a code. */
  quarantine(claim: InboxClaim, reason: string, options?: Cancellable): Promise<InboxEntry>;
  /** Puts a message back that was set aside. @throws {HelsekontaktError} `journal/conflict`, `journal/not-found` */
  requeue(id: string, options?: Cancellable): Promise<InboxEntry>;
  /**
   * Gives up a message that was set aside: its payload goes, its ids stay known. `reason` is a code.
   *
   * @throws {HelsekontaktError} `journal/conflict`, `journal/not-found`
   */
  drop(id: string, reason: string, options?: Cancellable): Promise<InboxEntry>;
  get(id: string, options?: Cancellable): Promise<InboxEntry | undefined>;
  /** The stored bytes; undefined after retention took them. @throws {HelsekontaktError} `journal/not-found` */
  payload(id: string, options?: Cancellable): Promise<Uint8Array | undefined>;
  /** Not yet handled, oldest first, at most `limit` (default 100): what a restarted process has before it. */
  pending(filter?: Cancellable & { readonly after?: string; readonly limit?: number }): Promise<InboxEntry[]>;
  /** Oldest first, at most `limit` (default 100). */
  list(
    filter?: Cancellable & { readonly state?: InboxState; readonly after?: string; readonly limit?: number },
  ): Promise<InboxEntry[]>;
  /** Resolves when this process accepted something or `timeoutMs` (default 1 000) passed. */
  waitForWork(options?: Cancellable & { readonly timeoutMs?: number }): Promise<void>;
}

const insertRow = once<Insertable<InboxTable>, InboxRow>((db, row) =>
  db
    .insertInto("inbox")
    .values(row)
    .onConflict((c) => c.doNothing())
    .returning(inboxColumns),
);

type Claimed = { readonly id: string; readonly owner: string; readonly fence: number };

function selectHeld(db: Db, v: Claimed) {
  return db
    .selectFrom("inbox")
    .select("id")
    .where("id", "=", v.id)
    .where("state", "in", statesAllowing(inboxTable, "handle"))
    .where("owner", "=", v.owner)
    .where("fence", "=", v.fence);
}

const heldRow = once((db, v: Claimed, { store }) => lock(store, selectHeld(db, v)));

const handledValues = (now: number) => ({
  owner: null,
  lease_until: null,
  reason: null,
  state: inboxTable.received.handle?.to,
  changed_at: now,
});

/** Values of a row among others. */
const replyPrefix = "reply_";
type Prefixed<T> = { readonly [K in keyof T & string as `${typeof replyPrefix}${K}`]: T[K] };

/** One statement, fenced by owner and the claim's number. */
const handledRow = once((db, v: Claimed & { readonly now: number }) =>
  db
    .updateTable("inbox")
    .set(handledValues(v.now))
    .where("id", "=", v.id)
    .where("state", "in", statesAllowing(inboxTable, "handle"))
    .where("owner", "=", v.owner)
    .where("fence", "=", v.fence)
    .returning(inboxColumns),
);

/**
 * Both in one statement, for PostgreSQL: the answer is queued for whoever holds the message, and the message is handled when
 * its answer is queued. No row comes back, and nothing is changed, when either is not so.
 */
const answeredRow = once((db, v: Claimed & { readonly now: number } & Prefixed<Insertable<OutboxTable>>, { store }) =>
  db
    .with("held", (d) =>
      lock(
        store,
        selectHeld(d as Db, v)
          .clearSelect()
          .select("id as held_id"),
      ),
    )
    .with("queued", (d) => {
      const names = (Object.keys(v) as (keyof typeof v)[]).flatMap((name) =>
        name.startsWith(replyPrefix) ? [name.slice(replyPrefix.length) as keyof Insertable<OutboxTable>] : [],
      );
      return d
        .insertInto("outbox")
        .columns(names)
        .expression((e) => e.selectFrom("held").select(names.map((name) => e.val(v[`${replyPrefix}${name}`]).as(name))))
        .onConflict((c) => c.doNothing())
        .returning("id as queued_id");
    })
    .updateTable("inbox")
    .from(["held", "queued"])
    .set(handledValues(v.now))
    .whereRef("inbox.id", "=", "held.held_id")
    .returning(inboxColumns),
);

/** @internal */
export function createInbox(parts: Parts, maxTries: number): Inbox {
  const { store, notifier, cipher } = parts;
  const free = { owner: null, lease_until: null };

  async function change(db: Db, id: string, values: Record<string, unknown>): Promise<InboxEntry> {
    const row = await db
      .updateTable("inbox")
      .set(values)
      .where("id", "=", id)
      .returning(inboxColumns)
      .executeTakeFirst();
    if (row === undefined) throw notFound("a message", id);
    return inboxEntryFromRow(parts, row);
  }

  /** One change of a claimed row, fenced by owner and the claim's number in the commit that makes it. */
  async function settle(
    claim: InboxClaim,
    event: InboxEvent,
    values: (now: number) => Record<string, unknown>,
    options: Cancellable = {},
  ): Promise<InboxEntry> {
    const now = await parts.now();
    return inTransaction(parts, options, [inboxTopic], async (db) => {
      const [held] = await lock(
        store,
        db.selectFrom("inbox").select(["state", "owner", "fence"]).where("id", "=", claim.id),
      ).execute();
      const cell = held === undefined ? null : inboxTable[held.state][event];
      if (cell === null || held?.owner !== claim.owner || held.fence !== claim.fence) throw await notHeld(db, claim);
      return change(db, claim.id, { state: cell.to, changed_at: now, ...values(now) });
    });
  }

  async function notHeld(db: Db, { id }: InboxClaim): Promise<HelsekontaktError> {
    const row = await db.selectFrom("inbox").select("state").where("id", "=", id).executeTakeFirst();
    return row === undefined
      ? notFound("a message", id)
      : conflict("a claim that is still held", `a message that is ${row.state} or held by another`, id);
  }

  /** @param hashes - of the content, where it counts. */
  async function duplicate(db: Db, message: InboxMessage, hashes: readonly string[]): Promise<Acceptance | undefined> {
    const from = db.selectFrom("inbox").select(inboxColumns).where("from_party", "=", message.from);
    const found = await from
      .where((e) =>
        e.or([
          e("amqp_id", "=", message.messageId),
          ...(message.msgId === undefined ? [] : [e("msg_id", "=", message.msgId)]),
          ...(hashes.length > 0 ? [e("content_hash", "in", hashes)] : []),
        ]),
      )
      .execute();
    const row =
      found.find((r) => r.amqp_id === message.messageId) ??
      found.find((r) => message.msgId !== undefined && r.msg_id === message.msgId) ??
      found[0];
    if (row === undefined) return undefined;
    const by =
      row.amqp_id === message.messageId
        ? "message-id"
        : message.msgId !== undefined && row.msg_id === message.msgId
          ? "msg-id"
          : "content";
    return { outcome: "duplicate", by, entry: inboxEntryFromRow(parts, row) };
  }

  function openTaken(rows: TakenRow[], { owner, leaseUntil }: { readonly owner: string; readonly leaseUntil: number }) {
    rows.sort((a, b) => Number(a.seq) - Number(b.seq));
    return openEach(rows, (row): { readonly claim: InboxClaim; readonly row: PayloadRow } => {
      const payload = inlinePayload(parts, "inbox", row);
      return { row, claim: { ...inboxEntryFromRow(parts, row), payload, owner, leaseUntil } };
    });
  }

  /** Takes rows for an owner; one that is damaged is set aside instead. */
  async function take(db: Db, ids: readonly string[], now: number, lease: Lease) {
    if (ids.length === 0) return { opened: [], corrupt: [] };
    const leaseUntil = now + (lease.leaseMs ?? defaultLeaseMs);
    const rows = await takeRows(parts, db, { ids: [...ids], owner: lease.owner, leaseUntil, now });
    const claims = openTaken(rows, { owner: lease.owner, leaseUntil });
    const corrupt = claims.corrupt.map(({ id }) => id);
    await setAside(db, corrupt, "quarantine", "journal/corrupt", now);
    return claims;
  }

  async function setAside(
    db: Db,
    ids: readonly string[],
    event: "quarantine" | "exhausted",
    reason: ErrorCode,
    now: number,
  ): Promise<void> {
    if (ids.length === 0) return;
    const values = { ...free, state: inboxTable.received[event]?.to, reason, changed_at: now };
    await db
      .updateTable("inbox")
      .set(values)
      .where("id", "in", [...ids])
      .execute();
  }

  /** Of claims whose parts are damaged, those that are still held. */
  async function setAsideHeld(claims: readonly Claimed[], now: number): Promise<void> {
    if (claims.length === 0) return;
    await store.write(async (db) => {
      for (const claim of claims)
        if ((await heldRow(parts, db, claim)).length > 0)
          await setAside(db, [claim.id], "quarantine", "journal/corrupt", now);
    });
  }

  /** Under every key; of a large payload in turns of the event loop. */
  async function contentHashes({ payload }: InboxMessage, isLarge: boolean): Promise<string[]> {
    if (!isLarge) return cipher.hashes("inbox", payload);
    const hashes: string[] = [];
    for (const keyId of cipher.keyIds) hashes.push(await cipher.hashInTurns(keyId, "inbox", payload));
    return hashes;
  }

  async function due(db: Db, now: number, limit: number, only?: string): Promise<{ id: string; tries: number }[]> {
    return only === undefined
      ? dueRows(parts, db, { now, limit })
      : lock(store, selectDue(parts, db, now).where("i.id", "=", only).limit(limit), true).execute();
  }

  async function list(state: InboxState | undefined, after: string | undefined, limit = 100, signal?: AbortSignal) {
    wholeNumber("limit", limit, 1, 1_000);
    const rows = await store.read((db) => {
      let query = db.selectFrom("inbox").select(inboxColumns);
      if (state !== undefined) query = query.where("state", "=", state);
      if (after !== undefined)
        query = query.where("seq", ">", (e) => e.selectFrom("inbox as i").select("i.seq").where("i.id", "=", after));
      return query.orderBy("seq").limit(limit).execute();
    }, signal);
    return rows.map((row) => inboxEntryFromRow(parts, row));
  }

  const order = new KeyOrder();
  const accept: Inbox["accept"] = async (message, options = {}) => {
    const now = await parts.now();
    const { row, large } = insertFromInboxMessage(parts, message, now);
    const { id } = row;
    const { claim } = options;
    if (claim !== undefined) plainText("owner", claim.owner);
    const hashes = options.byContent ? await contentHashes(message, large !== undefined) : [];
    if (large !== undefined) {
      row.content_hash = await cipher.hashInTurns(cipher.keyId, "inbox", message.payload);
      const known = await store.read((db) => duplicate(db, message, hashes), options.signal);
      if (known !== undefined) return known;
    }
    const work = async (db: Db): Promise<Acceptance> => {
      if (options.byContent) {
        // No constraint keeps two processes from storing one content twice: they take turns.
        if (store.engine === "postgres")
          await sql`select pg_advisory_xact_lock(hashtextextended(${`${row.from_party}/${row.content_hash}`}, 0))`.execute(
            db,
          );
        const known = await duplicate(db, message, hashes);
        if (known !== undefined) {
          if (large?.ahead === true) {
            await beforeRow(parts, db, large);
            large.unused = true;
          }
          return known;
        }
      }
      if (large !== undefined) await beforeRow(parts, db, large);
      // Its ids are unique for a sender, so what is known is not stored again.
      const [inserted] = await insertRow(parts, db, large === undefined ? row : { ...row, payload_ref: large.ref });
      if (inserted === undefined) {
        if (large !== undefined) large.unused = true;
        const known = await duplicate(db, message, []);
        if (known !== undefined) return known;
        throw conflict("a new message or a known one", "a row that is neither", id);
      }
      if (large !== undefined) await afterRow(parts, db, large);
      const [first] = claim === undefined ? [] : await due(db, now, 1, id);
      const [taken] = first === undefined || claim === undefined ? [] : (await take(db, [first.id], now, claim)).opened;
      if (taken === undefined) return { outcome: "new", entry: inboxEntryFromRow(parts, inserted) };
      // What is in parts is not read back: it is what was given.
      const own = large === undefined ? taken.claim : { ...taken.claim, payload: message.payload };
      return { outcome: "new", entry: own, claim: own };
    };
    // The insert alone needs no transaction around it.
    const alone = claim === undefined && options.byContent !== true;
    const load = { bytes: message.payload.length };
    const result = await withParts(parts, [large], options.signal ? { signal: options.signal } : {}, () =>
      store[alone ? "statement" : "write"](work, options.signal, load),
    );
    if (result.outcome === "new") notifier.publish(inboxTopic);
    return result;
  };

  return {
    accept: (message, options) =>
      order.run(message.key, inParts(parts, message.payload), () => accept(message, options)),

    async claim({ limit = 16, signal, ...lease }) {
      plainText("owner", lease.owner);
      wholeNumber("limit", limit, 1, 1_000);
      const now = await parts.now();
      const own = { owner: lease.owner, leaseUntil: now + (lease.leaseMs ?? defaultLeaseMs) };
      const taken = await takeDue(parts, { ...own, now, limit, maxTries }, signal);
      const { opened, spent, ...found } =
        taken !== undefined
          ? { ...openTaken(taken, own), spent: [] }
          : await store.write(async (db) => {
              const rows = await due(db, now, limit);
              const spent = rows.filter((r) => r.tries >= maxTries).map((r) => r.id);
              await setAside(db, spent, "exhausted", "message/handler-failed", now);
              const ids = rows.filter((r) => r.tries < maxTries).map((r) => r.id);
              return { ...(await take(db, ids, now, lease)), spent };
            }, signal);
      const read = await readClaimed(parts, "inbox", opened);
      const damaged = [...(taken === undefined ? [] : found.corrupt), ...read.corrupt];
      await setAsideHeld(
        damaged.map(({ id, fence }) => ({ id, owner: lease.owner, fence })),
        now,
      );
      const corrupt = [...found.corrupt, ...read.corrupt].map(({ id }) => id);
      if (spent.length > 0) parts.logger.error("messages set aside: their tries are used up", { count: spent.length });
      if (corrupt.length > 0)
        parts.logger.error("messages set aside: what is stored of them is damaged", { count: corrupt.length });
      tellAside(parts, "inbox", spent, "message/handler-failed");
      tellAside(parts, "inbox", corrupt, "journal/corrupt");
      return read.claims;
    },

    async renew(claim, { leaseMs = defaultLeaseMs, signal } = {}) {
      let leaseUntil = 0;
      const entry = await settle(
        claim,
        "claim",
        (now) => {
          leaseUntil = now + leaseMs;
          return { lease_until: leaseUntil };
        },
        signal ? { signal } : {},
      );
      return { ...claim, ...entry, leaseUntil };
    },

    async handled(claim, { replies = [], ...options } = {}) {
      const now = await parts.now();
      const inserts = replies.map((reply) => insertFromMessage(parts, reply, now));
      for (const insert of inserts) await digestLarge(parts, insert);
      const topics = inserts.length > 0 ? [inboxTopic, outboxTopic] : [inboxTopic];
      const { id, owner, fence } = claim;
      const atOnce = async (db: Db): Promise<InboxEntry | undefined> => {
        const [insert] = inserts;
        if (insert === undefined || inserts.length > 1 || store.engine === "sqlite") return undefined;
        const reply = Object.fromEntries(
          Object.entries(insert.row).map(([name, value]) => [`${replyPrefix}${name}`, value]),
        ) as Prefixed<Insertable<OutboxTable>>;
        const [done] = await answeredRow(parts, db, { id, owner, fence, now, ...reply });
        return done === undefined ? undefined : inboxEntryFromRow(parts, done);
      };
      const work = async (db: Db): Promise<InboxEntry> => {
        if (options.transaction !== undefined) {
          const done = await atOnce(db);
          if (done !== undefined) return done;
        }
        // In the application's transaction a fault may be caught and the rest committed: so no answer is queued for whoever
        // does not hold the message any more, and it is not handled before its answers are there.
        if (inserts.length > 0 && (await heldRow(parts, db, { id, owner, fence })).length === 0)
          throw await notHeld(db, claim);
        for (const insert of inserts) await insertOutbox(parts, db, insert);
        const [done] = await handledRow(parts, db, { id, owner, fence, now });
        if (done === undefined) throw await notHeld(db, claim);
        return inboxEntryFromRow(parts, done);
      };
      if (options.transaction === undefined && store.engine === "postgres" && inserts.length === 1) {
        const done = await inTransaction(parts, { ...options, oneStatement: true }, topics, atOnce);
        if (done !== undefined) return done;
      }
      const larges = inserts.map(({ large }) => large);
      return withParts(parts, larges, options, () =>
        inTransaction(parts, { ...options, oneStatement: inserts.length === 0 }, topics, work),
      );
    },

    async retry(claim, { reason, retryAt }, options) {
      plainText("reason", reason);
      if (claim.tries < maxTries)
        return settle(
          claim,
          "retry",
          (now) => ({ ...free, reason, next_at: retryAt ?? now + backoffMs(claim.tries) }),
          options,
        );
      const entry = await settle(claim, "exhausted", () => ({ ...free, reason }), options);
      parts.logger.error("message set aside: its tries are used up", { id: entry.id, kind: entry.kind, reason });
      tellAside(parts, "inbox", [entry.id], reason);
      return entry;
    },

    async quarantine(claim, reason, options) {
      plainText("reason", reason);
      const entry = await settle(claim, "quarantine", () => ({ ...free, reason }), options);
      parts.logger.error("message set aside", { id: entry.id, kind: entry.kind, reason });
      tellAside(parts, "inbox", [entry.id], reason);
      return entry;
    },

    async requeue(id, { signal } = {}) {
      const now = await parts.now();
      const entry = await store.write(async (db) => {
        const row = await lock(
          store,
          db
            .selectFrom("inbox")
            .select(["state", hasPayload(store.engine).as("whole")])
            .where("id", "=", id),
        ).executeTakeFirst();
        if (row === undefined) throw notFound("a message", id);
        const cell = inboxTable[row.state].requeue;
        // SQLite knows no booleans: 1 or 0.
        if (cell === null || !row.whole)
          throw conflict("a message that was set aside, with its payload", `one that is ${row.state}`, id);
        return change(db, id, { ...free, state: cell.to, tries: 0, next_at: atOnce, changed_at: now });
      }, signal);
      notifier.publish(inboxTopic);
      return entry;
    },

    async drop(id, reason, { signal } = {}) {
      plainText("reason", reason);
      const now = await parts.now();
      const entry = await store.write(async (db) => {
        const row = await lock(store, db.selectFrom("inbox").select("state").where("id", "=", id)).executeTakeFirst();
        if (row === undefined) throw notFound("a message", id);
        const cell = inboxTable[row.state].drop;
        if (cell === null) throw conflict("a message that was set aside", `one that is ${row.state}`, id);
        await loosen(parts, db, "inbox", [id]);
        return change(db, id, { ...noPayload(store.engine), state: cell.to, reason, changed_at: now });
      }, signal);
      await removeQuietly(parts);
      return entry;
    },

    async get(id, { signal } = {}) {
      const row = await store.read(
        (db) => db.selectFrom("inbox").select(inboxColumns).where("id", "=", id).executeTakeFirst(),
        signal,
      );
      return row === undefined ? undefined : inboxEntryFromRow(parts, row);
    },

    async payload(id, { signal } = {}) {
      const row = await store.read(
        (db) =>
          db
            .selectFrom("inbox")
            .select(["id", "key_id", ...payloadColumns(store.engine)])
            .where("id", "=", id)
            .executeTakeFirst(),
        signal,
      );
      if (row === undefined) throw notFound("a message", id);
      return readPayload(parts, "inbox", row);
    },

    pending: ({ after, limit, signal } = {}) => list("received", after, limit, signal),
    list: ({ state, after, limit, signal } = {}) => list(state, after, limit, signal),

    async waitForWork({ timeoutMs = 1_000, signal } = {}) {
      const subscription = notifier.subscribe([inboxTopic]);
      try {
        await subscription.wait(timeoutMs, signal);
      } finally {
        subscription.end();
      }
    },
  };
}
