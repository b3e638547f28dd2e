import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { HelsekontaktError } from "@helsekontakt/core";
import rhea from "rhea";
import type { Outcome } from "../connection/outcome.ts";
import { collect, type ContractCase, type ContractEnvironment, message, scoped, until } from "./harness.ts";

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const code = (expected: string) => (error: unknown) => HelsekontaktError.from(error).code === expected;

/** @internal Sending, receiving and settling on an undisturbed connection. */
export const deliveryCases: readonly ContractCase[] = [
  scoped("a message arrives with every property as it was sent", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const sent = { ...message(queue), ttlMs: 60_000 };
    await connection.send(queue, sent);
    const [got] = await collect(connection, queue, 1);
    assert.ok(got);
    assert.equal(got.message.messageId, sent.messageId);
    assert.equal(got.message.correlationId, sent.correlationId);
    assert.equal(got.message.to, queue);
    assert.equal(got.message.subject, sent.subject);
    assert.equal(got.message.replyTo, sent.replyTo);
    assert.equal(got.message.contentType, sent.contentType);
    assert.deepEqual(Object.fromEntries(got.message.applicationProperties), sent.applicationProperties);
    assert.equal(got.message.durable, true);
    assert.equal(got.message.bodyKind, "data");
    assert.equal(got.redelivered, false);
  }),
  scoped("bodies of 0, 1, 255, 256, 300 k and 3 M bytes arrive to the byte", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const bodies = [0, 1, 255, 256, 300_000, 3_000_000].map((n) => randomBytes(n));
    for (const body of bodies) await connection.send(queue, message(queue, body));
    const got = await collect(connection, queue, bodies.length);
    assert.deepEqual(
      got.map((d) => sha(d.message.body)),
      bodies.map(sha),
    );
  }),
  scoped("many sends at once are all accepted and arrive in order", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const ids = Array.from({ length: 500 }, (_, i) => `order-${i}`);
    await Promise.all(ids.map((id) => connection.send(queue, message(queue, Buffer.alloc(500), id))));
    assert.deepEqual(
      (await collect(connection, queue, ids.length)).map((d) => d.message.messageId),
      ids,
    );
  }),
  scoped("a released message comes again, marked as redelivered; an accepted or rejected one does not", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const seen: [unknown, boolean][] = [];
    const outcomes: Record<string, Outcome[]> = { again: ["release", "accept"], dead: ["reject"], done: ["accept"] };
    const subscription = connection.receive(
      queue,
      (d) => {
        seen.push([d.message.messageId, d.redelivered]);
        return Promise.resolve(outcomes[String(d.message.messageId)]?.shift() ?? "accept");
      },
      { concurrency: 1 },
    );
    await subscription.attached;
    for (const id of ["again", "dead", "done"]) await connection.send(queue, message(queue, undefined, id));
    await until("four deliveries", () => seen.length >= 4);
    await sleep(200);
    assert.equal(seen.length, 4);
    assert.deepEqual(
      seen.filter(([id]) => id === "again"),
      [
        ["again", false],
        ["again", true],
      ],
    );
    await subscription.stop();
  }),
  scoped("a handler that throws gives the message back after a pause", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    let calls = 0;
    const subscription = connection.receive(
      queue,
      () => {
        calls++;
        return calls === 1 ? Promise.reject(new Error("handler fault")) : Promise.resolve<Outcome>("accept");
      },
      { releaseDelayMs: 50 },
    );
    await connection.send(queue, message(queue));
    await until("a second call", () => calls === 2);
    await subscription.stop();
  }),
  scoped("no more messages are in hand than the concurrency allows", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    await Promise.all(Array.from({ length: 120 }, () => connection.send(queue, message(queue))));
    let running = 0;
    let most = 0;
    let done = 0;
    const subscription = connection.receive(
      queue,
      async () => {
        running++;
        most = Math.max(most, running, subscription.inHand);
        await sleep(2);
        running--;
        done++;
        return "accept";
      },
      { concurrency: 8 },
    );
    await until("all messages handled", () => done === 120);
    assert.ok(most <= 8, `expected at most 8 in hand, found ${most}`);
    assert.ok(most > 1, "expected handlers to run side by side");
    await subscription.stop();
  }),
  scoped("while paused no handler is called; resume goes on with every message", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    let done = 0;
    const subscription = connection.receive(queue, () => {
      done++;
      return Promise.resolve<Outcome>("accept");
    });
    await subscription.attached;
    subscription.pause();
    for (let i = 0; i < 20; i++) await connection.send(queue, message(queue));
    await sleep(200);
    assert.equal(done, 0);
    subscription.resume();
    await until("all messages handled", () => done === 20);
    await subscription.stop();
  }),
  scoped("stop waits for running handlers and gives the rest back", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    for (let i = 0; i < 10; i++) await connection.send(queue, message(queue, undefined, `stop-${i}`));
    const begun: unknown[] = [];
    let finish: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const subscription = connection.receive(
      queue,
      async (d) => {
        begun.push(d.message.messageId);
        await gate;
        return "accept";
      },
      { concurrency: 3 },
    );
    await until("three handlers begun", () => begun.length === 3);
    const stopped = subscription.stop();
    finish?.();
    await stopped;
    assert.equal(begun.length, 3);
    const rest = await collect(connection, queue, 7);
    assert.deepEqual(new Set([...begun, ...rest.map((d) => d.message.messageId)]).size, 10);
  }),
  scoped("a handler past the drain limit loses its message to the next reader", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    await connection.send(queue, message(queue, undefined, "slow"));
    let begun = false;
    const subscription = connection.receive(queue, () => {
      begun = true;
      return new Promise<Outcome>(() => {});
    });
    await until("the handler to begin", () => begun);
    await subscription.stop({ drainMs: 50 });
    assert.equal((await collect(connection, queue, 1))[0]?.message.messageId, "slow");
  }),
  scoped("an address that the broker does not know is refused, and the connection lives on", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const missing = connection.receive("no_such_queue", () => Promise.resolve<Outcome>("accept"));
    await assert.rejects(missing.attached, code("amqp/link-refused"));
    await missing.stop();
    const elsewhere = await s.connect({ namespace: "NoSuchExchange" });
    await assert.rejects(elsewhere.send(queue, message(queue)), code("amqp/link-refused"));
    await connection.send(queue, message(queue));
    assert.equal((await collect(connection, queue, 1)).length, 1);
  }),
  scoped("a wrong password is told at once", async (s) => {
    await assert.rejects(s.connect({ password: "wrong" }), code("amqp/unauthorized"));
  }),
  scoped("messages without a body, with several data sections and with a value arrive as what they are", async (s) => {
    const queue = await s.environment.makeQueue();
    await sendRaw(s.environment, queue, [
      {
        message_id: "several",
        body: rhea.message.data_sections([Buffer.from("a"), Buffer.from("b"), Buffer.from("c")]),
      },
      { message_id: "value", body: { a: 1 } },
      { message_id: 42, body: rhea.message.data_section(Buffer.from("n")) },
    ]);
    const got = await collect(await s.connect(), queue, 3);
    assert.deepEqual(
      got.map((d) => [d.message.messageId, d.message.bodyKind, Buffer.from(d.message.body).toString()]),
      [
        ["several", "data", s.environment.quirks?.reversesDataSections === true ? "cba" : "abc"],
        ["value", "value", ""],
        [42, "data", "n"],
      ],
    );
  }),
];

async function sendRaw(environment: ContractEnvironment, queue: string, messages: readonly object[]): Promise<void> {
  const { host, port, username, password, namespace } = environment.settings;
  const container = rhea.create_container();
  const connection = container.connect({ host, port, username, password, reconnect: false } as never);
  try {
    await new Promise<void>((resolve, reject) => {
      let accepted = 0;
      for (const name of ["error", "connection_error", "session_error", "disconnected"])
        container.on(name, () => reject(new Error("the raw sender failed")));
      const sender = connection.open_sender(`/exchange/${namespace}/${queue}`);
      sender.once("sendable", () => messages.forEach((m) => sender.send(m as never)));
      sender.on("accepted", () => {
        accepted++;
        if (accepted === messages.length) resolve();
      });
    });
  } finally {
    connection.close();
  }
}
