import { join } from "node:path";
import { tmpdir } from "node:os";
import { mkdtemp, rm } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { accept, findConfigFaults, type HelsekontaktConfig, openJournal, sqliteStore } from "../src/index.ts";
import { until, useSandbox } from "./_harness.ts";
import { requestXml, sendBytes, withMsgId } from "./_wire.ts";

const harness = useSandbox();
const names = ["Først", "Så", "Sist"];

/** Three threads of one citizen's, written one after the other. */
async function writeThree(): Promise<void> {
  for (const subject of names)
    await harness.sandbox.counterpart.sendRequest({
      citizen: harness.citizen("self"),
      toHerId: "200002",
      subject,
      text: "Tekst",
    });
}

const withAmqp = (more: HelsekontaktConfig["amqp"]): Partial<HelsekontaktConfig> => ({
  amqp: { ...harness.sandbox.config.amqp, ...more },
});

/** Handles three messages, none of them before all have arrived; how many handlers ran at a time, and in which order. */
async function handleThree(config: Partial<HelsekontaktConfig>): Promise<{ most: number; order: string[] }> {
  const running = await harness.run({ config });
  const order: string[] = [];
  const at = { now: 0, most: 0 };
  running.sdk.ekontakt.onMessage(async (message) => {
    order.push(message.kind === "request" ? (message.subject ?? "") : "");
    at.most = Math.max(at.most, ++at.now);
    await until(() => (running.events.filter((e) => e.type === "received").length === 3 ? true : undefined));
    // Side by side where nothing forbids it: the others have had their turn to begin.
    await until(() => (config.amqp?.orderBy !== undefined || at.most === 3 ? true : undefined));
    at.now--;
    return accept();
  });
  await writeThree();
  await until(() => (running.events.filter((e) => e.type === "handled").length === 3 ? true : undefined));
  // The next one is alone on the queue.
  await running.sdk.stop({ drainMs: 2_000 });
  return { most: at.most, order };
}

describe("inbound messages", () => {
  it("O2: threads are handled side by side, and one after another by a key of the application's own", async () => {
    expect((await handleThree({})).most).toBe(3);
    const seen: (string | undefined)[] = [];
    const ordered = await handleThree(
      withAmqp({
        orderBy: (message) => {
          seen.push(message.function);
          return `fra ${message.fromHerId}`;
        },
      }),
    );
    expect(ordered).toEqual({ most: 1, order: names });
    expect(new Set(seen)).toEqual(new Set(["DIALOG_INNBYGGER_EKONTAKT"]));
  });

  it("O2: answers keep the order of their thread, whatever the key of their message: none holds up another thread's", async () => {
    const { sdk, journal, events } = await harness.run({ config: withAmqp({ orderBy: () => "one for all" }) });
    sdk.ekontakt.onMessage(() => Promise.resolve(accept()));
    await writeThree();
    await until(() => (events.filter((e) => e.type === "handled").length === 3 ? true : undefined));
    const taken = await journal.inbox.list();
    expect(new Set(taken.map((e) => e.key)).size).toBe(1);
    const answers = await journal.outbox.list();
    expect(answers.map((e) => e.key).toSorted()).toEqual(taken.map((e) => e.msgId).toSorted());
  });

  it("O2: an order that fails or names none leaves a message in its thread's", async () => {
    const failing = await handleThree(
      withAmqp({
        orderBy: () => {
          throw new Error("no order");
        },
      }),
    );
    expect(failing.order.toSorted()).toEqual(names.toSorted());
    const none = await handleThree(withAmqp({ orderBy: () => undefined }));
    expect(none.order.toSorted()).toEqual(names.toSorted());
  });

  it("O2: a function is taken in no more at a time than its limit, and holds up no other", async () => {
    const dir = await mkdtemp(join(tmpdir(), "helsekontakt-limits-"));
    const journal = await openJournal({ store: sqliteStore({ file: join(dir, "journal.db") }) });
    const held: { kind: string; go: () => void }[] = [];
    const at = { now: 0, most: 0, arrived: 0 };
    const slow: typeof journal.inbox.accept = async (message, options) => {
      if (message.kind === "DIALOG_INNBYGGER_EKONTAKT") at.most = Math.max(at.most, ++at.now);
      at.arrived++;
      await new Promise<void>((go) => held.push({ kind: message.kind, go }));
      if (message.kind === "DIALOG_INNBYGGER_EKONTAKT") at.now--;
      return journal.inbox.accept(message, options);
    };
    const limits = withAmqp({ concurrency: 3, readAhead: 6, functionLimits: { DIALOG_INNBYGGER_EKONTAKT: 1 } });
    const running = await harness.run({
      config: { ...limits, journal: { ...journal, inbox: { ...journal.inbox, accept: slow } } },
    });
    try {
      await writeThree();
      const xml = await requestXml(harness.sandbox);
      await sendBytes(harness.sandbox, withMsgId(xml, crypto.randomUUID()), { function: "DIALOG_ANOTHER" });
      // The last one sent is taken in while the second waits for the first.
      await until(() => (held.some(({ kind }) => kind === "DIALOG_ANOTHER") ? true : undefined));
      expect(held.map(({ kind }) => kind).filter((kind) => kind !== "DIALOG_ANOTHER")).toHaveLength(1);
      for (let taken = 0; taken < 4; taken++) (await until(() => held.shift())).go();
      await until(() => (running.events.filter((e) => e.type === "received").length === 4 ? true : undefined));
      expect(at).toEqual({ now: 0, most: 1, arrived: 4 });
    } finally {
      await running.sdk.stop({ drainMs: 2_000 });
      await journal.close();
      await rm(dir, { recursive: true });
    }
  });

  it("tells faults of these settings with their paths", () => {
    const faults = findConfigFaults({
      ...harness.sandbox.config,
      ...withAmqp({ readAhead: 0, orderBy: "x" as never, functionLimits: { DIALOG_X: 0, "ikke noe navn": -1 } }),
    });
    expect(faults.map((f) => f.path)).toEqual([
      "amqp.readAhead",
      "amqp.orderBy",
      "amqp.functionLimits.DIALOG_X",
      "amqp.functionLimits.(other)",
    ]);
  });
});
