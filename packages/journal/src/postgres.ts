import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import { Kysely, PostgresDialect, type PostgresPool, sql } from "kysely";
import { closedFault, storeFault } from "./faults.ts";
import { PostgresBell } from "./postgres-bell.ts";
import { migratePostgres } from "./postgres-migrate.ts";
import { guardClients } from "./postgres-pool.ts";
import { preparing } from "./postgres-prepared.ts";
import type { JournalSchema } from "./schema.ts";
import type { Db, OpenStore, PgClient, Store } from "./store.ts";

export interface PostgresStoreOptions {
  /** A `pg` Pool. It stays the application's: closing the journal does not end it. */
  readonly pool: PostgresPool;
  /** The schema that holds the journal's tables; made when absent. Default `helsekontakt`. */
  readonly schema?: string;
  /**
   * Wakes this process at once when another has changed something (LISTEN), which takes one of the pool's connections,
   * for all journals on it, while one is open. Without it changes are found by looking. Default true, false for a pool of one.
   */
  readonly listen?: boolean;
  /**
   * Sends what comes again and again as prepared statements, of which the server keeps some fifty for each connection.
   * Default true. Say false for a pooler that gives out a session statement by statement and does not know them: without
   * it the first call that such a pooler refuses fails with `journal/unavailable`, and none is prepared any more.
   */
  readonly prepare?: boolean;
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
      const guarded = guardClients(options.pool);
      const store = new PostgresStore(
        options.prepare === false ? guarded : preparing(guarded),
        options.pool,
        schema,
        options.listen ?? poolSize(options.pool) !== 1,
      );
      await store.migrate();
      // The first look, while no transaction is open.
      await store.now();
      return store;
    },
  };
}

function poolSize(pool: PostgresPool): number | undefined {
  return (pool as { readonly options?: { readonly max?: number } }).options?.max;
}

/**
 * When a look at the database's clock is renewed, in milliseconds: the machine's steady clock goes on from there. Of a
 * virtual machine that is stopped from outside both of its clocks stand, so that nothing but a new look tells.
 */
const lookAge = 10_000;

/**
 * A look is not trusted any more when the machine's own clock and its steady one have gone apart by this much: the steady
 * one stands while a machine sleeps, and leases given by it would have run out already. In milliseconds.
 */
const apart = 1_000;
/** How long a call waits for a new look then. */
const lookWait = 1_000;

/** The database's clock and this machine's two at the same moment, in milliseconds. */
interface ClockLook {
  readonly database: number;
  readonly steady: number;
  readonly wall: number;
}

function isTrusted({ steady, wall }: ClockLook): boolean {
  return Math.abs(Date.now() - wall - (performance.now() - steady)) < apart;
}

function timeBy({ database, steady }: ClockLook): number {
  return Math.round(database + performance.now() - steady);
}

class PostgresStore implements OpenStore {
  readonly engine = "postgres";
  readonly #schema: string;
  readonly #root: Kysely<JournalSchema>;
  readonly #db: Db;
  #look: ClockLook | undefined;
  #looking: Promise<ClockLook> | undefined;
  #open = new Set<Promise<unknown>>();
  #closed = false;
  readonly #callers = new WeakMap<PgClient, Db>();
  readonly #bell: PostgresBell;
  readonly #listens: boolean;

  constructor(pool: PostgresPool, listening: PostgresPool, schema: string, listens: boolean) {
    this.#schema = schema;
    this.#listens = listens;
    // One listener serves all journals on a pool: it is known by the pool itself.
    this.#bell = new PostgresBell(listening, `helsekontakt/${schema}`);
    this.#root = new Kysely<JournalSchema>({ dialect: new PostgresDialect({ pool }) });
    this.#db = this.#root.withSchema(schema);
  }

  async migrate(): Promise<void> {
    await this.#track("open", () => migratePostgres(this.#root, this.#schema));
  }

  async now(): Promise<number> {
    const known = this.#look;
    if (known === undefined) return timeBy(await this.#lookAgain());
    if (!isTrusted(known)) return timeBy(await this.#lookSoon(known));
    // A look takes a connection. Whoever waited for one inside a transaction would hold another meanwhile, and as many
    // transactions as there are connections would wait for ever: so the old look serves until the next one is there.
    if (performance.now() - known.steady >= lookAge) this.#lookAgain().catch(() => {});
    return timeBy(known);
  }

  /** As below, but for a time: the old look is the better answer than none. */
  async #lookSoon(known: ClockLook): Promise<ClockLook> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<ClockLook>((resolve) => (timer = setTimeout(() => resolve(known), lookWait)));
    try {
      return await Promise.race([this.#lookAgain().catch(() => known), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Everybody who finds the last look too old takes part in the next one. */
  #lookAgain(): Promise<ClockLook> {
    this.#looking ??= this.#lookAtClock().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #lookAtClock(): Promise<ClockLook> {
    const before = performance.now();
    const database = await this.read(async (db) => {
      const { rows } = await sql<{ now: number }>`
        select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`.execute(db);
      return rows[0]?.now ?? Date.now();
    });
    const after = performance.now();
    this.#look = { database, steady: (before + after) / 2, wall: Date.now() - (after - before) / 2 };
    return this.#look;
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

  async statement<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal);
    return this.#track("commit", () => work(this.#db));
  }

  async within<T>(client: PgClient, work: (db: Db) => Promise<T>, topics: readonly string[]): Promise<T> {
    return this.#track("write", async () => {
      const result = await work(this.#dbOf(client));
      await client.query("select pg_notify($1, $2)", [this.#bell.channel, this.#bell.message(topics, "")]);
      return result;
    });
  }

  announce(topics: readonly string[]): void {
    if (!this.#closed) this.#bell.ring(topics);
  }

  listen(heard: (topics: readonly string[] | undefined) => void): void {
    if (this.#listens && !this.#closed) this.#bell.listen(heard);
  }

  #dbOf(client: PgClient): Db {
    const known = this.#callers.get(client);
    if (known !== undefined) return known;
    const pool = {
      connect: async () => ({ query: (text: string, values: unknown[]) => client.query(text, values), release() {} }),
      async end() {},
    } as unknown as PostgresPool;
    const db = new Kysely<JournalSchema>({ dialect: new PostgresDialect({ pool }) });
    const made = db.withSchema(this.#schema);
    this.#callers.set(client, made);
    return made;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#bell.close();
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
