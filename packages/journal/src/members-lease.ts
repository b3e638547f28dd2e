import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { HelsekontaktError } from "@helsekontakt/core";
import { sql } from "kysely";
import type { Cancellable, Parts } from "./parts.ts";
import type { Db } from "./store.ts";

const name = "register";

/** Tokens of leases that this process holds: a lease of its own number with another token is of a process before it. */
const held = new Set<string>();

/** The right to work on the register, kept by writing and by a timer. */
export class MemberLease {
  readonly #parts: Parts;
  readonly leaseMs: number;
  readonly #owner: string;
  readonly #token: string;
  #timer: NodeJS.Timeout | undefined;

  private constructor(parts: Parts, leaseMs: number) {
    this.#parts = parts;
    this.leaseMs = leaseMs;
    this.#token = randomUUID();
    this.#owner = `${this.#token}/${process.pid}/${hostname()}`;
  }

  /** @throws {HelsekontaktError} `journal/conflict` */
  static async take(parts: Parts, leaseMs: number, { signal }: Cancellable): Promise<MemberLease> {
    const lease = new MemberLease(parts, leaseMs);
    const now = await parts.now();
    const row = { name, owner: lease.#owner, lease_until: now + leaseMs };
    await parts.store.write(async (db) => {
      await lease.#boundPauses(db);
      // Whoever comes second waits here for the first one's commit, and then sees its lease.
      const fresh = await db
        .insertInto("member_lease")
        .values(row)
        .onConflict((c) => c.column("name").doNothing())
        .returning("name")
        .execute();
      if (fresh.length > 0) return;
      const present = await db.selectFrom("member_lease").selectAll().where("name", "=", name).executeTakeFirst();
      if (present !== undefined && present.lease_until > now && !isGone(present.owner))
        throw taken(present.lease_until - now);
      const got = await db
        .updateTable("member_lease")
        .set({ owner: row.owner, lease_until: row.lease_until })
        .where("name", "=", name)
        .where("owner", "=", present?.owner ?? "")
        .returning("name")
        .execute();
      if (got.length === 0) throw taken(leaseMs);
    }, signal);
    held.add(lease.#token);
    lease.#timer = setInterval(() => void lease.#renew(), Math.max(50, leaseMs / 3));
    lease.#timer.unref();
    return lease;
  }

  async #renew(): Promise<void> {
    try {
      await this.#parts.store.write((db) => this.keep(db));
    } catch {
      // The next write of the run meets the same fault, and tells it.
    }
  }

  /** Renews inside a transaction. @throws {HelsekontaktError} `journal/conflict` */
  async keep(db: Db): Promise<void> {
    await this.#boundPauses(db);
    const now = await this.#parts.now();
    const kept = await db
      .updateTable("member_lease")
      .set({ lease_until: now + this.leaseMs })
      .where("name", "=", name)
      .where("owner", "=", this.#owner)
      .returning("name")
      .execute();
    if (kept.length === 0) throw takenOver();
  }

  /**
   * A process that is paused between two statements would hold the lease's row for as long as it is, and with it whoever
   * wants to take over: PostgreSQL ends its session when the lease has run out. (SQLite has no such means; there a busy
   * file is a fault that says so.)
   */
  async #boundPauses(db: Db): Promise<void> {
    if (this.#parts.store.engine !== "postgres") return;
    await sql`select set_config('idle_in_transaction_session_timeout', ${String(Math.ceil(this.leaseMs))}, true)`.execute(
      db,
    );
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    held.delete(this.#token);
    await this.#parts.store.write((db) =>
      db.deleteFrom("member_lease").where("name", "=", name).where("owner", "=", this.#owner).execute(),
    );
  }

  static async isHeld(db: Db, now: number): Promise<boolean> {
    const row = await db.selectFrom("member_lease").selectAll().where("name", "=", name).executeTakeFirst();
    return row !== undefined && row.lease_until > now && !isGone(row.owner);
  }
}

/** True when the lease's process was on this machine and is no more. */
function isGone(owner: string): boolean {
  const [token = "", pid = "", ...host] = owner.split("/");
  if (host.join("/") !== hostname()) return false;
  if (Number(pid) === process.pid) return !held.has(token);
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (reason) {
    return (reason as { code?: string }).code === "ESRCH";
  }
}

/** The run that speaks has lost the register. */
export function takenOver(): HelsekontaktError {
  return taken(0);
}

function taken(ms: number): HelsekontaktError {
  return new HelsekontaktError(
    "journal/conflict",
    "expected the member register to be free, found another process at work on it",
    {
      hint: "one run at a time; the lease of a machine that is gone runs out by itself",
      context: { leaseMs: Math.max(0, Math.round(ms)) },
    },
  );
}
