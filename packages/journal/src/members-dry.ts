import { hash, randomBytes } from "node:crypto";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { storeFault } from "./faults.ts";

/** Kilobytes of it in memory; what does not fit goes to a temporary file. */
const cacheKb = 32_768;

/** A member that is new, as {@link DryMembers} knows it. */
export interface DryMember {
  /** Of the person and the organisation together. */
  readonly key: string;
  /** First and last day. */
  readonly period: string;
}

/**
 * New members of a dry run, to find them twice: the register stores none of them. They are in a temporary database of this
 * run's own, which SQLite keeps in memory while it is small, then in a file without a name (`SQLITE_TMPDIR`, `TMPDIR`,
 * `/var/tmp`, `/tmp`), under hashes whose key ends with the run: the file tells nothing of persons.
 *
 * @see https://www.sqlite.org/inmemorydb.html#temp_db
 */
export class DryMembers {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #find: StatementSync;
  readonly #secret = randomBytes(32).toString("hex");

  /** @throws {HelsekontaktError} `journal/unavailable` */
  constructor() {
    try {
      this.#database = new DatabaseSync("");
      this.#database.exec(`pragma cache_size=-${cacheKb}`);
      this.#database.exec("create table seen (key blob primary key, period text not null) without rowid");
      // One transaction, which never ends: with one for each part, every page would be written for each part, and twice.
      this.#database.exec("begin");
      this.#insert = this.#database.prepare("insert into seen (key, period) values (?, ?) on conflict do nothing");
      this.#find = this.#database.prepare("select period from seen where key = ?");
    } catch (reason) {
      throw storeFault(reason, "remember the members of a dry run");
    }
  }

  /**
   * Remembers members that are different from each other.
   *
   * @returns for each the period that it was remembered with before; undefined for those met for the first time.
   * @throws {HelsekontaktError} `journal/full` when there is no room for temporary files; `journal/unavailable`
   */
  add(members: readonly DryMember[]): (string | undefined)[] {
    const before: (string | undefined)[] = members.map(() => undefined);
    const rows = members.map(({ key, period }, n) => ({ key: this.#keyOf(key), period, n }));
    // Neighbours in the index come after each other: each page of it is read and written once.
    rows.sort((a, b) => Buffer.compare(a.key, b.key));
    try {
      for (const { key, period, n } of rows)
        if (this.#insert.run(key, period).changes === 0) before[n] = String(this.#find.get(key)?.["period"]);
    } catch (reason) {
      throw storeFault(reason, "remember the members of a dry run");
    }
    return before;
  }

  /** The temporary file goes with it. */
  close(): void {
    this.#database.close();
  }

  #keyOf(key: string): Buffer {
    return hash("sha256", `${this.#secret}/${key}`, "buffer").subarray(0, 16);
  }
}
