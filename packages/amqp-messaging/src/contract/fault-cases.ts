import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { HelsekontaktError } from "@helsekontakt/core";
import type { StateEvent } from "../connection/state.ts";
import type { Outcome } from "../connection/outcome.ts";
import { collect, type ContractCase, message, scoped, until } from "./harness.ts";

const code = (expected: string) => (error: unknown) => HelsekontaktError.from(error).code === expected;

/** @internal Lost, frozen and half-open connections, through a proxy between library and broker. */
export const faultCases: readonly ContractCase[] = [
  scoped(
    "cuts while sending lose nothing, resends keep their message id, and at most one window a cut comes twice",
    async (s) => {
      const queue = await s.environment.makeQueue();
      const proxy = await s.proxy();
      const window = 40;
      const connection = await s.connect({ port: proxy.port, sendWindow: { messages: window, bytes: 1_000_000 } });
      const ids = Array.from({ length: 600 }, (_, i) => `cut-${i}`);
      let accepted = 0;
      const sends = ids.map((id) =>
        connection.send(queue, message(queue, Buffer.alloc(5_000), id)).then(() => accepted++),
      );
      for (const mark of [50, 250, 400]) {
        await until("sends to go on", () => accepted >= mark);
        const before = proxy.connections;
        proxy.cut();
        await until("a new connection", () => proxy.connections > before);
      }
      await Promise.all(sends);
      const direct = await s.connect();
      const seen = new Set<unknown>();
      let copies = 0;
      const subscription = direct.receive(queue, (d) => {
        seen.add(d.message.messageId);
        copies++;
        return Promise.resolve<Outcome>("accept");
      });
      await direct.send(queue, message(queue, undefined, "last"));
      await until("every message", () => seen.has("last"));
      await subscription.stop();
      assert.equal(seen.size, ids.length + 1);
      const twice = copies - seen.size;
      const cuts = proxy.connections - 1;
      assert.ok(
        twice <= cuts * window,
        `expected at most ${window} a cut to come twice, found ${twice} at ${cuts} cuts`,
      );
    },
  ),
  scoped(
    "a large message whose right to send is lost half written does not come; what is behind it does",
    async (s) => {
      const queue = await s.environment.makeQueue();
      const proxy = await s.proxy();
      const connection = await s.connect({ port: proxy.port });
      await connection.send(queue, message(queue, undefined, "first"));
      // The sockets on the way do not hold all of it.
      proxy.holdClient(true);
      let held = true;
      const hold = { confirm: () => Promise.resolve(), isHeld: () => held };
      const large = connection.send(queue, message(queue, Buffer.alloc(20_000_000), "large"), { hold });
      const next = connection.send(queue, message(queue, undefined, "next"));
      await until("the large one to be begun", () => connection.health().senders[0]?.inFlight !== 0);
      await sleep(200);
      held = false;
      proxy.holdClient(false);
      await assert.rejects(large, code("abort/cancelled"));
      await next;
      const got = await collect(await s.connect(), queue, 2);
      assert.deepEqual(
        got.map((d) => d.message.messageId),
        ["first", "next"],
      );
      assert.equal(proxy.connections, 1, "expected the connection to stay");
    },
  ),
  scoped("D5: a cut during the handler: it is called once, and the redelivery is settled by its outcome", async (s) => {
    const queue = await s.environment.makeQueue();
    const proxy = await s.proxy();
    const events: StateEvent[] = [];
    const connection = await s.connect({ port: proxy.port, onState: (e) => events.push(e) });
    const calls: unknown[] = [];
    let finish: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const subscription = connection.receive(queue, async (d) => {
      calls.push(d.message.messageId);
      if (d.message.messageId === "slow") await gate;
      return "accept";
    });
    await connection.send(queue, message(queue, undefined, "slow"));
    await until("the handler to begin", () => calls.length === 1);
    proxy.cut();
    const attached = (): number =>
      events.filter((e) => e.kind === "link" && e.role === "receiver" && e.state === "attached").length;
    await until("the receiver to be attached again", () => attached() === 2);
    await until("the redelivery", () => subscription.inHand === 1);
    finish?.();
    await until("the redelivery to be settled", () => subscription.inHand === 0);
    await connection.send(queue, message(queue, undefined, "next"));
    await until("the next message", () => calls.includes("next"));
    assert.deepEqual(calls, ["slow", "next"]);
    await subscription.stop();
  }),
  scoped("D5: a handler that ends while the connection is away is not called again", async (s) => {
    const queue = await s.environment.makeQueue();
    const proxy = await s.proxy();
    const connection = await s.connect({ port: proxy.port });
    const calls: unknown[] = [];
    let sent: Promise<void> | undefined;
    const subscription = connection.receive(
      queue,
      async (d) => {
        calls.push(d.message.messageId);
        if (d.message.messageId === "first") {
          // or it would be sent twice, rightly, and be two messages
          await sent;
          proxy.cut();
          await until("the loss to be seen", () => connection.state === "reconnecting");
        }
        return "accept";
      },
      { concurrency: 1 },
    );
    sent = connection.send(queue, message(queue, undefined, "first"));
    await sent;
    await until("the connection to be back", () => connection.state === "open" && calls.length === 1);
    await connection.send(queue, message(queue, undefined, "second"));
    await until("the second message", () => calls.includes("second"));
    assert.deepEqual(calls, ["first", "second"]);
    await subscription.stop();
    const rest = await s.connect();
    await rest.send(queue, message(queue, undefined, "last"));
    assert.deepEqual(
      (await collect(rest, queue, 1)).map((d) => d.message.messageId),
      ["last"],
    );
  }),
  scoped("O5: a frozen broker is noticed by the idle time-out, and the connection is made anew", async (s) => {
    const queue = await s.environment.makeQueue();
    const proxy = await s.proxy();
    const connection = await s.connect({ port: proxy.port, idleTimeoutMs: 300, attemptTimeoutMs: 500 });
    await connection.send(queue, message(queue, undefined, "before"));
    proxy.freeze();
    await until("the freeze to be noticed", () => connection.state === "reconnecting");
    const during = connection.send(queue, message(queue, undefined, "during"));
    proxy.thaw();
    await during;
    const ids = (await collect(await s.connect(), queue, 2)).map((d) => d.message.messageId);
    assert.ok(ids.includes("before") && ids.includes("during"));
  }),
  scoped(
    "O5: a broker that lives and reads no more is told as blocked, nothing is sent twice, and it goes on",
    async (s) => {
      const queue = await s.environment.makeQueue();
      const proxy = await s.proxy();
      const blocked: boolean[] = [];
      const connection = await s.connect({
        port: proxy.port,
        answerTimeoutMs: 200,
        onState: (e) => {
          if (e.kind === "blocked") blocked.push(!e.answering);
        },
      });
      await connection.send(queue, message(queue, undefined, "before"));
      assert.equal(connection.health().ready, true);
      proxy.holdClient(true);
      const during = connection.send(queue, message(queue, undefined, "during"));
      await until("the broker to be told as blocked", () => blocked.length === 1);
      assert.deepEqual([connection.state, connection.health().answering], ["open", false]);
      proxy.holdClient(false);
      await during;
      assert.deepEqual(blocked, [true, false]);
      assert.equal(connection.health().answering, true);
      assert.equal(proxy.connections, 1);
      const ids = (await collect(connection, queue, 2)).map((d) => d.message.messageId);
      assert.deepEqual(ids, ["before", "during"]);
    },
  ),
  scoped(
    "the broker's answer is lost: the send ends as a time-out that says the broker may have the message",
    async (s) => {
      const queue = await s.environment.makeQueue();
      const proxy = await s.proxy();
      const connection = await s.connect({ port: proxy.port });
      await connection.send(queue, message(queue, undefined, "answered"));
      proxy.muteBroker(true);
      const error = await connection.send(queue, message(queue, undefined, "unanswered"), { timeoutMs: 300 }).then(
        () => undefined,
        (e: unknown) => HelsekontaktError.from(e),
      );
      assert.equal(error?.code, "amqp/timeout");
      assert.equal(error?.retryable, true);
      assert.equal(error?.context["tries"], 1);
      proxy.muteBroker(false);
    },
  ),
  scoped("while disconnected a send waits, can be cancelled, and times out; nothing of it is sent later", async (s) => {
    const queue = await s.environment.makeQueue();
    const proxy = await s.proxy();
    const connection = await s.connect({ port: proxy.port, attemptTimeoutMs: 200 });
    proxy.freeze();
    proxy.cut();
    await until("the loss to be seen", () => connection.state === "reconnecting");
    const abort = new AbortController();
    const cancelled = assert.rejects(
      connection.send(queue, message(queue, undefined, "cancelled"), { signal: abort.signal }),
      code("abort/cancelled"),
    );
    const late = assert.rejects(
      connection.send(queue, message(queue, undefined, "late"), { timeoutMs: 100 }),
      code("amqp/timeout"),
    );
    const kept = connection.send(queue, message(queue, undefined, "kept"));
    abort.abort();
    await Promise.all([cancelled, late]);
    proxy.thaw();
    proxy.cut();
    await kept;
    await sleep(100);
    assert.deepEqual(
      (await collect(await s.connect(), queue, 1)).map((d) => d.message.messageId),
      ["kept"],
    );
  }),
  scoped("close lets sends and handlers finish, and refuses what comes after", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const sends = Array.from({ length: 50 }, () => connection.send(queue, message(queue)));
    await connection.close();
    await Promise.all(sends);
    await assert.rejects(connection.send(queue, message(queue)), code("amqp/closed"));
    assert.throws(() => connection.receive(queue, () => Promise.resolve<Outcome>("accept")), code("amqp/closed"));
    assert.equal(connection.state, "closed");
  }),
  scoped("O6: twenty cuts under load: no message lost, every link back", async (s) => {
    const queue = await s.environment.makeQueue();
    const proxy = await s.proxy();
    const connection = await s.connect({ port: proxy.port });
    const seen = new Set<unknown>();
    const subscription = connection.receive(queue, (d) => {
      seen.add(d.message.messageId);
      return Promise.resolve<Outcome>("accept");
    });
    const sends: Promise<void>[] = [];
    for (let n = 0; n < 20; n++) {
      for (let i = 0; i < 20; i++)
        sends.push(connection.send(queue, message(queue, Buffer.alloc(1_000), `load-${n}-${i}`)));
      await until("the connection", () => connection.state === "open");
      proxy.cut();
      await until("the loss", () => connection.state !== "open");
    }
    await Promise.all(sends);
    await until("every message", () => seen.size === 400);
    await subscription.stop();
  }),
];
