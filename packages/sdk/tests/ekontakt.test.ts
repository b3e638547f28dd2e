import { describe, expect, it } from "vitest";
import {
  accept,
  type EkontaktHandler,
  type EkontaktMessage,
  plainText,
  refuse,
  type RefusalTheme,
  reject,
  reply,
  retryLater,
  ValidationError,
} from "../src/index.ts";
import { failure, until, useSandbox } from "./_harness.ts";

const harness = useSandbox();
const pdf = new TextEncoder().encode("%PDF-1.4\n%%EOF\n");
const xhtml = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Takk, det er <strong>endret</strong>.</p></div>';

/** A running SDK whose handler keeps what it got. */
async function withHandler(handler: EkontaktHandler) {
  const running = await harness.run();
  const got: EkontaktMessage[] = [];
  running.sdk.ekontakt.onMessage((message, context) => {
    got.push(message);
    return handler(message, context);
  });
  return { ...running, got };
}

function write(more: Partial<Parameters<typeof harness.sandbox.counterpart.sendRequest>[0]> = {}) {
  return harness.sandbox.counterpart.sendRequest({
    citizen: harness.citizen("self"),
    toHerId: "200002",
    subject: "Endret telefonnummer",
    text: "Vi har fått nytt nummer.",
    ...more,
  });
}

const delivered = (dialogId: string) =>
  until(() => harness.sandbox.counterpart.citizenInbox.find((i) => i.dialogId === dialogId), "an answer");

describe("a citizen's request", () => {
  it("reaches the handler with attachment, representative and text, and gets a positive AppRec", async () => {
    const { got } = await withHandler(() => accept());
    const parent = harness.citizen("self", 1);
    const asked = await write({
      sakstype: "HK-42",
      attachments: [{ mimeType: "application/pdf", description: "Bekreftelse", content: pdf }],
      onBehalf: { relation: "FO", fnr: parent.fnr, familyName: parent.familyName, givenName: parent.givenName },
    });
    expect((await asked.receipt()).status).toBe("accepted");
    const [message] = got;
    expect(message).toMatchObject({
      kind: "request",
      type: "HE",
      msgId: asked.msgId,
      dialogId: asked.msgId,
      toHerId: "200002",
      sakstype: "HK-42",
      subject: "Endret telefonnummer",
      text: "Vi har fått nytt nummer.",
    });
    expect(message?.patient.fnr.reveal()).toBe(harness.citizen("self").fnr);
    expect(message?.representative?.relation).toBe("FO");
    expect(message?.attachments.map((a) => [a.mimeType, Buffer.from(a.content()).equals(pdf)])).toEqual([
      ["application/pdf", true],
    ]);
  });

  it("is answered in the same thread, with formatted text and an attachment", async () => {
    const { seen } = await withHandler(() =>
      reply({
        text: { xhtml },
        author: { givenName: "Olav", familyName: "Eksempel" },
        attachments: [{ mimeType: "application/pdf", description: "Svar", content: pdf }],
      }),
    );
    const asked = await write();
    const answer = await delivered(asked.msgId);
    expect(answer).toMatchObject({ kind: "answer", code: "19", parentId: asked.msgId });
    expect(plainText(answer.text ?? "")).toContain("Takk, det er endret.");
    expect(await seen("receipt", (e) => e.originalMsgId === answer.msgId)).toMatchObject({ accepted: true });
    expect((await asked.receipt()).status).toBe("accepted");
  });

  it.each(["26", "30", "31"] satisfies RefusalTheme[])("is refused with %s after a positive AppRec", async (theme) => {
    await withHandler(() => refuse(theme, "Ta kontakt på telefon."));
    const asked = await write();
    expect(await delivered(asked.msgId)).toMatchObject({ kind: "answer", code: theme, parentId: asked.msgId });
    expect((await asked.receipt()).status).toBe("accepted");
  });

  it("is rejected with the handler's code, and nothing goes to the citizen", async () => {
    await withHandler(() => reject("E21", "finnes ikke her"));
    const asked = await write();
    const receipt = await asked.receipt();
    expect([receipt.status, receipt.errors.map((e) => e.code)]).toEqual(["rejected", ["E21"]]);
    expect(harness.sandbox.counterpart.citizenInbox.filter((i) => i.dialogId === asked.msgId)).toEqual([]);
  });

  it("comes again when the handler asks for it, and is answered once", async () => {
    const tries: number[] = [];
    const { events } = await withHandler((_, context) => {
      tries.push(context.tries);
      return context.tries < 3 ? retryLater(0) : accept();
    });
    const asked = await write();
    expect((await asked.receipt()).status).toBe("accepted");
    expect(tries).toEqual([1, 2, 3]);
    expect(events.filter((e) => e.type === "handled").map((e) => e.decision)).toEqual([
      "retry-later",
      "retry-later",
      "accept",
    ]);
  });

  it("comes again when the handler throws, whose fault is told without its text", async () => {
    const { seen } = await withHandler((_, { tries }) => {
      if (tries === 1) throw new Error("marker-of-a-private-fault");
      return accept();
    });
    const asked = await write();
    const event = await seen("handler-failed");
    expect(event).toMatchObject({ code: "message/handler-failed", tries: 1, msgId: asked.msgId, setAside: false });
    expect(JSON.stringify(event)).not.toContain("marker");
    expect((await asked.receipt()).status).toBe("accepted");
  });

  it("comes again when the handler's answer makes no valid message", async () => {
    const { seen } = await withHandler((_, { tries }) =>
      tries === 1 ? reply({ text: { xhtml: "<p>ikke lukket" } }) : accept(),
    );
    const asked = await write();
    expect(await seen("handler-failed")).toMatchObject({ tries: 1 });
    expect((await asked.receipt()).status).toBe("accepted");
  });

  it("waits in the journal until a handler is set", async () => {
    const { sdk, journal, seen } = await harness.run();
    const asked = await write();
    await seen("received", (e) => e.msgId === asked.msgId);
    const [waiting] = await journal.inbox.pending();
    expect(waiting).toMatchObject({ msgId: asked.msgId, state: "received", tries: 0 });
    sdk.ekontakt.onMessage(() => accept());
    expect((await asked.receipt()).status).toBe("accepted");
  });

  it("is answered later by its dialog id, after a restart, with the thread's order kept", async () => {
    const file = harness.file("later.sqlite");
    const first = await harness.run({ journalFile: file });
    first.sdk.ekontakt.onMessage(() => reply("Vi ser på det."));
    const asked = await write({ sakstype: "HK-7" });
    const quick = await delivered(asked.msgId);
    await first.seen("receipt", (e) => e.originalMsgId === quick.msgId);
    await first.sdk.stop();
    await first.journal.close();

    const second = await harness.run({ journalFile: file });
    const later = await second.sdk.ekontakt.reply(asked.msgId, { text: "Nå er det ordnet.", subject: "Svar" });
    expect(await later.receipt()).toEqual({ status: "accepted", errors: [] });
    const item = await until(() => harness.sandbox.counterpart.citizenInbox.find((i) => i.msgId === later.msgId));
    expect(item).toMatchObject({ dialogId: asked.msgId, parentId: quick.msgId, text: "Nå er det ordnet." });
  });

  it("is handled once, however often it is sent", async () => {
    const { got, seen } = await withHandler(() => accept());
    const { counterpartTransport: wire } = harness.sandbox;
    const sends: Parameters<typeof wire.send>[0][] = [];
    const real = wire.send.bind(wire);
    wire.send = (input) => {
      sends.push(input);
      return real(input);
    };
    const asked = await write().finally(() => {
      wire.send = real;
    });
    await asked.receipt();
    const [sent] = sends;
    if (sent === undefined) throw new Error("nothing was sent");
    await wire.send(sent);
    expect(await seen("received", (e) => e.duplicate)).toMatchObject({ msgId: asked.msgId });
    expect(got).toHaveLength(1);
  });
});

describe("ekontakt.ask()", () => {
  it("starts a thread in which the citizen answers", async () => {
    const { sdk, got } = await withHandler(() => accept());
    harness.sandbox.counterpart.answers = (item) => ({ text: `Svar på ${item.subject}`, subject: "Ja" });
    const asked = await sdk.ekontakt.ask({
      patient: harness.patient(),
      subject: "Hjemmebesøk",
      text: { xhtml },
      from: "200002",
      sakstype: "HK-42",
      attachments: [{ mimeType: "application/pdf", description: "Kart", content: pdf }],
    });
    expect((await asked.receipt()).status).toBe("accepted");
    const answer = await until(() => got[0]);
    expect(answer).toMatchObject({
      kind: "answer",
      theme: "22",
      dialogId: asked.msgId,
      text: "Svar på Hjemmebesøk",
      toHerId: "200002",
    });
  });

  it("expects no answer to a one-way message", async () => {
    const { sdk, got } = await withHandler(() => accept());
    harness.sandbox.counterpart.answers = () => ({ text: "Skal ikke sendes" });
    const sent = await sdk.ekontakt.ask({
      patient: harness.patient(),
      type: "EKI",
      subject: "Beskjed",
      text: "Vi kommer.",
    });
    expect((await sent.receipt()).status).toBe("accepted");
    expect(harness.sandbox.counterpart.citizenInbox.at(-1)).toMatchObject({ msgId: sent.msgId, code: "EKI" });
    expect(got).toEqual([]);
  });

  it("ends as not-active for a citizen who is not on Helsenorge", async () => {
    const { sdk } = await harness.run();
    const sent = await sdk.ekontakt.ask({ patient: harness.patient("none"), subject: "S", text: "T" });
    expect((await sent.receipt()).status).toBe("not-active");
  });

  it("refuses formatted text that is no well-formed XHTML before it is journalled", async () => {
    const { sdk, journal } = await harness.run({ start: false });
    const error = await failure(
      sdk.ekontakt.ask({ patient: harness.patient(), subject: "S", text: { xhtml: "<div><p>åpen" } }),
    );
    expect(error.code).toMatch(/^(xml|input)\//);
    expect(await journal.outbox.list()).toEqual([]);
  });

  it("refuses script in formatted text", async () => {
    const { sdk } = await harness.run({ start: false });
    const bad = '<div xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></div>';
    const attempt = sdk.ekontakt.ask({ patient: harness.patient(), subject: "S", text: { xhtml: bad } });
    expect(await failure(attempt)).toBeInstanceOf(ValidationError);
  });
});

describe("ekontakt.reply()", () => {
  it("knows only threads that a message has opened", async () => {
    const { sdk } = await harness.run({ start: false });
    const error = await failure(sdk.ekontakt.reply("0b5c1a5e-4f0a-4d57-9a55-0d8b8b9e7a11", { text: "Hei" }));
    expect(error.code).toBe("journal/not-found");
  });
});
