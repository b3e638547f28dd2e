// Over 400 lines: every case of one administration, on one broker.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  type AmqpConnection,
  type AuditEntry,
  auditFile,
  buildEnvelope,
  connectAmqp,
  exportFiles,
  exportLines,
  openQueues,
  type QueueEntry,
  type Queues,
} from "@helsekontakt/amqp-messaging";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Broker } from "../src/index.ts";

let broker: Broker;
let connection: AmqpConnection;
let queues: Queues;
let audit: AuditEntry[];
let dir: string;

beforeEach(async () => {
  broker = new Broker({ username: "u", password: "p", namespace: "NS" });
  for (const name of ["1_async", "1_error", "1_dl", "2_async"]) broker.declare(name);
  await broker.start();
  connection = await connectAmqp({ url: url() });
  audit = [];
  queues = openQueues(connection, { by: "kari", audit: (entry) => void audit.push(entry) });
  dir = mkdtempSync(join(tmpdir(), "helsekontakt-queues-"));
});
afterEach(async () => {
  await connection.close({ drainMs: 100 });
  await broker.close();
  rmSync(dir, { recursive: true, force: true });
});

const url = () => `amqp://u:p@127.0.0.1:${broker.port}/NS`;
const start = Date.UTC(2026, 0, 1);

interface Sent {
  readonly id: string;
  readonly queue?: string;
  readonly to?: string;
  readonly function?: string;
  readonly from?: string;
  readonly timestamp?: number;
  readonly properties?: Readonly<Record<string, string>>;
  readonly text?: string;
}

/** Puts messages into a queue, as others would have. */
async function put(...messages: readonly Sent[]): Promise<void> {
  await Promise.all(
    messages.map((m) =>
      connection.send(
        m.queue ?? "1_dl",
        buildEnvelope(
          {
            messageId: m.id,
            to: m.to ?? "1_async",
            function: m.function ?? "DIALOG_TEST",
            protection: "plain",
            fromHerId: m.from ?? "93238",
            toHerId: "2",
            timestamp: m.timestamp ?? start,
            ...(m.properties === undefined ? {} : { properties: m.properties }),
          },
          Buffer.from(m.text ?? `content of ${m.id}`),
        ),
      ),
    ),
  );
}

const some = (count: number, more: Partial<Sent> = {}): Sent[] =>
  Array.from({ length: count }, (_, i) => ({ id: `m${i}`, ...more }));

async function all(entries: AsyncIterable<QueueEntry>): Promise<QueueEntry[]> {
  const out: QueueEntry[] = [];
  for await (const entry of entries) out.push(entry);
  return out;
}

async function ids(queue: string): Promise<(string | undefined)[]> {
  return (await all(queues.list(queue))).map((e) => e.messageId);
}

describe("openQueues()", () => {
  it("counts without touching a message", async () => {
    await put(...some(30));
    expect(await queues.count("1_dl")).toEqual({ messages: 30, by: "broker" });
    expect(broker.counts.delivered).toBe(0);
    expect(await queues.count("1_dl", { filter: { ids: ["m3", "m7"] } })).toEqual({ messages: 2, by: "counted" });
    expect(broker.depth("1_dl")).toBe(30);
    await expect(queues.count("nowhere")).rejects.toMatchObject({ code: "amqp/link-refused" });
  });

  it("lists in order and by page, holds what it passes, and puts all of it back in its place", async () => {
    await put(...some(40));
    expect((await all(queues.list("1_dl", { limit: 3, skip: 5 }))).map((e) => e.messageId)).toEqual(["m5", "m6", "m7"]);
    const listing = queues.list("1_dl");
    await listing.next();
    expect(broker.depth("1_dl")).toBeLessThan(40);
    await listing.return();
    expect(await ids("1_dl")).toEqual(some(40).map((m) => m.id));
    expect(broker.depth("1_dl")).toBe(40);
  });

  it("goes on in new sessions where one holds no more", async () => {
    await put(...some(2_300, { text: "x" }));
    const listed = await ids("1_dl");
    expect(listed).toHaveLength(2_300);
    expect(await ids("1_dl")).toEqual(listed);
  }, 60_000);

  it("filters by id, age, function, sender and cause, of error reports and of deaths", async () => {
    const hour = 3_600_000;
    const now = Date.now();
    await put(
      { id: "old", timestamp: now - 48 * hour },
      { id: "new", timestamp: now - hour, function: "APPREC", from: "77" },
      { id: "report", timestamp: now, properties: { errorCondition: "transport:invalid-certificate" } },
      { id: "dead", timestamp: now, properties: { "x-first-death-reason": "rejected" } },
      { id: "undated", properties: { applicationTimeStamp: "soon", enqueuedTimeUtc: "later" } },
    );
    const found = async (filter: object) => (await all(queues.list("1_dl", { filter }))).map((e) => e.messageId);
    expect(await found({ olderThanMs: 24 * hour })).toEqual(["old"]);
    expect(await found({ newerThanMs: 24 * hour })).toEqual(["new", "report", "dead"]);
    expect(await found({ functions: ["APPREC"] })).toEqual(["new"]);
    expect(await found({ from: ["77", "78"] })).toEqual(["new"]);
    expect(await found({ causes: ["transport:invalid-certificate", "rejected"] })).toEqual(["report", "dead"]);
    expect(await found({ ids: [] })).toEqual([]);
    expect(await found({ from: ["77"], causes: ["rejected"] })).toEqual([]);
    await expect(queues.list("1_dl", { filter: { olderThanMs: -1 } }).next()).rejects.toMatchObject({
      code: "input/invalid",
    });
  });

  it("shows headers, never content, and nothing that looks like a national number", async () => {
    await put({
      id: "13116900216",
      function: "X\u001b[31m",
      text: "SECRET-CONTENT",
      properties: { errorDescription: "patient 131169 00216 unknown", note: "y".repeat(500) },
    });
    const [entry] = await queues.show("1_dl", "13116900216");
    const text = JSON.stringify([entry, [...(entry?.properties ?? [])]]);
    expect(entry?.messageId).toBe("[11 digits]");
    expect(entry?.properties.get("errorDescription")).toBe("patient [11 digits] unknown");
    expect(entry?.properties.get("note")).toHaveLength(201);
    expect(text).not.toMatch(/00216|SECRET|\\u001b/);
    await queues.purge("1_dl", { filter: { ids: ["13116900216"] }, dryRun: false });
    expect(JSON.stringify(audit)).not.toContain("00216");
    expect(broker.depth("1_dl")).toBe(0);
  });

  it("does nothing unless it is told to, and says what it would do", async () => {
    await put(...some(5), { id: "lost", to: "nowhere" });
    for (const report of [
      await queues.move("1_dl", "2_async"),
      await queues.purge("1_dl"),
      await queues.republish("1_dl"),
    ])
      expect([report.dryRun, report.matched]).toEqual([true, 6]);
    expect((await queues.republish("1_dl")).fates).toMatchObject({ done: 5, "no-target": 1 });
    expect([broker.depth("1_dl"), broker.depth("2_async"), broker.depth("1_async")]).toEqual([6, 0, 0]);
    expect(audit.map((e) => e.phase).filter((p) => p === "batch")).toEqual([]);
  });

  it("exports whole messages for their owner's eyes, and leaves them", async () => {
    await put(...some(3), { id: "last", text: "<æ/>" });
    const lines = join(dir, "out.ndjson");
    const report = await queues.export("1_dl", exportLines(lines));
    expect([report.fates.done, broker.depth("1_dl")]).toEqual([4, 4]);
    const rows = readFileSync(lines, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { headers: { messageId: string }; message: string });
    expect(rows.map((r) => r.headers.messageId)).toEqual(["m0", "m1", "m2", "last"]);
    expect(Buffer.from(rows[3]?.message ?? "", "base64").toString()).toContain("<æ/>");
    expect(statSync(lines).mode & 0o777).toBe(0o600);
    await queues.export("1_dl", exportFiles(join(dir, "files")), { limit: 2 });
    expect(readdirSync(join(dir, "files"))).toEqual(["000001.amqp", "000001.json", "000002.amqp", "000002.json"]);
    expect(statSync(join(dir, "files", "000001.amqp")).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, "files")).mode & 0o777).toBe(0o700);
    await expect(queues.export("1_dl", exportLines(lines))).resolves.toMatchObject({
      stopped: { code: "input/invalid" },
    });
  });

  it("removes nothing that the export or the audit trail could not take", async () => {
    await put(...some(10));
    const full = {
      write: () => Promise.reject(new Error("disk full")),
      sync: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    const report = await queues.purge("1_dl", { dryRun: false, exportTo: full });
    expect([report.fates.done, report.stopped?.code, broker.depth("1_dl")]).toEqual([0, "internal/unknown", 10]);
    const unheard = openQueues(connection, {
      audit: ({ phase }) => {
        if (phase === "batch") throw new Error("disk full");
      },
    });
    await unheard.purge("1_dl", { dryRun: false });
    await unheard.move("1_dl", "2_async", { dryRun: false });
    expect(broker.depth("1_dl")).toBe(10);
    const mute = openQueues(connection, { audit: auditFile(join(dir, "no", "such", "folder")) });
    await expect(mute.purge("1_dl", { dryRun: false })).rejects.toMatchObject({ code: "input/invalid" });
    expect(broker.depth("1_dl")).toBe(10);
  });

  it("purges what a filter means, written down first", async () => {
    await put(...some(6), { id: "other", function: "APPREC" });
    const file = join(dir, "purged.ndjson");
    const report = await queues.purge("1_dl", {
      filter: { functions: ["DIALOG_TEST"] },
      dryRun: false,
      exportTo: exportLines(file),
    });
    expect(report).toMatchObject({ matched: 6, confirmed: true, fates: { done: 6 } });
    expect(await ids("1_dl")).toEqual(["other"]);
    expect(readFileSync(file, "utf8").trim().split("\n")).toHaveLength(6);
  });

  it("keeps an audit trail: who, when, what, filter, count and ids, on the disk before anything is removed", async () => {
    await put(...some(3));
    const path = join(dir, "audit.ndjson");
    const own = openQueues(connection, { by: "ola", audit: auditFile(path) });
    const { run } = await own.move("1_dl", "2_async", { dryRun: false, filter: { from: ["93238"] }, limit: 2 });
    const lines = readFileSync(path, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as AuditEntry);
    expect(lines).toMatchObject([
      { run, by: "ola", act: "move", phase: "begin", queue: "1_dl", to: "2_async", snapshot: 3, limit: 2 },
      { run, phase: "batch", ids: { "2_async": ["m0", "m1"] } },
      { run, phase: "end", matched: 2, fates: { done: 2 }, confirmed: true },
    ]);
    expect(lines[0]?.filter).toEqual({ from: ["93238"] });
    expect(lines[0]?.at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("moves messages as they are, durable, in order, with ids, body and values of foreign types", async () => {
    await put(...some(25));
    const before = await all(queues.list("1_dl"));
    const report = await queues.move("1_dl", "2_async", { dryRun: false });
    expect(report).toMatchObject({ snapshot: 25, matched: 25, confirmed: true, fates: { done: 25 } });
    const after = await all(queues.list("2_async"));
    expect(after.map((e) => e.messageId)).toEqual(before.map((e) => e.messageId));
    expect(after[0]?.properties.get("X-Helsekontakt-Moved")).toBe("1");
    expect(after[0]?.movedFrom).toEqual(["1_dl"]);
    for (const [name, value] of before[0]?.properties ?? []) expect(after[0]?.properties.get(name)).toBe(value);
    expect(broker.depth("1_dl")).toBe(0);
  });

  it("ends cleanly when its caller does, with what was done counted and the rest in place", async () => {
    await put(...some(400));
    const stop = new AbortController();
    const report = await queues.move("1_dl", "2_async", {
      dryRun: false,
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done >= 60) stop.abort();
      },
    });
    expect(report.stopped?.code).toBe("abort/cancelled");
    expect(report.fates.done).toBe(broker.depth("2_async"));
    expect(broker.depth("1_dl") + broker.depth("2_async")).toBe(400);
    await expect(queues.count("1_dl", { signal: stop.signal })).rejects.toMatchObject({ code: "abort/cancelled" });
  });

  it("ends when the connection is cut; nothing is missing, and what is there twice has one id", async () => {
    await put(...some(300));
    let cut = false;
    const report = await queues.move("1_dl", "2_async", {
      dryRun: false,
      onProgress: ({ done }) => {
        if (done < 50 || cut) return;
        cut = true;
        broker.cutConnections();
      },
    });
    expect(report.stopped).toBeDefined();
    expect(report.confirmed).toBe(false);
    await new Promise<void>((resolve) => {
      connection.onState((e) => {
        if (e.kind === "connection" && e.state === "open") resolve();
      });
      if (connection.state === "open") resolve();
    });
    const everywhere = new Set([...(await ids("1_dl")), ...(await ids("2_async"))]);
    expect(everywhere.size).toBe(300);
  });
});

describe("rows", () => {
  it("D10: move to a queue that does not exist: the original stays, and nothing is sent", async () => {
    await put(...some(5));
    const { published, unroutable } = broker.counts;
    await expect(queues.move("1_dl", "nowhere", { dryRun: false })).rejects.toMatchObject({
      code: "amqp/link-refused",
    });
    await expect(queues.move("1_dl", "nowhere", { dryRun: false, route: "exchange" })).rejects.toMatchObject({
      code: "amqp/link-refused",
    });
    expect(await ids("1_dl")).toEqual(["m0", "m1", "m2", "m3", "m4"]);
    expect([broker.counts.published, broker.counts.unroutable]).toEqual([published, unroutable]);
    expect(audit.map((e) => e.stopped)).toEqual([undefined, "amqp/link-refused", undefined, "amqp/link-refused"]);
  });

  it("D10: republish to a queue that does not exist: the original stays, the others go", async () => {
    await put({ id: "a", to: "1_async" }, { id: "b", to: "nowhere" }, { id: "c", to: "host/NS/2_async" });
    const report = await queues.republish("1_dl", { dryRun: false });
    expect(report.fates).toMatchObject({ done: 2, "no-target": 1 });
    expect([...report.targets]).toEqual([
      ["1_async", 1],
      ["2_async", 1],
    ]);
    expect([await ids("1_dl"), await ids("1_async"), await ids("2_async")]).toEqual([["b"], ["a"], ["c"]]);
  });

  it("D10: by way of the exchange, only after a copy was seen to arrive", async () => {
    await put(...some(5));
    const report = await queues.move("1_dl", "2_async", { dryRun: false, route: "exchange" });
    expect(report).toMatchObject({ fates: { done: 5 }, confirmed: true });
    expect(await ids("2_async")).toEqual(["m0", "m1", "m2", "m3", "m4"]);
  });

  it("D10: what the target refuses stays; one refusal ends nothing, a full queue ends the run", async () => {
    broker.declare("full", { holds: 5 });
    await put(...some(200));
    const report = await queues.move("1_dl", "full", { dryRun: false });
    expect(report.stopped?.code).toBe("amqp/rejected");
    expect(report.fates.done).toBe(5);
    expect(report.fates.refused).toBeGreaterThanOrEqual(20);
    expect([broker.depth("1_dl"), await ids("full")]).toEqual([195, ["m0", "m1", "m2", "m3", "m4"]]);
    await queues.purge("1_dl", { dryRun: false, limit: 185 });
    const short = await queues.move("1_dl", "full", { dryRun: false });
    expect([short.stopped, short.fates.refused]).toEqual([undefined, 10]);
    expect(broker.depth("1_dl")).toBe(10);
  });

  it("D11: a poison dead letter moves once, a second time only when asked again", async () => {
    await put({ id: "poison", queue: "1_async" });
    const killing = connection.receive("1_async", () => Promise.resolve("reject"));
    const died = async (): Promise<void> => {
      while (broker.depth("1_dl") === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await died();
    expect((await queues.republish("1_dl", { dryRun: false })).fates.done).toBe(1);
    await died();
    const again = await queues.republish("1_dl", { dryRun: false });
    expect([again.fates.done, again.fates.returned]).toEqual([0, 1]);
    expect(broker.depth("1_dl")).toBe(1);
    expect((await queues.republish("1_dl", { dryRun: false, again: true })).fates.done).toBe(1);
    await died();
    expect((await all(queues.list("1_dl")))[0]).toMatchObject({ messageId: "poison", movedTimes: 2 });
    await killing.stop();
  });

  it("D11: what comes back or arrives while a run lasts is not taken by it", async () => {
    await put(...some(60, { queue: "1_dl" }));
    const killing = connection.receive("1_async", () => Promise.resolve("reject"), { concurrency: 100 });
    let late = 0;
    const report = await queues.republish("1_dl", {
      dryRun: false,
      again: true,
      onProgress: () => void put({ id: `late${late++}` }),
    });
    expect(report).toMatchObject({ snapshot: 60, seen: 60, fates: { done: 60 } });
    while (broker.depth("1_dl") < 60 + late) await new Promise((resolve) => setTimeout(resolve, 10));
    await killing.stop();
    const left = await all(queues.list("1_dl"));
    expect(left.filter((e) => e.messageId?.startsWith("m")).map((e) => e.movedTimes)).toEqual(some(60).map(() => 1));
  });

  it("D11: memory does not grow with the number of messages", async () => {
    const count = 3_000;
    await put(...some(count, { text: "x".repeat(10_000) }));
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const held: number[] = [];
    const onProgress = ({ seen }: { seen: number }): void => {
      if (seen < (held.length + 1) * (count / 10)) return;
      collect();
      const { heapUsed, external } = process.memoryUsage();
      held.push(heapUsed + external);
    };
    // The broker is in this process too, and keeps the same messages all the time: what grows is the reader's.
    for await (const entry of queues.list("1_dl", { onProgress })) expect(entry.bytes).toBeGreaterThan(10_000);
    expect(held.length).toBeGreaterThanOrEqual(6);
    // What is under way comes and goes: the least of each half is what is kept. A reader that keeps all has 0.4 here.
    const half = Math.floor(held.length / 2);
    const growth = Math.min(...held.slice(half)) - Math.min(...held.slice(0, half));
    expect(growth).toBeLessThan(count * 10_000 * 0.25);
  }, 60_000);

  it("D11: null headers, foreign types and bytes that are no message crash nothing", async () => {
    const rhea = (await import("rhea")).default;
    const odd = [
      rhea.message.encode({
        message_id: rhea.types.wrap_ulong(7) as never,
        to: "1_async",
        application_properties: { n: null, list: [1, { a: 1 }], when: new Date(0), big: rhea.types.wrap_long(-5) },
        message_annotations: { "x-death": null, "x-opt-deaths": [null], "x-first-death-queue": 5 },
        body: rhea.message.data_section(Buffer.from("x")),
      } as never),
      rhea.message.encode({ body: null }),
      rhea.message.encode({ application_properties: null, subject: null, body: { an: "object" } } as never),
      Buffer.from([0x00, 0x53, 0x74, 0xc1, 0x06, 0x04, 0x40, 0x40, 0x54, 0x01, 0x40]),
      Buffer.from("this is no message"),
      Buffer.from([0x00, 0x53, 0x75, 0xb0, 0xff, 0xff, 0xff, 0xff]),
    ];
    const raw = rhea.create_container();
    const client = raw.connect({
      port: broker.port,
      host: "127.0.0.1",
      username: "u",
      password: "p",
      reconnect: false,
    });
    const sender = client.open_sender({ target: { address: "/amq/queue/1_dl" } });
    await once(sender, "sendable");
    for (const bytes of odd) sender.send(bytes as never, undefined, 0);
    while (broker.depth("1_dl") < odd.length) await new Promise((resolve) => setTimeout(resolve, 10));
    client.close();

    const entries = await all(queues.list("1_dl"));
    expect(entries.map((e) => e.readable)).toEqual([true, true, true, true, false, false]);
    expect(entries[0]).toMatchObject({ messageId: "7", diedAt: "5" });
    expect([...(entries[0]?.properties ?? [])]).toEqual([
      ["n", "null"],
      ["list", "(structure)"],
      ["when", "1970-01-01T00:00:00.000Z"],
      ["big", "-5"],
    ]);
    const moved = await queues.move("1_dl", "2_async", { dryRun: false });
    expect(moved.fates).toMatchObject({ done: 4, unreadable: 2 });
    expect(moved.withoutId).toBe(3);
    expect((await all(queues.list("2_async"))).map((e) => e.movedTimes)).toEqual([1, 1, 1, 1]);
    await queues.export("1_dl", exportLines(join(dir, "odd.ndjson")));
    expect((await queues.purge("1_dl", { dryRun: false })).fates.done).toBe(2);
  });

  it("D11: killed between copy and removal, nothing is lost and the copies have the originals' ids", async () => {
    await put(...some(20));
    const child: ChildProcess = fork(new URL("_queues-mover.ts", import.meta.url), [url()], {
      execArgv: ["--conditions=helsekontakt-source", "--no-warnings"],
      stdio: "ignore",
    });
    const [, signal] = (await once(child, "exit")) as [number | null, string | null];
    expect(signal).toBe("SIGKILL");
    while (broker.depth("1_dl") < 20) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await ids("1_dl")).toEqual(some(20).map((m) => m.id));
    const copies = await ids("2_async");
    expect(copies.length).toBeGreaterThan(0);
    expect(copies).toEqual(some(copies.length).map((m) => m.id));
    const again = await queues.move("1_dl", "2_async", { dryRun: false });
    expect(again.fates.done).toBe(20);
    expect(new Set(await ids("2_async")).size).toBe(20);
  }, 30_000);
});
