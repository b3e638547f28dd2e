import { buildAppRec } from "@helsekontakt/amqp-messaging";
import { HelsekontaktError, Personal } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { reply } from "../src/index.ts";
import { readForAnswer } from "../src/messaging/read-head.ts";
import { type Running, until, useSandbox } from "./_harness.ts";
import { sendBytes } from "./_wire.ts";

const harness = useSandbox();
const contact = { team: { name: "Nord", members: [{ role: "Lege" }] }, from: "2026-11-25", access: "N" as const };

/** Makes the next call of a journal's operation fail, as a store that is away does. */
function failing<N extends string>(part: { [name in N]: (...args: never[]) => Promise<unknown> }, name: N): void {
  const target = part as Record<N, (...args: unknown[]) => Promise<unknown>>;
  const real = target[name];
  target[name] = () => {
    target[name] = real;
    return Promise.reject(new HelsekontaktError("journal/unavailable", "expected the store to answer"));
  };
}

async function member({ journal }: Running, fnr: string): Promise<Personal> {
  const person = new Personal(fnr);
  await journal.members.upsert([{ person, organisation: "998888887" }]);
  return person;
}

const isInactive = (running: Running) =>
  until(async () => ((await running.journal.members.count()).inactive === 1 ? true : undefined), "an inactive member");

/** The AppRec E35 for a message, as Helsenorge would write it. */
async function notActive({ journal }: Running, id: string, receiptId: string): Promise<Uint8Array> {
  const read = readForAnswer((await journal.outbox.payload(id)) ?? new Uint8Array());
  if (read === undefined) throw new Error("the message cannot be read");
  return buildAppRec(
    read.head,
    { status: "rejected", errors: [{ code: "E35" }] },
    { id: receiptId, genDate: "2026-11-25T12:00:00+01:00" },
  ).bytes;
}

describe("E35", () => {
  it("reaches the register of members also when the journal is away between the two commits", async () => {
    const running = await harness.run();
    const patient = harness.patient("none");
    await member(running, patient.fnr);
    failing(running.journal.members, "setStatus");
    const sent = await running.sdk.notifikasjon.send({ patient, contact });
    expect((await sent.receipt()).status).toBe("not-active");
    expect(await isInactive(running)).toBe(true);
  });

  it("reaches it also after the deadline", async () => {
    const running = await harness.run({ config: { receiptDeadlineMs: 400 } });
    harness.sandbox.counterpart.silent = true;
    const patient = harness.patient();
    await member(running, patient.fnr);
    const sent = await running.sdk.notifikasjon.send({ patient, contact });
    expect((await sent.receipt()).status).toBe("overdue");
    const bytes = await notActive(running, sent.id, "5ad3e9ea-2a63-4fb1-a1a1-0a1ad1f3c001");
    await sendBytes(harness.sandbox, bytes, { function: "APPREC" });
    expect(await running.seen("receipt")).toMatchObject({ outcome: "late" });
    expect(await isInactive(running)).toBe(true);
  });

  it("that comes again changes nothing that was learned since", async () => {
    const running = await harness.run();
    harness.sandbox.counterpart.silent = true;
    const patient = harness.patient();
    const person = await member(running, patient.fnr);
    const sent = await running.sdk.notifikasjon.send({ patient, contact });
    await running.seen("sent");
    const bytes = await notActive(running, sent.id, "5ad3e9ea-2a63-4fb1-a1a1-0a1ad1f3c002");
    await sendBytes(harness.sandbox, bytes, { function: "APPREC" });
    expect(await isInactive(running)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await running.journal.members.setStatus(person, { status: "active" });
    await sendBytes(harness.sandbox, bytes, { function: "APPREC" });
    await running.seen("receipt", (e) => e.outcome === "duplicate");
    const next = await running.sdk.notifikasjon.send({ patient, contact });
    await running.seen("sent", (e) => e.id === next.id);
    expect(await running.journal.members.count()).toMatchObject({ active: 1, inactive: 0 });
  });
});

describe("a journal that is away after a message is on its way", () => {
  it("does not make a journalled question look like a failed one", async () => {
    const { sdk, journal } = await harness.run({ start: false });
    failing(journal.threads, "put");
    await expect(sdk.ekontakt.ask({ patient: harness.patient(), subject: "A", text: "B" })).rejects.toThrow();
    expect(await journal.outbox.list()).toEqual([]);
  });

  it("does not make a journalled answer look like a failed one", async () => {
    const { sdk, journal } = await harness.run({ start: false });
    const asked = await sdk.ekontakt.ask({ patient: harness.patient(), subject: "A", text: "B" });
    failing(journal.threads, "put");
    const answered = await sdk.ekontakt.reply(asked.conversationId, { text: "C" });
    expect((await journal.outbox.list()).map((e) => e.msgId)).toEqual([asked.msgId, answered.msgId]);
  });

  it("tells of a handled message as handled", async () => {
    const running = await harness.run();
    const { put } = running.journal.threads;
    let calls = 0;
    const threads = running.journal.threads as { put: typeof put };
    threads.put = (...args) =>
      ++calls === 2
        ? Promise.reject(new HelsekontaktError("journal/unavailable", "expected the store to answer"))
        : put(...args);
    running.sdk.ekontakt.onMessage(() => reply("Svar"));
    const asked = await harness.sandbox.counterpart.sendRequest({
      citizen: harness.citizen("self"),
      toHerId: "200002",
      subject: "Emne",
      text: "Tekst",
    });
    expect((await asked.receipt()).status).toBe("accepted");
    expect(await running.seen("handled")).toMatchObject({ decision: "reply" });
    expect(running.events.filter((e) => e.type === "handler-failed")).toEqual([]);
  });
});

describe("a send that is given up", () => {
  it("counts as a try: the broker may have the message, and its AppRec must find it", async () => {
    const { sdk, journal } = await harness.run();
    harness.sandbox.faults.add("cppa", { kind: "delay", ms: 5_000 });
    const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
    await until(async () => ((await journal.outbox.get(sent.id))?.transport === "sending" ? true : undefined));
    await sdk.stop({ drainMs: 0 });
    expect(await journal.outbox.get(sent.id)).toMatchObject({ transport: "queued", attempts: 1 });
  });
});
