import { inspect } from "node:util";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { protect } from "../src/protection/index.ts";
import { payloadFrom, startWorld, type World } from "./_world.ts";

// What a partner, or whoever reaches the queues, puts into any field of a message is not shown in a log line, nor in an error.

const digits = (count: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."123456789"), minLength: count, maxLength: count });
const secret = fc.oneof(
  digits(11),
  fc.tuple(digits(6), fc.constantFrom(" ", "-"), digits(5)).map((parts) => parts.join("")),
  digits(4).map((n) => `Åse Markørsen ${n}`),
  digits(4).map((n) => `Har vondt i ryggen, ring meg på ${n}`),
  fc.base64String({ minLength: 60, maxLength: 90 }).map((text) => `eyJhbGciOiJQUzI1NiJ9.${text}`),
);
const fields = ["messageId", "correlationId", "to", "subject", "replyTo", "contentType"] as const;
const properties = [
  "fromHerId",
  "toHerId",
  "applicationTimeStamp",
  "cpaId",
  "ConversationId",
  "enqueuedTimeUtc",
  "errorCondition",
  "errorDescription",
  "errorConditionData",
  "X-ErrorConditionData",
  "originalMessageId",
  "receiverTimeStamp",
] as const;
const bodies = [
  (_s: string, herId: string) => payloadFrom(herId),
  (s: string) => Buffer.from(s),
  (s: string, herId: string) => Buffer.from(payloadFrom(herId).toString().replaceAll("m-1", s)),
  (s: string, herId: string) => Buffer.from(payloadFrom(herId, `<Tekst a="${s}">${s}</Tekst>`).toString()),
  (s: string) => payloadFrom(s),
  (s: string) => Buffer.from(`<N${s.replaceAll(/[^A-Za-z0-9]/g, "")} xmlns="urn:${s}">${s}`),
  (s: string) => Buffer.from(`<?xml version="1.0" encoding="${s}"?><!DOCTYPE a [<!ENTITY e "${s}">]><a>&e;</a>`),
] as const;
const message = fc.record({
  hidden: secret,
  odd: fc.subarray([...fields, ...properties], { minLength: 1, maxLength: 4 }),
  body: fc.integer({ min: 0, max: bodies.length - 1 }),
  sealed: fc.boolean(),
  queue: fc.constantFrom("async", "sync", "syncreply", "error"),
});

describe("log lines and errors", () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.end());

  it("show nothing of what a message has in any of its fields", async () => {
    const { alice, bob, lines } = world;
    const thrown: unknown[] = [];
    const to = world.messenger(bob, { maxTries: 2, retryPauseMs: { initial: 1, max: 5 } });
    let turn = 0;
    to.receive(`${bob.herId}_async`, {
      message: (m) => {
        const quoted = `${m.envelope.messageId} ${m.payload.toString()}`;
        if (turn++ % 3 === 0) return Promise.reject(new Error(quoted));
        return Promise.resolve(turn % 3 === 1 ? "accept" : { refuse: { condition: "transport:unsupported-message" } });
      },
      receipt: (m) => Promise.reject(new Error(JSON.stringify(m.receipt))),
    });
    to.serve(`${bob.herId}_sync`, (m) => Promise.reject(new Error(m.payload.toString())));
    to.receiveErrors(`${bob.herId}_error`, (m) => Promise.reject(new Error(JSON.stringify(m))));
    const from = world.messenger(alice, { callTimeoutMs: 300 });
    await from.request(world.outbound({ payload: payloadFrom(alice.herId) })).catch((e: unknown) => thrown.push(e));

    const sent = fc.sample(message, 120);
    for (const { hidden, odd, body, sealed, queue } of sent) {
      const plain = (bodies[body] ?? bodies[0])(hidden, alice.herId);
      const bytes = sealed
        ? await protect(plain, { signer: alice.sign, recipients: [bob.encrypt.certificate] })
        : plain;
      const wire = world.wire(bytes);
      const set = (names: readonly string[]): Record<string, string> =>
        Object.fromEntries(odd.filter((name) => names.includes(name)).map((name) => [name, hidden]));
      const about = { ...wire.applicationProperties, ...set(properties) };
      await world.connection.send(`${queue === "syncreply" ? alice.herId : bob.herId}_${queue}`, {
        ...wire,
        ...set(fields),
        applicationProperties: about,
      });
    }
    const queues = ["async", "sync", "error"].map((kind) => world.peer.queue(`${bob.herId}_${kind}`));
    // What goes back comes again at once, so that nothing is under way once nothing happens any more.
    let [quiet, before] = [0, 0];
    await world.until("the end of every queue", () => {
      const happened = lines.length + world.events.length;
      quiet = happened === before && queues.every((q) => q.messages.length === 0) ? quiet + 1 : 0;
      before = happened;
      return quiet > 40;
    });

    const errors = world.events.flatMap((e) => ("error" in e ? [e.error] : []));
    const everything = [
      ...lines,
      ...[...errors, ...thrown].flatMap((e) => [
        String(e),
        JSON.stringify(e),
        inspect(e, { depth: Infinity, showHidden: true }),
        JSON.stringify(Object.getOwnPropertyDescriptors(e)),
      ]),
    ];
    expect(lines.length).toBeGreaterThan(60);
    expect(errors.length).toBeGreaterThan(40);
    for (const { hidden, ...how } of sent)
      expect([
        how,
        everything.filter((text) => text.includes(hidden)).map((text) => text.replaceAll(hidden, "…")),
      ]).toEqual([how, []]);
  });
});
