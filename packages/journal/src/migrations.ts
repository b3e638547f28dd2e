import { HelsekontaktError } from "@helsekontakt/core";
import { type CreateTableBuilder, sql } from "kysely";
import type { Db, Engine } from "./store.ts";

/** One step to the next version of the tables. @internal */
export interface Migration {
  /**
   * The oldest version whose code may go on with the tables that this step leaves: it may keep the journal open over the
   * step, and may open it afterwards. Lower than the step's own number only where the step adds and does nothing else: new
   * tables, indexes that are not unique, and columns that may be null or have a default. A step that older code must not
   * live with names itself here, and renames what it changes, so that a statement of older code fails and is told as
   * `journal/too-new`; it never gives another meaning to what keeps its name.
   */
  readonly worksWith: number | Readonly<Record<Engine, number>>;
  apply(db: Db, engine: Engine): Promise<void>;
}

/** Numbered from 1, forward only; a released one is never edited. @internal */
export const migrations: readonly Migration[] = [
  { worksWith: 1, apply: initial },
  { worksWith: 1, apply: sentOfferings },
  // Code without the ledger would change members that the ledger does not hear of.
  { worksWith: 3, apply: memberLedger },
  { worksWith: 3, apply: fencedClaims },
  { worksWith: 3, apply: errorReports },
  { worksWith: 3, apply: compatibleVersions },
  // On SQLite, code that knows of no parts would send a large message empty.
  { worksWith: { sqlite: 7, postgres: 3 }, apply: payloadParts },
];

/** The oldest version whose code may go on after a step, see {@link Migration.worksWith}. @internal */
export function worksWithOn({ worksWith }: Migration, engine: Engine): number {
  return typeof worksWith === "number" ? worksWith : worksWith[engine];
}

/** The version that this package writes. */
export const schemaVersion = migrations.length;

/** The first version whose rows of `journal_migration` say which code may go on; see {@link compatibleVersions}. */
const saysWorksWith = 6;

/**
 * Brings the store to the version of `steps`; runs inside one transaction that the caller holds. A newer store is left as it
 * is, and is good when its steps say that this version's code may go on.
 *
 * @throws {HelsekontaktError} `journal/too-new`
 * @internal
 */
export async function migrate(
  db: Db,
  engine: Engine,
  now: number,
  steps: readonly Migration[] = migrations,
): Promise<void> {
  await db.schema
    .createTable("journal_migration")
    .ifNotExists()
    .addColumn("version", "integer", (c) => c.primaryKey())
    .addColumn("applied_at", "double precision", (c) => c.notNull())
    .execute();
  const row = await db
    .selectFrom("journal_migration")
    .select(sql<number>`max(version)`.as("version"))
    .executeTakeFirst();
  const present = row?.version ?? 0;
  const known = steps.length;
  if (present > known) return checkNewer(db, present, known);
  for (const [index, step] of steps.entries()) {
    const version = index + 1;
    if (version <= present) continue;
    await step.apply(db, engine);
    const works_with = worksWithOn(step, engine);
    await db
      .insertInto("journal_migration")
      .values({ version, applied_at: now, ...(version < saysWorksWith ? {} : { works_with }) })
      .execute();
  }
}

/** @throws {HelsekontaktError} `journal/too-new` unless each of the newer steps lets code of version `known` go on */
async function checkNewer(db: Db, present: number, known: number): Promise<void> {
  const newer = await db.selectFrom("journal_migration").select("works_with").where("version", ">", known).execute();
  if (newer.every(({ works_with }) => works_with !== null && works_with <= known)) return;
  throw new HelsekontaktError(
    "journal/too-new",
    `expected a store of version ${known} or lower, or one that works with it, found ${present}`,
    {
      hint: "start the version of the SDK that migrated it, or a later one: stores are never migrated backwards, and nothing was changed",
      context: { present, known },
    },
  );
}

async function initial(db: Db, engine: Engine): Promise<void> {
  const bytes = engine === "postgres" ? sql`bytea` : sql`blob`;
  const time = "double precision" as const;
  type Builder = CreateTableBuilder<string, string>;
  const withSeq = (table: Builder): Builder =>
    engine === "postgres"
      ? table.addColumn("seq", "bigserial", (c) => c.primaryKey())
      : table.addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement());
  const texts = (table: Builder, names: string[]): Builder =>
    names.reduce((t, name) => t.addColumn(name, "text", (c) => c.notNull()), table);
  const optionalTexts = (table: Builder, names: string[]): Builder =>
    names.reduce((t, name) => t.addColumn(name, "text"), table);

  let outbox = withSeq(db.schema.createTable("outbox") as Builder);
  outbox = outbox.addColumn("id", "text", (c) => c.notNull().unique());
  outbox = outbox.addColumn("amqp_id", "text", (c) => c.notNull().unique());
  outbox = texts(outbox, ["kind", "from_party", "to_party", "digest", "transport", "application"]);
  outbox = optionalTexts(outbox, ["msg_id", "conversation", "ordering_key", "key_id", "owner", "reason"]);
  await outbox
    .addColumn("properties", bytes, (c) => c.notNull())
    .addColumn("payload", bytes)
    .addColumn("attempts", "integer", (c) => c.notNull())
    .addColumn("resends", "integer", (c) => c.notNull())
    .addColumn("lease_until", time)
    .addColumn("next_at", time, (c) => c.notNull())
    .addColumn("receipt_within", time)
    .addColumn("receipt_deadline", time)
    .addColumn("created_at", time, (c) => c.notNull())
    .addColumn("sent_at", time)
    .addColumn("changed_at", time, (c) => c.notNull())
    .execute();
  const unfinished = sql<boolean>`transport in ('queued', 'sending')`;
  await db.schema.createIndex("outbox_unfinished").on("outbox").column("seq").where(unfinished).execute();
  await db.schema
    .createIndex("outbox_key")
    .on("outbox")
    .columns(["ordering_key", "seq"])
    .where(sql<boolean>`transport in ('queued', 'sending') and ordering_key is not null`)
    .execute();
  await db.schema.createIndex("outbox_msg").on("outbox").column("msg_id").execute();
  await db.schema
    .createIndex("outbox_deadline")
    .on("outbox")
    .column("receipt_deadline")
    .where(sql<boolean>`application = 'awaiting'`)
    .execute();
  await db.schema.createIndex("outbox_changed").on("outbox").column("changed_at").execute();

  let inbox = withSeq(db.schema.createTable("inbox") as Builder);
  inbox = inbox.addColumn("id", "text", (c) => c.notNull().unique());
  inbox = texts(inbox, ["amqp_id", "kind", "from_party", "to_party", "content_hash", "state"]);
  inbox = optionalTexts(inbox, ["msg_id", "ordering_key", "conversation", "key_id", "owner", "reason"]);
  await inbox
    .addColumn("properties", bytes, (c) => c.notNull())
    .addColumn("payload", bytes)
    .addColumn("tries", "integer", (c) => c.notNull())
    .addColumn("lease_until", time)
    .addColumn("next_at", time, (c) => c.notNull())
    .addColumn("received_at", time, (c) => c.notNull())
    .addColumn("changed_at", time, (c) => c.notNull())
    .addUniqueConstraint("inbox_amqp", ["from_party", "amqp_id"])
    .addUniqueConstraint("inbox_msg", ["from_party", "msg_id"])
    .execute();
  const open = sql<boolean>`state = 'received'`;
  await db.schema.createIndex("inbox_open").on("inbox").column("seq").where(open).execute();
  await db.schema
    .createIndex("inbox_key")
    .on("inbox")
    .columns(["ordering_key", "seq"])
    .where(sql<boolean>`state = 'received' and ordering_key is not null`)
    .execute();
  await db.schema.createIndex("inbox_content").on("inbox").columns(["from_party", "content_hash"]).execute();
  await db.schema.createIndex("inbox_changed").on("inbox").column("changed_at").execute();

  const receipt = texts(withSeq(db.schema.createTable("receipt") as Builder), [
    "id",
    "receipt_id",
    "from_party",
    "original_msg_id",
    "outcome",
  ]);
  await optionalTexts(receipt, ["outbox_id", "key_id"])
    .addColumn("accepted", "integer", (c) => c.notNull())
    .addColumn("errors", bytes, (c) => c.notNull())
    .addColumn("recorded_at", time, (c) => c.notNull())
    .addUniqueConstraint("receipt_once", ["from_party", "receipt_id"])
    .execute();
  await db.schema.createIndex("receipt_outbox").on("receipt").column("outbox_id").execute();
  await db.schema.createIndex("receipt_recorded").on("receipt").column("recorded_at").execute();

  const thread = texts(db.schema.createTable("thread") as Builder, ["own_party", "other_party", "state"]);
  await optionalTexts(thread, ["last_message_id", "key_id"])
    .addColumn("dialog_id", "text", (c) => c.primaryKey())
    .addColumn("person", bytes)
    .addColumn("facts", bytes, (c) => c.notNull())
    .addColumn("created_at", time, (c) => c.notNull())
    .addColumn("changed_at", time, (c) => c.notNull())
    .execute();
  await db.schema.createIndex("thread_changed").on("thread").column("changed_at").execute();

  let member = withSeq(db.schema.createTable("member") as Builder);
  member = member.addColumn("id", "text", (c) => c.notNull().unique());
  member = texts(member, ["person_hash", "organisation", "status"]);
  await optionalTexts(member, ["key_id", "period_start", "period_end"])
    .addColumn("person", bytes, (c) => c.notNull())
    .addColumn("status_at", time)
    .addColumn("next_retry_at", time)
    .addColumn("created_at", time, (c) => c.notNull())
    .addColumn("changed_at", time, (c) => c.notNull())
    .addUniqueConstraint("member_once", ["person_hash", "organisation"])
    .execute();
  await db.schema
    .createIndex("member_due")
    .on("member")
    .column("next_retry_at")
    .where(sql<boolean>`next_retry_at is not null`)
    .execute();
}

/** Version 2: what was sent last of each organisation's offerings. */
async function sentOfferings(db: Db, engine: Engine): Promise<void> {
  await db.schema
    .createTable("offering_bundle")
    .addColumn("organisation", "text", (c) => c.primaryKey())
    .addColumn("content", engine === "postgres" ? sql`bytea` : sql`blob`, (c) => c.notNull())
    .addColumn("key_id", "text")
    .addColumn("sent_at", "double precision", (c) => c.notNull())
    .execute();
}

/** Version 3: of each membership what Helsenorge has acknowledged and what is to be told, with runs and batches. */
async function memberLedger(db: Db, engine: Engine): Promise<void> {
  const time = "double precision" as const;
  const texts = ["acked", "acked_start", "acked_end", "todo", "outcome", "outcome_code", "history"];
  for (const name of texts) await db.schema.alterTable("member").addColumn(name, "text").execute();
  for (const name of ["todo_run", "outcome_run"])
    await db.schema.alterTable("member").addColumn(name, "integer").execute();
  for (const [name, value] of [
    ["wanted", 1],
    ["unsure", 0],
    ["attempts", 0],
  ] as const)
    await db.schema
      .alterTable("member")
      .addColumn(name, "integer", (c) => c.notNull().defaultTo(value))
      .execute();
  // Who was registered before counts as acknowledged; of the others it is not known.
  await db
    .updateTable("member")
    .set((e) => ({
      acked: "member",
      acked_start: e.ref("period_start"),
      acked_end: e.ref("period_end"),
      outcome: "accepted",
    }))
    .where("status", "=", "active")
    .execute();
  await db.updateTable("member").set({ todo: "add", todo_run: 0, unsure: 1 }).where("status", "=", "unknown").execute();
  await db
    .updateTable("member")
    .set({ todo: "add", todo_run: 0, outcome: "not-active" })
    .where("status", "=", "inactive")
    .execute();
  await db.schema.createIndex("member_todo").on("member").column("seq").where(sql<boolean>`todo is not null`).execute();

  const numbered = (name: string): CreateTableBuilder<string, "id"> =>
    engine === "postgres"
      ? db.schema.createTable(name).addColumn("id", "serial", (c) => c.primaryKey())
      : db.schema.createTable(name).addColumn("id", "integer", (c) => c.primaryKey().autoIncrement());
  await numbered("member_run")
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("started_at", time, (c) => c.notNull())
    .addColumn("finished_at", time)
    .execute();
  await numbered("member_batch")
    .addColumn("run", "integer", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("content", "text")
    .addColumn("size", "integer", (c) => c.notNull())
    .addColumn("tries", "integer", (c) => c.notNull())
    .addColumn("timeouts", "integer", (c) => c.notNull())
    .addColumn("ms", time, (c) => c.notNull())
    .addColumn("opened_at", time, (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex("member_batch_open")
    .on("member_batch")
    .column("id")
    .where(sql<boolean>`state = 'open'`)
    .execute();
  await db.schema.createIndex("member_batch_run").on("member_batch").column("run").execute();
  await db.schema
    .createTable("member_lease")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("owner", "text", (c) => c.notNull())
    .addColumn("lease_until", time, (c) => c.notNull())
    .execute();
}

/** Version 4: numbers of claims, bounded tries, and repeated notice of overdue answers. */
async function fencedClaims(db: Db): Promise<void> {
  for (const [table, name] of [
    ["outbox", "fence"],
    ["outbox", "takeovers"],
    ["outbox", "failures"],
    ["outbox", "escalations"],
    ["inbox", "fence"],
  ] as const)
    await db.schema
      .alterTable(table)
      .addColumn(name, "integer", (c) => c.notNull().defaultTo(0))
      .execute();
  await db.schema.alterTable("outbox").addColumn("escalate_at", "double precision").execute();
  // Claims of a version before this one stay fenced off: their number was the count of tries.
  await db
    .updateTable("outbox")
    .set((e) => ({ fence: e.ref("attempts") }))
    .execute();
  await db
    .updateTable("inbox")
    .set((e) => ({ fence: e.ref("tries") }))
    .execute();
  await db.schema
    .createIndex("outbox_escalate")
    .on("outbox")
    .column("escalate_at")
    .where(sql<boolean>`escalate_at is not null`)
    .execute();
}

/** Version 5: which messages were reported to their senders. */
async function errorReports(db: Db): Promise<void> {
  await db.schema
    .createTable("error_report")
    .addColumn("key_hash", "text", (c) => c.primaryKey())
    .addColumn("reported_at", "double precision", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("error_report_age").on("error_report").column("reported_at").execute();
}

/** Version 6: with each version, the oldest one whose code may go on. */
async function compatibleVersions(db: Db): Promise<void> {
  await db.schema.alterTable("journal_migration").addColumn("works_with", "integer").execute();
}

/**
 * Version 7: on SQLite large payloads in parts beside their rows, see payload-columns.ts. Those that are there stay in their rows until
 * they go. PostgreSQL keeps its tables: it stores large values beside the row by itself.
 */
async function payloadParts(db: Db, engine: Engine): Promise<void> {
  if (engine === "postgres") return;
  for (const table of ["outbox", "inbox"]) {
    await db.schema.alterTable(table).renameColumn("payload", "payload_inline").execute();
    await db.schema.alterTable(table).addColumn("payload_ref", "text").execute();
    await db.schema.alterTable(table).addColumn("payload_bytes", "integer").execute();
  }
  await db.schema
    .createTable("payload_part")
    .addColumn("ref", "text", (c) => c.notNull())
    .addColumn("part", "integer", (c) => c.notNull())
    .addColumn("content", sql`blob`, (c) => c.notNull())
    .addPrimaryKeyConstraint("payload_part_key", ["ref", "part"])
    .execute();
  await db.schema
    .createTable("payload_loose")
    .addColumn("ref", "text", (c) => c.primaryKey())
    .addColumn("box", "text", (c) => c.notNull())
    .addColumn("row_id", "text", (c) => c.notNull())
    .addColumn("touched_at", "double precision", (c) => c.notNull())
    .addColumn("doomed", "integer", (c) => c.notNull())
    .execute();
}
