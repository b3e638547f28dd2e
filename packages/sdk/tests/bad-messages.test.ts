import { randomUUID } from "node:crypto";
import { buildErrorReport } from "@helsekontakt/amqp-messaging";
import { createIdentity } from "@helsekontakt/amqp-messaging/protection";
import { describe, expect, it } from "vitest";
import { accept } from "../src/index.ts";
import { type Running, until, useSandbox } from "./_harness.ts";
import { requestXml, sendBytes, type WireOptions, withMsgId } from "./_wire.ts";

const harness = useSandbox();
const contact = { team: { name: "Nord", members: [{ role: "Lege" }] }, from: "2026-11-25", access: "N" as const };

/** After bad input the process lives: a message each way still goes through. */
async function expectAlive({ sdk }: Running): Promise<void> {
  sdk.ekontakt.onMessage(() => accept());
  const asked = await harness.sandbox.counterpart.sendRequest({
    citizen: harness.citizen("self"),
    toHerId: "200002",
    subject: "Etterpå",
    text: "Virker det?",
  });
  expect((await asked.receipt()).status).toBe("accepted");
  const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
  expect((await sent.receipt()).status).toBe("accepted");
}

const errorReports = () => harness.sandbox.amqp.broker.depth("100002_error");

describe("a message that cannot be opened or read", () => {
  const unreadable: [
    string,
    { code: string; condition: string; line?: number },
    (xml: string) => Uint8Array | string,
  ][] = [
    [
      "ill-formed XML",
      { code: "xml/not-well-formed", condition: "transport:not-well-formed-xml" },
      (xml) => xml.slice(0, -20),
    ],
    [
      "a DOCTYPE",
      { code: "xml/doctype-refused", condition: "transport:not-well-formed-xml" },
      (xml) => xml.replace(/(<\?xml[^>]*\?>)?/, '<!DOCTYPE x [<!ENTITY a "b">]>'),
    ],
    [
      "an encoding that is not the declared one",
      { code: "xml/encoding", condition: "transport:not-well-formed-xml" },
      (xml) => Buffer.concat([Buffer.from(xml.slice(0, -12)), Buffer.from([0xc3, 0x28]), Buffer.from(xml.slice(-12))]),
    ],
    [
      "an unknown encoding",
      { code: "xml/encoding", condition: "transport:not-well-formed-xml" },
      (xml) => `<?xml version="1.0" encoding="x-unknown"?>${xml.replace(/<\?xml[^>]*\?>/, "")}`,
    ],
    [
      "another namespace",
      { code: "amqp/unsupported-message", condition: "transport:not-well-formed-xml" },
      (xml) => xml.replaceAll("http://www.kith.no/xmlstds/msghead/2006-05-24", "urn:another"),
    ],
    [
      "a head without MsgId",
      { code: "amqp/unsupported-message", condition: "transport:not-well-formed-xml" },
      (xml) => xml.replace(/<[\w:]*MsgId>[^<]*<\/[\w:]*MsgId>/, ""),
    ],
  ];

  it.each(unreadable)("is reported to its sender: %s", async (_, { code, condition }, change) => {
    const running = await harness.run();
    const reports = errorReports();
    await sendBytes(harness.sandbox, change(await requestXml(harness.sandbox)));
    const event = await running.seen("refused");
    expect(event).toMatchObject({ code, condition, reported: true });
    if (code === "xml/not-well-formed") expect(event.line).toBeGreaterThan(0);
    expect(errorReports()).toBe(reports + 1);
    expect(await running.journal.inbox.list()).toEqual([]);
    await expectAlive(running);
  });

  const closed: [string, string, string, () => Promise<WireOptions> | WireOptions][] = [
    [
      "tampered CMS",
      "protection/",
      "transport:",
      () => ({ tamper: (body) => Buffer.from(body.map((b, i) => (i === body.length - 40 ? b ^ 1 : b))) }),
    ],
    ["no CMS at all", "protection/not-cms", "transport:invalid-cms-pkcs", () => ({ tamper: () => Buffer.from("hei") })],
    [
      "another recipient's key",
      "protection/decryption-failed",
      "transport:decryption-failed",
      async () => ({ recipient: await stranger() }),
    ],
    [
      "another signer",
      "protection/signer-unexpected",
      "transport:decryption-failed",
      async () => ({ signer: await stranger() }),
    ],
  ];

  it.each(closed)("is reported to its sender: %s", async (_, code, condition, make) => {
    const running = await harness.run();
    const reports = errorReports();
    await sendBytes(harness.sandbox, await requestXml(harness.sandbox), await make());
    const event = await running.seen("refused");
    expect(event.code.startsWith(code)).toBe(true);
    expect(event.condition.startsWith(condition)).toBe(true);
    expect(errorReports()).toBe(reports + 1);
    await expectAlive(running);
  });

  it("is reported when its header names a function of no agreement", async () => {
    const running = await harness.run();
    await sendBytes(harness.sandbox, await requestXml(harness.sandbox), { function: "Funksjon med blanke" });
    expect(await running.seen("refused")).toMatchObject({ condition: "transport:unsupported-message", reported: true });
    await expectAlive(running);
  });
});

describe("a message that is read and not taken", () => {
  const rejected: [string, string, string | undefined, (xml: string) => string, WireOptions?][] = [
    [
      "a required element is missing",
      "T02",
      "/MsgHead/MsgInfo/GenDate",
      (xml) => xml.replace(/<[\w:]*MIGversion>[^<]*<\/[\w:]*MIGversion>/, ""),
    ],
    [
      "its payload is in another namespace",
      "T02",
      "/MsgHead/Document[1]",
      (xml) => xml.replaceAll("http://www.kith.no/xmlstds/dialog/2013-01-23", "urn:another"),
    ],
    [
      "its function is another system's",
      "T10",
      undefined,
      (xml) => xml,
      { function: "DIALOG_INNBYGGER_TIMERESERVASJON" },
    ],
    ["the receiver is not the header's", "E10", undefined, (xml) => xml, { toHerId: "200003" }],
    ["its MsgId is not a UUID", "E10", undefined, (xml) => withMsgId(xml, `id med blanke og ø ${randomUUID()}`)],
    [
      "its thread is not a UUID",
      "E10",
      undefined,
      (xml) =>
        xml.replace(
          /(<(\w+:)?Sender>)/,
          (_, sender: string, prefix = "") =>
            `<${prefix}ConversationRef><${prefix}RefToParent>a b</${prefix}RefToParent><${prefix}RefToConversation>a b</${prefix}RefToConversation></${prefix}ConversationRef>${sender}`,
        ),
    ],
  ];

  it.each(rejected)(
    "gets a negative AppRec, with or without a handler: %s",
    async (_, code, place, change, options) => {
      for (const withHandler of [false, true]) {
        const running = await harness.run();
        if (withHandler) running.sdk.ekontakt.onMessage(() => accept());
        const { counterpart } = harness.sandbox;
        const xml = change(await requestXml(harness.sandbox));
        const msgId = /MsgId>([^<]*)</.exec(xml)?.[1] ?? "";
        await sendBytes(harness.sandbox, xml, options);
        const event = await running.seen("received");
        expect(event.rejection).toBe(code);
        if (place !== undefined) expect(event.place).toContain(place);
        const receipt = await counterpart.receiptOf(msgId);
        expect([receipt.status, receipt.errors.map((e) => e.code)]).toEqual(["rejected", [code]]);
        expect(await running.journal.inbox.pending()).toEqual([]);
        await expectAlive(running);
        await running.sdk.stop();
      }
    },
  );

  it("is answered once per MsgId", async () => {
    const running = await harness.run();
    const xml = (await requestXml(harness.sandbox)).replace(/<[\w:]*MIGversion>[^<]*<\/[\w:]*MIGversion>/, "");
    await sendBytes(harness.sandbox, xml);
    await sendBytes(harness.sandbox, xml);
    await running.seen("received", (e) => e.duplicate);
    await until(async () => ((await running.journal.outbox.list()).length > 0 ? true : undefined));
    await expectAlive(running);
    const receipts = (await running.journal.outbox.list()).filter((e) => e.kind === "APPREC");
    // One for this message, one for that of the check.
    expect(receipts).toHaveLength(2);
  });

  it.each(["en id med blanke og ø", "01818010083"])(
    "is known again under an AMQP id that the journal does not store, %#",
    async (messageId) => {
      const running = await harness.run();
      running.sdk.ekontakt.onMessage(() => accept());
      const xml = await requestXml(harness.sandbox);
      await sendBytes(harness.sandbox, xml, { messageId });
      const event = await running.seen("received");
      expect(event.duplicate).toBe(false);
      await sendBytes(harness.sandbox, withMsgId(xml, randomUUID()), { messageId });
      await running.seen("received", (e) => e.duplicate);
      expect(JSON.stringify(await running.journal.inbox.list())).not.toContain(messageId);
      expect(JSON.stringify(running.events)).not.toContain(messageId);
      await expectAlive(running);
    },
  );
});

describe("an AppRec", () => {
  it("for a message that was never sent is told, and changes nothing", async () => {
    const running = await harness.run();
    const msgId = await harness.sandbox.counterpart.sendStrayReceipt("200002");
    const event = await running.seen("receipt", (e) => e.originalMsgId === msgId);
    expect(event).toMatchObject({ outcome: "unknown", accepted: true, codes: [] });
    expect((await running.journal.receipts.unknown()).map((r) => r.originalMsgId)).toContain(msgId);
    await expectAlive(running);
  });

  it.each(["Kari Nordmann 01818010083", "01818010083"])(
    "for an id that nobody could have sent is told without the id, %#",
    async (id) => {
      const running = await harness.run();
      const xml = withAppRec(await straySample(), "OriginalMsgId", id);
      await sendBytes(harness.sandbox, xml, { function: "APPREC" });
      const event = await running.seen("receipt", (e) => e.originalMsgId === "");
      expect(event).toMatchObject({ outcome: "unknown", accepted: true });
      expect(JSON.stringify(running.events)).not.toMatch(/Nordmann|01818010083/);
      await expectAlive(running);
    },
  );

  it("without an Id of its own is not taken for another one without", async () => {
    const running = await harness.run();
    const msgIds = [randomUUID(), randomUUID()];
    for (const msgId of msgIds) {
      const xml = withAppRec(await straySample(), "OriginalMsgId", msgId).replace(/<(\w+:)?Id>[^<]*<\/(\w+:)?Id>/, "");
      await sendBytes(harness.sandbox, xml, { function: "APPREC" });
      await running.seen("receipt", (e) => e.originalMsgId === msgId);
    }
    expect((await running.journal.receipts.unknown()).map((r) => r.originalMsgId)).toEqual(msgIds);
    await expectAlive(running);
  });

  it("that cannot be read is set aside at once", async () => {
    const running = await harness.run();
    const dead = harness.sandbox.amqp.broker.depth("200001_dl");
    await sendBytes(harness.sandbox, "<AppRec xmlns='http://www.kith.no/xmlstds/apprec/2012-02-15'/>", {
      function: "APPREC",
    });
    expect((await running.seen("receipt-unreadable")).code).toMatch(/^(receipt|xml)\//);
    await running.seen("dead-letter");
    await until(() => (harness.sandbox.amqp.broker.depth("200001_dl") === dead + 1 ? true : undefined));
    await expectAlive(running);
  });
});

describe("an own message that cannot be delivered", () => {
  it("ends as undeliverable when the receiver reports a transport error", async () => {
    const { config } = harness.sandbox;
    const running = await harness.run({ config: { keys: { ...config.keys, signing: await stranger() } } });
    const sent = await running.sdk.notifikasjon.send({ patient: harness.patient(), contact });
    expect(await sent.receipt()).toEqual({ status: "undeliverable", reason: "transport:invalid-certificate" });
    expect(await running.seen("undeliverable")).toMatchObject({
      known: true,
      condition: "transport:invalid-certificate",
    });
    expect(await running.journal.outbox.payload(sent.id)).toBeDefined();
  });

  it("ends as undeliverable when the registry does not know the receiver", async () => {
    const { helsenorge } = harness.sandbox.config;
    const config = { helsenorge: { ...helsenorge, service: { herId: "109999", name: "Ukjent" } } };
    const running = await harness.run({ config });
    const sent = await running.sdk.notifikasjon.send({ patient: harness.patient(), contact });
    expect(await sent.receipt()).toEqual({ status: "undeliverable", reason: "registry/party-unknown" });
    expect(await running.seen("send-failed")).toMatchObject({ code: "registry/party-unknown", willRetry: false });
  });

  it("survives error reports for unknown messages and under odd ids", async () => {
    const running = await harness.run();
    const { amqp, counterpartTransport } = harness.sandbox;
    for (const messageId of [randomUUID(), "id med blanke og ø"]) {
      const report = buildErrorReport({
        original: {
          messageId,
          correlationId: undefined,
          function: "NOTIFIKASJON_INNBYGGER_HELSEKONTAKT",
          fromHerId: "200002",
          toHerId: "100002",
        },
        condition: "transport:decryption-failed",
        messageId: randomUUID(),
        to: "200001_error",
        receivedAt: Date.now(),
      });
      await counterpartTransport.publish("200001_error", report);
    }
    await until(() => (running.events.filter((e) => e.type === "undeliverable").length === 2 ? true : undefined));
    const told = running.events.filter((e) => e.type === "undeliverable");
    expect(told.map((e) => e.known)).toEqual([false, false]);
    expect(told.map((e) => e.originalMessageId).filter((id) => id.includes(" "))).toEqual([]);
    expect(amqp.broker.depth("200001_error")).toBe(0);
    await expectAlive(running);
  });
});

function stranger() {
  const day = 24 * 3_600_000;
  return createIdentity({
    subject: { commonName: "En annen", organizationName: "En annen", organizationIdentifier: "NTRNO-999999999" },
    usage: ["nonRepudiation", "keyEncipherment", "dataEncipherment"],
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + day),
  });
}

async function straySample(): Promise<string> {
  const { counterpart, counterpartTransport: wire } = harness.sandbox;
  const send = wire.send.bind(wire);
  let xml = "";
  wire.send = (input) => {
    xml = Buffer.from(input.payload).toString("utf8");
    return Promise.resolve("");
  };
  await counterpart.sendStrayReceipt("200002").finally(() => {
    wire.send = send;
  });
  return xml;
}

/** An AppRec whose original has another id. */
function withAppRec(xml: string, element: string, id: string): string {
  const at = xml.indexOf(`${element}>`);
  return xml.slice(0, at) + xml.slice(at).replace(/(<[\w:]*Id>)[^<]*/, (_, tag: string) => tag + id);
}
