import type { Kysely } from "kysely";
import type { JournalSchema } from "./schema.ts";

/** The database as the journal's parts see it. */
export type Db = Kysely<JournalSchema>;

/** The two engines behind the one interface. */
export type Engine = "sqlite" | "postgres";

/** The least of a `pg` client that the journal needs to write inside the application's own transaction. */
export interface PgClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[]; rowCount: number | null; command: string }>;
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
  read<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /**
   * Runs `work` in a transaction and resolves after its durable commit. The signal is looked at until the work begins;
   * work that has begun is finished, so that the caller knows what is stored.
   *
   * @throws {HelsekontaktError} `journal/unavailable`, `journal/closed`, `abort/cancelled`, and what `work` throws
   */
  write<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Runs `work` on the application's client; the application commits. @throws {HelsekontaktError} `input/invalid` on SQLite */
  within<T>(client: PgClient, work: (db: Db) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** A store that {@link openJournal} can open. */
export interface Store {
  readonly engine: Engine;
  /** @throws {HelsekontaktError} `journal/unavailable`, `journal/too-new` */
  open(options: { readonly signal?: AbortSignal }): Promise<OpenStore>;
}
