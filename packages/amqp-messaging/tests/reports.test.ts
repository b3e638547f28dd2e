// Over 400 lines: all causes of a report, between the same two parties, whose keys take a second to make.
import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { HelsekontaktError } from "@helsekontakt/core";
import rhea from "rhea";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  buildAppRec,
  createReportMemory,
  type MessageHandler,
  type MessengerOptions,
  type ReportMemory,
} from "../src/index.ts";
import { decodeWireMessage } from "../src/protocol.ts";
import { createIdentity } from "../src/protection/index.ts";
import { registryOf, type TestParty } from "./_parties.ts";
import { payloadFrom, startWorld, type World, withQueues } from "./_world.ts";

const take: MessageHandler = () => Promise.resolve("accept");

describe("reports to senders", () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.end());

  const queue = (who: TestParty, kind: string) => world.peer.queue(`${who.herId}_${kind}`);
  /** What has been published to Alice's error queue, as ids. */
  const reportIds = (): unknown[] =>
    world.peer.published
      .map(decodeWireMessage)
      .filter((m) => m.to === `${world.alice.herId}_error`)
      .map((m) => m.messageId);
  const junk = (o: object = {}) =>
    world.connection.send(`${world.bob.herId}_async`, world.wire(Buffer.from("not cms"), o));

  describe("D1: report and settlement are two steps", () => {
    it("D1: the connection dies between them: no second report, the message is settled, no handler sees it", async () => {
      const kept = createReportMemory();
      let cuts = 0;
      const reports: ReportMemory = {
        isReported: (key) => kept.isReported(key),
        async reported(key) {
          await kept.reported(key);
          // Here the report is with the broker, and the message is not settled.
          if (cuts++ === 0) world.cut();
          await sleep(20);
        },
      };
      let handled = 0;
      world.messenger(world.bob, { reports }).receive(`${world.bob.herId}_async`, () => {
        handled++;
        return Promise.resolve("accept");
      });
      await junk();
      await world.until("the settlement", () => cuts > 0 && world.connection.state === "open");
      await world.until("an empty queue", () => queue(world.bob, "async").messages.length === 0);
      await sleep(200);
      expect(reportIds()).toHaveLength(1);
      expect(handled).toBe(0);
      expect(queue(world.bob, "async").dead).toHaveLength(0);
    });
    it("D1: the process dies between them: a memory that outlives it prevents the second report", async () => {
      const shared = createReportMemory();
      const first = world.messenger(world.bob, { reports: shared }).receive(`${world.bob.herId}_async`, take);
      const messageId = randomUUID();
      await junk({ messageId });
      await world.until("the first report", () => reportIds().length === 1);
      await first.stop();
      // The settlement never reached the broker: the message is there again, for the next process.
      await junk({ messageId });
      world.messenger(world.bob, { reports: shared }).receive(`${world.bob.herId}_async`, take);
      await world.until("the second settlement", () => world.events.filter((e) => e.kind === "refused").length === 2);
      expect(reportIds()).toHaveLength(1);
    });
    it("D1: without such a memory the second report has the id of the first, so that its reader knows it", async () => {
      const messageId = randomUUID();
      for (let i = 1; i <= 2; i++) {
        const process = world.messenger(world.bob).receive(`${world.bob.herId}_async`, take);
        await junk({ messageId });
        await world.until("the report", () => reportIds().length === i);
        await process.stop();
      }
      const [first, second] = reportIds();
      expect(second).toBe(first);
    });
    it("D1: a report that cannot be sent is tried a bounded number of times, then the message is dead-lettered with the reason", async () => {
      const toAlice: string[] = [];
      const { connection } = world;
      const failing: Partial<MessengerOptions> = {
        maxTries: 3,
        connection: {
          get state() {
            return connection.state;
          },
          send: (to, message, options) => {
            toAlice.push(to);
            return to === `${world.alice.herId}_error`
              ? Promise.reject(new HelsekontaktError("amqp/link-refused", "expected the broker to take it"))
              : connection.send(to, message, options);
          },
          receive: (...args) => connection.receive(...args),
          onState: (listener) => connection.onState(listener),
          health: () => connection.health(),
          close: (options) => connection.close(options),
        },
      };
      world.messenger(world.bob, failing).receive(`${world.bob.herId}_async`, take);
      await junk();
      await world.until("the dead letter", () => queue(world.bob, "async").dead.length === 1);
      expect(toAlice).toHaveLength(3);
      expect(queue(world.bob, "async").reasons[0]?.description).toBe("failed 3 times, last with amqp/link-refused");
      expect(queue(world.bob, "async").messages).toHaveLength(0);
    });
    it("a memory that fails holds the message until it is back", async () => {
      let down = true;
      const memory = createReportMemory();
      const reports: ReportMemory = {
        isReported: (key) =>
          down ? Promise.reject(new HelsekontaktError("journal/unavailable", "down")) : memory.isReported(key),
        reported: () => Promise.reject(new Error("disk full")),
      };
      world.messenger(world.bob, { reports, maxTries: 2 }).receive(`${world.bob.herId}_async`, take);
      await junk();
      await world.until("retries", () => world.events.filter((e) => e.kind === "retry").length > 3);
      down = false;
      await world.until("the report", () => reportIds().length === 1);
      await world.until("the settlement", () => world.events.some((e) => e.kind === "refused"));
      expect(world.lines.join("\n")).toContain("a report that was sent could not be remembered");
      expect(world.lines.join("\n")).not.toContain("disk full");
    });
  });

  it("D2: two endpoints and a malformed report on an error queue: at most one message in all", async () => {
    for (const who of [world.alice, world.bob]) {
      const messenger = world.messenger(who);
      messenger.receive(`${who.herId}_async`, take);
      messenger.serve(`${who.herId}_sync`, take);
      messenger.receiveErrors(`${who.herId}_error`, () => Promise.resolve());
    }
    const { contentType: _, ...bare } = world.wire(Buffer.from("junk"), {
      to: `${world.alice.herId}_error`,
      applicationProperties: { fromHerId: world.bob.herId, toHerId: world.alice.herId, errorCondition: "transport:x" },
    });
    await world.connection.send(`${world.alice.herId}_error`, bare);
    await world.until("the report", () => world.events.some((e) => e.kind === "error-report"));
    await sleep(300);
    expect(world.peer.published).toHaveLength(1);
    expect(queue(world.alice, "error").messages).toHaveLength(0);
    expect(world.events.filter((e) => e.kind === "error-report")).toHaveLength(1);
  });
  it("D2: a SOAP fault is read on an error queue, and answered on no queue", async () => {
    const fault = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>Feil</s:Text></s:Reason><s:Detail><messageId xmlns="http://www.kith.no/xmlstds/digitaldialog/2013-10-08">m1</messageId></s:Detail></s:Fault></s:Body></s:Envelope>`;
    const reports = world.reports();
    world.messenger(world.alice).receive(`${world.alice.herId}_async`, take);
    for (const kind of ["error", "async"])
      await world.connection.send(
        `${world.alice.herId}_${kind}`,
        world.wire(Buffer.from(fault), {
          subject: "AMQP_SOAP_FAULT",
          contentType: "application/soap+xml",
          applicationProperties: {
            fromHerId: world.bob.herId,
            toHerId: world.alice.herId,
            applicationTimeStamp: "2025-01-02T03:04:05Z",
          },
        }),
      );
    await world.until("both", () => world.events.filter((e) => e.kind === "error-report").length === 2);
    expect(reports[0]).toMatchObject({ kind: "soap-fault", fault: { code: "s:Sender", messageId: "m1" } });
    expect(world.events[0]).toMatchObject({ condition: "soap-fault", originalMessageId: "m1" });
    await sleep(100);
    expect(world.peer.published).toHaveLength(2);
  });
  it("D2: a handler that fails on a report has it again, and then it is set aside; nothing is sent", async () => {
    world
      .messenger(world.alice, { maxTries: 2 })
      .receiveErrors(`${world.alice.herId}_error`, () => Promise.reject(new Error("x")));
    await world.connection.send(`${world.alice.herId}_error`, world.wire(Buffer.alloc(0)));
    await world.until("the dead letter", () => queue(world.alice, "error").dead.length === 1);
    expect(world.peer.published).toHaveLength(1);
  });

  it("S7: a bad signature and a body that is not CMS: one delivery, one report, no redelivery", async () => {
    const deliveries: boolean[] = [];
    const { connection } = world;
    world
      .messenger(world.bob, {
        connection: {
          get state() {
            return connection.state;
          },
          send: (...args) => connection.send(...args),
          receive: (name, handler, options) =>
            connection.receive(
              name,
              (delivery) => {
                deliveries.push(delivery.redelivered);
                return handler(delivery);
              },
              options,
            ),
          onState: (listener) => connection.onState(listener),
          health: () => connection.health(),
          close: (options) => connection.close(options),
        },
      })
      .receive(`${world.bob.herId}_async`, take);
    await junk();
    const mallory = await createIdentity({
      subject: { commonName: `Party ${world.alice.herId}` },
      usage: ["nonRepudiation"],
      notBefore: new Date(Date.now() - 1_000),
      notAfter: new Date(Date.now() + 1e9),
    });
    await world.messenger(world.alice, { signer: mallory }).protectAndSend(world.outbound());
    await world.until("two reports", () => reportIds().length === 2);
    await sleep(200);
    expect(deliveries).toEqual([false, false]);
    expect(reportIds()).toHaveLength(2);
    expect(queue(world.bob, "async").messages).toHaveLength(0);
  });

  it("S2: a partner without a certificate is let through by name alone, and its signature must hold still", async () => {
    const { signatureCertificate: _, ...bare } = withQueues(world.alice);
    const registry = registryOf([bare, withQueues(world.bob)]);
    let handled = 0;
    const receive = (unknownSignerFrom: (herId: string) => boolean) =>
      world.messenger(world.bob, { registry, unknownSignerFrom }).receive(`${world.bob.herId}_async`, () => {
        handled++;
        return Promise.resolve("accept");
      });
    const others = receive((herId) => herId === "1");
    await world.messenger(world.alice).protectAndSend(world.outbound());
    await world.until("the report", () => reportIds().length === 1);
    expect(handled).toBe(0);
    await others.stop();
    receive((herId) => herId === world.alice.herId);
    await world.messenger(world.alice).protectAndSend(world.outbound());
    await world.until("the message", () => handled === 1);
    expect(world.lines.join("\n")).toContain("a message of an unknown signer is taken, by setting");
    await junk();
    await world.until("the second report", () => reportIds().length === 2);
    expect(handled).toBe(1);
  });

  describe("S12: the sender in the header against the payload and the certificate's owner", () => {
    const owned = (organisation: string) => `<Ident><Id>${organisation}</Id><TypeId V="ENH"/></Ident>`;
    /** What Alice is told for a payload; nothing when it was taken. */
    const told = async (payload: Uint8Array, options: Partial<MessengerOptions> = {}) => {
      const reports = world.reports();
      world.messenger(world.bob, options).receive(`${world.bob.herId}_async`, take);
      await world.messenger(world.alice).protectAndSend(world.outbound({ payload, function: "APPREC" }));
      await world.until("an end", () => world.events.some((e) => e.kind === "accepted") || reports.length > 0);
      const [first] = reports;
      return first?.kind === "report" ? { condition: first.report.condition, detail: first.report.detail } : undefined;
    };
    it("S12: another HER-id in MsgHead is refused as a spoofing attack", async () => {
      expect(await told(payloadFrom("777"))).toEqual({
        condition: "abuse:spoofing-attack",
        detail: { kind: "her-ids", amqp: [world.alice.herId], application: ["1", "777"] },
      });
    });
    it.each(["1.0", "1.1"] as const)(
      "S12: another HER-id in the sender of an AppRec %s is refused",
      async (version) => {
        const her = { $V: "HER", $DN: "HER-id" };
        const party = (id: string) => ({ Organisation: { OrganisationName: "n", Ident: [{ Id: id, TypeId: her }] } });
        const original = {
          MsgInfo: {
            Type: { $V: "DIALOG_INNBYGGER_EKONTAKT" },
            GenDate: "2025-01-02T03:04:05Z",
            MsgId: randomUUID(),
            Sender: party(world.bob.herId),
            Receiver: party("777"),
          },
        };
        const { bytes } = buildAppRec(
          original as never,
          { status: "accepted" },
          { id: randomUUID(), genDate: "2025-01-02T03:04:05Z", version },
        );
        expect(await told(bytes)).toMatchObject({
          condition: "abuse:spoofing-attack",
          detail: { application: ["777"] },
        });
      },
    );
    it("S12: a certificate of another organisation than the payload's is refused where the setting says so", async () => {
      const other = payloadFrom(world.alice.herId, owned("987654321"));
      expect(await told(other, { certificateOwner: "refuse" })).toMatchObject({ condition: "abuse:spoofing-attack" });
    });
    it("S12: the same passes with a warning for a signer that the sender's profile vouches for", async () => {
      expect(await told(payloadFrom(world.alice.herId, owned("987654321")))).toBeUndefined();
      expect(world.lines.join("\n")).toContain("certificate and payload name different organisations");
    });
    it("S12: and is refused for a signer that only an anchor vouches for", async () => {
      const { signatureCertificate: _, ...unknown } = withQueues(world.alice);
      const anchored: Partial<MessengerOptions> = {
        registry: registryOf([unknown, withQueues(world.bob)]),
        trust: { anchors: [world.alice.sign.certificate] },
      };
      expect(await told(payloadFrom(world.alice.herId, owned("987654321")), anchored)).toMatchObject({
        condition: "abuse:spoofing-attack",
      });
    });
    it("takes a certificate of the payload's own organisation", async () => {
      const own = payloadFrom(world.alice.herId, owned("123456785"));
      expect(await told(own, { certificateOwner: "refuse" })).toBeUndefined();
      expect(world.lines.join("\n")).not.toContain("different organisations");
    });
  });

  it("settles a message of no bytes, and keeps the connection", async () => {
    world.messenger(world.bob).receive(`${world.bob.herId}_async`, take);
    await world.until("the link", () => queue(world.bob, "async").consumers.length === 1);
    world.peer.put(`${world.bob.herId}_async`, Buffer.alloc(0));
    await world.until("the end", () => world.events.some((e) => e.kind === "refused"));
    expect(world.events.find((e) => e.kind === "refused")).toMatchObject({ reported: false });
    expect(world.peer.opens).toHaveLength(1);
  });

  describe("O3: limits before anything is opened", () => {
    /** What Alice is told, and how often the own keys were asked for. */
    const told = async (payload: Uint8Array, options: Partial<MessengerOptions> = {}) => {
      let asked = 0;
      const keys = () => {
        asked++;
        return { signing: world.bob.sign, decryption: [world.bob.encrypt] };
      };
      const reports = world.reports();
      let handled = 0;
      world.messenger(world.bob, { keys, ...options }).receive(`${world.bob.herId}_async`, () => {
        handled++;
        return Promise.resolve("accept");
      });
      await world.messenger(world.alice).protectAndSend(world.outbound({ payload }));
      await world.until("the report", () => reports.length === 1);
      await world.until("the settlement", () => world.events.some((e) => e.kind === "refused"));
      const [first] = reports;
      expect(handled).toBe(0);
      return { asked, report: first?.kind === "report" ? first.report : undefined };
    };
    it("O3: a body larger than is taken is refused before decryption", async () => {
      const { asked, report } = await told(Buffer.alloc(200_000, "<a/>"), { maxBodyBytes: 100_000 });
      expect(asked).toBe(0);
      expect(report).toMatchObject({
        condition: "transport:unsupported-message",
        description: "The message is larger than 100000 bytes",
      });
    });
    it("O3: a payload with a DTD is refused, however it is written", async () => {
      const { asked, report } = await told(
        Buffer.from('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>'),
      );
      expect(asked).toBe(1);
      expect(report?.condition).toBe("transport:not-well-formed-xml");
      expect(world.events.find((e) => e.kind === "refused")).toMatchObject({ error: { code: "xml/doctype-refused" } });
    });
    it("O3: a message of many frames goes in and out byte for byte", async () => {
      const payload = Buffer.concat(
        [Buffer.from("<a>"), randomBytes(4_000_000).toString("base64"), "</a>"].map((p) => Buffer.from(p)),
      );
      const got = new Promise<Uint8Array>((resolve) => {
        world.messenger(world.bob).receive(`${world.bob.herId}_async`, (m) => {
          resolve(m.payload);
          return Promise.resolve("accept");
        });
      });
      await world.messenger(world.alice).protectAndSend(world.outbound({ payload }));
      expect(Buffer.from(await got).equals(payload)).toBe(true);
    });
  });

  describe("D9: a time to live that AMQP cannot say", () => {
    it("D9: 50 days are cut to 49.7 with a warning", async () => {
      const ttlMs = 50 * 86_400_000;
      await world.messenger(world.alice).protectAndSend(world.outbound({ ttlMs }));
      const [sent] = world.peer.published.map(decodeWireMessage);
      expect(sent?.ttlMs).toBe(0xffff_ffff);
      expect(world.lines.join("\n")).toContain("time to live cut to what AMQP can say");
    });
    it.each([0, -1, Number.NaN])("D9: %d milliseconds are refused", async (ttlMs) => {
      await expect(world.messenger(world.alice).protectAndSend(world.outbound({ ttlMs }))).rejects.toMatchObject({
        code: "input/invalid",
        event: "MUG-2",
      });
    });
  });

  it("D8: each way in which the header may surprise: settled once, told once where there is somebody to tell, no redelivery", async () => {
    const { alice, bob } = world;
    const data = (...parts: string[]) => rhea.message.data_sections(parts.map((p) => Buffer.from(p)));
    const good = { fromHerId: alice.herId, toHerId: bob.herId, applicationTimeStamp: "2025-01-02T03:04:05Z" };
    const plain = { subject: "DIALOG_INNBYGGER_TEST", content_type: "text/plain" };
    const xml = `<a>${"x".repeat(20)}</a>`;
    /** `taken`: reaches the handler. `told`: one report. `removed`: nobody to tell. */
    const vectors: readonly [string, object, "taken" | "told" | "removed"][] = [
      ["HER-id that is not a number", { application_properties: { ...good, toHerId: "abc" } }, "told"],
      ["sender that is not a number", { application_properties: { ...good, fromHerId: "x-1" } }, "removed"],
      ["HER-id as a list", { application_properties: { ...good, toHerId: rhea.types.wrap_list([1]) } }, "told"],
      [
        "HER-ids as integers",
        {
          application_properties: {
            ...good,
            fromHerId: Number(alice.herId),
            toHerId: rhea.types.wrap_ulong(Number(bob.herId)),
          },
        },
        "taken",
      ],
      ["ulong message-id", { message_id: rhea.types.wrap_ulong(42) }, "taken"],
      ["binary message-id", { message_id: rhea.types.wrap_binary(Buffer.from([1, 2, 3])) }, "taken"],
      [
        "uuid message-id and correlation-id",
        { message_id: rhea.string_to_uuid(randomUUID()), correlation_id: rhea.string_to_uuid(randomUUID()) },
        "taken",
      ],
      ["no message-id", { message_id: undefined }, "taken"],
      ["several data sections", { body: data("<a>", "x", "</a>") }, "taken"],
      ["an empty data section before the payload", { body: data("", xml) }, "taken"],
      ["amqp-value body", { body: xml }, "told"],
      ["amqp-value body that holds binary", { body: rhea.types.wrap_binary(Buffer.from(xml)) }, "told"],
      ["amqp-sequence body", { body: rhea.message.sequence_section([1, 2]) }, "told"],
      ["no body section", { body: undefined }, "told"],
      [
        "time stamp as AMQP timestamp",
        { application_properties: { ...good, applicationTimeStamp: new Date() } },
        "taken",
      ],
      ["time stamp that is no time", { application_properties: { ...good, applicationTimeStamp: "soon" } }, "told"],
      ["no subject", { subject: undefined }, "told"],
      ["no application properties", { application_properties: undefined }, "removed"],
      ["no content type", { content_type: undefined }, "told"],
    ];
    const taken: unknown[] = [];
    world.messenger(bob, { plainAllowed: () => true, senderMismatch: "ignore" }).receive(`${bob.herId}_async`, (m) => {
      taken.push(m.payload);
      return Promise.resolve("accept");
    });
    for (const [name, change, want] of vectors) {
      const before = { taken: taken.length, told: reportIds().length, ends: world.events.length };
      const message = { message_id: randomUUID(), ...plain, application_properties: good, body: data(xml), ...change };
      const bytes = rhea.message.encode(message as never);
      world.peer.put(`${bob.herId}_async`, bytes);
      await world.until(name, () =>
        world.events.slice(before.ends).some((e) => e.kind === "accepted" || e.kind === "refused"),
      );
      expect({ name, taken: taken.length - before.taken, told: reportIds().length - before.told }).toEqual({
        name,
        taken: want === "taken" ? 1 : 0,
        told: want === "told" ? 1 : 0,
      });
    }
    expect(queue(bob, "async").dead).toHaveLength(0);
    expect(world.events.filter((e) => e.kind === "retry")).toHaveLength(0);
  });
});
