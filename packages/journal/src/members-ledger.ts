import { throwIfAborted } from "@helsekontakt/core";
import { sql } from "kysely";
import { plainOrNull, plainText } from "./faults.ts";
import { MemberLease } from "./members-lease.ts";
import type { LedgerEntry, LedgerStatus, MemberLedger, MembershipOutcome } from "./members-ledger-types.ts";
import { dateOrNull, memberLabel } from "./members.ts";
import { entryColumns, entryFromRow, historyLine, readHistory } from "./members-rows.ts";
import { LedgerRun } from "./members-run.ts";
import { settleRows } from "./members-settle.ts";
import { inNumbers, withHistory } from "./members-sql.ts";
import type { Parts } from "./parts.ts";
import type { Db, Engine } from "./store.ts";

/** Runs whose batches are kept, the newest. */
const keptRuns = 50;
const entriesPage = 1_000;

/** @internal */
export function createMemberLedger(parts: Parts): MemberLedger {
  const { store, cipher } = parts;

  return {
    async begin({ kind, dryRun = false, leaseMs = 30_000, signal }) {
      if (dryRun) return new LedgerRun(parts, 0, await store.read((db) => badRuns(db, 0), signal), undefined);
      const lease = await MemberLease.take(parts, leaseMs, signal === undefined ? {} : { signal });
      try {
        const now = await parts.now();
        return await store.write(async (db) => {
          const { id } = await db
            .insertInto("member_run")
            .values({ kind, state: kind === "retry" ? "sending" : "reading", started_at: now, finished_at: null })
            .returning("id")
            .executeTakeFirstOrThrow();
          await forget(db, id - keptRuns);
          return new LedgerRun(parts, id, await badRuns(db, id), lease);
        }, signal);
      } catch (reason) {
        await lease.release();
        throw reason;
      }
    },

    async status({ signal } = {}) {
      const now = await parts.now();
      return store.read((db) => readStatus(db, store.engine, now), signal);
    },

    async explain(who, { signal } = {}) {
      const rows = await store.read((db) => {
        const query = db.selectFrom("member").select([...entryColumns, "history"]);
        return (
          "id" in who
            ? query.where("id", "=", who.id)
            : query.where("person_hash", "in", cipher.hashes(memberLabel, who.person.reveal()))
        )
          .orderBy("seq")
          .execute();
      }, signal);
      return rows.map((row) => ({ ...entryFromRow(row), events: readHistory(row.history) }));
    },

    async *entries({ run, outcome, signal } = {}): AsyncGenerator<LedgerEntry> {
      for (let after = 0; ; ) {
        throwIfAborted(signal);
        const rows = await store.read((db) => {
          let query = db.selectFrom("member").select(entryColumns).where("seq", ">", after);
          if (run !== undefined) query = query.where("outcome_run", "=", run);
          if (outcome !== undefined) query = query.where("outcome", "=", outcome);
          return query.orderBy("seq").limit(entriesPage).execute();
        }, signal);
        for (const row of rows) yield entryFromRow(row);
        after = Number(rows.at(-1)?.seq ?? after);
        if (rows.length < entriesPage) return;
      }
    },

    async markInactive(person, { code, answeredAt, nextRetryAt, signal }) {
      plainText("code", code);
      const now = await parts.now();
      const line = historyLine({ at: now, run: null, batch: null, change: "apprec", outcome: "not-active", code });
      const rows = await store.write(
        (db) =>
          db
            .updateTable("member")
            .set({
              status: "inactive",
              status_at: now,
              outcome: "not-active",
              outcome_code: code,
              // Helsenorge keeps nothing of a person without a profile.
              acked: sql<null>`case when wanted = 1 then null else acked end`,
              acked_start: sql<null>`case when wanted = 1 then null else acked_start end`,
              acked_end: sql<null>`case when wanted = 1 then null else acked_end end`,
              todo: sql<"add">`case when wanted = 1 then 'add' else todo end`,
              // Known outside any run: it counts whatever becomes of the one that staged the member.
              todo_run: sql<number | null>`case when wanted = 1 and todo is null then null else todo_run end`,
              next_retry_at: nextRetryAt,
              history: withHistory(store.engine, sql<string>`cast(${line} as text)`),
              changed_at: now,
            })
            .where("person_hash", "in", cipher.hashes(memberLabel, person.reveal()))
            .where((e) => e.or([e("status_at", "is", null), e("status_at", "<=", answeredAt)]))
            .returning("id")
            .execute(),
        signal,
      );
      return rows.map((r) => r.id);
    },

    async record(person, organisation, { start, end }, settlement, { signal } = {}) {
      dateOrNull("start", start);
      dateOrNull("end", end);
      plainOrNull("code", settlement.code);
      const now = await parts.now();
      await store.write(async (db) => {
        const rows = await db
          .selectFrom("member")
          .select(["seq", "attempts"])
          .where("person_hash", "in", cipher.hashes(memberLabel, person.reveal()))
          .where("organisation", "=", organisation)
          .execute();
        const members = rows.map(({ seq, attempts }) => ({
          seq: Number(seq),
          person,
          organisation,
          change: "add" as const,
          start,
          end,
          attempts,
        }));
        const at = { now, run: null, batch: null };
        await settleRows(
          db,
          store.engine,
          members,
          members.map(() => settlement),
          at,
        );
      }, signal);
    },
  };
}

/** Runs that never got to send: what they staged does not count. */
async function badRuns(db: Db, own: number): Promise<Set<number>> {
  const rows = await db
    .selectFrom("member_run")
    .select("id")
    .where("state", "in", ["reading", "refused"])
    .where("id", "!=", own)
    .execute();
  return new Set(rows.map((r) => r.id));
}

/** Old runs and their batches go; not while something that a run staged still names it, nor what is open. */
async function forget(db: Db, before: number): Promise<void> {
  await db.deleteFrom("member_batch").where("run", "<", before).where("state", "!=", "open").execute();
  await db
    .deleteFrom("member_run")
    .where("id", "<", before)
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom("member")
            .select("member.seq")
            .where(sql<boolean>`todo is not null`)
            .whereRef("member.todo_run", "=", "member_run.id"),
        ),
      ),
    )
    .execute();
}

async function readStatus(db: Db, engine: Engine, now: number): Promise<LedgerStatus> {
  const bad = [...(await badRuns(db, 0))];
  const stale = sql<boolean>`(todo is not null and ${inNumbers(engine, "todo_run", bad)})`;
  const told = sql<boolean>`(acked is not null or unsure = 1 or outcome is not null)`;
  // Whoever was told of is what the last run that counted made of them; the others are there once a run counts.
  const standing = sql<"wanted" | "withdrawn" | null>`case
    when ${stale} then case when not ${told} then null when acked = 'withdrawn' then 'withdrawn' else 'wanted' end
    when wanted = 1 then 'wanted' when ${told} then 'withdrawn' end`;
  const counted = await db
    .selectFrom("member")
    .select((e) => [standing.as("standing"), "outcome", "outcome_code", e.fn.countAll<number | string>().as("n")])
    .groupBy(["standing", "outcome", "outcome_code"])
    .execute();
  const outcomes: Record<MembershipOutcome | "new", number> = {
    new: 0,
    accepted: 0,
    "not-active": 0,
    refused: 0,
    unknown: 0,
  };
  const reasons: { outcome: MembershipOutcome; code: string; members: number }[] = [];
  let withdrawn = 0;
  for (const row of counted) {
    const n = Number(row.n);
    if (row.standing === "withdrawn") withdrawn += n;
    if (row.standing !== "wanted") continue;
    outcomes[row.outcome ?? "new"] += n;
    if (row.outcome !== null && row.outcome_code !== null)
      reasons.push({ outcome: row.outcome, code: row.outcome_code, members: n });
  }
  const waiting = await db
    .selectFrom("member")
    .select((e) => [
      e.fn.countAll<number | string>().as("all"),
      sql<number | string | null>`sum(case when next_retry_at > ${now} then 1 else 0 end)`.as("later"),
      sql<number | null>`min(case when next_retry_at > ${now} then next_retry_at end)`.as("next"),
    ])
    .where(sql<boolean>`todo is not null and not ${stale}`)
    .executeTakeFirst();
  const open = await db
    .selectFrom("member_batch")
    .select((e) => e.fn.countAll<number | string>().as("n"))
    .where(sql<boolean>`state = 'open'`)
    .executeTakeFirst();
  const run = await db.selectFrom("member_run").selectAll().orderBy("id", "desc").limit(1).executeTakeFirst();
  const later = Number(waiting?.later ?? 0);
  return {
    members: Object.values(outcomes).reduce((a, b) => a + b, 0),
    withdrawn,
    outcomes,
    due: Number(waiting?.all ?? 0) - later,
    later,
    ...(typeof waiting?.next === "number" ? { nextRetryAt: waiting.next } : {}),
    openBatches: Number(open?.n ?? 0),
    reasons: reasons.sort((a, b) => b.members - a.members),
    ...(run === undefined
      ? {}
      : {
          lastRun: {
            run: run.id,
            kind: run.kind,
            state: run.state,
            startedAt: run.started_at,
            ...(run.finished_at === null ? {} : { finishedAt: run.finished_at }),
          },
        }),
    running: await MemberLease.isHeld(db, now),
  };
}
