import { sql } from "kysely";
import type { Db } from "./store.ts";

// What may go of the member register. Each step deletes at most `limit` rows and tells how many it was.

/** Withdrawn memberships of which nothing is left to tell: Helsenorge has, as far as known, nothing of them either. */
export async function pruneWithdrawn(db: Db, before: number, limit: number): Promise<number> {
  const gone = await db
    .deleteFrom("member")
    .where("seq", "in", (e) =>
      e
        .selectFrom("member as m")
        .select("m.seq")
        .where("m.wanted", "=", 0)
        .where("m.todo", "is", null)
        .where("m.unsure", "=", 0)
        .where((or) => or.or([or("m.acked", "is", null), or("m.acked", "=", "withdrawn")]))
        .where("m.changed_at", "<", before)
        .limit(limit),
    )
    .returning("seq")
    .execute();
  return gone.length;
}

/** The histories of memberships that nothing has happened to since. What is, stays. */
export async function pruneHistories(db: Db, before: number, limit: number): Promise<number> {
  const emptied = await db
    .updateTable("member")
    .set({ history: null })
    .where("seq", "in", (e) =>
      e
        .selectFrom("member as m")
        .select("m.seq")
        .where("m.history", "is not", null)
        .where("m.changed_at", "<", before)
        .limit(limit),
    )
    .returning("seq")
    .execute();
  return emptied.length;
}

/** Batches that came to an end; not those of the newest run, which the next one begins with. */
export async function pruneBatches(db: Db, before: number, limit: number): Promise<number> {
  const gone = await db
    .deleteFrom("member_batch")
    .where("id", "in", (e) =>
      e
        .selectFrom("member_batch as b")
        .select("b.id")
        .where("b.state", "!=", "open")
        .where("b.opened_at", "<", before)
        .where("b.run", "<", (run) => run.selectFrom("member_run").select(sql<number>`coalesce(max(id), 0)`.as("id")))
        .limit(limit),
    )
    .returning("id")
    .execute();
  return gone.length;
}

/** Runs, but the newest and those that something still to be told names. */
export async function pruneRuns(db: Db, before: number, limit: number): Promise<number> {
  const gone = await db
    .deleteFrom("member_run")
    .where("id", "in", (e) =>
      e
        .selectFrom("member_run as r")
        .select("r.id")
        .where("r.started_at", "<", before)
        .where("r.id", "<", (run) => run.selectFrom("member_run").select(sql<number>`max(id)`.as("id")))
        .where((none) =>
          none.not(
            none.exists(
              none
                .selectFrom("member as m")
                .select("m.seq")
                .where(sql<boolean>`m.todo is not null`)
                .whereRef("m.todo_run", "=", "r.id"),
            ),
          ),
        )
        .limit(limit),
    )
    .returning("id")
    .execute();
  return gone.length;
}
