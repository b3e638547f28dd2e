import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Clock, HelsekontaktError } from "@helsekontakt/core";
import { Kysely } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Journal, type JournalOptions, openJournal, sqliteStore } from "./index.ts";
import { migrate, migrations } from "./migrations.ts";
import { partBytes } from "./payloads.ts";
import type { JournalSchema } from "./schema.ts";
import { nodeSqliteDialect } from "./sqlite-dialect.ts";
import { currentTransaction } from "./store.ts";

// What only the embedded engine does with large payloads; what holds on every engine is in tests/_contract-payloads.ts.

let directory: string;
let file: string;
let beside: DatabaseSync;
const opened: Journal[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "helsekontakt-payloads-"));
  file = join(directory, "journal.db");
  beside = new DatabaseSync(file, { timeout: 5_000 });
  beside.exec("pragma journal_mode=wal");
});
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
  beside.close();
  rmSync(directory, { recursive: true });
});

const key = { id: "k", secret: randomBytes(32) };
const startAt = 1_800_000_000_000;
const clockAt = (time: number): Clock => ({ now: () => time, sleep: async () => {} });
async function open(options: Partial<JournalOptions> = {}): Promise<Journal> {
  const journal = await openJournal({ store: sqliteStore({ file }), clock: clockAt(startAt), ...options });
  opened.push(journal);
  return journal;
}

const send = { kind: "D", from: "1", to: "2" };
const large = (): Buffer => randomBytes(4 * partBytes + 3);
const count = (table: string): number => beside.prepare(`select count(*) as n from ${table}`).get()?.["n"] as number;
const left = (): object => ({ parts: count("payload_part"), loose: count("payload_loose") });
const nothing = { parts: 0, loose: 0 };
const isSame = (found: Uint8Array | undefined, expected: Uint8Array): boolean =>
  found !== undefined && Buffer.compare(found, expected) === 0;
const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "none",
    (reason: unknown) => (reason instanceof HelsekontaktError ? reason.code : String(reason)),
  );

/** Resolves when parts are on the disk and their row is not, as another process sees it. */
async function untilUnderWay(): Promise<string> {
  for (;;) {
    const ref = beside.prepare("select ref from payload_loose where doomed = 0").get()?.["ref"];
    if (typeof ref === "string") return ref;
    await new Promise((next) => setImmediate(next));
  }
}

describe("a large payload on SQLite", () => {
  it("is beside its row, in parts that no change of the row's state writes anew", async () => {
    const journal = await open({ key });
    await journal.outbox.enqueue({ ...send, messageId: "m", payload: large() });
    const row = beside.prepare("select payload_inline, payload_bytes from outbox").get();
    expect({ ...row }).toEqual({ payload_inline: null, payload_bytes: 4 * partBytes + 3 });
    const sizes = beside.prepare("select octet_length(content) as n from payload_part order by part").all();
    expect(sizes.every(({ n }) => Number(n) <= 1024 * 1024)).toBe(true);
    expect(left()).toEqual({ parts: 5, loose: 0 });
    const [claim] = await journal.outbox.claim({ owner: "a" });
    beside.exec("delete from payload_part");
    await journal.outbox.markSent(claim as never);
    expect(await code(journal.outbox.payload("m"))).toBe("journal/corrupt");
  });

  it("leaves no part behind when it is dropped, emptied, deleted, rotated, or was there before", async () => {
    const journal = await open({ key });
    const payload = large();
    const finish = async (messageId: string): Promise<void> => {
      await journal.outbox.enqueue({ ...send, messageId, payload });
      const [claim] = await journal.outbox.claim({ owner: "a" });
      await journal.outbox.markSent(claim as never);
    };
    await finish("sized");
    await journal.prune({ payloadBytesAtMost: 0 });
    expect(left()).toEqual(nothing);
    await finish("aged");
    await journal.prune({ payloadsOlderThanMs: -0 });
    await finish("deleted");
    const found = await journal.inbox.accept({ ...send, messageId: "in", payload }, { claim: { owner: "a" } });
    const replies = [{ ...send, messageId: "re", payload }];
    await journal.inbox.handled((found.outcome === "new" && found.claim) as never, { replies });
    const later = await open({ key, clock: clockAt(startAt + 1_000) });
    await later.prune({ rowsOlderThanMs: 1 });
    expect([count("inbox"), left()]).toEqual([0, { parts: 5, loose: 0 }]);
    await later.outbox.cancel("re", "operator/stopped");
    await later.outbox.drop("re", "operator/dropped");
    expect(left()).toEqual(nothing);
    // The same message from two callers at once: both write, one is stored.
    const same = { ...send, messageId: "twice", payload };
    const told = await Promise.all([journal.outbox.enqueue(same), later.outbox.enqueue(same)]);
    expect(told.map(({ duplicate }) => duplicate).toSorted()).toEqual([false, true]);
    const arrivals = await Promise.all([
      journal.inbox.accept(same, { byContent: true }),
      journal.inbox.accept({ ...same, messageId: "other" }, { byContent: true }),
    ]);
    expect(arrivals.map(({ outcome }) => outcome).toSorted()).toEqual(["duplicate", "new"]);
    const rotating = await open({ key: { id: "next", secret: randomBytes(32), previous: [key] } });
    // With the ids of those that were emptied or dropped.
    expect(await rotating.rotateKeys()).toBe(3);
    expect(left()).toEqual({ parts: 10, loose: 0 });
    expect(isSame(await rotating.outbox.payload("twice"), payload)).toBe(true);
  });

  it("that its process did not finish is removed by a later one, once nobody can be at it any more", async () => {
    const first = await open({ key });
    const payload = large();
    const storing = first.outbox.enqueue({ ...send, messageId: "m", payload });
    const ref = await untilUnderWay();
    expect(await first.outbox.get("m")).toBeUndefined();
    // As one that stands still: another process neither sees nor removes what is under way.
    await open({ key, clock: clockAt(startAt + 60_000) });
    await storing;
    expect(isSame(await first.outbox.payload("m"), payload)).toBe(true);
    beside
      .prepare("insert into payload_part values (?, 0, zeroblob(1000)), (?, 1, zeroblob(1000))")
      .run("lost", "lost");
    beside.prepare("insert into payload_loose values ('lost', 'outbox', 'lost', ?, 0)").run(startAt);
    await open({ key, clock: clockAt(startAt + 60_000) });
    expect(left()).toEqual({ parts: 7, loose: 1 });
    const running = await open({ key, clock: clockAt(startAt + 60_000) });
    const later = await open({ key, clock: clockAt(startAt + 3_600_000) });
    expect(left()).toEqual({ parts: 5, loose: 0 });
    beside.prepare("insert into payload_loose values ('lost', 'outbox', 'lost', ?, 0)").run(startAt);
    await running.prune({});
    expect(left()).toEqual({ parts: 5, loose: 1 });
    await later.prune({});
    expect(left()).toEqual({ parts: 5, loose: 0 });
    expect(count("payload_part where ref <> (select payload_ref from outbox)")).toBe(0);
    expect(ref).not.toBe("lost");
  });

  it("is written again when another process took its parts for abandoned", async () => {
    const journal = await open({ key });
    const payload = large();
    const storing = journal.outbox.enqueue({ ...send, messageId: "m", payload });
    const ref = await untilUnderWay();
    // As a process does whose clock is an hour ahead.
    beside.exec("begin immediate; delete from payload_part; delete from payload_loose; commit");
    await storing;
    const stored = beside.prepare("select payload_ref from outbox").get()?.["payload_ref"];
    expect(isSame(await journal.outbox.payload("m"), payload)).toBe(true);
    expect(left()).toEqual({ parts: 5, loose: 0 });
    expect([typeof stored, stored === ref]).toEqual(["string", false]);
  });

  it("keeps parts that a row names, whatever else is noted of them", async () => {
    const journal = await open();
    const payload = large();
    await journal.outbox.enqueue({ ...send, messageId: "m", payload });
    beside.exec("insert into payload_loose select payload_ref, 'outbox', id, 0, 1 from outbox");
    await journal.prune({});
    expect(left()).toEqual({ parts: 5, loose: 0 });
    expect(isSame(await journal.outbox.payload("m"), payload)).toBe(true);
  });

  it.each([
    ["changed", "update payload_part set content = zeroblob(1000) where part = 2"],
    ["cut off", "delete from payload_part where part = 4"],
    [
      "shorter than it says",
      "delete from payload_part where part = 4; update outbox set payload_bytes = payload_bytes - 3; update inbox set payload_bytes = payload_bytes - 3",
    ],
    [
      "out of order",
      "update payload_part set part = 9 where part = 0; update payload_part set part = 0 where part = 1; update payload_part set part = 1 where part = 9",
    ],
    [
      "another row's",
      "update outbox set payload_ref = (select payload_ref from inbox); update inbox set payload_ref = (select max(ref) from payload_part where ref <> payload_ref)",
    ],
  ])("whose parts are %s is set aside, and holds up no other", async (_, damage) => {
    const journal = await open({ key });
    const aside: string[] = [];
    journal.setAside.onAside(({ box, reason }) => aside.push(`${box} ${reason}`));
    await journal.outbox.enqueue({ ...send, messageId: "damaged", payload: large() });
    await journal.inbox.accept({ ...send, messageId: "damaged", payload: large() });
    beside.exec(damage);
    await journal.outbox.enqueue({ ...send, messageId: "whole", payload: large() });
    await journal.inbox.accept({ ...send, messageId: "whole", payload: large() });
    expect((await journal.outbox.claim({ owner: "a" })).map(({ id }) => id)).toEqual(["whole"]);
    expect((await journal.inbox.claim({ owner: "a" })).map(({ messageId }) => messageId)).toEqual(["whole"]);
    expect(aside).toEqual(["outbox journal/corrupt", "inbox journal/corrupt"]);
    expect(await journal.outbox.get("damaged")).toMatchObject({ transport: "failed", reason: "journal/corrupt" });
    const [quarantined] = await journal.inbox.list({ state: "quarantined" });
    expect(quarantined).toMatchObject({ messageId: "damaged", reason: "journal/corrupt" });
  });

  it("is not overtaken by a message of its key that is stored by a later call", async () => {
    const journal = await open();
    const more = { ...send, key: "thread" };
    const messages = [large(), Buffer.from("b"), large()].map((payload, i) => ({
      ...more,
      messageId: `${i}`,
      payload,
    }));
    const signal = AbortSignal.abort();
    const stopped = code(journal.outbox.enqueue({ ...more, messageId: "stopped", payload: large() }, { signal }));
    await Promise.all(messages.flatMap((m) => [journal.outbox.enqueue(m), journal.inbox.accept(m)]));
    expect(await stopped).toBe("abort/cancelled");
    expect((await journal.outbox.list()).map(({ id }) => id)).toEqual(["0", "1", "2"]);
    expect((await journal.inbox.list()).map(({ messageId }) => messageId)).toEqual(["0", "1", "2"]);
  });

  it("does not keep a call waiting that a transaction waits for: one without that transaction is refused", async () => {
    const journal = await open();
    const more = { ...send, key: "thread" };
    let before: Promise<unknown> | undefined;
    const told = await journal.transaction(async () => {
      // Not of this transaction's context: what it writes waits for the transaction to end.
      before = currentTransaction.exit(() => journal.outbox.enqueue({ ...more, messageId: "0", payload: large() }));
      return code(journal.outbox.enqueue({ ...more, messageId: "1", payload: Buffer.from("b") }));
    });
    expect(told).toBe("input/invalid");
    await before;
    expect((await journal.outbox.list()).map(({ id }) => id)).toEqual(["0"]);
  });

  it("that finds no room leaves nothing, and the journal goes on", async () => {
    const journal = await open({ store: sqliteStore({ file, maxBytes: 6 * partBytes }) });
    await journal.outbox.enqueue({ ...send, messageId: "first", payload: large() });
    expect(await code(journal.outbox.enqueue({ ...send, messageId: "second", payload: large() }))).toBe("journal/full");
    expect(await journal.outbox.get("second")).toBeUndefined();
    expect(left()).toEqual({ parts: 5, loose: 0 });
    await journal.outbox.enqueue({ ...send, messageId: "small", payload: Buffer.from("x") });
    expect((await journal.outbox.claim({ owner: "a" })).map(({ id }) => id)).toEqual(["first", "small"]);
  });
});

describe("a journal of version 6 with large payloads in its rows", () => {
  const payload = large();
  beforeEach(async () => {
    const db = new Kysely<JournalSchema>({ dialect: nodeSqliteDialect(beside) });
    beside.exec("begin immediate");
    await migrate(db, "sqlite", startAt, migrations.slice(0, 6));
    beside.exec("commit");
    // As code of that version stores it, in clear.
    const box = { kind: "D", from_party: "1", to_party: "2", properties: Buffer.from("{}"), payload, next_at: 0 };
    for (const id of ["a", "b"]) {
      const outbox = { ...box, id, amqp_id: id, digest: "", transport: "queued", application: "none", attempts: 0 };
      const rest = { resends: 0, created_at: startAt, changed_at: startAt };
      await db
        .insertInto("outbox")
        .values({ ...outbox, ...rest } as never)
        .execute();
      const inbox = { ...box, id, amqp_id: id, content_hash: "", state: "received", tries: 0 };
      await db
        .insertInto("inbox")
        .values({ ...inbox, received_at: startAt, changed_at: startAt } as never)
        .execute();
    }
  });

  it("goes on with them where they are, and takes them out of the rows when keys are rotated", async () => {
    const journal = await open({ key });
    expect(isSame(await journal.outbox.payload("a"), payload)).toBe(true);
    const [a] = await journal.outbox.claim({ owner: "x", limit: 1 });
    expect(isSame(a?.payload, payload)).toBe(true);
    await journal.outbox.markSent(a as never);
    const [arrived] = await journal.inbox.claim({ owner: "x", limit: 1 });
    expect(isSame(arrived?.payload, payload)).toBe(true);
    await journal.inbox.handled(arrived as never);
    expect((await journal.prune({ payloadBytesAtMost: 2 * payload.length })).payloads).toBe(2);
    expect(left()).toEqual(nothing);
    expect(await journal.rotateKeys()).toBe(4);
    expect(left()).toEqual({ parts: 10, loose: 0 });
    const [b] = await journal.outbox.claim({ owner: "x" });
    expect([b?.id, isSame(b?.payload, payload)]).toEqual(["b", true]);
    const [other] = await journal.inbox.claim({ owner: "x" });
    expect([other?.id, isSame(other?.payload, payload)]).toEqual(["b", true]);
  });

  it("is closed to the statements of that version afterwards: it would send an empty message", async () => {
    await open();
    for (const statement of [
      'insert into outbox (id, payload) values (?, "")',
      "update outbox set fence = fence + 1 where id = ? returning payload",
      "select payload from inbox where id = ?",
    ])
      expect(() => beside.prepare(statement).all("a")).toThrow(/no such column|no column named/);
    const worksWith = beside.prepare("select works_with from journal_migration where version = 7").get();
    expect(worksWith?.["works_with"]).toBe(7);
  });
});
