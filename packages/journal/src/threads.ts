import { Personal } from "@helsekontakt/core";
import { type Insertable, type Selectable, sql } from "kysely";
import { fromJsonBytes, toJsonBytes } from "./cipher.ts";
import { once } from "./compiled.ts";
import { notFound, plainOrNull, plainText, wholeNumber } from "./faults.ts";
import { type Cancellable, inTransaction, isUnderOtherKey, lock, type Parts } from "./parts.ts";
import type { ThreadTable } from "./schema.ts";
import type { CallersTransaction } from "./store.ts";

/** A dialog between two parties about one citizen. */
export interface Thread {
  /** RefToConversation: the MsgId of the dialog's first message. */
  readonly dialogId: string;
  /** HER-ids. */
  readonly own: string;
  readonly other: string;
  /** MsgId of the newest message, which the next one refers to as RefToParent. */
  readonly lastMessageId?: string;
  readonly state: "open" | "closed";
  /** The citizen. */
  readonly person?: Personal;
  /** What the application wants to find again, encrypted like the person. */
  readonly facts: Readonly<Record<string, string>>;
  /** Times are milliseconds since 1970 UTC. */
  readonly createdAt: number;
  readonly changedAt: number;
}

/** What a message says of its thread; absent members keep what is stored. */
export interface ThreadUpdate {
  readonly dialogId: string;
  readonly own: string;
  readonly other: string;
  readonly lastMessageId?: string;
  readonly state?: "open" | "closed";
  readonly person?: Personal;
  readonly facts?: Readonly<Record<string, string>>;
}

/** Dialog threads. */
export interface Threads {
  /**
   * Opens or continues a thread.
   *
   * @param options.transaction - the application's: stored when that commits.
   * @throws {HelsekontaktError} `input/invalid`, `journal/unavailable`, `journal/closed`, `abort/cancelled`
   */
  put(update: ThreadUpdate, options?: Cancellable & { readonly transaction?: CallersTransaction }): Promise<Thread>;
  get(dialogId: string, options?: Cancellable): Promise<Thread | undefined>;
  /** @throws {HelsekontaktError} `journal/not-found` */
  close(dialogId: string, options?: Cancellable): Promise<Thread>;
  /** Newest change first, at most `limit` (default 100). */
  list(filter?: Cancellable & { readonly state?: "open" | "closed"; readonly limit?: number }): Promise<Thread[]>;
}

/** @internal */
export function threadPlace(column: "person" | "facts", dialogId: string): string {
  return `thread:${column}:${dialogId}`;
}

const lockedRow = once((db, v: { readonly dialogId: string }, { store }) =>
  lock(store, db.selectFrom("thread").selectAll().where("dialog_id", "=", v.dialogId)),
);

const putRow = once((db, { dialog_id, created_at, ...values }: Insertable<ThreadTable>) =>
  db
    .insertInto("thread")
    .values({ dialog_id, created_at, ...values })
    .onConflict((c) => c.column("dialog_id").doUpdateSet(values))
    .returningAll(),
);

const newRow = once((db, row: Insertable<ThreadTable>) =>
  db
    .insertInto("thread")
    .values(row)
    .onConflict((c) => c.doNothing())
    .returningAll(),
);

type Pass = Insertable<ThreadTable> & { readonly given: string | null; readonly keys: readonly string[] };

/**
 * Without anything that is sealed: what a thread has of it stays as it is. For PostgreSQL; no row comes back, and nothing is
 * changed, when it is under a key that was not given.
 */
const passRow = once((db, { given, keys, ...row }: Pass) =>
  db
    .insertInto("thread")
    .values(row)
    .onConflict((c) =>
      c
        .column("dialog_id")
        .doUpdateSet((e) => ({
          own_party: row.own_party,
          other_party: row.other_party,
          last_message_id: e.fn.coalesce(e.val(row.last_message_id), "thread.last_message_id"),
          state: e.fn.coalesce(sql<Thread["state"]>`cast(${given} as text)`, "thread.state"),
          changed_at: row.changed_at,
        }))
        .where((e) => e.not(isUnderOtherKey("thread.key_id", keys))),
    )
    .returningAll(),
);

/** @internal */
export function createThreads(parts: Parts): Threads {
  const { store, cipher } = parts;

  function threadFromRow(row: Selectable<ThreadTable>): Thread {
    const factsPlace = threadPlace("facts", row.dialog_id);
    return {
      dialogId: row.dialog_id,
      own: row.own_party,
      other: row.other_party,
      ...(row.last_message_id === null ? {} : { lastMessageId: row.last_message_id }),
      state: row.state,
      ...(row.person === null
        ? {}
        : { person: personFromBytes(cipher.open(row.key_id, row.person, threadPlace("person", row.dialog_id))) }),
      facts: fromJsonBytes(cipher.open(row.key_id, row.facts, factsPlace), factsPlace),
      createdAt: row.created_at,
      changedAt: row.changed_at,
    };
  }

  async function put(
    update: ThreadUpdate,
    options: Cancellable & { readonly transaction?: CallersTransaction } = {},
  ): Promise<Thread> {
    const dialogId = plainText("dialogId", update.dialogId);
    const own = plainText("own", update.own);
    const other = plainText("other", update.other);
    const last = plainOrNull("lastMessageId", update.lastMessageId);
    const now = await parts.now();
    const sealed = (person: Personal | undefined, facts: Thread["facts"]) => ({
      person: person === undefined ? null : cipher.seal(bytesFromPerson(person), threadPlace("person", dialogId)),
      facts: cipher.seal(toJsonBytes(facts), threadPlace("facts", dialogId)),
      key_id: cipher.keyId,
    });
    const fresh = {
      dialog_id: dialogId,
      own_party: own,
      other_party: other,
      last_message_id: last,
      state: update.state ?? ("open" as const),
      ...sealed(update.person, update.facts ?? {}),
      created_at: now,
      changed_at: now,
    };
    // One statement is enough where nobody is named, and where somebody is most threads are new; to the embedded engine the
    // steps cost nothing.
    if (store.engine === "postgres") {
      const given = update.state ?? null;
      const keys = cipher.keyIds.filter((id) => id !== null);
      const namesNobody = update.person === undefined && update.facts === undefined;
      const [row] = await inTransaction(parts, { ...options, oneStatement: true }, [], (db) =>
        namesNobody ? passRow(parts, db, { ...fresh, given, keys }) : newRow(parts, db, fresh),
      );
      if (row !== undefined) return threadFromRow(row);
    }
    return inTransaction(parts, options, [], async (db) => {
      const [row] = await lockedRow(parts, db, { dialogId });
      const before = row === undefined ? undefined : threadFromRow(row);
      const [stored] = await putRow(parts, db, {
        ...fresh,
        last_message_id: last ?? before?.lastMessageId ?? null,
        state: update.state ?? before?.state ?? "open",
        ...sealed(update.person ?? before?.person, { ...before?.facts, ...update.facts }),
      });
      if (stored === undefined) throw notFound("a thread", dialogId);
      return threadFromRow(stored);
    });
  }

  async function get(dialogId: string, { signal }: Cancellable = {}): Promise<Thread | undefined> {
    const row = await store.read(
      (db) => db.selectFrom("thread").selectAll().where("dialog_id", "=", dialogId).executeTakeFirst(),
      signal,
    );
    return row === undefined ? undefined : threadFromRow(row);
  }

  return {
    put,
    get,

    async close(dialogId, { signal } = {}) {
      const now = await parts.now();
      const row = await store.write(
        (db) =>
          db
            .updateTable("thread")
            .set({ state: "closed", changed_at: now })
            .where("dialog_id", "=", dialogId)
            .returningAll()
            .executeTakeFirst(),
        signal,
      );
      if (row === undefined) throw notFound("a thread", dialogId);
      return threadFromRow(row);
    },

    async list({ state, limit = 100, signal } = {}) {
      wholeNumber("limit", limit, 1, 1_000);
      const rows = await store.read((db) => {
        const all = db.selectFrom("thread").selectAll();
        const some = state === undefined ? all : all.where("state", "=", state);
        return some.orderBy("changed_at", "desc").orderBy("dialog_id").limit(limit).execute();
      }, signal);
      return rows.map(threadFromRow);
    },
  };
}

/** @internal */
export function bytesFromPerson(person: Personal): Uint8Array {
  return new TextEncoder().encode(person.reveal());
}

/** @internal */
export function personFromBytes(bytes: Uint8Array): Personal {
  return new Personal(new TextDecoder().decode(bytes));
}
