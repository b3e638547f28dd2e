import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import rhea from "rhea";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { until } from "../src/contract/harness.ts";
import { type AmqpConnection, connectAmqp } from "../src/index.ts";
import { type Peer, startPeer, settingsFor } from "./_peer.ts";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

describe("messages that wait for their next try", () => {
  let peer: Peer;
  let connection: AmqpConnection;
  beforeEach(async () => {
    peer = await startPeer();
    peer.declare("q");
    connection = await connectAmqp(settingsFor(peer));
  });
  afterEach(async () => {
    await connection.close();
    await peer.close();
  });

  it("D6: hold nothing of their content in memory, and no credit", async () => {
    const sends = Array.from({ length: 50 }, (_, i) =>
      connection.send("q", {
        messageId: `m${i}`,
        to: "q",
        subject: "S",
        applicationProperties: {},
        body: Buffer.alloc(10_000),
      }),
    );
    await Promise.all(sends);
    const messages: WeakRef<object>[] = [];
    const subscription = connection.receive(
      "q",
      ({ message }) => {
        messages.push(new WeakRef(message));
        return Promise.resolve({ kind: "release", afterMs: 600_000 });
      },
      { concurrency: 5 },
    );
    await until("all to wait", () => subscription.parked === 50);
    expect(subscription.inHand).toBe(0);
    expect(subscription.health().credit).toBeGreaterThan(0);
    await until("their messages to be collected", () => {
      gc();
      return messages.every((ref) => ref.deref() === undefined);
    });
    await subscription.stop();
    expect(peer.queue("q").messages).toHaveLength(50);
  });

  it("are set aside after their last try, however many fail at once", { timeout: 60_000 }, async () => {
    const count = 1_200;
    const send = (i: number): Promise<void> =>
      connection.send("q", {
        messageId: `m${i}`,
        to: "q",
        subject: "S",
        applicationProperties: {},
        body: Buffer.from("x"),
      });
    await Promise.all(Array.from({ length: count }, (_, i) => send(i)));
    const tries = new Map<unknown, number>();
    connection.receive(
      "q",
      async ({ message }) => {
        tries.set(message.messageId, (tries.get(message.messageId) ?? 0) + 1);
        throw new Error("poison");
      },
      { concurrency: 20, maxTries: 3, releaseDelayMs: 1_000 },
    );
    await until(
      "all to be set aside, or one to be tried too often",
      () => peer.queue("q").dead.length === count || [...tries.values()].some((n) => n > 3),
    );
    expect(Math.max(...tries.values())).toBe(3);
    expect(peer.queue("q").dead).toHaveLength(count);
  });

  it("are set aside after their last try when they have no id", async () => {
    for (const body of ["a", "b"])
      peer.put("q", rhea.message.encode({ body: rhea.message.data_section(Buffer.from(body)) }));
    let tries = 0;
    connection.receive(
      "q",
      async () => {
        tries++;
        throw new Error("poison");
      },
      { maxTries: 3, releaseDelayMs: 1 },
    );
    await until("both to be set aside, or to be tried too often", () => peer.queue("q").dead.length === 2 || tries > 6);
    expect(tries).toBe(6);
  });
});
