// Over 400 lines: the cases of one messenger, in one world.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { HelsekontaktError } from "@helsekontakt/core";
import rhea from "rhea";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type AmqpConnection,
  createMessenger,
  type ErrorQueueMessage,
  type HandlerResult,
  type InboundMessage,
  type MessengerEvent,
  type MessengerOptions,
  type Party,
} from "../src/index.ts";
import { createIdentity, protect } from "../src/protection/index.ts";
import { derBytes } from "../src/protection/der-writer.ts";
import { encryptData } from "../src/protection/encrypt-data.ts";
import { signData } from "../src/protection/sign-data.ts";
import { dummy, registryOf, type TestParty, testParty } from "./_parties.ts";
import type { Peer } from "./_peer.ts";
import { patient, payloadFrom, startWorld, testFunction, type World } from "./_world.ts";

// One long file: all cases share two parties, whose keys take a second to make.

describe("createMessenger()", () => {
  let world: World;
  let peer: Peer;
  let connection: AmqpConnection;
  let alice: TestParty;
  let bob: TestParty;
  let events: MessengerEvent[];
  let lines: string[];

  beforeEach(async () => {
    world = await startWorld();
    ({ peer, connection, alice, bob, events, lines } = world);
  });
  afterEach(() => world.end());

  /** The registry knows no queues: those of the HER-ids are sent to. */
  const messenger: World["messenger"] = (who, options = {}) =>
    world.messenger(who, { registry: registryOf([dummy(alice), dummy(bob)]), ...options });
  const outbound: World["outbound"] = (o) => world.outbound(o);
  const until: World["until"] = (what, condition) => world.until(what, condition);
  const wire: World["wire"] = (body, o) => world.wire(body, o);
  /** Bob receives; returns what reached his handler, and what reached Alice's error queue. */
  const bobReceives = (
    options: Partial<MessengerOptions> = {},
    answer: (m: InboundMessage) => HandlerResult | Promise<HandlerResult> = () => "accept",
  ) => {
    const messages: InboundMessage[] = [];
    const reports: ErrorQueueMessage[] = [];
    messenger(bob, options).receive(`${bob.herId}_async`, (m) => {
      messages.push(m);
      return Promise.resolve(answer(m));
    });
    messenger(alice).receiveErrors(`${alice.herId}_error`, (m) => {
      reports.push(m);
      return Promise.resolve();
    });
    return { messages, reports };
  };
  const refusal = async (reports: ErrorQueueMessage[]) => {
    await until("a report", () => reports.length > 0);
    await sleep(50);
    expect(reports).toHaveLength(1);
    const [first] = reports;
    if (first?.kind !== "report") throw new Error("expected a report");
    return { condition: first.report.condition, description: first.report.description, data: first.report.data };
  };

  it("S16: a protected message arrives byte for byte, with signer and facts", async () => {
    const { messages } = bobReceives();
    const sent = await messenger(alice, { systemIdentifier: "EPJ" }).protectAndSend(
      outbound({ conversationId: "conv" }),
    );
    await until("the message", () => messages.length === 1);
    expect(sent).toMatchObject({ queue: `${bob.herId}_async`, partyKind: "dummy" });
    const [m] = messages;
    expect(Buffer.from(m?.payload ?? []).equals(payloadFrom(alice.herId))).toBe(true);
    expect(m).toMatchObject({
      function: testFunction,
      fromHerId: alice.herId,
      toHerId: bob.herId,
      root: "{http://www.kith.no/xmlstds/msghead/2006-05-24}MsgHead",
      redelivered: false,
    });
    expect(m?.signer?.raw.equals(alice.sign.certificate.raw)).toBe(true);
    expect(m?.metadata["X-Sender-Lvl2Id"]).toBe(alice.herId);
    expect(Object.fromEntries(m?.envelope.properties ?? [])).toMatchObject({
      "X-MessageInfo-MsgId": "m-1",
      "X-SystemIdentifier": "EPJ",
      ConversationId: "conv",
    });
    expect(m?.envelope.replyTo).toBe(`${alice.herId}_async`);
    await until("acceptance", () => events.some((e) => e.kind === "accepted"));
  });
  it("S13: personal data stays out of headers, events and log lines when a handler fails", async () => {
    const { messages } = bobReceives({}, () => Promise.reject(new Error(patient)));
    await messenger(alice).protectAndSend(outbound());
    await until("a retry", () => events.some((e) => e.kind === "retry"));
    const properties = JSON.stringify([...(messages[0]?.envelope.properties ?? [])]);
    expect(properties + JSON.stringify(events) + lines.join("\n")).not.toContain(patient);
  });
  it.each([undefined, null, "accepted", {}, 1])(
    "tries again, and says so, what its handler answers with %j",
    async (answer) => {
      bobReceives({}, () => answer as unknown as HandlerResult);
      await messenger(alice).protectAndSend(outbound());
      await until("a retry", () => events.some((e) => e.kind === "retry"));
      const { error } = events.find((e) => e.kind === "retry") ?? {};
      expect(error?.code).toBe("message/handler-failed");
      expect(error?.message).toContain("expected the handler to return a decision, found none");
    },
  );
  it("hands receipts to their own handler", async () => {
    const receipts: string[] = [];
    const plain: string[] = [];
    messenger(bob).receive(`${bob.herId}_async`, {
      message: (m) => Promise.resolve(plain.push(m.function) > 0 ? "accept" : "accept"),
      receipt: (m) =>
        Promise.resolve(receipts.push(`${m.receipt.status} ${m.receipt.original.id}`) > 0 ? "accept" : "accept"),
    });
    const appRec =
      '<AppRec xmlns="http://www.kith.no/xmlstds/apprec/2012-02-15"><Status V="1"/><OriginalMsgId><Id>o-1</Id></OriginalMsgId></AppRec>';
    await messenger(alice).protectAndSend(outbound({ function: "APPREC", payload: Buffer.from(appRec) }));
    await until("the receipt", () => receipts.length === 1);
    expect(receipts).toEqual(["accepted o-1"]);
    expect(plain).toEqual([]);
  });

  describe("what the receiver cannot take is reported once and settled once", () => {
    it("S7: a body that is not CMS: one delivery, one report, no redelivery", async () => {
      const { reports, messages } = bobReceives();
      await connection.send(`${bob.herId}_async`, wire(Buffer.from("not cms")));
      expect(await refusal(reports)).toMatchObject({ condition: "transport:invalid-cms-pkcs" });
      expect(messages).toHaveLength(0);
      expect(peer.queue(`${bob.herId}_async`).messages).toHaveLength(0);
    });
    it("S5: wrong key, damaged content and a wrong signature look the same", async () => {
      const { reports } = bobReceives();
      const other = await testParty("5");
      const toOther = await protect(payloadFrom(alice.herId), {
        signer: alice.sign,
        recipients: [other.encrypt.certificate],
      });
      const damaged = Buffer.from(
        await protect(payloadFrom(alice.herId), { signer: alice.sign, recipients: [bob.encrypt.certificate] }),
      );
      damaged[damaged.length - 5] = (damaged[damaged.length - 5] ?? 0) ^ 1;
      const signed = derBytes(await signData(payloadFrom(alice.herId), { signer: alice.sign }));
      const at = signed.indexOf("MsgHead");
      signed[at] = (signed[at] ?? 0) ^ 1;
      const forged = derBytes(
        await encryptData({ parts: [signed], size: signed.length }, { recipients: bob.encrypt.certificate }),
      );
      for (const body of [toOther, damaged, forged]) await connection.send(`${bob.herId}_async`, wire(body));
      await until("three reports", () => reports.length === 3);
      const told = reports.map((r) =>
        r.kind === "report" ? { c: r.report.condition, d: r.report.description, x: r.report.data } : r.kind,
      );
      expect(told[0]).toEqual({ c: "transport:decryption-failed", d: expect.any(String) as string, x: [] });
      expect(new Set(told.map((t) => JSON.stringify(t))).size).toBe(1);
    });
    it("S5: copies of somebody's message, damaged and sent in another's name, all get one answer", async () => {
      const { reports } = bobReceives();
      // Another one than who signed, whose name is in the head: what decrypts to a signed text and what does not.
      const stolen = Buffer.from(
        await protect(payloadFrom(bob.herId), { signer: bob.sign, recipients: [bob.encrypt.certificate] }),
      );
      const copies = [stolen];
      for (let back = 64; back < stolen.length - 700; back += 96) {
        const damaged = Buffer.from(stolen);
        damaged[stolen.length - back] = (damaged[stolen.length - back] ?? 0) ^ 1;
        copies.push(damaged);
      }
      for (const copy of copies) await connection.send(`${bob.herId}_async`, wire(copy));
      await until("all reports", () => reports.length === copies.length);
      const told = reports.map((r) =>
        r.kind === "report" ? { c: r.report.condition, d: r.report.description, x: r.report.data } : r.kind,
      );
      expect(copies.length).toBeGreaterThan(10);
      expect(new Set(told.map((t) => JSON.stringify(t)))).toEqual(
        new Set([JSON.stringify({ c: "transport:decryption-failed", d: (told[0] as { d: string }).d, x: [] })]),
      );
    });
    it("S1: signed by another certificate than the registered one, which is attached", async () => {
      const { reports } = bobReceives();
      const mallory = await createIdentity({
        subject: { commonName: `Party ${alice.herId}` },
        usage: ["nonRepudiation"],
        notBefore: new Date(Date.now() - 1000),
        notAfter: new Date(Date.now() + 1e9),
      });
      const body = await protect(payloadFrom(alice.herId), {
        signer: { ...mallory, chain: [alice.sign.certificate] },
        recipients: [bob.encrypt.certificate],
      });
      await connection.send(`${bob.herId}_async`, wire(body));
      expect(await refusal(reports)).toMatchObject({ condition: "transport:decryption-failed" });
    });
    it("S2: no signature certificate in the sender's profile", async () => {
      const { signatureCertificate: _, ...rest } = dummy(alice);
      const bare = { ...rest, kind: "cpp", receives: () => true } as unknown as Party;
      const { reports, messages } = bobReceives({ registry: registryOf([bare, dummy(bob)]) });
      await messenger(alice).protectAndSend(outbound());
      expect(await refusal(reports)).toMatchObject({
        condition: "transport:missing-certificate",
        description: "Certificate is missing",
      });
      expect(messages).toHaveLength(0);
    });
    it("an expired signature certificate", async () => {
      const { reports } = bobReceives({ clock: { now: () => Date.now() + 60 * 86_400_000, sleep: (ms) => sleep(ms) } });
      await messenger(alice).protectAndSend(outbound());
      const told = await refusal(reports);
      expect(told).toMatchObject({ condition: "transport:expired-certificate", description: "Invalid end date" });
      expect(told.data[1]).toMatch(/^Thumbprint: [0-9a-f]{40}$/);
    });
    it("S3: a plain message where protection is required never reaches the handler", async () => {
      const { reports, messages } = bobReceives();
      await messenger(alice).protectAndSend(outbound({ protection: "plain" }));
      expect(await refusal(reports)).toMatchObject({ condition: "transport:unsupported-message" });
      expect(messages).toHaveLength(0);
    });
    it("D8: missing and unreadable header fields", async () => {
      const { reports } = bobReceives();
      const { contentType: _, ...bare } = wire(Buffer.alloc(0), {
        applicationProperties: { fromHerId: alice.herId, toHerId: "abc" },
      });
      await connection.send(`${bob.herId}_async`, bare);
      expect(await refusal(reports)).toEqual({
        condition: "transport:invalid-field-value",
        description: "One or more fields are missing",
        data: ["toHerId", "applicationTimeStamp", "ContentType"],
      });
    });
    it("a payload that is not XML", async () => {
      const { reports } = bobReceives();
      await messenger(alice).protectAndSend(outbound({ payload: Buffer.from("not xml") }));
      expect(await refusal(reports)).toMatchObject({
        condition: "transport:not-well-formed-xml",
        description: "Could not deserialize payload",
      });
    });
    it("S12: another sender in the payload than in the header", async () => {
      const { reports, messages } = bobReceives();
      await messenger(alice).protectAndSend(outbound({ payload: payloadFrom("777") }));
      expect(await refusal(reports)).toMatchObject({
        condition: "abuse:spoofing-attack",
        data: [alice.herId, "1", "777"],
      });
      expect(messages).toHaveLength(0);
    });
    it("U2: what the handler refuses", async () => {
      const { reports } = bobReceives({}, () => ({
        refuse: { condition: "transport:unsupported-message", description: "no", data: ["a", "b"] },
      }));
      await messenger(alice).protectAndSend(outbound());
      expect(await refusal(reports)).toEqual({
        condition: "transport:unsupported-message",
        description: "no",
        data: ["a", "b"],
      });
    });
  });

  it("reports a message without an own HER-id although no profile can be asked for then", async () => {
    const registry = registryOf([dummy(alice), dummy(bob)]);
    const { reports } = bobReceives({ registry });
    await connection.send(
      `${bob.herId}_async`,
      wire(Buffer.alloc(0), {
        applicationProperties: { fromHerId: alice.herId, applicationTimeStamp: "2025-01-02T03:04:05Z" },
      }),
    );
    expect(await refusal(reports)).toMatchObject({ data: ["toHerId"] });
    expect(registry.requests.every((r) => r.ownHerId === undefined)).toBe(true);
  });
  it("tells messages without an id apart: each is reported, none is dropped as seen", async () => {
    const put = (body: string): void => {
      const { subject, contentType, applicationProperties } = wire(Buffer.alloc(0));
      const bytes = rhea.message.encode({
        subject,
        content_type: contentType,
        application_properties: applicationProperties,
        body: rhea.message.data_section(Buffer.from(body)),
      });
      peer.queue(`${bob.herId}_async`).messages.push({ bytes, deliveries: 0, failures: 0 });
    };
    put("one");
    const { reports } = bobReceives();
    await until("the first report", () => reports.length === 1);
    put("two");
    await messenger(alice).protectAndSend(outbound());
    await until("the second report", () => reports.length === 2);
  });
  it("writes no text of another party as a condition or HER-id into events and logs", async () => {
    bobReceives();
    await connection.send(
      `${bob.herId}_async`,
      wire(Buffer.alloc(0), {
        applicationProperties: { errorCondition: `no such citizen ${patient}`, originalMessageId: "y" },
      }),
    );
    await messenger(alice).protectAndSend(outbound({ payload: payloadFrom(patient) }));
    await until("report and refusal", () => ["error-report", "refused"].every((k) => events.some((e) => e.kind === k)));
    expect(JSON.stringify(events) + inspect(events, { depth: 9 }) + lines.join()).not.toContain(patient);
  });
  it("removes a message without a sender: nobody can be told", async () => {
    const { reports } = bobReceives();
    await connection.send(
      `${bob.herId}_async`,
      wire(Buffer.alloc(0), { applicationProperties: { toHerId: bob.herId } }),
    );
    await until("the refusal", () => events.some((e) => e.kind === "refused"));
    expect(events.find((e) => e.kind === "refused")).toMatchObject({ reported: false });
    expect(reports).toHaveLength(0);
  });
  it("dead-letters a refused message whose sender is unknown to the registry, and tells nobody", async () => {
    const { reports } = bobReceives({ registry: registryOf([dummy(bob)]) });
    await messenger(alice).protectAndSend(outbound());
    await until("the dead letter", () => peer.queue(`${bob.herId}_async`).dead.length === 1);
    expect(reports).toHaveLength(0);
  });
  it("D2: nothing that came on an error queue is answered, whatever it is", async () => {
    const { reports } = bobReceives();
    messenger(bob).receiveErrors(`${bob.herId}_error`, () => Promise.resolve());
    await connection.send(
      `${alice.herId}_error`,
      wire(Buffer.from("junk"), {
        to: `${alice.herId}_error`,
        applicationProperties: { fromHerId: bob.herId, toHerId: alice.herId },
      }),
    );
    await until("the junk", () => reports.length === 1);
    await sleep(100);
    expect(reports[0]?.kind).toBe("unknown");
    expect(peer.queue(`${bob.herId}_error`).messages).toHaveLength(0);
    expect(events.filter((e) => e.kind === "error-report")).toHaveLength(1);
  });
  it("D2: an error report that strayed to the queue for messages is not answered", async () => {
    const { reports, messages } = bobReceives();
    await connection.send(
      `${bob.herId}_async`,
      wire(Buffer.alloc(0), {
        applicationProperties: {
          fromHerId: alice.herId,
          toHerId: bob.herId,
          errorCondition: "x",
          originalMessageId: "y",
        },
      }),
    );
    await until("the report", () => events.some((e) => e.kind === "error-report"));
    await sleep(100);
    expect(reports).toHaveLength(0);
    expect(messages).toHaveLength(0);
  });
  it("tries a failing handler again, then sets the message aside; others are not held up", async () => {
    const { messages, reports } = bobReceives({ maxTries: 3 }, (m) =>
      m.messageId === "poison" ? Promise.reject(new Error("x")) : "accept",
    );
    await messenger(alice).protectAndSend(outbound({ messageId: "poison" }));
    await messenger(alice).protectAndSend(outbound({ messageId: "good" }));
    await until("the dead letter", () => peer.queue(`${bob.herId}_async`).dead.length === 1);
    expect(messages.filter((m) => m.messageId === "poison")).toHaveLength(3);
    expect(messages.filter((m) => m.messageId === "good")).toHaveLength(1);
    expect(reports).toHaveLength(0);
  });
  it("asks for no agreement by an id that cannot be one", async () => {
    const registry = registryOf([dummy(alice), dummy(bob)]);
    const { messages } = bobReceives({ registry });
    const id = randomUUID();
    for (const cpaId of ["x", id.toUpperCase()])
      await messenger(alice).protectAndSend(outbound({ properties: { cpaId } }));
    await until("the messages", () => messages.length === 2);
    expect(registry.requests.map((r) => r.cpaId)).toEqual([undefined, id]);
  });
  it("sets a receipt that cannot be understood aside at once", async () => {
    const handlers = { message: () => Promise.reject(new Error("x")), receipt: () => Promise.reject(new Error("x")) };
    messenger(bob).receive(`${bob.herId}_async`, handlers);
    for (const ns of ["http://www.kith.no/xmlstds/apprec/2012-02-15", "urn:other"])
      await messenger(alice).protectAndSend(outbound({ payload: Buffer.from(`<AppRec xmlns="${ns}"/>`) }));
    await until("the dead letters", () => peer.queue(`${bob.herId}_async`).dead.length === 2);
    expect(events.filter((e) => e.kind === "retry")).toHaveLength(0);
  });
  it("holds messages of a journal that a later version has changed, without counting tries", async () => {
    let gone = true;
    const { messages, reports } = bobReceives({ maxTries: 2 }, () =>
      gone ? Promise.reject(new HelsekontaktError("journal/too-new", "changed")) : "accept",
    );
    await messenger(alice).protectAndSend(outbound());
    await until(
      "several retries",
      () => events.filter((e) => e.kind === "retry").length > 2 || peer.queue(`${bob.herId}_async`).dead.length > 0,
    );
    expect(peer.queue(`${bob.herId}_async`).dead).toHaveLength(0);
    gone = false;
    await until("the message", () => events.some((e) => e.kind === "accepted"));
    expect(messages.length).toBeGreaterThan(2);
    expect(reports).toHaveLength(0);
  });
  it("holds messages while the registry is out, without reports and without counting tries", async () => {
    const registry = registryOf([dummy(alice), dummy(bob)]);
    registry.fail = new HelsekontaktError("registry/unavailable", "down");
    const { messages, reports } = bobReceives({ registry, maxTries: 2 });
    await messenger(alice).protectAndSend(outbound());
    await until("several retries", () => events.filter((e) => e.kind === "retry").length > 4);
    registry.fail = undefined;
    await until("the message", () => messages.length === 1);
    expect(reports).toHaveLength(0);
  });

  /** What sending to this Bob ends with. */
  const send = async (party: Partial<Party> | undefined, o: object = {}) => {
    const registry = registryOf(party === undefined ? [] : [{ ...dummy(bob), ...party } as Party]);
    return await messenger(alice, { registry })
      .protectAndSend(outbound(o))
      .then(
        () => "sent",
        (e: unknown) => HelsekontaktError.from(e).code,
      );
  };

  describe("errors that a sender can act on", () => {
    it("U5: no such party, no queue, function not supported, no certificate", async () => {
      expect(await send(undefined)).toBe("registry/party-unknown");
      expect(await send({ queues: {} })).toBe("registry/no-queue");
      expect(await send({ kind: "cpp", receives: () => false } as never)).toBe("registry/function-unsupported");
      expect(await send({ encryptionCertificate: undefined } as never)).toBe("protection/certificate-invalid");
      expect(await send({ encryptionCertificate: bob.sign.certificate })).toBe("protection/certificate-invalid");
    });
    it("asks the profile for the function that a receipt acknowledges", async () => {
      const party = { kind: "cpp", receives: (f: string) => f === testFunction } as never;
      expect(await send(party, { function: "APPREC" })).toBe("registry/function-unsupported");
      expect(await send(party, { function: "APPREC", acknowledges: testFunction })).toBe("sent");
    });
    it("S15: a signing key is needed only to send what is protected", async () => {
      const { signer: _, ...rest } = { signer: alice.sign };
      const keyless = createMessenger({
        connection,
        registry: registryOf([dummy(bob)]),
        queues: { async: "q" },
        ...rest,
      });
      await expect(keyless.protectAndSend(outbound())).rejects.toThrow("[config/missing]");
    });
  });
});
