import { randomUUID } from "node:crypto";
import { HelsekontaktError, type Personal, throwIfAborted } from "@helsekontakt/core";
import { type Selectable, sql } from "kysely";
import { notFound, plainText, wholeNumber } from "./faults.ts";
import type { Cancellable, Parts } from "./parts.ts";
import type { MemberTable } from "./schema.ts";
import type { Db } from "./store.ts";
import { bytesFromPerson, personFromBytes } from "./threads.ts";

/** Whether Helsenorge may hold data for the person; `unknown` until something has told. */
export type DigitalStatus = "active" | "inactive" | "unknown";

/** A person's membership in an organisation. */
export interface Membership {
  /** Fødselsnummer or D-number. */
  readonly person: Personal;
  /** Organisation number. */
  readonly organisation: string;
  /** First and last day, `YYYY-MM-DD`. */
  readonly start?: string;
  readonly end?: string;
}

/** A row of the register. */
export interface Member extends Membership {
  /** The register's own id: for logs and references. */
  readonly id: string;
  readonly status: DigitalStatus;
  /** Times are milliseconds since 1970 UTC. */
  readonly statusAt?: number;
  readonly nextRetryAt?: number;
}

/** The register of members. */
export interface Members {
  /**
   * Adds memberships or updates their period; the status is kept. Written in transactions of at most 500.
   *
   * @throws {HelsekontaktError} `input/invalid`, `journal/unavailable`, `journal/closed`, `abort/cancelled`
   */
  upsert(
    members: Membership | readonly Membership[],
    options?: Cancellable,
  ): Promise<{ added: number; updated: number }>;
  /**
   * Sets what is known of the person, in all organisations or one.
   *
   * @param change.nextRetryAt - milliseconds since 1970 UTC; absent clears it.
   * @returns how many rows changed; 0 when the person is not in the register.
   */
  setStatus(
    person: Personal,
    change: { readonly status: DigitalStatus; readonly nextRetryAt?: number; readonly organisation?: string },
    options?: Cancellable,
  ): Promise<number>;
  /** The person's memberships. */
  find(person: Personal, options?: Cancellable): Promise<Member[]>;
  /** @throws {HelsekontaktError} `journal/not-found` */
  get(id: string, options?: Cancellable): Promise<Member>;
  /** Whose retry date has come, oldest first, at most `limit` (default 1 000). */
  due(options?: Cancellable & { readonly limit?: number; readonly organisation?: string }): Promise<Member[]>;
  /** All members in batches of at most `batchSize` (default 1 000), one batch in memory at a time. */
  iterate(
    filter?: Cancellable & {
      readonly batchSize?: number;
      readonly status?: DigitalStatus;
      readonly organisation?: string;
    },
  ): AsyncIterable<Member[]>;
  /** Deletes the person, in all organisations or one. */
  remove(person: Personal, options?: Cancellable & { readonly organisation?: string }): Promise<number>;
  count(options?: Cancellable & { readonly organisation?: string }): Promise<Record<DigitalStatus, number>>;
}

const writeBatch = 500;

/** Columns of a membership that has not been told to anybody. @internal */
export const nothingAcked = {
  acked: null,
  acked_start: null,
  acked_end: null,
  todo: null,
  todo_run: null,
  outcome: null,
  outcome_code: null,
  outcome_run: null,
  history: null,
} as const;

/** @internal */
export function memberPlace(id: string): string {
  return `member:person:${id}`;
}

/** @internal */
export const memberLabel = "member";

/** @internal */
export function createMembers(parts: Parts): Members {
  const { store, cipher } = parts;

  const hashes = (person: Personal): string[] => cipher.hashes(memberLabel, person.reveal());

  function memberFromRow(row: Selectable<MemberTable>): Member {
    return {
      id: row.id,
      person: personFromBytes(cipher.open(row.key_id, row.person, memberPlace(row.id))),
      organisation: row.organisation,
      ...(row.period_start === null ? {} : { start: row.period_start }),
      ...(row.period_end === null ? {} : { end: row.period_end }),
      status: row.status,
      ...(row.status_at === null ? {} : { statusAt: row.status_at }),
      ...(row.next_retry_at === null ? {} : { nextRetryAt: row.next_retry_at }),
    };
  }

  /** @returns true when the membership is new. */
  async function upsertOne(db: Db, member: Membership, now: number): Promise<boolean> {
    const period = {
      period_start: dateOrNull("start", member.start),
      period_end: dateOrNull("end", member.end),
      changed_at: now,
    };
    const asAcked = sql`acked = 'member' and unsure = 0
      and acked_start is not distinct from cast(${period.period_start} as text)
      and acked_end is not distinct from cast(${period.period_end} as text)`;
    const wish = {
      wanted: 1,
      todo: sql<"add">`case when ${asAcked} then null when acked = 'member' then 'change' else 'add' end`,
      todo_run: null,
    };
    const updated = await db
      .updateTable("member")
      .set({ ...period, ...wish })
      .where("person_hash", "in", hashes(member.person))
      .where("organisation", "=", plainText("organisation", member.organisation))
      .returning("id")
      .execute();
    if (updated.length > 0) return false;
    const id = randomUUID();
    const inserted = await db
      .insertInto("member")
      .values({
        id,
        person_hash: cipher.hash(memberLabel, member.person.reveal()),
        person: cipher.seal(bytesFromPerson(member.person), memberPlace(id)),
        key_id: cipher.keyId,
        organisation: member.organisation,
        ...period,
        status: "unknown",
        status_at: null,
        next_retry_at: null,
        created_at: now,
        ...nothingAcked,
        todo: "add",
      })
      .onConflict((c) => c.columns(["person_hash", "organisation"]).doUpdateSet(period))
      .returning("id")
      .executeTakeFirstOrThrow();
    return inserted.id === id;
  }

  return {
    async upsert(members, { signal } = {}) {
      const all: readonly Membership[] = Array.isArray(members) ? members : [members as Membership];
      const now = await parts.now();
      let added = 0;
      for (let from = 0; from < all.length; from += writeBatch) {
        added += await store.write(async (db) => {
          let fresh = 0;
          for (const member of all.slice(from, from + writeBatch)) if (await upsertOne(db, member, now)) fresh++;
          return fresh;
        }, signal);
      }
      return { added, updated: all.length - added };
    },

    async setStatus(person, { status, nextRetryAt, organisation }, { signal } = {}) {
      const now = await parts.now();
      return store.write(async (db) => {
        let query = db
          .updateTable("member")
          .set({ status, status_at: now, next_retry_at: nextRetryAt ?? null, changed_at: now })
          .where("person_hash", "in", hashes(person));
        if (organisation !== undefined) query = query.where("organisation", "=", organisation);
        return (await query.returning("id").execute()).length;
      }, signal);
    },

    async find(person, { signal } = {}) {
      const rows = await store.read(
        (db) => db.selectFrom("member").selectAll().where("person_hash", "in", hashes(person)).orderBy("seq").execute(),
        signal,
      );
      return rows.map(memberFromRow);
    },

    async get(id, { signal } = {}) {
      const row = await store.read(
        (db) => db.selectFrom("member").selectAll().where("id", "=", id).executeTakeFirst(),
        signal,
      );
      if (row === undefined) throw notFound("a member", id);
      return memberFromRow(row);
    },

    async due({ limit = 1_000, organisation, signal } = {}) {
      wholeNumber("limit", limit, 1, 10_000);
      const now = await parts.now();
      const rows = await store.read((db) => {
        const all = db.selectFrom("member").selectAll().where("next_retry_at", "<=", now);
        const some = organisation === undefined ? all : all.where("organisation", "=", organisation);
        return some.orderBy("next_retry_at").orderBy("seq").limit(limit).execute();
      }, signal);
      return rows.map(memberFromRow);
    },

    async *iterate({ batchSize = 1_000, status, organisation, signal } = {}) {
      wholeNumber("batchSize", batchSize, 1, 10_000);
      let after = 0;
      for (;;) {
        throwIfAborted(signal);
        const rows = await store.read((db) => {
          let query = db.selectFrom("member").selectAll().where("seq", ">", after);
          if (status !== undefined) query = query.where("status", "=", status);
          if (organisation !== undefined) query = query.where("organisation", "=", organisation);
          return query.orderBy("seq").limit(batchSize).execute();
        }, signal);
        const last = rows.at(-1);
        if (last === undefined) return;
        after = Number(last.seq);
        yield rows.map(memberFromRow);
      }
    },

    async remove(person, { organisation, signal } = {}) {
      return store.write(async (db) => {
        let query = db.deleteFrom("member").where("person_hash", "in", hashes(person));
        if (organisation !== undefined) query = query.where("organisation", "=", organisation);
        return (await query.returning("id").execute()).length;
      }, signal);
    },

    async count({ organisation, signal } = {}) {
      const rows = await store.read((db) => {
        const all = db.selectFrom("member").select((e) => ["status", e.fn.countAll<number | string>().as("n")]);
        const some = organisation === undefined ? all : all.where("organisation", "=", organisation);
        return some.groupBy("status").execute();
      }, signal);
      const counts: Record<DigitalStatus, number> = { active: 0, inactive: 0, unknown: 0 };
      for (const row of rows) counts[row.status] = Number(row.n);
      return counts;
    },
  };
}

/** @internal */
export function dateOrNull(name: string, value: string | undefined): string | null {
  if (value === undefined) return null;
  if (/^\d{4}-\d{2}-\d{2}$/.test(value)) return value;
  throw new HelsekontaktError("input/invalid", `expected ${name} as YYYY-MM-DD, found another form`, {
    context: { field: name },
  });
}
