import { type Insertable, type RawBuilder, sql } from "kysely";
import { once } from "./compiled.ts";
import { entryColumns, type EntryRow } from "./outbox-rows.ts";
import { isUnderOtherKey, lock, type Parts } from "./parts.ts";
import type { ReceiptTable } from "./schema.ts";
import { applicationTable, type ReceiptOutcome, type TransportState, transportTable } from "./states.ts";
import type { Db } from "./store.ts";

type Answer = Omit<Insertable<ReceiptTable>, "outcome" | "outbox_id">;

/** The message that a receipt is for: the newest one of the id that its sender got. @internal */
export function selectMessage(db: Db, v: { readonly msgId: string; readonly from: string }) {
  return db
    .selectFrom("outbox")
    .where((e) => e.or([e("msg_id", "=", v.msgId), e("amqp_id", "=", v.msgId)]))
    .where("to_party", "=", v.from)
    .where("attempts", ">", 0)
    .orderBy("seq", "desc")
    .limit(1);
}

/** What a receipt makes of the transport state, as {@link transportTable} has it. */
const delivered = sql<TransportState>`case ${sql.ref("message.was")} ${sql.join(
  (Object.keys(transportTable) as TransportState[]).map(
    (state): RawBuilder<unknown> =>
      sql`when ${sql.lit(state)} then ${sql.lit(transportTable[state].receipt?.to ?? state)}`,
  ),
  sql` `,
)} end`;

/**
 * The usual case in one statement: the first answer to a message that waits for one, on time, and is under a key that was
 * given. In every other case nothing is changed, and no row comes back. The row is locked before it is looked at, so two
 * answers at once do not both count.
 */
const firstAnswer = (event: "receipt-accepted" | "receipt-rejected") => {
  const to = applicationTable.awaiting[event]?.to;
  return once((db, { keys, ...v }: Answer & { readonly keys: readonly string[] }, { store }) => {
    const names = Object.keys(v) as (keyof Answer)[];
    return db
      .with("message", (d) =>
        lock(
          store,
          selectMessage(d as Db, { msgId: v.original_msg_id, from: v.from_party }).select([
            "id as message_id",
            "application as said",
            "transport as was",
            "key_id as under",
          ]),
        ),
      )
      .with("stored", (d) =>
        d
          .insertInto("receipt")
          .columns([...names, "outcome", "outbox_id"])
          .expression((e) =>
            e
              .selectFrom("message")
              .select(names.map((name) => e.val(v[name]).as(name)))
              .select(sql.lit(applicationTable.awaiting[event]?.outcome).as("outcome"))
              .select("message_id")
              .where("said", "=", sql.lit("awaiting" as const))
              .where((w) => w.not(isUnderOtherKey("under", keys))),
          )
          .onConflict((c) => c.doNothing())
          .returning("outbox_id"),
      )
      .updateTable("outbox")
      .from("message")
      .innerJoin("stored", "stored.outbox_id", "message.message_id")
      .set((e) => ({
        application: to,
        transport: delivered,
        owner: null,
        lease_until: null,
        escalate_at: null,
        sent_at: e.fn.coalesce("outbox.sent_at", e.val(v.recorded_at)),
        changed_at: v.recorded_at,
      }))
      .whereRef("outbox.id", "=", "message.message_id")
      .returning([...entryColumns, "message.was"]);
  });
};

const statements = {
  "receipt-accepted": firstAnswer("receipt-accepted"),
  "receipt-rejected": firstAnswer("receipt-rejected"),
} as const;

/** What {@link recordFirst} did. @internal */
export interface FirstAnswer {
  readonly outcome: ReceiptOutcome;
  readonly row: EntryRow & { readonly was: TransportState };
}

/** Undefined when it is to be done step by step: always with the embedded engine, of which a step is no way to a server. @internal */
export async function recordFirst(
  parts: Parts,
  event: "receipt-accepted" | "receipt-rejected",
  answer: Answer,
  signal: AbortSignal | undefined,
): Promise<FirstAnswer | undefined> {
  const outcome = applicationTable.awaiting[event]?.outcome;
  if (parts.store.engine === "sqlite" || outcome === undefined) return undefined;
  const keys = parts.cipher.keyIds.filter((id) => id !== null);
  const [row] = await parts.store.statement((db) => statements[event](parts, db, { ...answer, keys }), signal);
  return row === undefined ? undefined : { outcome, row };
}
