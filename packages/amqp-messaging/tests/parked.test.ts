import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { until } from "../src/contract/harness.ts";
import { type AmqpConnection, connectAmqp } from "../src/index.ts";
import { exchange, type Peer, startPeer } from "./_peer.ts";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

describe("messages that wait for their next try", () => {
  let peer: Peer;
  let connection: AmqpConnection;
  beforeEach(async () => {
    peer = await startPeer();
    peer.declare("q");
    connection = await connectAmqp({
      host: "127.0.0.1",
      port: peer.port,
      transport: "tcp",
      username: "guest",
      password: "guest",
      namespace: exchange,
    });
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
});
