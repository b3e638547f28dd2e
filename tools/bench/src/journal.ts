import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Journal, type JournalKeys, openJournal, type Store, sqliteStore } from "@helsekontakt/journal";
import { postgresStore } from "@helsekontakt/journal/postgres";
import { Pool } from "pg";
import { median, type Row } from "./measure.ts";

const bytes = 5_000;
const callers = 256;
const perRound = 3_000;
/** Messages of one commit in the embedded engine. */
const group = 128;
const rounds = 5;
const address = process.env["HELSEKONTAKT_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432/test";

/**
 * Journalled sends: concurrent callers that each wait for their message's durable commit before they send the next one.
 * Payloads differ, as messages do, and are sealed with a key as in operation, or stored in clear.
 */
export async function benchJournal(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), "helsekontakt-bench-journal-"));
  const key = { id: "bench", secret: randomBytes(32) };
  const rows: Row[] = [];
  try {
    for (const sealed of [true, false]) {
      const store = sqliteStore({ file: join(directory, `${sealed}.db`) });
      const bare = bareInserts(join(directory, `bare-${sealed}.db`));
      const speed = await sendsPerSecond(store, sealed ? key : undefined, { callers, perRound }, bare.round);
      bare.close();
      const kind = sealed ? "sealed" : "in clear";
      rows.push(
        {
          name: `journalled sends a second, embedded engine, 5 KB, ${kind}`,
          ratio: speed.perSecond,
          bound: { kind: "at-least", value: 3_000 },
          note: `${callers} callers, p99 ${speed.p99.toFixed(0)} ms, each durable before its promise resolves`,
        },
        {
          name: `journalled sends, ${kind} / bare node:sqlite inserts of as many bytes and as many a commit`,
          ratio: speed.ratio,
          note: `bare ${speed.otherPerSecond.toFixed(0)}/s: one column besides the id, in turn with the above`,
        },
      );
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  rows.push(...(await benchPostgres(key)));
  return rows;
}

async function benchPostgres(key: JournalKeys): Promise<Row[]> {
  const pool = new Pool({ connectionString: address, max: 16, connectionTimeoutMillis: 2_000 });
  pool.on("error", () => {});
  const schema = `hk_bench_${randomBytes(4).toString("hex")}`;
  try {
    await pool.query("select 1");
  } catch {
    process.stdout.write("journal: no PostgreSQL answers: it is not measured\n");
    return [];
  }
  try {
    const speed = await sendsPerSecond(postgresStore({ pool, schema }), key, { callers, perRound: 1_500 });
    return [
      {
        name: "journalled sends a second, PostgreSQL, 5 KB, sealed",
        ratio: speed.perSecond,
        note: `${callers} callers, p99 ${speed.p99.toFixed(0)} ms, each durable before its promise resolves`,
      },
    ];
  } finally {
    await pool.query(`drop schema if exists "${schema}" cascade`);
    await pool.end();
  }
}

interface Speed {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p99: number;
}

/** The least that an engine does for a durable row: what the machine allows at this hour. */
function bareInserts(file: string): { round(): number; close(): void } {
  const database = new DatabaseSync(file);
  for (const pragma of ["journal_mode=wal", "synchronous=full", "wal_autocheckpoint=8192"])
    database.exec(`pragma ${pragma}`);
  database.exec("create table message (id text primary key, payload blob)");
  const insert = database.prepare("insert into message values (?, ?)");
  const payload = randomBytes(bytes);
  return {
    round() {
      const start = performance.now();
      for (let left = perRound; left > 0; left -= group) {
        database.exec("begin immediate");
        for (let i = 0; i < Math.min(group, left); i++) insert.run(randomUUID(), payload);
        database.exec("commit");
      }
      return perRound / ((performance.now() - start) / 1_000);
    },
    close: () => database.close(),
  };
}

async function sendsPerSecond(
  store: Store,
  key: JournalKeys | undefined,
  load: { readonly callers: number; readonly perRound: number },
  other: () => number = () => Number.NaN,
): Promise<Speed & { readonly ratio: number; readonly otherPerSecond: number }> {
  const journal = await openJournal({ store, ...(key === undefined ? {} : { key }) });
  try {
    await round(journal, load.callers, load.perRound);
    other();
    const speeds: Speed[] = [];
    const others: number[] = [];
    for (let i = 0; i < rounds; i++) {
      speeds.push(await round(journal, load.callers, load.perRound));
      others.push(other());
    }
    return {
      perSecond: median(speeds.map((s) => s.perSecond)),
      p99: median(speeds.map((s) => s.p99)),
      ratio: median(speeds.map((s, i) => s.perSecond / (others[i] ?? Number.NaN))),
      otherPerSecond: median(others),
    };
  } finally {
    await journal.close();
  }
}

async function round(journal: Journal, concurrent: number, total: number): Promise<Speed> {
  const payloads = Array.from({ length: concurrent }, () => randomBytes(bytes));
  const waits: number[] = [];
  let left = total;
  const start = performance.now();
  await Promise.all(
    payloads.map(async (payload) => {
      while (left-- > 0) {
        const asked = performance.now();
        payload.writeUInt32BE(left);
        // As the SDK posts it: each message opens a thread of its own.
        const msgId = randomUUID();
        await journal.outbox.enqueue({
          msgId,
          kind: "DIALOG_INNBYGGER_EKONTAKT",
          from: "200002",
          to: "100002",
          conversation: msgId,
          key: msgId,
          payload,
          expectsReceipt: true,
          receiptWithinMs: 96 * 3_600_000,
        });
        waits.push(performance.now() - asked);
      }
    }),
  );
  const seconds = (performance.now() - start) / 1_000;
  waits.sort((a, b) => a - b);
  return { perSecond: total / seconds, p99: waits[Math.floor(waits.length * 0.99)] ?? Number.NaN };
}
