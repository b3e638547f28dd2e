import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { type HelsekontaktError, type LogFields, Personal } from "@helsekontakt/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openJournal, type PgClient, sqliteStore } from "./index.ts";
import { schemaVersion } from "./migrations.ts";

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "helsekontakt-sqlite-"));
  file = join(directory, "journal.db");
});
afterEach(() => rmSync(directory, { recursive: true }));

const fault = (work: Promise<unknown>): Promise<HelsekontaktError> =>
  work.then(
    () => expect.fail("expected a fault"),
    (reason: HelsekontaktError) => reason,
  );
const send = { kind: "D", from: "1", to: "2", payload: Buffer.from("x") };

describe("sqliteStore()", () => {
  it("keeps neither payload, person, receipt text nor thread in clear on disk when a key is given", async () => {
    const marker = "MARKER01818010083";
    const key = { id: "k", secret: randomBytes(32) };
    const logged: string[] = [];
    const log = (message: string, fields?: LogFields) => void logged.push(message + JSON.stringify(fields ?? {}));
    const logger = { debug: log, info: log, warn: log, error: log };
    const journal = await openJournal({ store: sqliteStore({ file }), key, logger, maxTries: 1 });
    const payload = Buffer.from(marker);
    await journal.outbox.enqueue({ ...send, messageId: "m", payload, properties: { a: marker } });
    await journal.outbox.claim({ owner: "a" });
    const errors = [{ code: "E35", text: marker }];
    await journal.receipts.record({ receiptId: "r", originalMsgId: "m", from: "2", accepted: false, errors });
    await journal.receipts.record({ receiptId: "q", originalMsgId: "unknown", from: "2", accepted: true });
    const found = await journal.inbox.accept(
      { ...send, messageId: "i", payload, properties: { a: marker } },
      { claim: { owner: "a" } },
    );
    if (found.outcome === "new" && found.claim)
      await journal.inbox.retry(found.claim, { reason: "message/handler-failed" });
    const person = new Personal(marker);
    await journal.threads.put({ dialogId: "d", own: "1", other: "2", person, facts: { a: marker } });
    await journal.members.upsert({ person, organisation: "999999999" });
    expect(logged).toHaveLength(2);
    expect(logged.join()).not.toContain("MARKER");
    const [member] = await journal.members.find(person);
    expect(inspect(member, { depth: 9 }) + JSON.stringify(member)).not.toContain("MARKER");
    for (const name of readdirSync(directory))
      expect(readFileSync(join(directory, name)).includes("MARKER"), name).toBe(false);
    await journal.close();
    for (const name of readdirSync(directory))
      expect(readFileSync(join(directory, name)).includes("MARKER"), name).toBe(false);
  });

  it("sets aside a row that was damaged on disk, and holds up no other", async () => {
    const key = { id: "k", secret: randomBytes(32) };
    const logged: string[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (line: string) => void logged.push(line) };
    const journal = await openJournal({ store: sqliteStore({ file }), key, logger });
    for (const messageId of ["damaged", "whole"]) {
      await journal.outbox.enqueue({ ...send, messageId });
      await journal.inbox.accept({ ...send, messageId });
    }
    const damage = new DatabaseSync(file);
    for (const table of ["outbox", "inbox"])
      damage.exec(`update ${table} set payload_inline = zeroblob(40) where amqp_id = 'damaged'`);
    damage.close();
    const owner = { owner: "a" };
    expect((await journal.outbox.claim(owner)).map((c) => c.messageId)).toEqual(["whole"]);
    expect((await journal.inbox.claim(owner)).map((c) => c.messageId)).toEqual(["whole"]);
    expect(await journal.outbox.wait("damaged")).toMatchObject({ transport: "failed", reason: "journal/corrupt" });
    const aside = await journal.inbox.list({ state: "quarantined" });
    expect(aside).toMatchObject([{ messageId: "damaged", reason: "journal/corrupt" }]);
    expect(logged).toHaveLength(2);
    await journal.close();
  });

  it("takes nothing under a key that was not given, and changes nothing then", async () => {
    const key = { id: "k", secret: randomBytes(32) };
    const right = await openJournal({ store: sqliteStore({ file }), key });
    await right.outbox.enqueue({ ...send, messageId: "m" });
    await right.inbox.accept({ ...send, messageId: "m" });
    const wrong = await openJournal({ store: sqliteStore({ file }), key: { id: "other", secret: randomBytes(32) } });
    for (const box of [wrong.outbox, wrong.inbox])
      expect((await fault(box.claim({ owner: "a" }))).code).toBe("journal/key-unknown");
    await wrong.close();
    expect(await right.outbox.claim({ owner: "b" })).toMatchObject([{ messageId: "m", attempts: 1 }]);
    expect(await right.inbox.claim({ owner: "b" })).toMatchObject([{ messageId: "m", tries: 1 }]);
    await right.close();
  });

  it("commits with WAL and synchronous=FULL", async () => {
    const journal = await openJournal({ store: sqliteStore({ file }) });
    await journal.outbox.enqueue(send);
    const peek = new DatabaseSync(file);
    expect(peek.prepare("pragma journal_mode").get()).toEqual({ journal_mode: "wal" });
    peek.close();
    await journal.close();
  });

  it("works in memory, for tests", async () => {
    const journal = await openJournal({ store: sqliteStore({ file: ":memory:" }) });
    const { id } = await journal.outbox.enqueue(send);
    expect((await journal.outbox.get(id))?.transport).toBe("queued");
    await journal.close();
  });

  it("refuses a store of a later version, a file that is no database and a folder that is not there", async () => {
    const journal = await openJournal({ store: sqliteStore({ file }) });
    await journal.close();
    const raw = new DatabaseSync(file);
    raw.exec("insert into journal_migration values (99, 0, null)");
    raw.close();
    const newer = await fault(openJournal({ store: sqliteStore({ file }) }));
    expect(newer.message).toBe(
      `[journal/too-new] expected a store of version ${schemaVersion} or lower, or one that works with it, found 99`,
    );
    const junk = join(directory, "junk.db");
    writeFileSync(junk, "this is not a database, and longer than a header must be ".repeat(20));
    const unreadable = await fault(openJournal({ store: sqliteStore({ file: junk }) }));
    expect(unreadable.message).toBe("[journal/unavailable] expected the store to open, it failed");
    const absent = await fault(openJournal({ store: sqliteStore({ file: join(directory, "no", "x.db") }) }));
    expect(absent.code).toBe("journal/unavailable");
  });

  it("ends a caller's transaction with a hint", async () => {
    const journal = await openJournal({ store: sqliteStore({ file }) });
    const transaction = { query: async () => ({ rows: [], rowCount: 0, command: "" }) } satisfies PgClient;
    expect((await fault(journal.outbox.enqueue(send, { transaction }))).code).toBe("input/invalid");
    await journal.close();
  });

  it("refuses a write inside a transaction that is not given it, instead of waiting for itself for ever", async () => {
    const journal = await openJournal({ store: sqliteStore({ file }) });
    const other = await openJournal({ store: sqliteStore({ file: join(directory, "other.db") }) });
    let later: Promise<unknown> = Promise.resolve();
    const refused = await journal.transaction(async (transaction) => {
      await journal.outbox.enqueue({ ...send, messageId: "in" }, { transaction });
      await journal.threads.put({ dialogId: "d", own: "1", other: "2" }, { transaction });
      // Of another file, and after it: nothing waits for anything.
      await other.outbox.enqueue(send);
      later = new Promise((next) => setTimeout(next, 20)).then(() =>
        journal.outbox.enqueue({ ...send, messageId: "later" }),
      );
      return fault(journal.outbox.enqueue({ ...send, messageId: "beside" }));
    });
    expect([refused.code, refused.hint]).toEqual(["input/invalid", "pass { transaction }, or write after it"]);
    await later;
    expect((await journal.outbox.list()).map((e) => e.id)).toEqual(["in", "later"]);
    expect((await journal.threads.get("d"))?.state).toBe("open");
    for (const one of [journal, other]) await one.close();
  });

  it("says so when the store is full, loses nothing that was stored, and goes on when there is room", async () => {
    const journal = await openJournal({ store: sqliteStore({ file, maxBytes: 1024 * 1024 }) });
    const payload = randomBytes(50_000);
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => journal.outbox.enqueue({ ...send, payload, messageId: `m${i}` })),
    );
    const more = await fault(
      (async () => {
        for (let i = 0; i < 40; i++) await journal.outbox.enqueue({ ...send, payload, messageId: `n${i}` });
      })(),
    );
    expect([more.code, more.retryable, more.remoteCode]).toEqual(["journal/full", true, "SQLITE_13"]);
    const stored = new Set((await journal.outbox.list({ limit: 1_000 })).map((e) => e.id));
    for (const [i, result] of results.entries()) expect(stored.has(`m${i}`)).toBe(result.status === "fulfilled");
    await journal.close();
    const roomier = await openJournal({ store: sqliteStore({ file }) });
    await roomier.outbox.enqueue({ ...send, messageId: "after" });
    expect(await roomier.outbox.list({ limit: 1_000 })).toHaveLength(stored.size + 1);
    await roomier.close();
  });

  it("stores nothing of a group when the store fills up in its midst, and says so to each", async () => {
    const journal = await openJournal({ store: sqliteStore({ file, maxBytes: 1024 * 1024 }) });
    const results = await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) =>
        journal.outbox.enqueue({ ...send, payload: randomBytes(50_000), messageId: `m${i}` }),
      ),
    );
    const refused = results.flatMap((r) => (r.status === "rejected" ? [r.reason as HelsekontaktError] : []));
    expect(refused.length).toBeGreaterThan(0);
    for (const { code, retryable } of refused) expect([code, retryable]).toEqual(["journal/full", true]);
    expect(await journal.outbox.list({ limit: 1_000 })).toHaveLength(60 - refused.length);
    await journal.close();
  });

  it("says that a store may not be written, and still reads it", async () => {
    const journal = await openJournal({ store: sqliteStore({ file }) });
    await journal.outbox.enqueue({ ...send, messageId: "before" });
    await journal.close();
    const reader = await openJournal({ store: sqliteStore({ file: `${pathToFileURL(file).href}?mode=ro` }) });
    const refused = await fault(reader.outbox.enqueue({ ...send, messageId: "after" }));
    expect([refused.code, refused.retryable, refused.remoteCode]).toEqual(["journal/read-only", false, "SQLITE_8"]);
    expect(await reader.outbox.claim({ owner: "a" }).then(undefined, (f: HelsekontaktError) => f.code)).toBe(
      "journal/read-only",
    );
    expect((await reader.outbox.list()).map((e) => e.id)).toEqual(["before"]);
    await reader.close();
  });

  it("waits for another process's transaction only as long as told, and goes on afterwards", async () => {
    const journal = await openJournal({ store: sqliteStore({ file, busyTimeoutMs: 10 }) });
    const blocker = new DatabaseSync(file);
    blocker.exec("begin immediate");
    const refused = await fault(journal.outbox.enqueue({ ...send, messageId: "m" }));
    expect([refused.code, refused.retryable, refused.remoteCode]).toEqual(["journal/unavailable", true, "SQLITE_5"]);
    blocker.exec("rollback");
    blocker.close();
    await journal.outbox.enqueue({ ...send, messageId: "m" });
    expect((await journal.outbox.list()).map((e) => e.id)).toEqual(["m"]);
    await journal.close();
  });
});

describe("wait()", () => {
  it("leaves no listener behind when it ends", async () => {
    const journal = await openJournal({ store: sqliteStore({ file }) });
    const { id } = await journal.outbox.enqueue(send);
    const stop = new AbortController();
    const work = journal.outbox.waitForWork({ timeoutMs: 60_000 });
    const waits = Array.from({ length: 20 }, () => fault(journal.outbox.wait(id, { signal: stop.signal })));
    await journal.outbox.enqueue(send);
    await work;
    await new Promise((next) => setImmediate(next));
    stop.abort();
    expect((await Promise.all(waits)).every((f) => f.code === "abort/cancelled")).toBe(true);
    await journal.close();
  });
});
