import { AsyncLocalStorage } from "node:async_hooks";
import { HelsekontaktError } from "@helsekontakt/core";
import type { CompiledQuery, Kysely } from "kysely";
import { storeFault } from "./faults.ts";
import type { JournalSchema } from "./schema.ts";

/** The database as the journal's parts see it. */
export type Db = Kysely<JournalSchema>;

/** The two engines behind the one interface. */
export type Engine = "sqlite" | "postgres";

/** The least of a `pg` client that the journal needs to write inside the application's own transaction. */
export interface PgClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[]; rowCount: number | null; command: string }>;
}

/** A transaction of the journal's own, which the application's rows may be part of. */
export class JournalTransaction {
  readonly #db: Db;
  readonly #raw: typeof CompiledQuery.raw;
  readonly #topics = new Set<string>();
  #over = false;

  /** @internal */
  constructor(db: Db, raw: typeof CompiledQuery.raw) {
    this.#db = db;
    this.#raw = raw;
  }

  /**
   * Runs one statement, with `?` (SQLite) or `$1` (PostgreSQL) for its values.
   *
   * @throws {HelsekontaktError} `journal/closed` once the transaction is over; `journal/unavailable`, `journal/full` and
   *   `journal/read-only` with the engine's code in `remoteCode`
   */
  async query<R = Record<string, unknown>>(text: string, values: readonly unknown[] = []): Promise<{ rows: R[] }> {
    try {
      const { rows } = await this.db().executeQuery<R>(this.#raw(text, [...values]));
      return { rows };
    } catch (reason) {
      throw storeFault(reason, "run the application's statement", "application");
    }
  }

  /** @internal */
  db(): Db {
    if (this.#over)
      throw new HelsekontaktError("journal/closed", "expected a transaction that runs, found one that is over");
    return this.#db;
  }

  /** @internal */
  get isOver(): boolean {
    return this.#over;
  }

  /** Who is to be woken after the commit. @internal */
  wake(...topics: readonly string[]): void {
    for (const topic of topics) this.#topics.add(topic);
  }

  /** @internal */
  finish(): string[] {
    this.#over = true;
    return [...this.#topics];
  }
}

/** The transaction in whose work a call is made, and the store that it holds. @internal */
export const currentTransaction = new AsyncLocalStorage<{
  readonly store: OpenStore;
  readonly transaction: JournalTransaction;
}>();

/** The application's transaction: a `pg` client that has begun one, or one of {@link Journal.transaction}. */
export type CallersTransaction = PgClient | JournalTransaction;

/** What a call moves, for a store that works in this process and on its event loop. */
export interface StoreLoad {
  /** About how many bytes. */
  readonly bytes: number;
  /**
   * One of many such calls, for a large value: what they wrote is brought to its place between them, and not at some later
   * commit in one go, and the memory that they took goes.
   */
  readonly settles?: boolean;
}

/** An opened and migrated store. */
export interface OpenStore {
  readonly engine: Engine;
  /**
   * Milliseconds since 1970 UTC on the clock that all who share the store go by: machines must agree on leases, and a
   * machine whose own clock is set must not take others' leases for lapsed.
   */
  now(): Promise<number>;
  /** Reads committed state. @throws {HelsekontaktError} `journal/unavailable`, `journal/closed`, `abort/cancelled` */
  read<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal, load?: StoreLoad): Promise<T>;
  /**
   * Runs `work` in a transaction and resolves after its durable commit. The signal is looked at until the work begins;
   * work that has begun is finished, so that the caller knows what is stored.
   *
   * @throws {HelsekontaktError} `journal/unavailable`, `journal/closed`, `abort/cancelled`, and what `work` throws
   */
  write<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal, load?: StoreLoad): Promise<T>;
  /** {@link OpenStore.write} for work of which one statement alone writes: it needs no transaction around it. */
  statement<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal, load?: StoreLoad): Promise<T>;
  /**
   * Runs `work` on the application's client; the application commits. `topics` are announced with that commit.
   *
   * @throws {HelsekontaktError} `input/invalid` on SQLite
   */
  within<T>(client: PgClient, work: (db: Db) => Promise<T>, topics: readonly string[]): Promise<T>;
  /** Tells other processes that something of these topics changed, soon and without promise. */
  announce(topics: readonly string[]): void;
  /** Calls `heard` with what other processes announce; undefined for anything. Until the store is closed. */
  listen(heard: (topics: readonly string[] | undefined) => void): void;
  close(): Promise<void>;
}

/** A store that {@link openJournal} can open. */
export interface Store {
  readonly engine: Engine;
  /** @throws {HelsekontaktError} `journal/unavailable`, `journal/too-new` */
  open(options: { readonly signal?: AbortSignal }): Promise<OpenStore>;
}
