import { sql } from "kysely";
import type { BatchMember, LedgerEvent, MemberSettlement } from "./members-ledger-types.ts";
import { historyLine } from "./members-rows.ts";
import { jsonRows, withHistory } from "./members-sql.ts";
import type { Db, Engine } from "./store.ts";

interface SettledRow {
  seq: number;
  outcome: string;
  code: string | null;
  change: string;
  start: string;
  end: string;
  next: number | null;
  line: string;
}

/**
 * Stores results: one statement for any number of members. Where the wish has changed since the member was sent, the
 * result still says what Helsenorge has, and the change stays to be told.
 */
export async function settleRows(
  db: Db,
  engine: Engine,
  members: readonly BatchMember[],
  settlements: readonly MemberSettlement[],
  at: {
    readonly now: number;
    readonly run: number | null;
    readonly batch: number | null;
    readonly label?: LedgerEvent["change"];
  },
): Promise<void> {
  const rows = members.map((m, n) => {
    const { outcome, code, nextRetryAt } = settlements[n] ?? { outcome: "unknown" };
    const { now, run, batch, label = m.change } = at;
    const line = historyLine({ at: now, run, batch, change: label, outcome, code, start: m.start, end: m.end });
    return [m.seq, outcome, code ?? null, m.change, m.start, m.end, nextRetryAt ?? null, line];
  });
  const told = jsonRows<SettledRow>(engine, rows, {
    seq: "integer",
    outcome: "text",
    code: "text",
    change: "text",
    start: "text",
    end: "text",
    next: "real",
    line: "text",
  });
  const start = sql.ref<string>("v.start");
  const end = sql.ref<string>("v.end");
  const asSent = sql`case when v.change = 'withdraw' then member.wanted = 0
    else member.wanted = 1 and member.period_start = ${start} and member.period_end = ${end} end`;
  const acked = (accepted: ReturnType<typeof sql>, kept: string) =>
    sql<string | null>`case v.outcome
      when 'accepted' then case when v.change = 'withdraw' then null else ${accepted} end
      when 'not-active' then null else ${sql.ref(kept)} end`;
  await db
    .updateTable("member")
    .from(told.as("v"))
    .set({
      acked: sql<"member" | "withdrawn" | null>`case
        when v.outcome in ('accepted', 'not-active') and v.change = 'withdraw' then 'withdrawn'
        when v.outcome = 'accepted' then 'member'
        when v.outcome = 'not-active' then null else member.acked end`,
      acked_start: acked(sql`${start}`, "member.acked_start"),
      acked_end: acked(sql`${end}`, "member.acked_end"),
      unsure: sql<number>`case v.outcome when 'unknown' then 1 when 'refused' then member.unsure else 0 end`,
      todo: sql<"add" | "change" | "withdraw" | null>`case
        when not (${asSent}) then case when member.wanted = 1 then 'change' else 'withdraw' end
        when v.outcome in ('accepted', 'refused') then null
        when v.outcome = 'not-active' then case when v.change = 'withdraw' then null else 'add' end
        else member.todo end`,
      outcome: sql<"accepted">`v.outcome`,
      outcome_code: sql<string | null>`v.code`,
      outcome_run: at.run,
      status: sql<"active">`case v.outcome when 'accepted' then 'active' when 'not-active' then 'inactive' else member.status end`,
      status_at: at.now,
      attempts: sql<number>`case when v.outcome = 'accepted' then 0 else member.attempts + 1 end`,
      next_retry_at: sql<number | null>`v.next`,
      history: withHistory(engine, sql<string>`v.line`),
      changed_at: at.now,
    })
    .whereRef("member.seq", "=", "v.seq")
    .execute();
}
