import { once } from "./compiled.ts";
import { entryColumns, type EntryRow } from "./outbox-rows.ts";
import { isOver, isUnderOtherKey, literal, lock, type Parts } from "./parts.ts";
import { type PayloadRow, payloadColumns } from "./payload-columns.ts";
import { transportTable } from "./states.ts";
import type { Db } from "./store.ts";

type Due = { readonly now: number; readonly limit: number };
type Take = { readonly owner: string; readonly leaseUntil: number; readonly now: number };

/** A row that was taken. @internal */
export type TakenRow = EntryRow & PayloadRow & { readonly seq: number };

/**
 * The messages that may go out now: the first one of each key, and no one that another process has locked.
 *
 * To PostgreSQL it is said where the first one stands that has not left. The index has the entries of those that have left too,
 * until a vacuum comes, and a scan for all of them looks each up in the table; the one for the first marks them as dead on
 * its way, and is over them at once the next time.
 */
function selectDue({ store }: Parts, db: Db, v: Due) {
  const unfinished = db.selectFrom("outbox as o").where(literal.unfinished("o"));
  const first = db.selectFrom("outbox as f").select("f.seq").where(literal.unfinished("f")).orderBy("f.seq").limit(1);
  return (store.engine === "postgres" ? unfinished.where("o.seq", ">=", first) : unfinished)
    .where((e) =>
      e.or([
        e.and([e("o.transport", "=", "queued"), e("o.next_at", "<=", v.now)]),
        // Of one that was never tried the time is the application's, and nothing else makes it due.
        e.and([e("o.transport", "=", "queued"), e("o.attempts", ">", 0), isOver("o", "next_at", v.now)]),
        e.and([e("o.transport", "=", "sending"), isOver("o", "lease_until", v.now)]),
      ]),
    )
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom("outbox as earlier")
            .select("earlier.id")
            .whereRef("earlier.ordering_key", "=", "o.ordering_key")
            .whereRef("earlier.seq", "<", "o.seq")
            .where(literal.unfinished("earlier")),
        ),
      ),
    )
    .orderBy("o.seq")
    .limit(v.limit);
}

function take(db: Db, v: Take) {
  return db.updateTable("outbox").set((e) => ({
    transport: transportTable.queued.claim?.to,
    owner: v.owner,
    lease_until: v.leaseUntil,
    attempts: e("attempts", "+", 1),
    fence: e("fence", "+", 1),
    takeovers: e
      .case()
      .when("transport", "=", "sending")
      .then(e("takeovers", "+", 1))
      .else(e.ref("takeovers"))
      .end(),
    changed_at: v.now,
  }));
}

/** @internal */
export const dueRows = once((db, v: Due, parts) =>
  lock(parts.store, selectDue(parts, db, v).select(["o.id", "o.transport", "o.takeovers"]), true),
);

/** @internal */
export const takeRows = once(
  (db, v: Take & { readonly ids: string[] }, { store }) =>
    take(db, v)
      .where("id", "in", v.ids)
      .returning([...entryColumns, ...payloadColumns(store.engine), "seq"]),
  (v) => v.ids,
);

/**
 * Both in one statement, for PostgreSQL: most looks find nothing or what is plainly to be taken. Where a row is not, none is
 * taken: one whose holders ended again and again, or one under a key that was not given.
 */
const takeDueRows = once(
  (db, v: Due & Take & { readonly maxTakeovers: number; readonly keys: readonly string[] }, parts) =>
    db
      .with(
        (cte) => cte("due").materialized(),
        (d) =>
          lock(
            parts.store,
            selectDue(parts, d as Db, v).select((e) => [
              "o.id as due_id",
              e
                .or([
                  e.and([e("o.transport", "=", "sending"), e(e("o.takeovers", "+", 1), ">=", v.maxTakeovers)]),
                  isUnderOtherKey("o.key_id", v.keys),
                ])
                .as("odd"),
            ]),
            true,
          ),
      )
      .with("taken", (d) =>
        take(d as Db, v)
          .from("due" as never)
          .whereRef("outbox.id", "=", "due.due_id" as never)
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom("due" as never)
                  .select("due_id" as never)
                  .where("odd" as never, "=", true as never),
              ),
            ),
          )
          .returning([...entryColumns, ...payloadColumns(parts.store.engine), "seq"]),
      )
      .selectFrom("due")
      .leftJoin("taken", "taken.id", "due.due_id")
      .selectAll("taken"),
);

/** Undefined when it is to be done step by step: always with the embedded engine, of which a step is no way to a server. @internal */
export async function takeDue(
  parts: Parts,
  values: Due & Take & { readonly maxTakeovers: number },
  signal: AbortSignal | undefined,
): Promise<TakenRow[] | undefined> {
  if (parts.store.engine === "sqlite") return undefined;
  const keys = parts.cipher.keyIds.filter((id) => id !== null);
  const rows = await parts.store.statement((db) => takeDueRows(parts, db, { ...values, keys }), signal);
  // What was taken is this caller's, whatever else was found.
  const taken = rows.filter((row) => row.id !== null) as TakenRow[];
  return taken.length === 0 && rows.length > 0 ? undefined : taken;
}
