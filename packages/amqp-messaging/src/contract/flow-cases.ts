import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Outcome } from "../connection/outcome.ts";
import { collect, type ContractCase, gate, message, scoped, until } from "./harness.ts";

/** @internal How many messages are taken at a time, in which order, and how it stops. */
export const flowCases: readonly ContractCase[] = [
  scoped("O2: with a slow handler no more messages are unsettled than the concurrency allows", async (s) => {
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
  scoped("O4: stop waits for running handlers and gives the rest back", async (s) => {
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
  scoped("O4: a handler past the drain limit, or past the signal, loses its message to the next reader", async (s) => {
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
  scoped(
    "O2: messages of one key run one after another in their order, through failures; others side by side",
    async (s) => {
      const queue = await s.environment.makeQueue();
      const connection = await s.connect();
      const keys = ["k0", "k1", "k2", "k3"];
      for (let n = 0; n < 10; n++)
        for (const key of keys)
          await connection.send(queue, { ...message(queue, undefined, `${key}-${n}`), correlationId: key });
      const running = new Set<string>();
      const done: string[] = [];
      let failures = 0;
      let most = 0;
      const subscription = connection.receive(
        queue,
        async (d) => {
          const key = String(d.message.correlationId);
          const id = String(d.message.messageId);
          assert.ok(!running.has(key), `expected one message of ${key} at a time`);
          running.add(key);
          most = Math.max(most, running.size);
          await sleep(2);
          running.delete(key);
          if (id === "k1-3" && failures++ < 2) throw new Error("not yet");
          done.push(id);
          return "accept";
        },
        { concurrency: 4, readAhead: 12, releaseDelayMs: 20, orderBy: (m) => String(m.correlationId) },
      );
      await until("all messages handled", () => done.length === 40);
      await subscription.stop();
      for (const key of keys)
        assert.deepEqual(
          done.filter((id) => id.startsWith(key)),
          Array.from({ length: 10 }, (_, n) => `${key}-${n}`),
        );
      assert.equal(failures, 3);
      assert.ok(most > 1, "expected keys to run side by side");
    },
  ),
  scoped("O2: a function runs no more often at a time than its limit, and does not hold up others", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const slow = gate();
    for (let i = 0; i < 4; i++) await connection.send(queue, { ...message(queue), subject: "SLOW" });
    for (let i = 0; i < 6; i++) await connection.send(queue, { ...message(queue), subject: "QUICK" });
    let running = 0;
    let most = 0;
    let quick = 0;
    let slowDone = 0;
    const subscription = connection.receive(
      queue,
      async ({ message: { subject } }) => {
        if (subject === "QUICK") {
          quick++;
          return "accept";
        }
        running++;
        most = Math.max(most, running);
        await slow.opened;
        running--;
        slowDone++;
        return "accept";
      },
      { concurrency: 5, readAhead: 10, functionLimits: { SLOW: 1 } },
    );
    await until("the quick ones", () => quick === 6);
    assert.equal(running, 1);
    slow.open();
    await until("the slow ones", () => slowDone === 4);
    assert.equal(most, 1);
    await subscription.stop();
  }),
];
