import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import { Kysely, PostgresDialect, type PostgresPool, sql } from "kysely";
import { closedFault, storeFault } from "./faults.ts";
import { migrate } from "./migrations.ts";
import type { JournalSchema } from "./schema.ts";
import type { Db, OpenStore, PgClient, Store } from "./store.ts";

export interface PostgresStoreOptions {
  /** A `pg` Pool. It stays the application's: closing the journal does not end it. */
  readonly pool: PostgresPool;
  /** The schema that holds the journal's tables; made when absent. Default `helsekontakt`. */
  readonly schema?: string;
}

/**
 * The store for several processes or machines that share the work: leases and `for update skip locked` in PostgreSQL.
 * Leases follow the database's clock.
 */
export function postgresStore(options: PostgresStoreOptions): Store {
  return {
    engine: "postgres",
    async open({ signal }) {
      throwIfAborted(signal);
      const schema = options.schema ?? "helsekontakt";
      if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema))
        throw new HelsekontaktError("config/invalid", "expected a schema name in lower case letters, digits and _", {
          context: { field: "schema" },
        });
      const store = new PostgresStore(options.pool, schema);
      await store.migrate();
      return store;
    },
  };
}

/** How long a look at the database's clock is good for, in milliseconds: the machine's steady clock goes on from there. */
const lookAge = 60_000;

class PostgresStore implements OpenStore {
  readonly engine = "postgres";
  readonly #schema: string;
  readonly #root: Kysely<JournalSchema>;
  readonly #db: Db;
  #look: { readonly database: number; readonly steady: number } | undefined;
  #open = new Set<Promise<unknown>>();
  #closed = false;

  constructor(pool: PostgresPool, schema: string) {
    this.#schema = schema;
    this.#root = new Kysely<JournalSchema>({ dialect: new PostgresDialect({ pool }) });
    this.#db = this.#root.withSchema(schema);
  }

  async migrate(): Promise<void> {
    await this.#track("open", () =>
      this.#root.transaction().execute(async (trx) => {
        // Processes that start together migrate one after the other.
        await sql`select pg_advisory_xact_lock(hashtextextended(${`helsekontakt/${this.#schema}`}, 0))`.execute(trx);
        const { rows } = await sql<{ found: number }>`
          select 1 as found from information_schema.schemata where schema_name = ${this.#schema}`.execute(trx);
        if (rows.length === 0) await trx.schema.createSchema(this.#schema).execute();
        await migrate(trx.withSchema(this.#schema), "postgres", Date.now());
      }),
    );
  }

  async now(): Promise<number> {
    const known = this.#look;
    const before = performance.now();
    if (known !== undefined && before - known.steady < lookAge)
      return Math.round(known.database + before - known.steady);
    const database = await this.read(async (db) => {
      const { rows } = await sql<{ now: number }>`
        select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`.execute(db);
      return rows[0]?.now ?? Date.now();
    });
    const answered = performance.now();
    this.#look = { database, steady: (before + answered) / 2 };
    return Math.round(database + (answered - before) / 2);
  }

  async read<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal);
    return this.#track("answer a query", () => work(this.#db));
  }

  async write<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal);
    return this.#track("commit", () =>
      this.#root.transaction().execute((trx) => {
        // A connection may have been waited for.
        throwIfAborted(signal);
        return work(trx.withSchema(this.#schema));
      }),
    );
  }

  async within<T>(client: PgClient, work: (db: Db) => Promise<T>): Promise<T> {
    const pool = {
      connect: async () => ({ query: (text: string, values: unknown[]) => client.query(text, values), release() {} }),
      async end() {},
    } as unknown as PostgresPool;
    const db = new Kysely<JournalSchema>({ dialect: new PostgresDialect({ pool }) });
    return this.#track("write", () => work(db.withSchema(this.#schema)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#open);
  }

  async #track<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw closedFault();
    const running = work();
    this.#open.add(running);
    try {
      return await running;
    } catch (reason) {
      throw storeFault(reason, doing);
    } finally {
      this.#open.delete(running);
    }
  }
}
