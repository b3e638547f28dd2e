import { randomUUID } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AmqpConnection, connectAmqp, createMessenger, type OutboundMessage } from "../src/index.ts";
import { cpaOf, cppOf, down, factsOf, found, notFound, testRegistry } from "../src/messenger/_registries.ts";
import { type TestParty, testParty } from "./_parties.ts";
import { type Peer, startPeer, settingsFor } from "./_peer.ts";

describe("sending by the registries", () => {
  let peer: Peer;
  let connection: AmqpConnection;
  let alice: TestParty;
  let bob: TestParty;
  let s: ReturnType<typeof testRegistry>;

  beforeAll(async () => {
    peer = await startPeer();
    [alice, bob] = await Promise.all([testParty("1"), testParty("2")]);
    peer.declare("2_async");
    connection = await connectAmqp(settingsFor(peer));
  });
  afterAll(async () => {
    await connection.close({ drainMs: 500 });
    await peer.close();
  });
  beforeEach(() => {
    // Certificates of the test parties are of today: so is the registry's clock.
    s = testRegistry({ clock: { now: Date.now, sleep: () => Promise.resolve() } });
    s.answers.certificates = found({ encryption: bob.encrypt.certificate, signature: bob.sign.certificate });
  });

  const side = () => ({ herId: "2", functions: ["DIALOG"], certificates: [bob.sign, bob.encrypt] });
  const inForce = () => ({ start: "2025-01-01T00:00:00Z", end: new Date(Date.now() + 86_400_000).toISOString() });
  const messenger = () =>
    createMessenger({ connection, registry: s.registry, queues: { async: "1_async" }, signer: alice.sign });
  const message = (o: Partial<OutboundMessage> = {}): OutboundMessage => ({
    messageId: randomUUID(),
    function: "DIALOG",
    fromHerId: "1",
    toHerId: "2",
    payload: Buffer.from("<a/>"),
    ...o,
  });
  const code = (o: Partial<OutboundMessage> = {}): Promise<string> =>
    messenger()
      .protectAndSend(message(o))
      .then(
        ({ partyKind }) => partyKind,
        (e: unknown) => HelsekontaktError.from(e).code,
      );

  it("O7: one send on a cold cache makes each registry call once; a hundred at a time as well", async () => {
    for (const many of [1, 100]) {
      s = testRegistry({ clock: { now: Date.now, sleep: () => Promise.resolve() } });
      s.answers.certificates = found({ encryption: bob.encrypt.certificate });
      const sender = messenger();
      const sent = await Promise.all(Array.from({ length: many }, () => sender.protectAndSend(message())));
      expect(sent.every(({ partyKind }) => partyKind === "dummy")).toBe(true);
      expect(s.calls).toEqual({ party: 1, certificates: 1, agreement: 0, agreementFor: 1, profile: 1 });
    }
    s = testRegistry({ clock: { now: Date.now, sleep: () => Promise.resolve() } });
    s.answers.agreementFor = found(cpaOf([{ herId: "1" }, side()], inForce()));
    expect(await code()).toBe("cpa");
    expect(s.calls).toEqual({ party: 1, certificates: 0, agreement: 0, agreementFor: 1, profile: 0 });
  });

  it("U5: no such party, an inactive one, no queue of this type, a function not supported and an agreement that has expired have codes of their own", async () => {
    s.answers.party = notFound;
    expect(await code()).toBe("registry/party-unknown");
    const cases: [string, () => void, Partial<OutboundMessage>][] = [
      ["registry/party-inactive", () => (s.answers.party = found({ ...factsOf("2"), active: false })), {}],
      ["registry/no-queue", () => (s.answers.party = found(factsOf("2"))), { queue: "sync" }],
      ["registry/function-unsupported", () => (s.answers.profile = found(cppOf(side()))), { function: "OTHER" }],
      [
        "registry/agreement-expired",
        () => (s.answers.agreementFor = found(cpaOf([{ herId: "1" }, side()], { end: "2025-02-01T00:00:00Z" }))),
        {},
      ],
    ];
    for (const [expected, set, o] of cases) {
      s.registry.invalidate("2");
      set();
      expect(await code(o)).toBe(expected);
    }
    s.registry.invalidate("2");
    s.answers.agreementFor = notFound;
    expect(await code()).toBe("cpp");
  });

  it("R1: a send in an outage without a last answer fails with an error that says to try again, and nothing is sent", async () => {
    s.answers.agreementFor = down;
    const before = peer.published.length;
    await expect(messenger().protectAndSend(message())).rejects.toMatchObject({
      code: "registry/unavailable",
      retryable: true,
    });
    expect(peer.published.length).toBe(before);
  });
});
