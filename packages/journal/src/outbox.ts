// Over 400 lines: one object whose operations share their fenced changes.
import { randomUUID } from "node:crypto";
import type { ExpressionBuilder, Selectable } from "kysely";
import { type ErrorCode, type HelsekontaktError, waitFor } from "@helsekontakt/core";
import { backoffMs } from "./backoff.ts";
import { openEach } from "./cipher.ts";
import { once } from "./compiled.ts";
import { conflict, notFound, plainText, wholeNumber } from "./faults.ts";
import { KeyOrder } from "./key-order.ts";
import type { Outbox } from "./outbox-api.ts";
import { dueRows, type TakenRow, takeDue, takeRows } from "./outbox-claim.ts";
import { holdClaim } from "./outbox-hold.ts";
import {
  type EntryRow,
  entryColumns,
  digestLarge,
  entryFromRow,
  insertFromMessage,
  insertOutbox,
  knownOutbox,
  type OutboxClaim,
  type OutboxEntry,
} from "./outbox-rows.ts";
import { StateLooks, untilCommonTurn } from "./outbox-wait.ts";
import {
  atOnce,
  type Cancellable,
  defaultLeaseMs,
  inTransaction,
  literal,
  lock,
  outboxTopic,
  type Parts,
} from "./parts.ts";
import { hasPayload, noPayload, payloadColumns } from "./payload-columns.ts";
import { inlinePayload, inParts, loosen, readClaimed, readPayload, removeQuietly, withParts } from "./payloads.ts";
import type { JournalSchema, OutboxTable } from "./schema.ts";
import { tellAside } from "./set-aside.ts";
import { applicationTable, isSettled, type TransportEvent, type TransportState, transportTable } from "./states.ts";
import type { Db } from "./store.ts";

/** After how many tries a message is set aside. @internal */
export interface OutboxLimits {
  /** Consecutive failed tries. */
  readonly maxSendTries: number;
  /** Consecutive claims whose holder was never heard of again. */
  readonly maxTakeovers: number;
}

/** Failed by a report on the error queue, whose conditions have no slash, or after the broker had taken it. */
function wasReported({ transport, reason, sent_at: sentAt }: EntryRow): boolean {
  return transport === "failed" && (sentAt !== null || reason?.includes("/") === false);
}

/** @internal */
export function createOutbox(parts: Parts, limits: OutboxLimits): Outbox {
  const { store, notifier } = parts;
  const looks = new StateLooks(parts);

  /** One change of a claimed row, fenced by owner and the claim's number in the commit that makes it. */
  async function settle(
    claim: OutboxClaim,
    event: TransportEvent | ((row: HeldRow) => TransportEvent),
    values: (now: number, row: HeldRow) => Record<string, unknown>,
    options: Cancellable = {},
  ): Promise<OutboxEntry> {
    const now = await parts.now();
    const entry = await store.write(async (db) => {
      const held = await lock(
        store,
        db.selectFrom("outbox").select(heldColumns).where("id", "=", claim.id),
      ).executeTakeFirst();
      if (held === undefined) throw notFound("a message", claim.id);
      const cell = transportTable[held.transport][typeof event === "string" ? event : event(held)];
      if (held.transport !== "sending" || held.owner !== claim.owner || held.fence !== claim.fence || cell === null)
        throw notHeld(claim, held);
      return change(db, claim.id, { transport: cell.to, changed_at: now, ...values(now, held) });
    }, options.signal);
    notifier.publish(entry.id, outboxTopic);
    return entry;
  }

  async function change(db: Db, id: string, values: Record<string, unknown>): Promise<OutboxEntry> {
    const row = await db
      .updateTable("outbox")
      .set(values)
      .where("id", "=", id)
      .returning(entryColumns)
      .executeTakeFirst();
    if (row === undefined) throw notFound("a message", id);
    return entryFromRow(parts, row);
  }

  async function find(db: Db, id: string, forUpdate: boolean): Promise<EntryRow | undefined> {
    return (await (forUpdate ? lockedByAnyIdRow : byAnyIdRow)(parts, db, { id }))[0];
  }

  async function get(id: string, { signal }: Cancellable = {}): Promise<OutboxEntry | undefined> {
    const row = await store.read((db) => find(db, id, false), signal);
    return row === undefined ? undefined : entryFromRow(parts, row);
  }

  const free = { owner: null, lease_until: null };

  async function setAside(db: Db, ids: readonly string[], reason: ErrorCode, now: number): Promise<void> {
    if (ids.length === 0) return;
    await db
      .updateTable("outbox")
      .set({ ...free, transport: transportTable.sending.fail?.to, reason, changed_at: now })
      .where("id", "in", [...ids])
      .execute();
  }

  /** Of claims whose parts are damaged, those that are still held. */
  async function setAsideHeld(claims: readonly Claimed[], now: number): Promise<void> {
    if (claims.length === 0) return;
    await store.write(async (db) => {
      for (const claim of claims)
        if ((await heldRow(parts, db, claim)).length > 0) await setAside(db, [claim.id], "journal/corrupt", now);
    });
  }

  /** Messages that are being marked as sent, also two of one key; `next` when another of the key was stored meanwhile. */
  const leaving = new Set<{ readonly key: string; next: boolean }>();
  const order = new KeyOrder();
  const enqueue: Outbox["enqueue"] = async (message, options = {}) => {
    const insert = insertFromMessage(parts, message, await parts.now());
    const { large } = insert;
    const how = { ...options, oneStatement: true, load: { bytes: message.payload.length } };
    const store = async () => {
      const stored = await inTransaction(parts, how, [outboxTopic], (db) => insertOutbox(parts, db, insert));
      for (const mark of leaving) if (mark.key === message.key) mark.next = true;
      return stored;
    };
    if (large === undefined) return store();
    await digestLarge(parts, insert);
    if (options.transaction === undefined) {
      const known = await knownOutbox(parts, insert);
      if (known !== undefined) return known;
    }
    return withParts(parts, [large], options, store);
  };

  return {
    enqueue: (message, options) =>
      // Whoever holds the transaction would wait for a write that waits for the transaction.
      options?.transaction === undefined
        ? order.run(message.key, inParts(parts, message.payload), () => enqueue(message, options))
        : enqueue(message, options),

    async claim({ owner, leaseMs = defaultLeaseMs, limit = 16, signal }) {
      plainText("owner", owner);
      wholeNumber("limit", limit, 1, 1_000);
      const now = await parts.now();
      const lease = { owner, leaseUntil: now + leaseMs, now };
      const open = (rows: TakenRow[]) => {
        rows.sort((a, b) => Number(a.seq) - Number(b.seq));
        return openEach(rows, (row) => {
          const payload = inlinePayload(parts, "outbox", row);
          return { row, claim: { ...entryFromRow(parts, row), payload, owner, leaseUntil: lease.leaseUntil } };
        });
      };
      const taken = await takeDue(parts, { ...lease, limit, maxTakeovers: limits.maxTakeovers }, signal);
      const { opened, spent, ...found } =
        taken !== undefined
          ? { ...open(taken), spent: [] }
          : await store.write(async (db) => {
              const due = await dueRows(parts, db, { now, limit });
              // Whoever had it before ended, each time, without a word: it is the message that ends them.
              const isSpent = (row: { transport: string; takeovers: number }): boolean =>
                row.transport === "sending" && row.takeovers + 1 >= limits.maxTakeovers;
              const spent = due.filter(isSpent).map((row) => row.id);
              await setAside(db, spent, "message/tries-exhausted", now);
              const ids = due.filter((row) => !isSpent(row)).map((row) => row.id);
              if (ids.length === 0) return { opened: [], corrupt: [], spent };
              const claims = open(await takeRows(parts, db, { ...lease, ids }));
              await setAside(
                db,
                claims.corrupt.map(({ id }) => id),
                "journal/corrupt",
                now,
              );
              return { ...claims, spent };
            }, signal);
      const read = await readClaimed(parts, "outbox", opened);
      const damaged = [...(taken === undefined ? [] : found.corrupt), ...read.corrupt];
      await setAsideHeld(
        damaged.map(({ id, fence }) => ({ id, owner, fence })),
        now,
      );
      const corrupt = [...found.corrupt, ...read.corrupt].map(({ id }) => id);
      if (spent.length > 0)
        parts.logger.error("messages failed: their senders ended each time without an outcome", {
          count: spent.length,
        });
      if (corrupt.length > 0) {
        parts.logger.error("messages failed: what is stored of them is damaged", { count: corrupt.length });
      }
      if (corrupt.length + spent.length > 0) notifier.publish(...corrupt, ...spent, outboxTopic);
      tellAside(parts, "outbox", spent, "message/tries-exhausted");
      tellAside(parts, "outbox", corrupt, "journal/corrupt");
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

    async markSent(claim, { signal } = {}) {
      const now = await parts.now();
      const { key } = claim;
      // The next one of its key may be stored while this statement runs, which then does not see it.
      const mark = key === undefined ? undefined : { key, next: false };
      if (mark !== undefined) leaving.add(mark);
      let next = false;
      try {
        const entry = await store.statement(async (db) => {
          const { id, owner, fence } = claim;
          const [row] = await sentRow(parts, db, { id, owner, fence, now });
          if (row === undefined) throw notHeld(claim, await find(db, claim.id, false));
          // SQLite knows no booleans: 1 or 0.
          next = Boolean(row.next) || mark?.next === true;
          return entryFromRow(parts, row);
        }, signal);
        // Whoever waits for its end, and whoever sends what it held up: nobody is to look for nothing.
        const topics = [
          ...(isSettled(entry.transport, entry.application) ? [entry.id] : []),
          ...(next ? [outboxTopic] : []),
        ];
        if (topics.length > 0) notifier.publish(...topics);
        return entry;
      } finally {
        if (mark !== undefined) leaving.delete(mark);
      }
    },

    async markFailed(claim, { reason, retry }, options) {
      plainText("reason", reason);
      if (retry === "never") {
        const failed = await settle(claim, "fail", () => ({ ...free, reason }), options);
        tellAside(parts, "outbox", [failed.id], reason);
        return failed;
      }
      if (retry !== "backoff")
        return settle(claim, "retry", () => ({ ...free, reason, takeovers: 0, next_at: retry }), options);
      const isLast = (row: HeldRow): boolean => row.failures + 1 >= limits.maxSendTries;
      const entry = await settle(
        claim,
        (row) => (isLast(row) ? "fail" : "retry"),
        (now, { failures }) => ({
          ...free,
          reason,
          takeovers: 0,
          failures: failures + 1,
          next_at: now + backoffMs(failures + 1),
        }),
        options,
      );
      if (entry.transport === "failed") {
        parts.logger.error("message failed: its tries are used up", { id: entry.id, kind: entry.kind, reason });
        tellAside(parts, "outbox", [entry.id], reason);
      }
      return entry;
    },

    release: (claim, options) =>
      settle(claim, "release", () => ({ ...free, takeovers: 0, attempts: claim.attempts - 1 }), options),

    async reportUndeliverable(messageId, reason, { signal } = {}) {
      plainText("reason", reason);
      const now = await parts.now();
      const entry = await store.write(async (db) => {
        const row = await find(db, messageId, true);
        if (row === undefined || row.attempts === 0) return undefined;
        const cell = transportTable[row.transport].report;
        // An answered message reached its application, whatever a report says afterwards; and one that was sent again under
        // a new id is not what the report is about.
        if (
          cell === null ||
          row.amqp_id !== messageId ||
          row.application === "accepted" ||
          row.application === "rejected"
        )
          return entryFromRow(parts, row);
        return change(db, row.id, { ...free, transport: cell.to, reason, changed_at: now });
      }, signal);
      if (entry !== undefined) notifier.publish(entry.id);
      if (entry?.transport === "failed" && entry.messageId === messageId)
        tellAside(parts, "outbox", [entry.id], reason);
      return entry;
    },

    async resend(id, { messageId, signal } = {}) {
      const amqpId = messageId === undefined ? undefined : plainText("messageId", messageId);
      const now = await parts.now();
      const entry = await store.write(async (db) => {
        const row = await find(db, id, true);
        if (row === undefined) throw notFound("a message", id);
        const event = row.transport === "sent" ? "resend-overdue" : "resend";
        const transport = transportTable[row.transport][event];
        const application = applicationTable[row.application][event];
        if (transport === null || application === null || (event === "resend-overdue" && row.resends > 0))
          throw conflict(
            "a failed message, or an overdue one that was not sent again before",
            `${row.transport} and ${row.application}, sent again ${row.resends} times`,
            row.id,
          );
        const held = await db
          .selectFrom("outbox")
          .select("id")
          .where("id", "=", row.id)
          .where(hasPayload(store.engine))
          .executeTakeFirst();
        if (held === undefined) throw conflict("a message with its payload", "one that retention emptied", row.id);
        // Who has refused a message knows its id, and would drop it without a word.
        const newId = amqpId ?? (wasReported(row) ? randomUUID() : undefined);
        if (amqpId !== undefined) {
          const taken = await find(db, amqpId, false);
          if (taken !== undefined) throw conflict("a new message id", "one that is in the journal", row.id);
        }
        return change(db, row.id, {
          ...free,
          transport: transport.to,
          application: application.to,
          receipt_deadline: null,
          takeovers: 0,
          failures: 0,
          escalations: 0,
          escalate_at: null,
          resends: row.resends + 1,
          next_at: atOnce,
          changed_at: now,
          ...(newId === undefined ? {} : { amqp_id: newId }),
        });
      }, signal);
      notifier.publish(entry.id, outboxTopic);
      return entry;
    },

    async cancel(id, reason, { signal } = {}) {
      plainText("reason", reason);
      const now = await parts.now();
      const entry = await store.write(async (db) => {
        const row = await find(db, id, true);
        if (row === undefined) throw notFound("a message", id);
        if (row.transport !== "queued") throw conflict("a queued message", `one that is ${row.transport}`, row.id);
        return change(db, row.id, { transport: transportTable.queued.fail?.to, reason, changed_at: now });
      }, signal);
      notifier.publish(entry.id, outboxTopic);
      return entry;
    },

    async drop(id, reason, { signal } = {}) {
      plainText("reason", reason);
      const now = await parts.now();
      const entry = await store.write(async (db) => {
        const row = await find(db, id, true);
        if (row === undefined) throw notFound("a message", id);
        const cell = transportTable[row.transport].drop;
        if (cell === null) throw conflict("a failed message", `one that is ${row.transport}`, row.id);
        await loosen(parts, db, "outbox", [row.id]);
        return change(db, row.id, { ...noPayload(store.engine), transport: cell.to, reason, changed_at: now });
      }, signal);
      await removeQuietly(parts);
      notifier.publish(entry.id);
      return entry;
    },

    hold: (claim, options) => holdClaim(parts, claim, options?.leaseMs ?? defaultLeaseMs),

    get,

    async payload(id, { signal } = {}) {
      const row = await store.read(
        (db) =>
          db
            .selectFrom("outbox")
            .select(["id", "key_id", ...payloadColumns(store.engine)])
            .where(byAnyId(id))
            .orderBy("seq", "desc")
            .limit(1)
            .executeTakeFirst(),
        signal,
      );
      if (row === undefined) throw notFound("a message", id);
      return readPayload(parts, "outbox", row);
    },

    async list({ transport, application, after, limit = 100, signal } = {}) {
      wholeNumber("limit", limit, 1, 1_000);
      const rows = await store.read((db) => {
        let query = db.selectFrom("outbox").select(entryColumns);
        if (transport !== undefined) query = query.where("transport", "=", transport);
        if (application !== undefined) query = query.where("application", "=", application);
        if (after !== undefined)
          query = query.where("seq", ">", (e) => e.selectFrom("outbox as o").select("o.seq").where("o.id", "=", after));
        return query.orderBy("seq").limit(limit).execute();
      }, signal);
      return rows.map((row) => entryFromRow(parts, row));
    },

    async wait(id, { pollMs = 1_000, signal } = {}) {
      const cancellable = signal ? { signal } : {};
      const first = await get(id, cancellable);
      if (first === undefined) throw notFound("a message", id);
      if (isSettled(first.transport, first.application)) return first;
      // Rows are told of by their own id.
      const subscription = notifier.subscribe([first.id]);
      try {
        for (;;) {
          const state = await waitFor(looks.of(first.id), signal);
          if (state === undefined) throw notFound("a message", id);
          if (isSettled(state.transport, state.application)) {
            const entry = await get(first.id, cancellable);
            if (entry !== undefined && isSettled(entry.transport, entry.application)) return entry;
          } else await subscription.wait(untilCommonTurn(pollMs), signal);
        }
      } finally {
        subscription.end();
      }
    },

    async waitForWork({ timeoutMs = 1_000, signal } = {}) {
      const subscription = notifier.subscribe([outboxTopic]);
      try {
        await subscription.wait(timeoutMs, signal);
      } finally {
        subscription.end();
      }
    },
  };
}

type Claimed = { readonly id: string; readonly owner: string; readonly fence: number };

const heldRow = once((db, v: Claimed, { store }) =>
  lock(
    store,
    db
      .selectFrom("outbox")
      .select("id")
      .where("id", "=", v.id)
      .where("transport", "=", "sending")
      .where("owner", "=", v.owner)
      .where("fence", "=", v.fence),
  ),
);

/** One statement, which changes nothing for whoever is not the holder any more. */
const sentRow = once((db, v: Claimed & { readonly now: number }) =>
  db
    .updateTable("outbox")
    .set((e) => ({
      owner: null,
      lease_until: null,
      transport: transportTable.sending.sent?.to,
      sent_at: v.now,
      changed_at: v.now,
      reason: null,
      takeovers: 0,
      failures: 0,
      // Null when no answer is expected.
      receipt_deadline: e(e.ref("receipt_within"), "+", v.now),
    }))
    .where("id", "=", v.id)
    .where("transport", "=", "sending")
    .where("owner", "=", v.owner)
    .where("fence", "=", v.fence)
    .returning(entryColumns)
    .returning((e) =>
      e
        .exists(
          e
            .selectFrom("outbox as later")
            .select("later.id")
            .whereRef("later.ordering_key", "=", "outbox.ordering_key")
            .whereRef("later.seq", ">", "outbox.seq")
            .where(literal.unfinished("later")),
        )
        .as("next"),
    ),
);

const byAnyIdRow = once((db, v: { readonly id: string }) => selectByAnyId(db, v.id));
const lockedByAnyIdRow = once((db, v: { readonly id: string }, { store }) => lock(store, selectByAnyId(db, v.id)));

function selectByAnyId(db: Db, id: string) {
  return db.selectFrom("outbox").select(entryColumns).where(byAnyId(id)).orderBy("seq", "desc").limit(1);
}

function notHeld(claim: OutboxClaim, found: { readonly transport: TransportState } | undefined): HelsekontaktError {
  return found === undefined
    ? notFound("a message", claim.id)
    : conflict("a claim that is still held", `a message that is ${found.transport} or held by another`, claim.id);
}

const heldColumns = ["transport", "owner", "fence", "receipt_within", "failures"] as const;
type HeldRow = Pick<Selectable<OutboxTable>, (typeof heldColumns)[number]>;

function byAnyId(id: string) {
  return (e: ExpressionBuilder<JournalSchema, "outbox">) =>
    e.or([e("id", "=", id), e("amqp_id", "=", id), e("msg_id", "=", id)]);
}
