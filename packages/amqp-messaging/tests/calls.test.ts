import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type AmqpConnection,
  type InboundMessage,
  type LateReply,
  MessagingError,
  type MessengerOptions,
  rejectFor,
  reply,
} from "../src/index.ts";
import { decodeWireMessage } from "../src/protocol.ts";
import { registryOf, testParty } from "./_parties.ts";
import { payloadFrom, startWorld, type World, withQueues } from "./_world.ts";

const failure = (work: Promise<unknown>): Promise<MessagingError> =>
  work.then(
    () => expect.fail("expected the call to fail"),
    (reason: unknown) => {
      expect(reason).toBeInstanceOf(MessagingError);
      return reason as MessagingError;
    },
  );

describe("Messenger.request()", () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.end());

  const call = (o: object = {}) => world.outbound(o);
  /** Bob answers every request with a document that names it. */
  const serve = (
    handle: (m: InboundMessage) => ReturnType<typeof reply> = (m) =>
      reply(Buffer.from(`<answer to="${m.messageId}"/>`)),
    options: Partial<MessengerOptions> = {},
  ) =>
    world.messenger(world.bob, options).serve(`${world.bob.herId}_sync`, (m) => Promise.resolve(handle(m)), {
      concurrency: 50,
    });

  it("goes out with ttl, reply-to and correlation id, and comes back without reply-to", async () => {
    const requests: InboundMessage[] = [];
    serve((m) => {
      requests.push(m);
      return reply({ payload: Buffer.from("<answer/>") });
    });
    const message = call();
    const answer = await world.messenger(world.alice).request(message);
    expect(requests[0]?.envelope).toMatchObject({
      ttlMs: 15_000,
      replyTo: `${world.alice.herId}_syncreply`,
      correlationId: message.messageId,
    });
    expect(answer.payload.toString()).toBe("<answer/>");
    expect(answer).toMatchObject({
      fromHerId: world.bob.herId,
      toHerId: world.alice.herId,
      function: message.function,
    });
    expect(answer.envelope).toMatchObject({ correlationId: message.messageId, replyTo: undefined, ttlMs: 15_000 });
    expect(answer.messageId).not.toBe(message.messageId);
    expect(answer.signer?.raw.equals(world.bob.sign.certificate.raw)).toBe(true);
  });
  it("O10: a reply that arrives before the send resolves is returned at once", async () => {
    serve();
    let sent = false;
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { connection } = world;
    const slow: AmqpConnection = {
      ...forwarding(connection),
      async send(queue, message, options) {
        await connection.send(queue, message, options);
        await gate;
        sent = true;
      },
    };
    const answer = await world.messenger(world.alice, { connection: slow }).request(call());
    expect(answer.root).toBe("answer");
    expect(sent).toBe(false);
    release();
  });
  it("O10: 500 calls side by side each get their own answer, by one reader of the queue", {
    timeout: 60_000,
  }, async () => {
    serve();
    const alice = world.messenger(world.alice);
    const messages = Array.from({ length: 500 }, () => call());
    const answers = await Promise.all(messages.map((m) => alice.request(m, { timeoutMs: 50_000 })));
    expect(answers.map((a) => a.payload.toString())).toEqual(messages.map((m) => `<answer to="${m.messageId}"/>`));
    expect(world.peer.queue(`${world.alice.herId}_syncreply`).consumers).toHaveLength(1);
    expect(world.events.filter((e) => e.kind === "late-reply")).toHaveLength(0);
  });
  it("O10: a reply from another HER-id than asked is refused, and the right one is still waited for", async () => {
    const mallory = { ...(await testParty("666")), herId: "666" };
    const registry = registryOf([world.alice, world.bob, mallory].map(withQueues));
    const message = call();
    const alice = world.messenger(world.alice, { registry });
    const waiting = alice.request(message, { timeoutMs: 5_000 });
    // Mallory knows the correlation id and the queue, and signs with a certificate of the registry: her own.
    await world.messenger(mallory, { registry }).protectAndSend({
      messageId: randomUUID(),
      function: message.function,
      fromHerId: mallory.herId,
      toHerId: world.alice.herId,
      payload: Buffer.from("<forged/>"),
      correlationId: message.messageId,
    });
    const queues = world.peer;
    const stray = queues.queue(`${world.alice.herId}_async`).messages.splice(0);
    const replies = queues.queue(`${world.alice.herId}_syncreply`);
    replies.messages.push(...stray);
    serve();
    expect((await waiting).payload.toString()).toBe(`<answer to="${message.messageId}"/>`);
    await world.until("the refusal", () => world.events.some((e) => e.kind === "reply-refused"));
    expect(world.events.find((e) => e.kind === "reply-refused")).toMatchObject({
      error: { code: "message/spoofed-sender", party: "666", event: "MUG-22" },
    });
  });
  it("O10: a reply in another party's name is not believed: its signature is proved against the party that was asked", async () => {
    const mallory = await testParty("667");
    const asBob = { ...mallory, herId: world.bob.herId };
    // She reads Bob's queue somehow, and has his key to read with, but not the one to sign with.
    const open = world.messenger(asBob, { decryptKeys: [world.bob.encrypt], signer: mallory.sign });
    open.serve(`${world.bob.herId}_sync`, () => Promise.resolve(reply(Buffer.from("<forged/>"))));
    const error = await failure(world.messenger(world.alice).request(call(), { timeoutMs: 700 }));
    expect(error).toMatchObject({ code: "amqp/timeout", event: "MUG-30" });
  });
  it("O10: a late reply is told to the hook, taken off the queue, and opened for nobody", async () => {
    const late: LateReply[] = [];
    let asked: InboundMessage | undefined;
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    world.messenger(world.bob).serve(`${world.bob.herId}_sync`, async (m) => {
      asked = m;
      await gate;
      return reply(Buffer.from("<late/>"));
    });
    const alice = world.messenger(world.alice, { onLateReply: (r) => late.push(r) });
    const message = call();
    const error = await failure(alice.request(message, { timeoutMs: 150 }));
    expect(error).toMatchObject({
      code: "amqp/timeout",
      event: "MUG-30",
      party: world.bob.herId,
      messageId: message.messageId,
      retryable: true,
    });
    expect(asked?.messageId ?? message.messageId).toBe(message.messageId);
    go();
    await world.until("the late reply", () => late.length === 1);
    expect(late[0]).toMatchObject({ kind: "late", correlationId: message.messageId, fromHerId: world.bob.herId });
    expect(world.peer.queue(`${world.alice.herId}_syncreply`).messages).toHaveLength(0);
    await world.connection.send(
      `${world.alice.herId}_syncreply`,
      world.wire(Buffer.from("x"), { correlationId: randomUUID() }),
    );
    await world.until("the unknown reply", () => late.length === 2);
    expect(late[1]?.kind).toBe("unknown");
  });
  it("O1: ends at once on the caller's signal, before and while it waits, and leaves nothing registered", async () => {
    const abort = new AbortController();
    const alice = world.messenger(world.alice);
    const message = call();
    const waiting = failure(alice.request(message, { signal: abort.signal }));
    await world.until("the request", () => world.peer.queue(`${world.bob.herId}_sync`).messages.length === 1);
    abort.abort(new Error("the user went home"));
    expect(await waiting).toMatchObject({ code: "abort/cancelled", event: undefined, messageId: message.messageId });
    expect((await failure(alice.request(call(), { signal: abort.signal }))).code).toBe("abort/cancelled");
    // The same id may be used again: it is not waited with any more.
    serve();
    expect((await alice.request(message)).root).toBe("answer");
  });
  it("ends the waiting calls when the connection is closed", async () => {
    const waiting = failure(world.messenger(world.alice).request(call()));
    await world.until("the request", () => world.peer.queue(`${world.bob.herId}_sync`).messages.length === 1);
    await world.connection.close({ drainMs: 50 });
    expect((await waiting).code).toBe("amqp/closed");
  });
  it("survives a lost connection: the answer finds the call that waits", async () => {
    let held: (() => void) | undefined;
    world.messenger(world.bob).serve(`${world.bob.herId}_sync`, async () => {
      await new Promise<void>((resolve) => {
        held = resolve;
      });
      return reply(Buffer.from("<answer/>"));
    });
    const waiting = world.messenger(world.alice).request(call(), { timeoutMs: 10_000 });
    await world.until("the request", () => held !== undefined);
    world.cut();
    await sleep(50);
    held?.();
    expect((await waiting).root).toBe("answer");
  });
  it("takes the queue of this instance, by name without regard to case, and says when there is none", async () => {
    serve();
    const { herId } = world.alice;
    const queues = (instance: string) => ({
      async: `${herId}_async`,
      syncReply: { byInstance: { "EPJ-1": `${herId}_syncreply` }, instance },
    });
    expect((await world.messenger(world.alice, { queues: queues("epj-1") }).request(call())).root).toBe("answer");
    expect((await failure(world.messenger(world.alice, { queues: queues("epj-2") }).request(call()))).code).toBe(
      "config/missing",
    );
    const none = world.messenger(world.alice, { queues: { async: "q" } });
    expect((await failure(none.request(call()))).code).toBe("config/missing");
  });
  it("fails at once when the request cannot be sent, and refuses a second call with the same id", async () => {
    const unknown = await failure(world.messenger(world.alice).request(call({ toHerId: "9" })));
    expect(unknown).toMatchObject({ code: "registry/party-unknown", party: "9", event: "MUG-4" });
    const alice = world.messenger(world.alice);
    const message = call();
    const first = failure(alice.request(message, { timeoutMs: 300 }));
    expect((await failure(alice.request(message))).code).toBe("input/invalid");
    expect((await first).code).toBe("amqp/timeout");
  });

  describe("the answering side", () => {
    const put = async (replyTo: string | undefined) => {
      const message = call();
      await world.messenger(world.alice).protectAndSend({ ...message, queue: "sync", replyTo: replyTo ?? "none" });
      return message;
    };
    it.each([
      ["absent", undefined],
      ["empty after the last slash", "tb.test.nhn.no/NHNTESTServiceBus/"],
      ["no queue name", "bad queue\u0000name"],
    ])(
      "D7: a reply-to that is %s: the request is dead-lettered with the reason, and its sender told once",
      async (_, replyTo) => {
        const reports = world.reports();
        serve();
        const message = await put(replyTo);
        const queue = world.peer.queue(`${world.bob.herId}_sync`);
        await world.until("the dead letter", () => queue.dead.length === 1);
        await world.until("the report", () => reports.length === 1);
        expect(queue.reasons[0]?.description).toMatch(/^no queue to answer to: amqp\/header-invalid/);
        expect(reports[0]).toMatchObject({
          kind: "report",
          report: {
            condition: "transport:invalid-field-value",
            data: ["replyTo"],
            originalMessageId: message.messageId,
          },
        });
        expect(world.events.filter((e) => e.kind === "dead-letter")).toHaveLength(1);
        expect(queue.messages).toHaveLength(0);
      },
    );
    it("D7: a reply-to that the broker refuses: the same, within the time of one refusal", async () => {
      const reports = world.reports();
      const message = call();
      await world.messenger(world.alice).protectAndSend({ ...message, queue: "sync", replyTo: "elsewhere" });
      // The next link to send on is the one for the answer.
      world.peer.refuseSenders("amqp:not-found");
      serve();
      const queue = world.peer.queue(`${world.bob.herId}_sync`);
      await world.until("the dead letter", () => queue.dead.length === 1);
      expect(queue.reasons[0]?.description).toMatch(/^no queue to answer to: amqp\/link-refused/);
      await world.until("the report", () => reports.length === 1);
    });
    it("D7: an answer that cannot be protected: settled with the reason, nothing hangs", async () => {
      serve(undefined, { signer: { ...world.bob.sign, certificate: world.bob.encrypt.certificate } });
      await put(`${world.alice.herId}_syncreply`);
      const queue = world.peer.queue(`${world.bob.herId}_sync`);
      await world.until("the dead letter", () => queue.dead.length === 1);
      expect(queue.reasons[0]?.description).toBe("the answer could not be sent: protection/certificate-invalid");
    });
    it("reads a full address as reply-to, as the profile wants it", async () => {
      serve();
      const { herId } = world.alice;
      await put(`tb.test.nhn.no/NHNTESTServiceBus/${herId}_syncreply`);
      const replies = world.peer.queue(`${herId}_syncreply`);
      await world.until("the answer", () => replies.messages.length === 1);
    });
    it("refuses requests as any other queue does: a report goes to the sender's error queue, no answer", async () => {
      const reports = world.reports();
      serve(() => rejectFor("payload-schema", "element missing"));
      const error = await failure(world.messenger(world.alice).request(call(), { timeoutMs: 500 }));
      expect(error.code).toBe("amqp/timeout");
      await world.until("the report", () => reports.length === 1);
      expect(reports[0]).toMatchObject({
        report: { condition: "transport:not-well-formed-xml", description: "element missing" },
      });
    });
    it("answers a request that came twice under one message id", async () => {
      serve();
      const message = await put(`${world.alice.herId}_syncreply`);
      await world
        .messenger(world.alice)
        .protectAndSend({ ...message, queue: "sync", replyTo: `${world.alice.herId}_syncreply` });
      const replies = world.peer.queue(`${world.alice.herId}_syncreply`);
      await world.until("both answers", () => replies.messages.length === 2);
      const ids = replies.messages.map(({ bytes }) => decodeWireMessage(bytes).messageId);
      expect(ids[0]).toBeDefined();
      expect(ids[1]).toBe(ids[0]);
    });
  });
});

describe("Messenger.receive() with a reply", () => {
  it("U2: reply() on an asynchronous queue sends a message of its own to the sender", async () => {
    const world = await startWorld();
    try {
      const answers: InboundMessage[] = [];
      world
        .messenger(world.bob)
        .receive(`${world.bob.herId}_async`, (m) =>
          Promise.resolve(reply({ payload: payloadFrom(m.toHerId), function: "APPREC" })),
        );
      const alice = world.messenger(world.alice);
      alice.receive(`${world.alice.herId}_async`, (m) => Promise.resolve(answers.push(m) > 0 ? "accept" : "retry"));
      const message = world.outbound();
      await alice.protectAndSend(message);
      await world.until("the answer", () => answers.length === 1);
      expect(answers[0]).toMatchObject({ function: "APPREC", fromHerId: world.bob.herId });
      expect(answers[0]?.envelope.correlationId).toBe(message.messageId);
    } finally {
      await world.end();
    }
  });
});

/** The same connection, call by call: a class with private fields cannot be spread. */
function forwarding(connection: AmqpConnection): AmqpConnection {
  return {
    get state() {
      return connection.state;
    },
    send: (...args) => connection.send(...args),
    receive: (...args) => connection.receive(...args),
    onState: (listener) => connection.onState(listener),
    health: () => connection.health(),
    close: (options) => connection.close(options),
  };
}
