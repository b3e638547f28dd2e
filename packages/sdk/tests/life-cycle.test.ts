import { describe, expect, it } from "vitest";
import { accept, createHelsekontakt, type HelsekontaktError } from "../src/index.ts";
import { failure, until, useSandbox } from "./_harness.ts";

const harness = useSandbox();
const contact = { team: { name: "Nord", members: [{ role: "Lege" }] }, from: "2026-11-25", access: "N" as const };

function write(text = "Hei") {
  return harness.sandbox.counterpart.sendRequest({
    citizen: harness.citizen("self"),
    toHerId: "200002",
    subject: "Spørsmål",
    text,
  });
}

describe("start() and stop()", () => {
  it("may be called again in any order, and messages flow after each start", async () => {
    const { sdk, seen, events } = await harness.run();
    await Promise.all([sdk.start(), sdk.start()]);
    expect((await (await sdk.notifikasjon.send({ patient: harness.patient(), contact })).receipt()).status).toBe(
      "accepted",
    );
    await sdk.stop();
    await sdk.stop();
    await sdk.start();
    expect((await (await sdk.notifikasjon.send({ patient: harness.patient(), contact })).receipt()).status).toBe(
      "accepted",
    );
    await seen("connection", (e) => e.state === "closed");
    expect(events.filter((e) => e.type === "connection" && e.state === "open")).toHaveLength(2);
  });

  it("sends after the start what was posted before it, also by an earlier process", async () => {
    const file = harness.file("kept.sqlite");
    const first = await harness.run({ start: false, journalFile: file });
    const sent = await first.sdk.notifikasjon.send({ patient: harness.patient(), contact });
    const published = harness.sandbox.amqp.broker.counts.published;
    await first.journal.close();
    expect(harness.sandbox.amqp.broker.counts.published).toBe(published);

    const second = await harness.run({ journalFile: file });
    const event = await second.seen("receipt", (e) => e.originalMsgId === sent.msgId);
    expect(event).toMatchObject({ outcome: "accepted" });
    expect(await second.journal.outbox.get(sent.id)).toMatchObject({ application: "accepted" });
  });

  it("sends in the order of a thread", async () => {
    const { sdk } = await harness.run({ start: false });
    const { counterpart } = harness.sandbox;
    const opened = await sdk.ekontakt.ask({ patient: harness.patient(), subject: "0", text: "0" });
    for (const n of ["1", "2", "3", "4"]) await sdk.ekontakt.reply(opened.msgId, { subject: n, text: n });
    await sdk.start();
    const inThread = () => counterpart.citizenInbox.filter((i) => i.dialogId === opened.msgId);
    await until(() => (inThread().length === 5 ? true : undefined));
    expect(inThread().map((i) => i.text)).toEqual(["0", "1", "2", "3", "4"]);
    expect(inThread().map((i) => i.parentId)).toEqual([
      undefined,
      ...inThread()
        .slice(0, 4)
        .map((i) => i.msgId),
    ]);
  });

  it("lets a handler finish before it stops", async () => {
    const { sdk, journal } = await harness.run();
    let release = (): void => {};
    let aborted = false;
    const begun = new Promise<void>((resolve) => {
      sdk.ekontakt.onMessage(async (_, { signal }) => {
        resolve();
        await new Promise<void>((done) => (release = done));
        aborted = signal.aborted;
        return accept();
      });
    });
    const asked = await write();
    await begun;
    const stopped = sdk.stop();
    release();
    await stopped;
    expect(aborted).toBe(false);
    expect((await journal.inbox.list({ state: "handled" })).map((e) => e.msgId)).toEqual([asked.msgId]);
    // Its AppRec waits in the journal, and leaves at the next start.
    await sdk.start();
    expect((await asked.receipt()).status).toBe("accepted");
  });

  it("gives up a handler that does not end, and the message comes again", async () => {
    const file = harness.file("stuck.sqlite");
    const first = await harness.run({ journalFile: file });
    let gaveUp = false;
    const begun = new Promise<void>((resolve) => {
      first.sdk.ekontakt.onMessage(async (_, { signal }) => {
        resolve();
        await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
        gaveUp = true;
        throw new Error("given up");
      });
    });
    const asked = await write();
    await begun;
    await first.sdk.stop({ drainMs: 100 });
    expect(gaveUp).toBe(true);
    await first.journal.close();
    const second = await harness.run({ journalFile: file });
    second.sdk.ekontakt.onMessage(() => accept());
    expect((await asked.receipt()).status).toBe("accepted");
  });

  it("fails to start with a wrong password, and starts when it is right", async () => {
    let password = "wrong";
    const [, port = ""] = /:(\d+)\//.exec(harness.sandbox.amqp.url) ?? [];
    const config = {
      amqp: {
        url: `amqp://127.0.0.1:${port}/${harness.sandbox.amqp.namespace}`,
        username: "sandbox",
        password: () => password,
      },
    };
    const { sdk } = await harness.run({ start: false, config });
    const error = await failure(sdk.start());
    expect(error.code).toBe("amqp/unauthorized");
    password = "sandbox";
    await sdk.start();
    expect((await (await sdk.notifikasjon.send({ patient: harness.patient(), contact })).receipt()).status).toBe(
      "accepted",
    );
  });

  it("can be cancelled while it starts", async () => {
    const { sdk } = await harness.run({ start: false });
    expect((await failure(sdk.start({ signal: AbortSignal.abort() }))).code).toBe("abort/cancelled");
    await sdk.start();
  });

  it("says what messages need when the configuration lacks it", async () => {
    const { amqp: _amqp, keys: _keys, ...rest } = harness.sandbox.config;
    const sdk = createHelsekontakt(rest);
    const error = (await failure(sdk.start())) as unknown as HelsekontaktError;
    expect([error.code, error.context["paths"]]).toEqual(["config/missing", ["journal", "keys", "amqp"]]);
    await sdk.stop();
  });
});

describe("a network that fails", () => {
  it("loses no message when connections are cut in mid-traffic, and handles none twice", async () => {
    const { sdk, journal } = await harness.run();
    const { counterpart, amqp } = harness.sandbox;
    const handled: string[] = [];
    sdk.ekontakt.onMessage((message) => {
      handled.push(message.msgId);
      return accept();
    });
    const before = counterpart.citizenInbox.length;
    const outgoing = Array.from({ length: 12 }, (_, n) =>
      sdk.ekontakt.ask({ patient: harness.patient("self", n % 8), subject: `${n}`, text: "Beskjed", type: "EKI" }),
    );
    const incoming: Promise<{ msgId: string; receipt(o?: { timeoutMs?: number }): Promise<{ status: string }> }>[] = [];
    for (let n = 0; n < 6; n++) {
      incoming.push(write(`melding ${n}`));
      if (n % 2 === 1) {
        await new Promise((resolve) => setTimeout(resolve, 60));
        amqp.broker.cutConnections();
      }
    }
    const receipts = await Promise.all(outgoing.map(async (sent) => (await sent).receipt()));
    expect(receipts.map((r) => r.status)).toEqual(Array.from({ length: 12 }, () => "accepted"));
    const asked = await Promise.all(incoming);
    for (const message of asked) expect((await message.receipt({ timeoutMs: 20_000 })).status).toBe("accepted");

    expect([...handled].sort()).toEqual(asked.map((a) => a.msgId).sort());
    const subjects = counterpart.citizenInbox.slice(before).map((i) => Number(i.subject));
    expect(subjects.sort((a, b) => a - b)).toEqual([...Array.from({ length: 12 }).keys()]);
    expect(await journal.outbox.list({ transport: "queued" })).toEqual([]);
    expect(await journal.inbox.pending()).toEqual([]);
  });

  it("keeps messages while the token service is down, and sends them when it is back", async () => {
    harness.sandbox.faults.add("token", { kind: "status", status: 503 }, 6);
    const { sdk } = await harness.run({
      config: { amqp: { ...harness.sandbox.config.amqp, queues: { async: "200001_async", error: "200001_error" } } },
    });
    const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
    expect((await sent.receipt()).status).toBe("accepted");
  });
});

describe("onEvent()", () => {
  it("ends with the function that it gave, and a listener that throws touches nothing", async () => {
    const { sdk } = await harness.run({ start: false });
    const first: string[] = [];
    const unlisten = sdk.onEvent((event) => void first.push(event.type));
    sdk.onEvent(() => {
      throw new Error("a listener's own fault");
    });
    await sdk.start();
    const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
    expect((await sent.receipt()).status).toBe("accepted");
    expect(first).toEqual(expect.arrayContaining(["connection", "sent", "receipt"]));
    unlisten();
    const length = first.length;
    await (await sdk.notifikasjon.send({ patient: harness.patient(), contact })).receipt();
    expect(first).toHaveLength(length);
  });
});
