import type { Store } from "./store.ts";

export interface SqliteStoreOptions {
  /** Path of the database file; made when absent. `:memory:` keeps nothing and is for tests. */
  readonly file: string;
  /** How long a write waits for another process's transaction, in milliseconds; default 5 000. */
  readonly busyTimeoutMs?: number;
  /** Largest size of the database file in bytes; more is refused as on a full disk. Default: no limit. */
  readonly maxBytes?: number;
}

/**
 * The embedded store: one file, `node:sqlite`, WAL with `synchronous=FULL`. Writes that are asked for while another
 * commit runs share the next one. Deleted rows are overwritten (`secure_delete`).
 *
 * @see https://www.sqlite.org/pragma.html#pragma_synchronous
 */
export function sqliteStore(options: SqliteStoreOptions): Store {
  return {
    engine: "sqlite",
    async open(how) {
      // Loaded when a journal is opened: the query builder takes longer than all else, and REST needs no journal.
      const { openSqlite } = await import("./sqlite-store.ts");
      return openSqlite(options, how);
    },
  };
}
