// Over 400 lines: one list of cases, which both engines run as it is.
import assert from "node:assert/strict";
import { type HelsekontaktError, Personal } from "@helsekontakt/core";
import { sql } from "kysely";
import { type Journal, type OutboxClaim, openJournal, type Store } from "../src/index.ts";
import { type Migration, migrations, schemaVersion, worksWithOn } from "../src/migrations.ts";
import type { Db, Engine } from "../src/store.ts";
import {
  fill,
  heldFence,
  inboxStates,
  openedAt,
  outboxRows,
  payloadOf,
  person as personNumber,
  writtenAt,
} from "./_older.ts";

/** A place for the tables, under either engine. */
export interface Place {
  readonly engine: Engine;
  /** PostgreSQL's schema. */
  readonly schema?: string;
  /** The tables, beside any journal. */
  readonly db: Db;
  /** What {@link Store} opens; each call as another process would. */
  store(): Store;
  /** Brings the tables to the version of `steps`, as the code of that version does when it opens them. */
  migrate(steps: readonly Migration[]): Promise<void>;
}

export interface UpgradeCase {
  readonly name: string;
  run(place: Place): Promise<void>;
}

const clockAt = (time: number) => ({ now: () => time, sleep: async () => {} });

async function fault(work: Promise<unknown>): Promise<HelsekontaktError> {
  try {
    await work;
  } catch (reason) {
    return reason as HelsekontaktError;
  }
  return assert.fail("expected a fault");
}

const bytes = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();

/** Tables as version `level` left them, with rows in every state. */
async function older(place: Place, level: number): Promise<void> {
  await place.migrate(migrations.slice(0, level));
  await fill(place.db, level, place.engine);
}

async function checkEveryRow(journal: Journal, level: number): Promise<void> {
  const found = await journal.outbox.list({ limit: 1_000 });
  const states = found.map(({ id, transport, application }) => ({ id, transport, application }));
  assert.deepEqual(states, outboxRows);
  for (const { id, transport, properties } of found) {
    assert.deepEqual(properties, { of: id });
    assert.equal(bytes(await journal.outbox.payload(id)), transport === "dropped" ? "" : payloadOf(id));
  }
  const arrived = await journal.inbox.list({ limit: 1_000 });
  assert.deepEqual(
    arrived.map(({ state }) => state),
    inboxStates,
  );
  for (const { id, state } of arrived)
    assert.equal(bytes(await journal.inbox.payload(id)), state === "dropped" ? "" : payloadOf(id));
  const [receipt] = await journal.receipts.list("sent-rejected");
  assert.equal(receipt?.errors[0]?.code, "E10");
  const thread = await journal.threads.get("dialog");
  assert.equal(thread?.person?.reveal(), personNumber);
  assert.deepEqual(await journal.members.count(), { active: 1, inactive: 1, unknown: 1 });
  for (const status of ["active", "inactive", "unknown"] as const) {
    const person = new Personal(`${personNumber}-${status}`);
    const [member] = await journal.members.find(person);
    assert.equal(member?.status, status);
    const [entry] = await journal.ledger.explain({ person });
    // Who was registered counts as told; the others are told again.
    assert.equal(entry?.todo, status === "active" ? undefined : "add");
    assert.equal(entry?.acked?.member, status === "active" ? true : undefined);
  }
  assert.deepEqual((await journal.offerings.get("999999999"))?.content, level < 2 ? undefined : { offers: 1 });
  assert.equal(await journal.reports.has("reported"), level >= 5);
}

/** All that waits goes on its way, what is settled stays so, and the holder from before is fenced off. */
async function goOn(journal: Journal): Promise<void> {
  const waiting = outboxRows.filter(({ transport }) => transport === "queued" || transport === "sending");
  const claims = await journal.outbox.claim({ owner: "newer", limit: 100 });
  assert.deepEqual(
    claims.map(({ id }) => id),
    waiting.map(({ id }) => id),
  );
  const before = { id: "sending-none", owner: "older", fence: heldFence } as OutboxClaim;
  assert.equal((await fault(journal.outbox.markSent(before))).code, "journal/conflict");
  for (const claim of claims) {
    assert.equal(bytes(claim.payload), payloadOf(claim.id));
    assert.equal((await journal.outbox.markSent(claim)).transport, "sent");
  }
  const answered = async (id: string, accepted: boolean): Promise<string> =>
    (await journal.receipts.record({ receiptId: `r-${id}`, originalMsgId: `msg-${id}`, from: "200", accepted }))
      .outcome;
  assert.equal(await answered("queued-awaiting", true), "accepted");
  // Its deadline ran out while no process was there.
  assert.deepEqual(
    (await journal.receipts.overdue()).map(({ id }) => id),
    ["sent-awaiting"],
  );
  assert.equal(await answered("sent-awaiting", false), "late");
  assert.equal(await answered("sent-overdue", true), "late");
  assert.equal(await answered("sent-accepted", true), "duplicate");
  assert.equal(await answered("sent-accepted-never", true), "unknown");
  assert.equal((await journal.outbox.resend("failed-none")).transport, "queued");
  for (const state of inboxStates) {
    const again = { messageId: `in-${state}`, kind: "DIALOG_X", from: "200", to: "100" };
    const { outcome } = await journal.inbox.accept({ ...again, payload: Buffer.from(payloadOf(`in-${state}`)) });
    assert.equal(outcome, "duplicate");
  }
  const [arrived, ...rest] = await journal.inbox.claim({ owner: "newer" });
  assert.equal(rest.length, 0);
  assert.equal(arrived?.id, "in-received");
  const reply = { messageId: "reply", kind: "APPREC", from: "100", to: "200", payload: Buffer.from("a") };
  await journal.inbox.handled(arrived as never, { replies: [reply] });
  assert.equal((await journal.outbox.get("reply"))?.transport, "queued");
  assert.equal((await journal.inbox.requeue("in-quarantined")).state, "received");
  const run = await journal.ledger.begin({ kind: "reconcile" });
  assert.equal(await run.countDue(false), 2);
  await run.end("done");
  await journal.reports.add("reported-now");
  assert.equal(await journal.reports.has("reported-now"), true);
}

const versionRows = (place: Place): Promise<{ version: number }[]> =>
  place.db.selectFrom("journal_migration").select("version").orderBy("version").execute();

/** A step as the rule allows it: it adds. */
export const addingStep: Migration = {
  worksWith: schemaVersion,
  async apply(db) {
    await db.schema.createTable("later").addColumn("id", "text").execute();
    for (const table of ["outbox", "inbox", "member", "thread"]) {
      await db.schema.alterTable(table).addColumn("later", "text").execute();
      await db.schema
        .alterTable(table)
        .addColumn("later_count", "integer", (c) => c.notNull().defaultTo(0))
        .execute();
    }
    await db.schema.createIndex("outbox_later").on("outbox").column("later").execute();
  },
};
/** A step that older code must not live with: it renames what it changes. */
const breaks: Migration = {
  worksWith: schemaVersion + 1,
  async apply(db) {
    await db.schema.alterTable("outbox").renameTo("outbox_next").execute();
    await db.schema.alterTable("inbox").renameColumn("state", "stage").execute();
  },
};

/** A process at work on the journal until it is stopped or meets a fault; what it was told is stored. */
class Worker {
  readonly queued: string[] = [];
  readonly sent: string[] = [];
  readonly handled: string[] = [];
  readonly faults: HelsekontaktError[] = [];
  #stop = false;
  readonly #journal: Journal;
  readonly #name: string;
  readonly ended: Promise<void>;

  constructor(journal: Journal, name: string) {
    this.#journal = journal;
    this.#name = name;
    this.ended = this.#work();
  }

  /** Resolves when it has done at least `more` further rounds. */
  async further(more: number): Promise<void> {
    const until = this.queued.length + more;
    while (this.queued.length < until && this.faults.length === 0) await new Promise((next) => setTimeout(next, 5));
  }

  stop(): Promise<void> {
    this.#stop = true;
    return this.ended;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#journal.close();
  }

  async #work(): Promise<void> {
    const { outbox, inbox } = this.#journal;
    for (let i = 0; !this.#stop; i++)
      try {
        const messageId = `${this.#name}-${i}`;
        await outbox.enqueue({ messageId, kind: "D", from: "100", to: "200", payload: Buffer.from(messageId) });
        this.queued.push(messageId);
        for (const claim of await outbox.claim({ owner: this.#name, limit: 2 })) {
          await outbox.markSent(claim);
          this.sent.push(claim.id);
        }
        const arrival = { messageId: `in-${messageId}`, kind: "D", from: "200", to: "100", payload: Buffer.from("x") };
        const accepted = await inbox.accept(arrival, { claim: { owner: this.#name } });
        if (accepted.outcome === "new" && accepted.claim !== undefined) {
          const reply = { messageId: `re-${messageId}`, kind: "APPREC", from: "100", to: "200" };
          await inbox.handled(accepted.claim, { replies: [{ ...reply, payload: Buffer.from("a") }] });
          this.handled.push(arrival.messageId);
        }
      } catch (reason) {
        const error = reason as HelsekontaktError;
        // A dead lock with the step: the call is repeated, as the SDK does.
        if (error.retryable) continue;
        this.faults.push(error);
        return;
      }
  }
}

export const upgradeCases: readonly UpgradeCase[] = [
  ...migrations.slice(0, -1).map((_, index) => {
    const level = index + 1;
    return {
      name: `a journal of version ${level}, with rows in every state: every row is there and goes on`,
      async run(place: Place): Promise<void> {
        await older(place, level);
        const journal = await openJournal({ store: place.store(), clock: clockAt(openedAt) });
        try {
          assert.equal((await versionRows(place)).length, schemaVersion);
          await checkEveryRow(journal, level);
          await goOn(journal);
        } finally {
          await journal.close();
        }
      },
    };
  }),
  {
    name: "a journal of this version, with rows in every state, is opened as it is",
    async run(place) {
      await older(place, schemaVersion);
      const journal = await openJournal({ store: place.store(), clock: clockAt(openedAt) });
      try {
        await checkEveryRow(journal, schemaVersion);
        await goOn(journal);
      } finally {
        await journal.close();
      }
    },
  },
  ...migrations.slice(0, -1).map((_, index) => ({
    name: `processes that open a journal of version ${index + 1} at the same time migrate it once`,
    async run(place: Place): Promise<void> {
      await older(place, index + 1);
      const clock = clockAt(writtenAt);
      const journals = await Promise.all(Array.from({ length: 5 }, () => openJournal({ store: place.store(), clock })));
      try {
        assert.deepEqual(
          (await versionRows(place)).map(({ version }) => version),
          migrations.map((__, i) => i + 1),
        );
        for (const journal of journals) await checkEveryRow(journal, index + 1);
      } finally {
        for (const journal of journals) await journal.close();
      }
    },
  })),
  {
    name: "a step that older code may live with adds, and changes nothing that is there",
    async run(place) {
      let before: Map<string, string> | undefined;
      for (const [index, step] of [...migrations, addingStep].entries()) {
        const worksWith = worksWithOn(step, place.engine);
        await place.migrate([...migrations, addingStep].slice(0, index + 1));
        const after = await describe(place);
        // What stands after a step holds all that stood before; what is new does not hinder older statements.
        if (before !== undefined && worksWith <= index) {
          for (const [name, form] of before) assert.equal(after.get(name), form, `${name} after step ${index + 1}`);
          for (const [name, form] of after) {
            if (before.has(name)) continue;
            const [table = ""] = name.split(".");
            const ofNewTable = ![...before.keys()].some((known) => known.startsWith(`${table}.`));
            assert.ok(ofNewTable || form.endsWith("may be left out"), `${name} of step ${index + 1}: ${form}`);
          }
        }
        before = after;
      }
      assert.ok((before?.size ?? 0) > 100);
    },
  },
  {
    name: "a process that has the journal open goes on while a newer one migrates by a step that adds",
    async run(place) {
      const journal = await openJournal({ store: place.store() });
      const workers = [new Worker(journal, "a"), new Worker(await openJournal({ store: place.store() }), "b")];
      try {
        await Promise.all(workers.map((worker) => worker.further(20)));
        await place.migrate([...migrations, addingStep]);
        await Promise.all(workers.map((worker) => worker.further(20)));
        await Promise.all(workers.map((worker) => worker.stop()));
        assert.deepEqual(
          workers.flatMap(({ faults }) => faults.map(({ code }) => code)),
          [],
        );
        await checkWorked(journal, workers);
        // One of the older version that ends in the midst of the upgrade may start again, and changes nothing.
        const again = await openJournal({ store: place.store() });
        await again.outbox.enqueue({ kind: "D", from: "100", to: "200", payload: Buffer.from("x") });
        await again.close();
        assert.equal((await versionRows(place)).at(-1)?.version, schemaVersion + 1);
      } finally {
        for (const worker of workers) await worker.close();
      }
    },
  },
  {
    name: "a process that has the journal open when a newer one migrates by a step that breaks: journal/too-new, nothing lost",
    async run(place) {
      const journal = await openJournal({ store: place.store() });
      const worker = new Worker(journal, "a");
      try {
        await worker.further(20);
        await place.migrate([...migrations, breaks]);
        await worker.ended;
        const [met] = worker.faults;
        assert.equal(met?.code, "journal/too-new");
        assert.equal(met?.retryable, false);
        assert.ok(met?.hint?.includes("start that version"));
        for (const call of [
          () => journal.outbox.list(),
          () => journal.outbox.claim({ owner: "a" }),
          () => journal.inbox.list({ state: "received" }),
          () => journal.inbox.accept({ messageId: "n", kind: "D", from: "200", to: "100", payload: Buffer.from("x") }),
        ])
          assert.equal((await fault(call())).code, "journal/too-new");
        const { rows } = await sql<{ id: string; transport: string }>`
          select id, transport from ${sql.table(place.schema === undefined ? "outbox_next" : `${place.schema}.outbox_next`)}`.execute(
          place.db,
        );
        const stored = new Map(rows.map(({ id, transport }) => [id, transport]));
        for (const id of worker.queued) assert.ok(stored.has(id), id);
        for (const id of worker.sent) assert.equal(stored.get(id), "sent", id);
        for (const id of worker.handled) assert.ok(stored.has(id.replace(/^in-/, "re-")), id);
        // None that was begun when the tables went is half there.
        assert.ok(rows.length <= worker.queued.length + worker.handled.length + 1);
        const opened = await fault(openJournal({ store: place.store() }));
        assert.equal(opened.code, "journal/too-new");
        assert.equal(
          opened.message,
          `[journal/too-new] expected a store of version ${schemaVersion} or lower, or one that works with it, found ${schemaVersion + 1}`,
        );
        assert.ok(opened.hint?.includes("start the version of the SDK that migrated it"));
      } finally {
        await worker.close();
      }
    },
  },
  {
    name: "a journal that a step further on no longer works with is refused, although the last step would",
    async run(place) {
      await place.migrate([
        ...migrations,
        { ...addingStep, worksWith: schemaVersion + 1 },
        { ...breaks, worksWith: 1 },
      ]);
      assert.equal((await fault(openJournal({ store: place.store() }))).code, "journal/too-new");
    },
  },
];

async function checkWorked(journal: Journal, workers: readonly Worker[]): Promise<void> {
  for (const { queued, sent, handled } of workers) {
    assert.ok(queued.length >= 40 && sent.length > 0 && handled.length > 0);
    for (const id of queued) assert.equal(bytes(await journal.outbox.payload(id)), id);
    for (const id of sent) assert.equal((await journal.outbox.get(id))?.transport, "sent");
    for (const id of handled) assert.ok(await journal.outbox.get(id.replace(/^in-/, "re-")));
  }
}

/** Columns and unique indexes, by name. */
async function describe({ db, engine, schema = "" }: Place): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const tables = await sql<{ name: string }>`${
    engine === "sqlite"
      ? sql`select name from sqlite_master where type = 'table' and name not like 'sqlite_%'`
      : sql`select table_name as name from information_schema.tables where table_schema = ${schema}`
  }`.execute(db);
  for (const { name: table } of tables.rows) {
    const columns = await sql<{ name: string; type: string; needed: number }>`${
      engine === "sqlite"
        ? sql`select name, type, ("notnull" = 1 and dflt_value is null and pk = 0) as needed from pragma_table_info(${table})`
        : sql`select column_name as name, data_type as type,
            (is_nullable = 'NO' and column_default is null)::int as needed
          from information_schema.columns where table_schema = ${schema} and table_name = ${table}`
    }`.execute(db);
    for (const { name, type, needed } of columns.rows)
      found.set(`${table}.${name}`, `${type}, ${needed === 0 ? "may be left out" : "needed"}`);
  }
  const unique = await sql<{ name: string; table: string; text: string }>`${
    engine === "sqlite"
      ? sql`select i.name as name, m.name as "table", group_concat(c.name) as text
          from sqlite_master m, pragma_index_list(m.name) i, pragma_index_info(i.name) c
          where m.type = 'table' and i."unique" = 1 group by 1, 2`
      : sql`select indexname as name, tablename as "table", indexdef as text from pg_indexes
          where schemaname = ${schema} and indexdef like 'CREATE UNIQUE%'`
  }`.execute(db);
  for (const { name, table, text } of unique.rows) found.set(`${table}.unique:${name}`, text);
  return found;
}
