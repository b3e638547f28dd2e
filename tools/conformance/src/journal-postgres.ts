import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { HelsekontaktError } from "@helsekontakt/core";
import { openJournal } from "@helsekontakt/journal";
import { postgresStore } from "@helsekontakt/journal/postgres";
import { Pool } from "pg";
import { Bench, contractCases, message } from "../../../packages/journal/tests/_contract.ts";
import { migrations } from "../../../packages/journal/src/migrations.ts";
import { addingStep, upgradeCases } from "../../../packages/journal/tests/_upgrade.ts";
import { postgresPlace } from "../../../packages/journal/tests/_upgrade-postgres.ts";

// The journal's contract, and what only PostgreSQL can do, against a real server: 127.0.0.1:5432, database `test`, user
// `postgres` with trust, or the address in HELSEKONTAKT_POSTGRES. Every case has a schema of its own, dropped afterwards.
const address = process.env.HELSEKONTAKT_POSTGRES ?? "postgres://postgres@127.0.0.1:5432/test";
const pool = new Pool({ connectionString: address, max: 12, connectionTimeoutMillis: 5_000 });
pool.on("error", () => {});

const run = `hk_${randomBytes(4).toString("hex")}`;
let passed = 0;
const failed: string[] = [];

async function inSchema(name: string, work: (schema: string) => Promise<void>): Promise<void> {
  const schema = `${run}_${passed + failed.length}`;
  try {
    await work(schema);
    passed++;
  } catch (reason) {
    failed.push(name);
    console.error(`journal-postgres: FAILED: ${name}`);
    console.error(reason);
  } finally {
    await pool.query(`drop schema if exists "${schema}" cascade`);
  }
}

function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(`expected ${what}`);
}

/** Whether another connection waits for a lock of this one. */
async function isWaitedFor(pid: number | undefined): Promise<boolean> {
  const { rows } = await pool.query("select 1 from pg_stat_activity where $1 = any (pg_blocking_pids(pid))", [pid]);
  return rows.length > 0;
}

try {
  const { rows } = await pool.query<{ server_version: string }>("show server_version");
  console.log(`journal-postgres: PostgreSQL ${rows[0]?.server_version}`);
} catch (reason) {
  console.error(
    "journal-postgres: expected PostgreSQL to answer; nothing was checked",
    (reason as { code?: string }).code,
  );
  process.exit(2);
}

for (const { name, run: runCase } of contractCases)
  await inSchema(name, async (schema) => {
    const bench = new Bench(() => postgresStore({ pool, schema }));
    try {
      await runCase(bench);
    } finally {
      await bench.close();
    }
  });

for (const { name, run: runCase } of upgradeCases)
  await inSchema(`upgrade: ${name}`, (schema) => postgresPlace(pool, schema, runCase));

await inSchema(
  "postgres: transactions that hold every connection of the pool end, however old the last look at the database's clock is",
  async (schema) => {
    const few = new Pool({ connectionString: address, max: 2, connectionTimeoutMillis: 3_000 });
    few.on("error", () => {});
    const journal = await openJournal({ store: postgresStore({ pool: few, schema, listen: false }) });
    const steady = performance.now.bind(performance);
    try {
      let begun = 0;
      let go = (): void => {};
      const bothBegun = new Promise<void>((resolve) => void (go = resolve));
      const enqueue = (n: number): Promise<void> =>
        journal.transaction(async (transaction) => {
          if (++begun === 2) go();
          await bothBegun;
          await journal.outbox.enqueue(message({ messageId: `in-few-${n}` }), { transaction });
        });
      performance.now = () => steady() + 3_600_000;
      await Promise.all([enqueue(1), enqueue(2)]);
      const kept = await journal.outbox.list({ limit: 10 });
      expect(kept.length === 2, `both messages, found ${kept.length}`);
    } finally {
      performance.now = steady;
      await journal.close();
      await few.end();
    }
  },
);

await inSchema("postgres: a machine that slept gives out no lease that has run out already", async (schema) => {
  const journal = await openJournal({ store: postgresStore({ pool, schema }) });
  const steady = performance.now.bind(performance);
  try {
    for (const [n, sleptMs] of [3_600_000, 90_000].entries()) {
      await journal.outbox.enqueue(message({ messageId: `over-night-${n}` }));
      // The database and the machine's own clock have gone on, the steady one has not.
      const before = performance.now.bind(performance);
      performance.now = () => before() - sleptMs;
      const [claim] = await journal.outbox.claim({ owner: "sleeper", leaseMs: 60_000 });
      const { rows } = await pool.query<{ now: number }>(
        "select (extract(epoch from clock_timestamp()) * 1000)::float8 as now",
      );
      const left = (claim?.leaseUntil ?? 0) - (rows[0]?.now ?? 0);
      expect(left > 50_000, `a lease of nearly a minute, found one with ${Math.round(left)} ms left`);
    }
    const others = await journal.outbox.claim({ owner: "other", leaseMs: 60_000 });
    expect(others.length === 0, "another to find nothing that it may take over");
  } finally {
    performance.now = steady;
    await journal.close();
  }
});

await inSchema(
  "postgres: a long transaction of an older process makes the newer one wait, and holds up nobody else meanwhile",
  async (schema) => {
    const older = await openJournal({ store: postgresStore({ pool, schema }) });
    await postgresPlace(pool, schema, async ({ migrate }) => {
      const client = await pool.connect();
      try {
        await client.query("begin");
        await older.outbox.enqueue(message({ messageId: "in-long" }), { transaction: client });
        let migrated = false;
        const migrating = migrate([...migrations, addingStep]).then(() => {
          migrated = true;
        });
        // More than one of its tries: others are let through between them.
        for (let i = 0; i < 3; i++) {
          let waits = false;
          while (!waits) {
            const { rowCount } = await pool.query(
              "select 1 from pg_locks l join pg_class c on c.oid = l.relation where not l.granted and c.relnamespace = $1::regnamespace",
              [schema],
            );
            waits = rowCount !== 0;
          }
          await older.outbox.enqueue(message({ messageId: `beside-${i}` }));
        }
        expect(!migrated, "the step to wait for the transaction");
        await client.query("commit");
        await migrating;
      } finally {
        client.release();
      }
      expect((await older.outbox.list()).length === 4, "all that was queued to be there");
      await older.outbox.claim({ owner: "older" });
      await older.close();
    });
  },
);

await inSchema("postgres: a message is in the application's own transaction", async (schema) => {
  const journal = await openJournal({ store: postgresStore({ pool, schema }) });
  const client = await pool.connect();
  try {
    await client.query(`create table "${schema}".application (id text)`);
    for (const end of ["rollback", "commit"] as const) {
      await client.query("begin");
      await client.query(`insert into "${schema}".application values ('${end}')`);
      await journal.outbox.enqueue(message({ messageId: end }), { transaction: client });
      expect((await journal.outbox.get(end)) === undefined, "nothing to be seen before the commit");
      await client.query(end);
    }
    expect((await journal.outbox.get("rollback")) === undefined, "the rolled back message to be gone");
    expect((await journal.outbox.get("commit"))?.transport === "queued", "the committed message to be queued");
    const { rowCount } = await client.query(`select 1 from "${schema}".application`);
    expect(rowCount === 1, "one row of the application");
  } finally {
    client.release();
    await journal.close();
  }
});

await inSchema(
  "postgres: a session that the server ends between two statements fails its call, and nothing else",
  async (schema) => {
    const journal = await openJournal({ store: postgresStore({ pool, schema }) });
    try {
      // An error that only an event tells would end this process here.
      const code = await journal
        .transaction(async (transaction) => {
          const { rows } = await transaction.query<{ pid: number }>("select pg_backend_pid() as pid");
          await pool.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
          await new Promise((resolve) => setTimeout(resolve, 300));
          await transaction.query("select 1");
        })
        .then(
          () => "nothing",
          (reason: { readonly code?: string }) => reason.code,
        );
      expect(code === "journal/unavailable", `journal/unavailable, found ${code}`);
      await journal.outbox.enqueue(message({ messageId: "after" }));
      expect((await journal.outbox.get("after"))?.transport === "queued", "the journal to go on");
    } finally {
      await journal.close();
    }
  },
);

await inSchema(
  "postgres: a second process wakes at once for what the first one queues, answers and receives",
  async (schema) => {
    // As two processes: two pools, two journals. Looking would take a minute.
    const others = new Pool({ connectionString: address, max: 4 });
    const one = await openJournal({ store: postgresStore({ pool, schema }) });
    const two = await openJournal({ store: postgresStore({ pool: others, schema }) });
    try {
      // The listener has connected when it is heard.
      for (let heard = false; !heard; ) {
        const { rowCount } = await pool.query("select 1 from pg_stat_activity where query = $1", [
          `listen "helsekontakt/${schema}"`,
        ]);
        heard = rowCount === 2;
      }
      const patience = { timeoutMs: 60_000 };
      const woken = async (wait: Promise<unknown>, act: () => Promise<unknown>, what: string): Promise<void> => {
        const started = performance.now();
        await act();
        await wait;
        expect(performance.now() - started < 30_000, `${what} to wake the other process without looking`);
      };
      await woken(two.outbox.waitForWork(patience), () => one.outbox.enqueue(message({ messageId: "m" })), "a message");
      const client = await pool.connect();
      await client.query("begin");
      await one.outbox.enqueue(message({ messageId: "in-transaction" }), { transaction: client });
      await woken(two.outbox.waitForWork(patience), () => client.query("commit"), "an application's commit");
      client.release();
      const settled = two.outbox.wait("m", { pollMs: 60_000 });
      const claims = await one.outbox.claim({ owner: "one" });
      await woken(settled, () => Promise.all(claims.map((claim) => one.outbox.markSent(claim))), "an outcome");
      await woken(
        two.inbox.waitForWork(patience),
        () => one.inbox.accept({ messageId: "i", kind: "D", from: "200", to: "100", payload: Buffer.from("x") }),
        "an arrival",
      );
      // The connection that listens dies: another one takes its place, and looking goes on.
      await pool.query("select pg_terminate_backend(pid) from pg_stat_activity where query = $1", [
        `listen "helsekontakt/${schema}"`,
      ]);
      await one.outbox.enqueue(message({ messageId: "after" }));
      expect(
        (await two.outbox.claim({ owner: "two" })).some((c) => c.id === "after"),
        "the next look to find it",
      );
    } finally {
      await one.close();
      await two.close();
      await others.end();
    }
  },
);

await inSchema("postgres: one content that comes twice at once is stored once, where asked", async (schema) => {
  const journal = await openJournal({ store: postgresStore({ pool, schema }) });
  const found = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      journal.inbox.accept(
        { messageId: `m${i}`, kind: "D", from: "200", to: "100", payload: Buffer.from("the same") },
        { byContent: true },
      ),
    ),
  );
  expect(found.filter((f) => f.outcome === "new").length === 1, "one of twelve to be new");
  await journal.close();
});

await inSchema("postgres: a claim sets aside what is damaged, and gives the others", async (schema) => {
  const journal = await openJournal({
    store: postgresStore({ pool, schema }),
    key: { id: "k", secret: randomBytes(32) },
  });
  for (const messageId of ["damaged", "whole"]) {
    await journal.outbox.enqueue(message({ messageId }));
    await journal.inbox.accept({ messageId, kind: "D", from: "200", to: "100", payload: Buffer.from("x") });
  }
  for (const table of ["outbox", "inbox"])
    await pool.query(
      `update "${schema}"."${table}" set payload = set_byte(payload, 5, get_byte(payload, 5) # 1) where amqp_id = 'damaged'`,
    );
  for (const box of [journal.outbox, journal.inbox] as const) {
    const claims = await box.claim({ owner: "a" });
    expect(claims.length === 1 && claims[0]?.messageId === "whole", "the whole message alone to be given");
  }
  const failed = await journal.outbox.get("damaged");
  expect(failed?.transport === "failed" && failed.reason === "journal/corrupt", "the damaged one to have failed");
  const [aside] = await journal.inbox.list({ state: "quarantined" });
  expect(aside?.messageId === "damaged" && aside.reason === "journal/corrupt", "the damaged one to be set aside");
  await journal.close();
});

await inSchema(
  "postgres: a damaged message whose AppRec comes while it is set aside is sent all the same",
  async (schema) => {
    const key = { id: "k", secret: randomBytes(32) };
    const clock = { time: 1_800_000_000_000, now: () => clock.time, sleep: async () => {} };
    const journal = await openJournal({ store: postgresStore({ pool, schema, listen: false }), key, clock });
    let answered: Promise<unknown> | undefined;
    const answering = {
      options: {},
      async connect() {
        const client = await pool.connect();
        return {
          async query(text: string, values: unknown[]) {
            const result = await client.query(text, values);
            if (answered === undefined && text.startsWith('select "id" from') && text.includes('"fence" =')) {
              const { rows: own } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
              const over = new AbortController();
              const answer = { receiptId: "r", originalMsgId: "m", from: "200", accepted: true };
              answered = journal.receipts.record(answer).finally(() => over.abort());
              while (!over.signal.aborted && !(await isWaitedFor(own[0]?.pid)));
            }
            return result;
          },
          release: () => client.release(),
        };
      },
      async end() {},
    } as unknown as Pool;
    const other = await openJournal({ store: postgresStore({ pool: answering, schema, listen: false }), key, clock });
    await journal.outbox.enqueue(message({ messageId: "m", msgId: "m", expectsReceipt: true }));
    await journal.outbox.claim({ owner: "a", leaseMs: 10 });
    await pool.query(`update "${schema}".outbox set payload = set_byte(payload, 5, get_byte(payload, 5) # 1)`);
    clock.time += 11;
    expect((await other.outbox.claim({ owner: "b" })).length === 0, "no claim of what is damaged");
    expect(answered !== undefined, "the AppRec to come in between");
    await answered;
    const entry = await journal.outbox.get("m");
    expect(
      entry?.transport === "sent" && entry.application === "accepted",
      `a message that was sent and accepted, found ${entry?.transport} and ${entry?.application}`,
    );
    await other.close();
    await journal.close();
  },
);

/** Names of the statements that the sessions of a pool keep, of those that the journal prepares. */
async function preparedOf(few: Pool): Promise<number> {
  const { rows } = await few.query("select name from pg_prepared_statements where name like 'helsekontakt_%'");
  return rows.length;
}

await inSchema("postgres: what comes again and again is prepared, and not where that is turned off", async (schema) => {
  for (const prepare of [true, false]) {
    const few = new Pool({ connectionString: address, max: 1, connectionTimeoutMillis: 5_000 });
    few.on("error", () => {});
    const journal = await openJournal({ store: postgresStore({ pool: few, schema, prepare }) });
    for (let n = 0; n < 6; n++) {
      await journal.outbox.enqueue(message({ messageId: `${prepare}-${n}` }));
      expect((await journal.outbox.claim({ owner: "a" })).length === 1, "one claim");
    }
    const prepared = await preparedOf(few);
    await journal.close();
    await few.end();
    expect(prepare ? prepared >= 2 && prepared < 60 : prepared === 0, `statements as asked, found ${prepared}`);
  }
});

await inSchema(
  "postgres: where prepared statements are not kept, one call fails, may be made again, and none after it",
  async (schema) => {
    // What a pooler does that gives each statement another session.
    const few = new Pool({ connectionString: address, max: 1, connectionTimeoutMillis: 5_000 });
    few.on("error", () => {});
    const journal = await openJournal({ store: postgresStore({ pool: few, schema }) });
    const codes: string[] = [];
    const stored: string[] = [];
    for (let n = 0; n < 12; n++) {
      if (n > 3) await few.query("deallocate all");
      const messageId = `m-${n}`;
      await journal.outbox.enqueue(message({ messageId })).then(
        () => stored.push(messageId),
        (reason: unknown) => {
          const error = HelsekontaktError.from(reason);
          codes.push(`${error.code} ${error.retryable}`);
        },
      );
    }
    const claims = await journal.outbox.claim({ owner: "a", limit: 20 });
    await journal.close();
    await few.end();
    expect(codes.join() === "journal/unavailable true", `one call that may be made again, found ${codes.join()}`);
    expect(
      claims.map((c) => c.messageId).join() === stored.join() && stored.length === 11,
      `what was stored, found ${claims.length}`,
    );
  },
);

await inSchema("postgres: a claim is one statement, with a key and without", async (schema) => {
  for (const [n, key] of [undefined, { id: "k", secret: randomBytes(32) }].entries()) {
    let statements = 0;
    const counting = {
      options: {},
      async connect() {
        const client = await pool.connect();
        return {
          query: (text: string, values: unknown[]) => {
            // What was stored is told some time later.
            if (!text.includes("pg_notify")) statements++;
            return client.query(text, values);
          },
          release: () => client.release(),
        };
      },
      async end() {},
    } as unknown as Pool;
    const store = postgresStore({ pool: counting, schema, listen: false });
    const journal = await openJournal({ store, ...(key === undefined ? {} : { key }) });
    await journal.outbox.enqueue(message({ messageId: `out-${n}` }));
    await journal.inbox.accept({ messageId: `in-${n}`, kind: "D", from: "200", to: "100", payload: Buffer.from("x") });
    for (const box of [journal.outbox, journal.inbox] as const) {
      statements = 0;
      const claims = await box.claim({ owner: "a" });
      const asked = statements;
      expect(claims.length === 1, `one claim, found ${claims.length}`);
      expect(asked === 1, `one statement, found ${asked}`);
    }
    await journal.close();
  }
});

await inSchema(
  "postgres: who sends is woken for a message stored while the one before it left, though another lost claim ended meanwhile",
  async (schema) => {
    const bench = new Bench(() => postgresStore({ pool, schema, listen: false }));
    const journal = await bench.open();
    await journal.outbox.enqueue(message({ messageId: "first", key: "k" }));
    const [lost] = await journal.outbox.claim({ owner: "a", leaseMs: 10 });
    bench.clock.time += 11;
    const [held] = await journal.outbox.claim({ owner: "b" });
    if (lost === undefined || held === undefined) throw new Error("expected two claims");
    const other = await pool.connect();
    const over = new AbortController();
    try {
      await other.query("begin");
      const { rows: own } = await other.query<{ pid: number }>(
        `select pg_backend_pid() as pid from "${schema}".outbox where id = 'first' for update`,
      );
      const leaving = journal.outbox.markSent(held);
      for (;;) {
        if (await isWaitedFor(own[0]?.pid)) break;
      }
      await journal.outbox.markSent(lost).catch(() => {});
      await journal.outbox.enqueue(message({ messageId: "second", key: "k" }));
      let woken = false;
      const waiting = journal.outbox.waitForWork({ timeoutMs: 60_000, signal: over.signal }).then(
        () => (woken = true),
        () => {},
      );
      await other.query("commit");
      await leaving;
      await turn();
      expect(woken, "the sender to be woken");
      over.abort();
      await waiting;
    } finally {
      over.abort();
      other.release();
      await bench.close();
    }
  },
);

await inSchema("postgres: the leases follow the database's clock, however this machine's is set", async (schema) => {
  const one = await openJournal({ store: postgresStore({ pool, schema }) });
  const two = await openJournal({ store: postgresStore({ pool, schema }) });
  await one.outbox.enqueue(message({ messageId: "m" }));
  const held = await one.outbox.claim({ owner: "one", leaseMs: 60_000 });
  await two.outbox.claim({ owner: "two" });
  const real = Date.now;
  try {
    Date.now = () => real() + 3_600_000;
    expect(
      (await two.outbox.claim({ owner: "two" })).length === 0,
      "a clock that is an hour ahead to take nothing over",
    );
  } finally {
    Date.now = real;
  }
  expect((await one.outbox.markSent(held[0] as never)).transport === "sent", "the holder to go on");
  await one.close();
  await two.close();
});

await inSchema("postgres: processes that start together migrate once", async (schema) => {
  const journals = await Promise.all(
    Array.from({ length: 6 }, () => openJournal({ store: postgresStore({ pool, schema }) })),
  );
  const { rows } = await pool.query<{ n: string; newest: number }>(
    `select count(*) as n, max(version) as newest from "${schema}".journal_migration`,
  );
  expect(Number(rows[0]?.n) > 0 && Number(rows[0]?.n) === rows[0]?.newest, "one row for each migration");
  for (const journal of journals) await journal.close();
});

await inSchema("postgres: fsync and synchronous_commit are on, so that a commit is durable", async () => {
  for (const setting of ["fsync", "synchronous_commit", "full_page_writes"]) {
    const { rows } = await pool.query<Record<string, string>>(`show ${setting}`);
    expect(rows[0]?.[setting] === "on", `${setting} to be on`);
  }
});

await inSchema(
  "postgres: a connection that dies in mid-work is a retryable fault, and the journal goes on",
  async (schema) => {
    const journal = await openJournal({ store: postgresStore({ pool, schema }) });
    await journal.outbox.enqueue(message({ messageId: "before" }));
    await pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and query like $1",
      [`%${schema}%`],
    );
    let stored = 0;
    for (let i = 0; i < 20; i++)
      await journal.outbox.enqueue(message({ messageId: `m${i}` })).then(
        () => stored++,
        (reason: { code?: string; retryable?: boolean }) =>
          expect(reason.code === "journal/unavailable" && reason.retryable === true, "a retryable fault"),
      );
    expect(stored > 0, "the journal to go on after its connections died");
    expect((await journal.outbox.list()).length === stored + 1, "exactly what was confirmed to be stored");
    await journal.close();
  },
);

await pool.end();
console.log(
  `journal-postgres: ${passed} of ${passed + failed.length} cases passed (${contractCases.length} of the common contract, ${upgradeCases.length} of upgrades)`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
