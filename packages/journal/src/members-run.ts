// Over 400 lines: one run, whose steps share its lease, its counts and its transaction.
import { type Selectable, sql } from "kysely";
import { notFound } from "./faults.ts";
import type {
  BatchMember,
  LedgerBatch,
  LedgerDue,
  LedgerRunHandle,
  MemberBatch,
  MemberSettlement,
  Staged,
  StagedMember,
} from "./members-ledger-types.ts";
import type { DryMembers } from "./members-dry.ts";
import { type MemberLease, takenOver } from "./members-lease.ts";
import { memberPlace } from "./members.ts";
import { SeenSet } from "./members-rows.ts";
import { settleRows } from "./members-settle.ts";
import { inNumbers, inTexts } from "./members-sql.ts";
import { type PersonHashes, personHashes, planStage, type StagePlan, writeStage } from "./members-stage.ts";
import type { Cancellable, Parts } from "./parts.ts";
import type { MemberBatchTable } from "./schema.ts";
import type { Db } from "./store.ts";
import { personFromBytes } from "./threads.ts";

/** Rows in one page of a walk through the register, and in one statement that withdraws. */
const page = 5_000;

type Stored = readonly [seq: number, change: BatchMember["change"], start: string, end: string];

export class LedgerRun implements LedgerRunHandle {
  readonly run: number;
  readonly #parts: Parts;
  readonly #lease: MemberLease | undefined;
  readonly #seen = new SeenSet();
  readonly #badRuns: ReadonlySet<number>;
  #dry: DryMembers | undefined;
  #hashes: PersonHashes | undefined;
  /** Rows that look wanted and were not before this run. */
  #added = 0;
  #cursor = 0;

  /** @param lease - absent for a dry run, which writes nothing. */
  constructor(parts: Parts, run: number, badRuns: ReadonlySet<number>, lease: MemberLease | undefined) {
    this.#parts = parts;
    this.run = run;
    this.#badRuns = badRuns;
    this.#lease = lease;
  }

  /** In a transaction that holds the lease. */
  async #write<T>(work: (db: Db) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#parts.store.write(async (db) => {
      await this.#lease?.keep(db);
      return work(db);
    }, signal);
  }

  async stage(members: readonly StagedMember[], { signal }: Cancellable = {}): Promise<Staged[]> {
    const { store, cipher } = this.#parts;
    this.#hashes ??= await store.read((db) => personHashes(db, cipher), signal);
    const hashes = this.#hashes;
    const plan = await store.read(
      (db) => planStage(db, store.engine, hashes, members, this.#seen, this.#badRuns),
      signal,
    );
    if (this.#lease === undefined) {
      this.#added += plan.reclaimed;
      return this.#recall(plan);
    }
    this.#added += plan.results.filter((r) => r === "added").length;
    if (plan.inserts.length + plan.updates.length > 0) {
      const now = await this.#parts.now();
      await this.#write(
        (db) => writeStage(db, store.engine, cipher, plan, { run: this.run, now, seen: this.#seen }),
        signal,
      );
    }
    return plan.results;
  }

  /** What a dry run makes of members that it has met before and, unlike another, not stored. */
  async #recall({ inserts, results }: StagePlan): Promise<Staged[]> {
    if (inserts.length === 0) return results;
    // Loaded when there is something to remember: the engine may be another one.
    this.#dry ??= new (await import("./members-dry.ts")).DryMembers();
    const before = this.#dry.add(
      inserts.map(({ hash, member }) => ({
        key: `${hash}/${member.organisation}`,
        period: `${member.start}/${member.end}`,
      })),
    );
    for (const [n, { member, place }] of inserts.entries()) {
      const period = before[n];
      if (period !== undefined)
        results[place] = period === `${member.start}/${member.end}` ? "duplicate" : "two-periods";
    }
    return results;
  }

  async *#absent(
    organisations: readonly string[],
    signal?: AbortSignal,
  ): AsyncGenerator<{ seqs: number[]; all: number; untold: number }> {
    const { store } = this.#parts;
    for (let after = 0; ; ) {
      const rows = await store.read(
        (db) =>
          db
            .selectFrom("member")
            .select(["seq", "acked", "unsure", "outcome", "todo_run"])
            .where("seq", ">", after)
            .where((e) =>
              e.or([
                e("wanted", "=", 1),
                // Withdrawn by a run that ended before that counted.
                e.and([e("todo", "=", "withdraw"), inNumbers(store.engine, "todo_run", [...this.#badRuns])]),
              ]),
            )
            .where(inTexts(store.engine, "organisation", organisations))
            .orderBy("seq")
            .limit(page)
            .execute(),
        signal,
      );
      after = Number(rows.at(-1)?.seq ?? after);
      const absent = rows.filter((r) => !this.#seen.has(Number(r.seq)));
      const untold = absent.filter(
        (r) =>
          r.acked === null &&
          r.unsure === 0 &&
          r.outcome === null &&
          r.todo_run !== null &&
          this.#badRuns.has(r.todo_run),
      );
      yield { seqs: absent.map((r) => Number(r.seq)), all: rows.length, untold: untold.length };
      if (rows.length < page) return;
    }
  }

  async countAbsent(organisations: readonly string[], { signal }: Cancellable = {}) {
    let absent = 0;
    let wanted = 0;
    for await (const { seqs, all, untold } of this.#absent(organisations, signal)) {
      absent += seqs.length - untold;
      wanted += all - untold;
    }
    return { absent, wanted: wanted - this.#added };
  }

  async withdrawAbsent(organisations: readonly string[], { signal }: Cancellable = {}): Promise<number> {
    const { store } = this.#parts;
    let told = 0;
    for await (const { seqs } of this.#absent(organisations, signal)) {
      if (seqs.length === 0) continue;
      const now = await this.#parts.now();
      const changed = await this.#write(
        (db) =>
          db
            .updateTable("member")
            .set({
              wanted: 0,
              todo: sql<"withdraw">`case when acked = 'member' or unsure = 1 then 'withdraw' else null end`,
              todo_run: this.run,
              next_retry_at: null,
              changed_at: now,
            })
            .where(inNumbers(store.engine, "seq", seqs))
            .returning("todo")
            .execute(),
        signal,
      );
      told += changed.filter((r) => r.todo !== null).length;
    }
    return told;
  }

  async accept(): Promise<void> {
    await this.#setState("sending");
  }

  async #setState(state: "sending" | "done" | "stopped" | "refused"): Promise<void> {
    const now = await this.#parts.now();
    await this.#write((db) =>
      db
        .updateTable("member_run")
        .set({ state, finished_at: state === "sending" ? null : now })
        .where("id", "=", this.run)
        .execute(),
    );
  }

  async openBatches(after: number, limit: number, { signal }: Cancellable = {}): Promise<readonly MemberBatch[]> {
    const { store, cipher } = this.#parts;
    return store.read(async (db) => {
      const batches = await db
        .selectFrom("member_batch")
        .selectAll()
        .where(sql<boolean>`state = 'open'`)
        .where("id", ">", after)
        .orderBy("id")
        .limit(limit)
        .execute();
      const found: MemberBatch[] = [];
      for (const { id, content, tries, timeouts } of batches) {
        const stored = JSON.parse(content ?? "[]") as Stored[];
        const rows = await db
          .selectFrom("member")
          .select(["seq", "id", "person", "key_id", "organisation", "attempts"])
          .where(
            inNumbers(
              store.engine,
              "seq",
              stored.map(([seq]) => seq),
            ),
          )
          .execute();
        const bySeq = new Map(rows.map((r) => [Number(r.seq), r]));
        const members: BatchMember[] = [];
        for (const [seq, change, start, end] of stored) {
          const row = bySeq.get(seq);
          // A member that was deleted meanwhile is not sent.
          if (row === undefined) continue;
          const person = personFromBytes(cipher.open(row.key_id, row.person, memberPlace(row.id)));
          members.push({ seq, person, organisation: row.organisation, change, start, end, attempts: row.attempts });
        }
        found.push({ id, run: this.run, members, tries, timeouts });
      }
      return found;
    }, signal);
  }

  /** Members that wait for being told now. */
  #due(db: Db, now: number, everything: boolean) {
    const { engine } = this.#parts.store;
    let query = db.selectFrom("member").where(sql<boolean>`todo is not null`);
    if (!everything) query = query.where((e) => e.or([e("next_retry_at", "is", null), e("next_retry_at", "<=", now)]));
    if (this.#badRuns.size > 0)
      query = query.where((e) =>
        e.or([e("todo_run", "is", null), e.not(inNumbers(engine, "todo_run", [...this.#badRuns]))]),
      );
    return query;
  }

  async countDue(everything: boolean, { signal }: Cancellable = {}): Promise<number> {
    const now = await this.#parts.now();
    const row = await this.#parts.store.read(
      (db) =>
        this.#due(db, now, everything)
          .select((e) => e.fn.countAll<number | string>().as("n"))
          .executeTakeFirst(),
      signal,
    );
    return Number(row?.n ?? 0);
  }

  /** Those who were refused are told again. */
  async reviveRefused(): Promise<void> {
    await this.#write((db) =>
      db
        .updateTable("member")
        .set({
          todo: sql<"add">`case when wanted = 0 then 'withdraw' when acked = 'member' then 'change' else 'add' end`,
          todo_run: this.run,
        })
        .where("outcome", "=", "refused")
        .where("todo", "is", null)
        .execute(),
    );
  }

  async peek({ limit, everything, signal }: Cancellable & { limit: number; everything: boolean }) {
    const { store, cipher } = this.#parts;
    const now = await this.#parts.now();
    const rows = await store.read(
      (db) =>
        this.#due(db, now, everything)
          .select([
            "seq",
            "id",
            "person",
            "key_id",
            "organisation",
            "todo",
            "period_start",
            "period_end",
            "acked",
            "acked_start",
            "acked_end",
            "attempts",
            "outcome",
          ])
          .where("seq", ">", this.#cursor)
          .orderBy("seq")
          .limit(limit)
          .execute(),
      signal,
    );
    return rows.map((row): LedgerDue => {
      this.#cursor = Number(row.seq);
      return {
        seq: this.#cursor,
        person: personFromBytes(cipher.open(row.key_id, row.person, memberPlace(row.id))),
        organisation: row.organisation,
        change: row.todo ?? "add",
        start: row.period_start ?? "",
        end: row.period_end ?? "",
        attempts: row.attempts,
        ...(row.outcome === null ? {} : { outcome: row.outcome }),
        ...(row.acked === "member" ? { acked: { start: row.acked_start ?? "", end: row.acked_end ?? "" } } : {}),
      };
    });
  }

  async open(members: readonly BatchMember[]): Promise<MemberBatch> {
    const now = await this.#parts.now();
    const id = await this.#write((db) => this.#insert(db, members, now, 0));
    return { id, run: this.run, members, tries: 0, timeouts: 0 };
  }

  async #insert(db: Db, members: readonly BatchMember[], now: number, tries: number): Promise<number> {
    const stored: Stored[] = members.map((m) => [m.seq, m.change, m.start, m.end]);
    const row = await db
      .insertInto("member_batch")
      .values({
        run: this.run,
        state: "open",
        content: JSON.stringify(stored),
        size: members.length,
        tries,
        timeouts: 0,
        ms: 0,
        opened_at: now,
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    return row.id;
  }

  async settleUnsent(
    members: readonly LedgerDue[],
    settlement: (member: LedgerDue) => MemberSettlement,
    change?: "check",
  ): Promise<void> {
    if (members.length === 0) return;
    const now = await this.#parts.now();
    const at = { now, run: this.run, batch: null, ...(change === undefined ? {} : { label: change }) };
    await this.#write((db) => settleRows(db, this.#parts.store.engine, members, members.map(settlement), at));
  }

  async hold(batch: number): Promise<number> {
    await this.#write(async (db) => {
      const open = await db
        .selectFrom("member_batch")
        .select("id")
        .where("id", "=", batch)
        .where(sql<boolean>`state = 'open'`)
        .execute();
      if (open.length === 0) throw takenOver();
    });
    return this.#lease?.leaseMs ?? 0;
  }

  async doubt({ members }: MemberBatch): Promise<void> {
    const { store } = this.#parts;
    const now = await this.#parts.now();
    // Not by #write: the lease is another's, which is why there is doubt.
    await store.write((db) =>
      db
        .updateTable("member")
        .set({
          unsure: 1,
          todo: sql<"add">`case when todo is not null then todo when wanted = 0 then 'withdraw' when acked = 'member' then 'change' else 'add' end`,
          todo_run: sql<number | null>`case when todo is not null then todo_run end`,
          next_retry_at: null,
          changed_at: now,
        })
        .where(
          inNumbers(
            store.engine,
            "seq",
            members.map((m) => m.seq),
          ),
        )
        .execute(),
    );
  }

  async note(batch: number, { timedOut, ms }: { readonly timedOut: boolean; readonly ms: number }): Promise<void> {
    await this.#write((db) =>
      db
        .updateTable("member_batch")
        .set((e) => ({
          tries: e("tries", "+", 1),
          timeouts: e("timeouts", "+", timedOut ? 1 : 0),
          ms,
        }))
        .where("id", "=", batch)
        .execute(),
    );
  }

  async settle(
    batch: MemberBatch,
    settlements: readonly MemberSettlement[],
    { ms, setAside = false }: { readonly ms: number; readonly setAside?: boolean },
  ): Promise<void> {
    const now = await this.#parts.now();
    await this.#write(async (db) => {
      await this.#close(db, batch.id, setAside ? "set-aside" : "answered", setAside ? undefined : ms);
      const at = { now, run: this.run, batch: batch.id };
      await settleRows(db, this.#parts.store.engine, batch.members, settlements, at);
    });
  }

  async #close(db: Db, id: number, state: MemberBatchTable["state"], answeredAfter?: number): Promise<void> {
    const closed = await db
      .updateTable("member_batch")
      .set((e) => ({
        state,
        content: null,
        run: this.run,
        ...(answeredAfter === undefined ? {} : { ms: answeredAfter, tries: e("tries", "+", 1) }),
      }))
      .where("id", "=", id)
      .where(sql<boolean>`state = 'open'`)
      .returning("id")
      .execute();
    if (closed.length === 0) throw notFound("an open batch", String(id));
  }

  async split(batch: MemberBatch): Promise<readonly [MemberBatch, MemberBatch]> {
    const now = await this.#parts.now();
    const middle = Math.ceil(batch.members.length / 2);
    const halves = [batch.members.slice(0, middle), batch.members.slice(middle)] as const;
    return this.#write(async (db) => {
      await this.#close(db, batch.id, "split");
      const made: MemberBatch[] = [];
      for (const members of halves)
        made.push({ id: await this.#insert(db, members, now, 0), run: this.run, members, tries: 0, timeouts: 0 });
      return made as unknown as readonly [MemberBatch, MemberBatch];
    });
  }

  async recent(limit: number, { signal }: Cancellable = {}): Promise<readonly LedgerBatch[]> {
    const rows = await this.#parts.store.read(
      (db) =>
        db
          .selectFrom("member_batch")
          .selectAll()
          .where("state", "=", "answered")
          .where("size", ">", 0)
          .orderBy("id", "desc")
          .limit(limit)
          .execute(),
      signal,
    );
    return rows.map(batchFacts);
  }

  async slowest(limit: number): Promise<readonly LedgerBatch[]> {
    const rows = await this.#parts.store.read((db) =>
      db
        .selectFrom("member_batch")
        .selectAll()
        .where("run", "=", this.run)
        .where("ms", ">", 0)
        .orderBy("ms", "desc")
        .limit(limit)
        .execute(),
    );
    return rows.map(batchFacts);
  }

  async end(state: "done" | "stopped" | "refused"): Promise<void> {
    this.#dry?.close();
    this.#dry = undefined;
    if (this.#lease === undefined) return;
    try {
      await this.#setState(state);
    } finally {
      await this.#lease.release();
    }
  }
}

function batchFacts(row: Selectable<MemberBatchTable>): LedgerBatch {
  const { id, size, ms, tries, timeouts, state } = row;
  return { batch: id, members: size, ms: Math.round(ms), tries, timeouts, state };
}
