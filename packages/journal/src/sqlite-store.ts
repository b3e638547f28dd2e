import { DatabaseSync, type StatementSync } from "node:sqlite";
import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import { Kysely } from "kysely";
import { closedFault, storeFault } from "./faults.ts";
import { migrate } from "./migrations.ts";
import type { JournalSchema } from "./schema.ts";
import { nodeSqliteDialect } from "./sqlite-dialect.ts";
import type { SqliteStoreOptions } from "./sqlite.ts";
import { currentTransaction, type Db, type OpenStore, type StoreLoad } from "./store.ts";
import { turn } from "./turn.ts";

/** Opens the file and brings its tables up to date, see `sqliteStore`. */
export async function openSqlite(
  options: SqliteStoreOptions,
  { signal }: { readonly signal?: AbortSignal },
): Promise<OpenStore> {
  throwIfAborted(signal);
  let store: SqliteStore | undefined;
  try {
    store = new SqliteStore(options);
    await store.write((db) => migrate(db, "sqlite", Date.now()), signal);
    return store;
  } catch (reason) {
    await store?.close();
    throw storeFault(reason, "open");
  }
}

interface Waiting {
  readonly work: (db: Db) => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
  readonly load: StoreLoad | undefined;
  readonly resolve: (value: never) => void;
  readonly reject: (reason: unknown) => void;
}

/** More would hold the event loop for too long between two looks at the sockets. */
const maxGroup = 128;
/** And so would more bytes in one commit, or more that a checkpoint copies from the log to the file. */
const maxGroupBytes = 1024 * 1024;

/**
 * Pages of the file that SQLite keeps. They are taken one by one and never given back, so they look like a leak until they
 * are full: some 400 messages of 5 kB out and as many in fill these, 3,000 and 3,000 filled 32 and 16 MiB. What is not
 * kept here the system keeps.
 */
const cacheKib = { writer: 4096, reader: 2048 };

class SqliteStore implements OpenStore {
  readonly engine = "sqlite";
  readonly #database: DatabaseSync;
  readonly #reader: DatabaseSync | undefined;
  /** Compiled once: each message of a group has one. */
  readonly #savepoints: Readonly<Record<"savepoint" | "release" | "undo", StatementSync>>;
  readonly #db: Db;
  readonly #readDb: Db | undefined;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  /** Bytes of calls that settle, since the last time. */
  #unsettled = { written: 0, read: 0 };
  #closed = false;

  constructor(options: SqliteStoreOptions) {
    const timeout = options.busyTimeoutMs ?? 5_000;
    this.#database = new DatabaseSync(options.file, { timeout });
    try {
      const pragmas = ["journal_mode=wal", "synchronous=full", "secure_delete=on", "foreign_keys=on"];
      // Transactions of thousands of members: with the default of 4 MB each of them waited for a checkpoint of its own.
      pragmas.push("wal_autocheckpoint=8192", "journal_size_limit=67108864");
      pragmas.push(`cache_size=-${cacheKib.writer}`);
      for (const pragma of pragmas) this.#database.exec(`pragma ${pragma}`);
      if (options.maxBytes !== undefined) {
        const page = this.#database.prepare("pragma page_size").get()?.page_size;
        this.#database.exec(`pragma max_page_count=${Math.max(1, Math.floor(options.maxBytes / Number(page)))}`);
      }
      if (options.file !== ":memory:") {
        this.#reader = new DatabaseSync(options.file, { timeout });
        this.#reader.exec("pragma query_only=on");
        this.#reader.exec(`pragma cache_size=-${cacheKib.reader}`);
      }
    } catch (reason) {
      this.#database.close();
      throw reason;
    }
    this.#savepoints = {
      savepoint: this.#database.prepare("savepoint one"),
      release: this.#database.prepare("release one"),
      undo: this.#database.prepare("rollback to one"),
    };
    this.#db = new Kysely<JournalSchema>({ dialect: nodeSqliteDialect(this.#database) });
    if (this.#reader !== undefined)
      this.#readDb = new Kysely<JournalSchema>({ dialect: nodeSqliteDialect(this.#reader) });
  }

  async now(): Promise<number> {
    return Date.now();
  }

  async read<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal, load?: StoreLoad): Promise<T> {
    if (this.#readDb === undefined) return this.write(work, signal);
    throwIfAborted(signal);
    if (this.#closed) throw closedFault();
    try {
      const answer = await work(this.#readDb);
      if (load?.settles === true) this.#settleRead(load.bytes);
      return answer;
    } catch (reason) {
      throw storeFault(reason, "answer a query");
    }
  }

  async write<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal, load?: StoreLoad): Promise<T> {
    throwIfAborted(signal);
    if (this.#closed) throw closedFault();
    // It would wait for a transaction that waits for it.
    const inside = currentTransaction.getStore();
    if (inside?.store === this && !inside.transaction.isOver)
      throw new HelsekontaktError(
        "input/invalid",
        "expected a write inside a transaction to be given that transaction",
        {
          hint: "pass { transaction }, or write after it",
        },
      );
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, signal, load, resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  statement<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal, load?: StoreLoad): Promise<T> {
    return this.write(work, signal, load);
  }

  async within<T>(): Promise<T> {
    throw new HelsekontaktError("input/invalid", "expected no caller's transaction on SQLite, found one", {
      hint: "the application's own rows in the same file: journal.transaction()",
    });
  }

  /** Processes that share a file find each other's changes by looking. */
  announce(): void {}
  listen(): void {}

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#running;
    this.#reader?.close();
    this.#database.close();
  }

  async #drain(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        // Everything asked for in this turn of the event loop joins the group.
        await turn();
        const group = this.#nextGroup();
        await this.#commitGroup(group);
        for (const { load } of group) if (load?.settles === true) this.#unsettled.written += load.bytes;
        if (this.#unsettled.written >= maxGroupBytes) await this.#checkpoint();
      }
    } finally {
      this.#running = undefined;
    }
  }

  #nextGroup(): Waiting[] {
    let count = 0;
    for (let bytes = 0; count < Math.min(this.#waiting.length, maxGroup); count++) {
      bytes += this.#waiting[count]?.load?.bytes ?? 0;
      if (count > 0 && bytes > maxGroupBytes) break;
    }
    return this.#waiting.splice(0, count);
  }

  async #checkpoint(): Promise<void> {
    await turn();
    this.#unsettled.written = 0;
    try {
      this.#database.exec("pragma wal_checkpoint(passive)");
      // The pages of a large value, which nobody asks for soon, would fill the cache.
      this.#database.exec("pragma shrink_memory");
    } catch {
      // Everything is committed; SQLite checkpoints again by itself.
    }
  }

  #settleRead(bytes: number): void {
    this.#unsettled.read += bytes;
    if (this.#unsettled.read < maxGroupBytes) return;
    this.#unsettled.read = 0;
    this.#reader?.exec("pragma shrink_memory");
  }

  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    const done: (() => void)[] = [];
    const pending = new Set(group);
    try {
      this.#database.exec("begin immediate");
      for (const one of group) {
        const settle = await this.#runOne(one);
        if (settle === undefined) pending.delete(one);
        else done.push(settle);
      }
      this.#database.exec("commit");
    } catch (reason) {
      try {
        this.#database.exec("rollback");
      } catch {
        // SQLite rolls back by itself on some faults (disk full); there is then nothing left to undo.
      }
      const fault = storeFault(reason, "commit");
      for (const one of pending) one.reject(fault);
      return;
    }
    for (const settle of done) settle();
  }

  /** Resolves to what to do after the commit; undefined when the work failed alone and was undone and told. */
  async #runOne(one: Waiting): Promise<(() => void) | undefined> {
    try {
      throwIfAborted(one.signal);
    } catch (reason) {
      one.reject(reason);
      return undefined;
    }
    const { savepoint, release, undo } = this.#savepoints;
    savepoint.run();
    try {
      const value = await one.work(this.#db);
      release.run();
      return () => one.resolve(value as never);
    } catch (reason) {
      try {
        undo.run();
        release.run();
      } catch {
        // On some faults (disk full) SQLite has undone the whole group: then this fault is the group's.
        throw reason;
      }
      one.reject(storeFault(reason, "write"));
      return undefined;
    }
  }
}
