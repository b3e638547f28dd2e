import { HelsekontaktError, type Logger } from "@helsekontakt/core";
import { type RawBuilder, type SqlBool, sql } from "kysely";
import type { Cipher } from "./cipher.ts";
import type { Notifier } from "./notifier.ts";
import type { AsideNotice } from "./set-aside.ts";
import { type CallersTransaction, type Db, JournalTransaction, type OpenStore, type StoreLoad } from "./store.ts";

/** What the journal's parts share. @internal */
export interface Parts {
  readonly store: OpenStore;
  readonly cipher: Cipher;
  readonly logger: Logger;
  readonly notifier: Notifier;
  readonly maxPayloadBytes: number;
  readonly asideListeners: Set<(notice: AsideNotice) => void>;
  /** Milliseconds since 1970 UTC, on the store's clock. */
  now(): Promise<number>;
}

/** An operation that can be cancelled. */
export interface Cancellable {
  readonly signal?: AbortSignal;
}

/** Who holds a claim and for how long. */
export interface Lease {
  /** Name of the claiming process, unique among those that share the store. */
  readonly owner: string;
  /** Milliseconds until another process may take over; default 60 000. */
  readonly leaseMs?: number;
}

/**
 * Writes in a transaction of its own, or in the caller's; wakes those who wait once it is committed, as far as that can be
 * known: a caller's own commit is heard from the store alone, so this process is woken at once too.
 *
 * @internal
 */
export async function inTransaction<T>(
  { store, notifier }: Parts,
  options: Cancellable & {
    readonly transaction?: CallersTransaction;
    readonly oneStatement?: boolean;
    readonly load?: StoreLoad;
  },
  topics: readonly string[],
  work: (db: Db) => Promise<T>,
): Promise<T> {
  const { transaction, signal } = options;
  if (transaction instanceof JournalTransaction) {
    const result = await work(transaction.db());
    transaction.wake(...topics);
    return result;
  }
  const result = await (transaction === undefined
    ? store[options.oneStatement === true ? "statement" : "write"](work, signal, options.load)
    : store.within(transaction, work, topics));
  if (transaction === undefined) notifier.publish(...topics);
  else notifier.heard(topics);
  return result;
}

/** Notified when the outbox has new work. @internal */
export const outboxTopic = "outbox";
/** Notified when the inbox has new work. @internal */
export const inboxTopic = "inbox";

export const defaultLeaseMs = 60_000;

/** Due for everybody: the clocks of two processes differ by milliseconds, and "now" for one is not yet for the other. @internal */
export const atOnce = 0;

/** @throws {HelsekontaktError} `input/invalid`, `input/too-large` @internal */
export function checkPayload({ maxPayloadBytes }: Parts, payload: unknown): void {
  if (!(payload instanceof Uint8Array))
    throw new HelsekontaktError("input/invalid", "expected payload to be bytes, found something else");
  if (payload.length > maxPayloadBytes)
    throw new HelsekontaktError(
      "input/too-large",
      `expected a payload of at most ${maxPayloadBytes} bytes, found ${payload.length}`,
    );
}

/** Row lock where the engine has them; SQLite has one writer at a time. @internal */
export function lock<Q extends { forUpdate(): Q; skipLocked(): Q }>(store: OpenStore, query: Q, skip = false): Q {
  if (store.engine === "sqlite") return query;
  return skip ? query.forUpdate().skipLocked() : query.forUpdate();
}

/**
 * A row under a key that was not given. For PostgreSQL; one in clear is under none, which of no keys is not unequal.
 *
 * @internal
 */
export function isUnderOtherKey(column: string, keys: readonly string[]): RawBuilder<boolean> {
  return sql`(${sql.ref(column)} is not null and ${sql.ref(column)} <> all(${keys}))`;
}

/**
 * What a row waits for is over: its time has come, or the row was changed further in the future than the wait is long. That
 * did a clock which has been set back since, and it would wait for as long as the clock was wrong.
 *
 * @internal
 */
export function isOver(alias: string, until: "lease_until" | "next_at", now: number): RawBuilder<SqlBool> {
  const [end, since] = [sql.ref(`${alias}.${until}`), sql.ref(`${alias}.changed_at`)];
  return sql`(${end} <= ${now} or ${since} - ${now} > ${end} - ${since})`;
}

/**
 * The conditions of the partial indexes, as literals: SQLite uses such an index only where it reads the same text.
 *
 * @internal
 */
export const literal = {
  unfinished: (alias: string): RawBuilder<boolean> => sql`${sql.ref(`${alias}.transport`)} in ('queued', 'sending')`,
  awaiting: (alias: string): RawBuilder<boolean> => sql`${sql.ref(`${alias}.application`)} = 'awaiting'`,
  received: (alias: string): RawBuilder<boolean> => sql`${sql.ref(`${alias}.state`)} = 'received'`,
};
