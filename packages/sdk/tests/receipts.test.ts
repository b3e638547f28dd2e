import { buildAppRec, buildErrorReport } from "@helsekontakt/amqp-messaging";
import { describe, expect, it } from "vitest";
import { accept, reject } from "../src/index.ts";
import { readForAnswer } from "../src/messaging/read-head.ts";
import { type Running, until, useSandbox } from "./_harness.ts";
import { requestXml, sendBytes, withMsgId } from "./_wire.ts";

const harness = useSandbox();
const contact = { team: { name: "Nord", members: [{ role: "Lege" }] }, from: "2026-11-25", access: "N" as const };

/** An AppRec for a message, as its receiver would write it. */
async function appRec(
  { journal }: Running,
  id: string,
  status: "accepted" | "rejected",
  receiptId: string,
): Promise<string> {
  const read = readForAnswer((await journal.outbox.payload(id)) ?? new Uint8Array());
  if (read === undefined) throw new Error("the message cannot be read");
  const { bytes } = buildAppRec(read.head, status === "accepted" ? { status } : { status, errors: [{ code: "X99" }] }, {
    id: receiptId,
    genDate: "2026-11-25T12:00:00+01:00",
  });
  return Buffer.from(bytes).toString("utf8");
}

describe("validation and AppRecs, end to end", () => {
  it("U3: a valid message is handled, and the handler's answer leaves as an AppRec by itself", async () => {
    const { sdk, journal } = await harness.run();
    const subjects: (string | undefined)[] = [];
    sdk.ekontakt.onMessage((message) => {
      subjects.push(message.subject);
      return message.subject === "B" ? reject("E36") : accept();
    });
    const write = (subject: string) =>
      harness.sandbox.counterpart.sendRequest({
        citizen: harness.citizen("self"),
        toHerId: "200002",
        subject,
        text: "Tekst",
      });
    const [a, b] = [await write("A"), await write("B")];
    expect(await a.receipt()).toMatchObject({ status: "accepted", errors: [] });
    expect(await b.receipt()).toMatchObject({ status: "rejected", errors: [{ code: "E36" }] });
    expect(subjects.sort()).toEqual(["A", "B"]);
    expect((await journal.inbox.list({ state: "handled" })).map((e) => e.msgId).sort()).toEqual(
      [a.msgId, b.msgId].sort(),
    );
  });

  it("U3: an invalid message is answered with T02 by itself, and no handler sees it", async () => {
    const { sdk, seen } = await harness.run();
    let handled = 0;
    sdk.ekontakt.onMessage(() => {
      handled++;
      return accept();
    });
    const msgId = "3f4c1f0e-4a54-4a5e-9a55-6dc5d3b1a001";
    const xml = withMsgId(await requestXml(harness.sandbox), msgId);
    await sendBytes(harness.sandbox, xml.replace(/<[\w:]*MIGversion>[^<]*<\/[\w:]*MIGversion>/, ""));
    const receipt = await harness.sandbox.counterpart.receiptOf(msgId);
    expect(receipt).toMatchObject({ status: "rejected", errors: [{ code: "T02" }] });
    expect(await seen("received", (e) => e.msgId === msgId)).toMatchObject({ rejection: "T02" });
    expect(handled).toBe(0);
  });

  it("U3: a message of one's own that is invalid never leaves, and its faults are told", async () => {
    const { sdk, journal } = await harness.run();
    const { published } = harness.sandbox.amqp.broker.counts;
    const wrong = { ...contact, from: "25.11.2026" };
    await expect(sdk.notifikasjon.send({ patient: harness.patient(), contact: wrong })).rejects.toMatchObject({
      code: expect.stringMatching(/not-valid|input\/invalid/),
    });
    expect(await journal.outbox.list()).toEqual([]);
    expect(harness.sandbox.amqp.broker.counts.published).toBe(published);
  });

  it("U3: a missing AppRec is told after its time limit, three times, and a late one still counts", async () => {
    const running = await harness.run({ config: { receiptDeadlineMs: 400 } });
    const { sdk, events, seen } = running;
    harness.sandbox.counterpart.silent = true;
    const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
    expect(await sent.receipt()).toEqual({ status: "overdue" });
    await seen("overdue", (e) => e.escalation === 3);
    const told = events.flatMap((e) => (e.type === "overdue" ? [e.escalation] : []));
    expect(told).toEqual([1, 2, 3]);
    await sendBytes(
      harness.sandbox,
      await appRec(running, sent.id, "accepted", "5ad3e9ea-2a63-4fb1-a1a1-0a1ad1f3c101"),
      { function: "APPREC" },
    );
    expect(await seen("receipt")).toMatchObject({ outcome: "late", accepted: true });
    expect((await sent.receipt()).status).toBe("accepted");
  });
});

describe("an error in a message that was accepted", () => {
  async function accepted(running: Running) {
    const sent = await running.sdk.ekontakt.ask({ patient: harness.patient(), subject: "A", text: "B", type: "EKI" });
    expect((await sent.receipt()).status).toBe("accepted");
    return sent;
  }

  it("is told when it comes as a negative AppRec, and the first answer stands", async () => {
    const running = await harness.run();
    const sent = await accepted(running);
    const late = await appRec(running, sent.id, "rejected", "5ad3e9ea-2a63-4fb1-a1a1-0a1ad1f3c102");
    await sendBytes(harness.sandbox, late, { function: "APPREC" });
    expect(await running.seen("error-after-accepted")).toEqual({
      type: "error-after-accepted",
      by: "receipt",
      id: sent.id,
      function: "DIALOG_INNBYGGER_EKONTAKT",
      msgId: sent.msgId,
      codes: ["X99"],
    });
    expect((await sent.receipt()).status).toBe("accepted");
  });

  it("is told when it comes as a report on the error queue", async () => {
    const queues = { async: "200001_async", error: "200001_error" };
    const running = await harness.run({ config: { amqp: { ...harness.sandbox.config.amqp, queues } } });
    const sent = await accepted(running);
    const report = buildErrorReport({
      original: {
        messageId: sent.id,
        correlationId: undefined,
        function: "DIALOG_INNBYGGER_EKONTAKT",
        fromHerId: "200002",
        toHerId: "100002",
      },
      condition: "transport:internal-error",
      messageId: "5ad3e9ea-2a63-4fb1-a1a1-0a1ad1f3c103",
      to: queues.error,
      receivedAt: Date.now(),
    });
    await harness.sandbox.counterpartTransport.publish(queues.error, report);
    expect(await running.seen("error-after-accepted")).toMatchObject({
      by: "error-report",
      id: sent.id,
      codes: ["transport:internal-error"],
    });
    expect((await sent.receipt()).status).toBe("accepted");
  });

  it("is told when it comes as a message that refuses what was asked", async () => {
    const running = await harness.run();
    running.sdk.ekontakt.onMessage(() => accept());
    harness.sandbox.counterpart.answers = () => ({ text: "Svar" });
    const sent = await running.sdk.ekontakt.ask({ patient: harness.patient(), subject: "A", text: "B" });
    expect((await sent.receipt()).status).toBe("accepted");
    const answer = await until(async () => (await running.journal.inbox.list()).at(0), "the citizen's answer");
    const xml = Buffer.from((await running.journal.inbox.payload(answer.id)) ?? []).toString("utf8");
    await running.seen("handled");
    expect(running.events.filter((e) => e.type === "error-after-accepted")).toEqual([]);
    const refusal = withMsgId(xml, "3f4c1f0e-4a54-4a5e-9a55-6dc5d3b1a002")
      .replace(/(TemaKodet [^>]*V=")22"/, '$131"')
      .replace("Svar fra innbygger", "Generell feil");
    await sendBytes(harness.sandbox, refusal);
    expect(await running.seen("error-after-accepted")).toMatchObject({ by: "message", id: sent.id, codes: ["31"] });
  });
});

describe("an AppRec", () => {
  it("with a status of no list is set aside and ends no waiting", async () => {
    const running = await harness.run();
    harness.sandbox.counterpart.silent = true;
    const sent = await running.sdk.notifikasjon.send({ patient: harness.patient(), contact });
    await running.seen("sent");
    const odd = await appRec(running, sent.id, "accepted", "5ad3e9ea-2a63-4fb1-a1a1-0a1ad1f3c104");
    await sendBytes(harness.sandbox, odd.replace(/(<[\w:]*Status [^>]*V=")1"/, '$17"'), { function: "APPREC" });
    expect(await running.seen("receipt-unreadable")).toMatchObject({ code: "receipt/invalid" });
    expect(await running.journal.outbox.get(sent.id)).toMatchObject({ application: "awaiting" });
  });
});
