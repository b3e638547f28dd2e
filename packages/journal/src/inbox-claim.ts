import type { ExpressionBuilder } from "kysely";
import { once } from "./compiled.ts";
import { type InboxRow, inboxColumns } from "./inbox-rows.ts";
import { isOver, isUnderOtherKey, literal, lock, type Parts } from "./parts.ts";
import { type PayloadRow, payloadColumns } from "./payload-columns.ts";
import type { InboxTable, JournalSchema } from "./schema.ts";
import type { Db } from "./store.ts";

type Due = { readonly now: number; readonly limit: number };
type Take = { readonly owner: string; readonly leaseUntil: number; readonly now: number };

/** A row that was taken. @internal */
export type TakenRow = InboxRow & PayloadRow & { readonly seq: number };

/** No earlier message of the same key is still to be handled. */
const keyIsFree = (e: ExpressionBuilder<JournalSchema & { i: InboxTable }, "i">) =>
  e.not(
    e.exists(
      e
        .selectFrom("inbox as earlier")
        .select("earlier.id")
        .whereRef("earlier.ordering_key", "=", "i.ordering_key")
        .whereRef("earlier.seq", "<", "i.seq")
        .where(literal.received("earlier")),
    ),
  );

/** The messages that may be handled now; where the first one stands is said for the reason that the outbox has. @internal */
export function selectDue({ store }: Parts, db: Db, now: number) {
  const received = db.selectFrom("inbox as i").select(["i.id", "i.tries"]).where(literal.received("i"));
  const first = db.selectFrom("inbox as f").select("f.seq").where(literal.received("f")).orderBy("f.seq").limit(1);
  return (store.engine === "postgres" ? received.where("i.seq", ">=", first) : received)
    .where(isOver("i", "next_at", now))
    .where((e) => e.or([e("i.lease_until", "is", null), isOver("i", "lease_until", now)]))
    .where((e) => keyIsFree(e as never));
}

function take(db: Db, v: Take) {
  return db.updateTable("inbox").set((e) => ({
    owner: v.owner,
    lease_until: v.leaseUntil,
    tries: e("tries", "+", 1),
    fence: e("fence", "+", 1),
    changed_at: v.now,
  }));
}

/** @internal */
export const dueRows = once((db, v: Due, parts) =>
  lock(parts.store, selectDue(parts, db, v.now).orderBy("i.seq").limit(v.limit), true),
);

/** @internal */
export const takeRows = once(
  (db, v: Take & { readonly ids: string[] }, { store }) =>
    take(db, v)
      .where("id", "in", v.ids)
      .returning([...inboxColumns, ...payloadColumns(store.engine), "seq"]),
  (v) => v.ids,
);

/**
 * Both in one statement, for PostgreSQL: most looks find nothing or what is plainly to be taken. Where a row is not, none is
 * taken: one whose tries are used up, or one under a key that was not given.
 */
const takeDueRows = once((db, v: Due & Take & { readonly maxTries: number; readonly keys: readonly string[] }, parts) =>
  db
    .with(
      (cte) => cte("due").materialized(),
      (d) =>
        lock(
          parts.store,
          selectDue(parts, d as Db, v.now)
            .clearSelect()
            .select((e) => [
              "i.id as due_id",
              e.or([e("i.tries", ">=", v.maxTries), isUnderOtherKey("i.key_id", v.keys)]).as("odd"),
            ])
            .orderBy("i.seq")
            .limit(v.limit),
          true,
        ),
    )
    .with("taken", (d) =>
      take(d as Db, v)
        .from("due" as never)
        .whereRef("inbox.id", "=", "due.due_id" as never)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom("due" as never)
                .select("due_id" as never)
                .where("odd" as never, "=", true as never),
            ),
          ),
        )
        .returning([...inboxColumns, ...payloadColumns(parts.store.engine), "seq"]),
    )
    .selectFrom("due")
    .leftJoin("taken", "taken.id", "due.due_id")
    .selectAll("taken"),
);

/** Undefined when it is to be done step by step: always with the embedded engine, of which a step is no way to a server. @internal */
export async function takeDue(
  parts: Parts,
  values: Due & Take & { readonly maxTries: number },
  signal: AbortSignal | undefined,
): Promise<TakenRow[] | undefined> {
  if (parts.store.engine === "sqlite") return undefined;
  const keys = parts.cipher.keyIds.filter((id) => id !== null);
  const rows = await parts.store.statement((db) => takeDueRows(parts, db, { ...values, keys }), signal);
  // What was taken is this caller's, whatever else was found.
  const taken = rows.filter((row) => row.id !== null) as TakenRow[];
  return taken.length === 0 && rows.length > 0 ? undefined : taken;
}
