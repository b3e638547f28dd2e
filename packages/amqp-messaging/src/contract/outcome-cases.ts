import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Outcome } from "../connection/outcome.ts";
import { collect, type ContractCase, message, scoped, until } from "./harness.ts";

/** @internal What a handler decides, or fails to, and what the broker makes of it. */
export const outcomeCases: readonly ContractCase[] = [
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
        ["again", s.environment.quirks?.marksNoRedelivery !== true],
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
  scoped(
    "D12: accept, release, modify, reject and dead-letter with a reason each do at the broker what they say",
    async (s) => {
      const { deadLettersOf, quirks } = s.environment;
      const queue = await s.environment.makeQueue();
      const connection = await s.connect();
      const failed = { kind: "modify", deliveryFailed: true, undeliverableHere: false } as const;
      const dead = { kind: "dead-letter", reason: "no use" } as const;
      const plans: Record<string, Outcome[]> = {
        done: ["accept"],
        back: ["release", "accept"],
        later: [{ kind: "release", afterMs: 50 }, "accept"],
        failed: [failed, "accept"],
        refused: ["reject"],
        dead: [dead],
      };
      const seen: [string, boolean, number][] = [];
      const subscription = connection.receive(queue, (d) => {
        const id = String(d.message.messageId);
        seen.push([id, d.redelivered, d.message.deliveryCount]);
        return Promise.resolve(plans[id]?.shift() ?? "accept");
      });
      await subscription.attached;
      for (const id of Object.keys(plans)) await connection.send(queue, message(queue, undefined, id));
      await until("nine deliveries", () => seen.length >= 9);
      await until("all to be settled", () => subscription.inHand === 0 && subscription.parked === 0);
      await subscription.stop();
      const times = (id: string): number => seen.filter(([seenId]) => seenId === id).length;
      assert.deepEqual(
        Object.keys(plans).map((id) => [id, times(id)]),
        [
          ["done", 1],
          ["back", 2],
          ["later", 2],
          ["failed", 2],
          ["refused", 1],
          ["dead", 1],
        ],
      );
      assert.equal(connection.state, "open");
      if (quirks?.marksNoRedelivery !== true)
        assert.ok(
          seen.every(([, redelivered], i) => redelivered === seen.slice(0, i).some(([id]) => id === seen[i]?.[0])),
        );
      if (quirks?.takesModified === true) assert.equal(seen.findLast(([id]) => id === "failed")?.[2], 1);
      if (deadLettersOf === undefined) return;
      const letters = await collect(connection, deadLettersOf(queue), 2);
      assert.deepEqual(letters.map((d) => d.message.messageId).toSorted(), ["dead", "refused"]);
    },
  ),
  scoped("D12: outcomes that are given in one turn each reach the broker as their own", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const ids = ["a", "b", "c", "d", "e", "f"];
    for (const id of ids) await connection.send(queue, message(queue, undefined, id));
    const first = new Map<string, (outcome: Outcome) => void>();
    const seen: string[] = [];
    const subscription = connection.receive(
      queue,
      (d) => {
        const id = String(d.message.messageId);
        seen.push(id);
        return seen.indexOf(id) < seen.length - 1
          ? Promise.resolve<Outcome>("accept")
          : new Promise<Outcome>((resolve) => first.set(id, resolve));
      },
      { concurrency: 6 },
    );
    await until("six messages in hand", () => first.size === 6);
    for (const [i, id] of ids.entries()) first.get(id)?.(i % 2 === 0 ? "accept" : "release");
    await until("the released ones again", () => seen.length === 9);
    await until("all to be settled", () => subscription.inHand === 0);
    await subscription.stop();
    assert.deepEqual(seen.slice(6).toSorted(), ["b", "d", "f"]);
  }),
  scoped("D6: a hundred poison messages among a thousand hold up nobody, and end as dead letters", async (s) => {
    const { deadLettersOf } = s.environment;
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const poison = (id: unknown): boolean => String(id).endsWith("0");
    await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => connection.send(queue, message(queue, Buffer.alloc(1_000), `p-${i}`))),
    );
    const good = new Set<unknown>();
    let most = 0;
    const patient = connection.receive(
      queue,
      (d) => {
        most = Math.max(most, patient.inHand);
        if (poison(d.message.messageId)) return Promise.reject(new Error("poison"));
        good.add(d.message.messageId);
        return Promise.resolve<Outcome>("accept");
      },
      // None of the poison has its second try before the good ones are through.
      { concurrency: 10, releaseDelayMs: 600_000 },
    );
    await until("the good ones", () => good.size === 900);
    await until("the poison to wait", () => patient.parked === 100 && patient.inHand === 0);
    assert.ok(most <= 10, `expected at most 10 in hand, found ${most}`);
    await patient.stop();
    let tries = 0;
    const subscription = connection.receive(
      queue,
      () => {
        tries++;
        return Promise.reject(new Error("poison"));
      },
      { concurrency: 10, releaseDelayMs: 1, maxTries: 3 },
    );
    await until("the last tries", () => tries >= 300);
    await until("all to be settled", () => subscription.inHand === 0 && subscription.parked === 0);
    await subscription.stop();
    assert.equal(tries, 300);
    if (deadLettersOf !== undefined) {
      const letters = await collect(connection, deadLettersOf(queue), 100);
      assert.ok(letters.every((d) => poison(d.message.messageId)));
    }
  }),
];
