import { HelsekontaktError } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { accept, alongside, createHelsekontakt, openJournal, sqliteStore } from "../src/index.ts";
import { until, useSandbox } from "./_harness.ts";

const harness = useSandbox();
const contact = { team: { name: "Nord", members: [{ role: "Lege" }] }, from: "2026-11-25", access: "N" as const };
const write = (text: string) =>
  harness.sandbox.counterpart.sendRequest({
    citizen: harness.citizen("self"),
    toHerId: "200002",
    subject: "Emne",
    text,
  });

describe("setAside", () => {
  it("holds what a handler failed on every time; others pass, and an operator has it handled again or drops it", async () => {
    const file = harness.file("poison.sqlite");
    const journal = await openJournal({ store: sqliteStore({ file }), maxTries: 1 });
    const { sdk, seen, events } = await harness.run({ config: { journal } });
    const handled: unknown[] = [];
    let broken = true;
    sdk.ekontakt.onMessage(({ text }) => {
      if (broken && text !== "good") throw new Error("the application's own fault");
      handled.push(text);
      return accept();
    });
    const poison = [await write("poison 1"), await write("poison 2")];
    const good = await write("good");
    expect((await good.receipt()).status).toBe("accepted");
    await until(() => (events.filter((e) => e.type === "set-aside").length === 2 ? true : undefined));
    expect(await seen("set-aside")).toMatchObject({ box: "inbox", reason: "message/handler-failed" });
    const aside = await sdk.setAside.list("inbox");
    expect(aside.map((a) => a.entry.msgId).sort()).toEqual(poison.map((p) => p.msgId).sort());
    broken = false;
    const [first, second] = aside;
    await sdk.setAside.retry("inbox", first?.entry.id ?? "");
    await until(() => (handled.length === 2 ? true : undefined), "the message to be handled");
    await sdk.setAside.drop("inbox", second?.entry.id ?? "");
    expect(await sdk.setAside.list("inbox")).toEqual([]);
    expect(await journal.inbox.payload(second?.entry.id ?? "")).toBeUndefined();
    await sdk.stop();
    await journal.close();
  });

  it("holds what could not be sent, to be sent again or dropped", async () => {
    const { sdk, seen, journal } = await harness.run({
      config: {
        helsenorge: { ...harness.sandbox.config.helsenorge, service: { herId: "999999", name: "Ingen" } },
      },
    });
    const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
    expect((await sent.receipt()).status).toBe("undeliverable");
    expect(await seen("set-aside")).toMatchObject({ box: "outbox", id: sent.id, reason: "registry/party-unknown" });
    expect((await sdk.setAside.list("outbox")).map((a) => a.entry.id)).toEqual([sent.id]);
    await sdk.setAside.retry("outbox", sent.id);
    await until(async () => ((await journal.outbox.get(sent.id))?.attempts === 2 ? true : undefined), "a second try");
    await journal.outbox.wait(sent.id);
    await sdk.setAside.drop("outbox", sent.id);
    expect(await sdk.setAside.list("outbox")).toEqual([]);
  });
});

describe("a handler that is set while messages wait", () => {
  it("gets them at once, not at the next look", async () => {
    const journal = await openJournal({ store: sqliteStore({ file: harness.file("waiting.sqlite") }) });
    // A look that never comes by itself.
    const inbox = {
      ...journal.inbox,
      waitForWork: ({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> =>
        new Promise((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true })),
    };
    const { sdk, seen } = await harness.run({ config: { journal: { ...journal, inbox } } });
    const asked = await write("Tekst");
    await seen("received");
    sdk.ekontakt.onMessage(() => accept());
    expect((await asked.receipt()).status).toBe("accepted");
    await sdk.stop();
    await journal.close();
  });
});

describe("alongside()", () => {
  it("stores the application's rows in the commit that ends the message, or neither", async () => {
    const { sdk, journal, seen, events } = await harness.run();
    await journal.transaction((t) => t.query("create table booking (msg_id text primary key)"));
    let tries = 0;
    sdk.ekontakt.onMessage((message) => {
      tries++;
      return alongside(accept(), async (transaction) => {
        await transaction.query("insert into booking values (?)", [message.msgId]);
        if (tries === 1) throw new Error("the application's own fault, after its row was written");
      });
    });
    const asked = await write("Bestill time");
    expect(await seen("handler-failed")).toMatchObject({ setAside: false });
    const rows = async () => (await journal.transaction((t) => t.query("select msg_id from booking"))).rows;
    expect(await rows()).toEqual([]);
    const [entry] = await journal.inbox.pending();
    expect(entry).toMatchObject({ msgId: asked.msgId, state: "received" });
    expect((await asked.receipt({ timeoutMs: 20_000 })).status).toBe("accepted");
    expect(await rows()).toEqual([{ msg_id: asked.msgId }]);
    expect(tries).toBe(2);
    expect(events.filter((e) => e.type === "handled")).toHaveLength(1);
  });
});

describe("a transaction of the application", () => {
  it("holds its rows, the message and the thread of it: all of them, or none", async () => {
    const { sdk, journal } = await harness.run();
    await journal.transaction((t) => t.query("create table appointment (id text primary key)"));
    const book = (id: string, fails: boolean) =>
      journal.transaction(async (transaction) => {
        await transaction.query("insert into appointment values (?)", [id]);
        const patient = harness.patient();
        const sent = await sdk.ekontakt.ask({ patient, subject: "Time", text: id, type: "EKI" }, { transaction });
        if (fails) throw new Error("the application thinks again");
        return sent;
      });
    await expect(book("undone", true)).rejects.toThrow("the application thinks again");
    expect(await journal.outbox.list()).toEqual([]);
    expect(await journal.threads.list()).toEqual([]);
    const sent = await book("kept", false);
    expect((await sent.receipt()).status).toBe("accepted");
    const { rows } = await journal.transaction((t) => t.query("select id from appointment"));
    expect(rows).toEqual([{ id: "kept" }]);
    expect((await journal.threads.list()).map((t) => t.dialogId)).toEqual([sent.conversationId]);
  });
});

describe("a journal that takes no more", () => {
  it.each([
    ["journal/full", true],
    ["journal/read-only", false],
  ] as const)("(%s) acknowledges nothing, and goes on when there is room", async (code, retryable) => {
    const journal = await openJournal({ store: sqliteStore({ file: harness.file(`${code.slice(8)}.sqlite`) }) });
    let full = true;
    const refuse =
      <A extends unknown[], R>(real: (...given: A) => Promise<R>) =>
      (...given: A): Promise<R> =>
        full ? Promise.reject(new HelsekontaktError(code, "expected the store to write")) : real(...given);
    const { sdk, seen, events } = await harness.run({
      config: {
        journal: {
          ...journal,
          inbox: { ...journal.inbox, accept: refuse(journal.inbox.accept) },
          outbox: { ...journal.outbox, enqueue: refuse(journal.outbox.enqueue) },
        },
      },
    });
    const handled: string[] = [];
    sdk.ekontakt.onMessage((message) => {
      handled.push(message.msgId);
      return accept();
    });
    await expect(sdk.notifikasjon.send({ patient: harness.patient(), contact })).rejects.toMatchObject({
      code,
      retryable,
    });
    const { accepted } = harness.sandbox.amqp.broker.counts;
    const asked = await write("Tekst");
    await seen("delivery-retried", (e) => e.code === code);
    expect(harness.sandbox.amqp.broker.counts.accepted).toBe(accepted);
    expect(handled).toEqual([]);
    full = false;
    expect((await asked.receipt({ timeoutMs: 40_000 })).status).toBe("accepted");
    expect(handled).toEqual([asked.msgId]);
    expect(events.filter((e) => e.type === "dead-letter" || e.type === "refused")).toEqual([]);
    await sdk.stop();
    await journal.close();
  });

  it("on a disk without room takes what it took before, and the rest once there is room again", async () => {
    const file = harness.file("small.sqlite");
    // Tables, and room for a few messages.
    const small = await openJournal({ store: sqliteStore({ file, maxBytes: 400 * 1024 }) });
    const sdk = createHelsekontakt({ ...harness.sandbox.config, journal: small });
    const taken: string[] = [];
    const fill = async (): Promise<HelsekontaktError | undefined> => {
      for (let n = 0; n < 500; n++)
        try {
          taken.push((await sdk.notifikasjon.send({ patient: harness.patient(), contact })).id);
        } catch (reason) {
          return HelsekontaktError.from(reason);
        }
      return undefined;
    };
    const refused = await fill();
    expect([refused?.code, refused?.retryable, refused?.remoteCode]).toEqual(["journal/full", true, "SQLITE_13"]);
    expect(taken.length).toBeGreaterThan(0);
    await small.close();
    const { sdk: next, journal } = await harness.run({ journalFile: file });
    const ends = await Promise.all(taken.map((id) => journal.outbox.wait(id)));
    expect(new Set(ends.map((e) => e.application))).toEqual(new Set(["accepted"]));
    expect(await journal.outbox.list({ limit: 1_000 })).toHaveLength(taken.length);
    await (await next.notifikasjon.send({ patient: harness.patient(), contact })).receipt();
  });
});
