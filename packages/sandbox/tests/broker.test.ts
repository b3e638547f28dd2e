import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { type AmqpConnection, buildEnvelope, connectAmqp } from "@helsekontakt/amqp-messaging";
import rhea from "rhea";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Broker } from "../src/index.ts";

let broker: Broker;
const open: AmqpConnection[] = [];
beforeEach(async () => {
  broker = new Broker({ username: "u", password: "p", namespace: "NS" });
  broker.declare("1_async");
  await broker.start();
});
afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close({ drainMs: 100 });
  await broker.close();
});

async function connect(password = "p"): Promise<AmqpConnection> {
  const connection = await connectAmqp({ url: `amqp://u:${password}@127.0.0.1:${broker.port}/NS` });
  open.push(connection);
  return connection;
}

const message = (to: string, text = "x", messageId: string = randomUUID()) =>
  buildEnvelope(
    { messageId, to, function: "TEST", protection: "plain", fromHerId: "1", toHerId: "2", timestamp: Date.now() },
    Buffer.from(text),
  );

async function until(look: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !look(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(look()).toBe(true);
}

describe("Broker", () => {
  it("refuses a wrong password", async () => {
    await expect(connectAmqp({ url: `amqp://u:wrong@127.0.0.1:${broker.port}/NS` })).rejects.toMatchObject({
      code: "amqp/unauthorized",
    });
  });

  it("keeps a message until a consumer comes, and takes it off when it is accepted", async () => {
    const connection = await connect();
    await connection.send("1_async", message("1_async", "hei"));
    expect(broker.depth("1_async")).toBe(1);
    const got: string[] = [];
    connection.receive("1_async", async ({ message: { body } }) => {
      got.push(Buffer.from(body as Uint8Array).toString());
      return "accept";
    });
    await until(() => broker.counts.accepted === 1);
    expect(got).toEqual(["hei"]);
    expect(broker.depth("1_async")).toBe(0);
  });

  it("says accepted for a message that no queue takes, as the real one does", async () => {
    const connection = await connect();
    await connection.send("9_async", message("9_async"));
    expect(broker.counts).toMatchObject({ published: 1, unroutable: 1 });
  });

  it("refuses to read from a queue that is not declared, and the connection lives", async () => {
    const connection = await connect();
    const refused = connection.receive("9_async", async () => "accept");
    await expect(refused.attached).rejects.toMatchObject({ code: "amqp/link-refused" });
    await refused.stop();
    await connection.send("1_async", message("1_async"));
    expect(broker.depth("1_async")).toBe(1);
  });

  it("brings a released message back, and sets it aside after ten times", async () => {
    const connection = await connect();
    const seen: boolean[] = [];
    connection.receive("1_async", async ({ redelivered }) => {
      seen.push(redelivered);
      return "release";
    });
    await connection.send("1_async", message("1_async"));
    await until(() => broker.depth("1_dl") === 1);
    expect(seen).toHaveLength(10);
    expect(seen[0]).toBe(false);
  });

  it("sets a rejected message aside at once", async () => {
    const connection = await connect();
    connection.receive("1_async", async () => "reject");
    await connection.send("1_async", message("1_async"));
    await until(() => broker.depth("1_dl") === 1);
    expect(broker.counts).toMatchObject({ delivered: 1, rejected: 1 });
  });

  it.each([
    ["accepted", "accept", { accepted: 1, rejected: 0 }, 0, 0],
    ["rejected", "reject", { accepted: 0, rejected: 1 }, 0, 1],
    ["released", "release", { accepted: 0, rejected: 0 }, 1, 0],
  ] as const)("takes a message for %s whose session ends in the same bytes", async (_, decide, counts, left, dead) => {
    await (await connect()).send("1_async", message("1_async"));
    const bare = rhea.create_container().connect({
      host: "127.0.0.1",
      port: broker.port,
      username: "u",
      password: "p",
      reconnect: false,
    });
    const session = bare.create_session();
    session.begin();
    session.open_receiver({ source: "/amq/queue/1_async", autoaccept: false });
    const closed = new Promise((resolve) => bare.once("session_close", resolve));
    bare.once("message", async ({ delivery }) => {
      const { socket } = bare as unknown as { socket: Socket };
      socket.cork();
      delivery?.[decide]();
      // Written in a turn of its own each, and sent together.
      await turn();
      session.close();
      await turn();
      socket.uncork();
    });
    await closed;
    bare.close();
    await until(() => broker.depth("1_async") === left && broker.depth("1_dl") === dead);
    expect(broker.counts).toMatchObject(counts);
  });

  it("gives what was in hand to others when a connection is cut", async () => {
    const connection = await connect();
    const ids: string[] = [];
    let held = (): void => {};
    let first = true;
    connection.receive("1_async", async ({ message: received }) => {
      ids.push(String(received.messageId));
      if (!first) return "accept";
      first = false;
      await new Promise<void>((resolve) => (held = resolve));
      return "accept";
    });
    const sent = message("1_async");
    await connection.send("1_async", sent);
    await until(() => ids.length === 1);
    broker.cutConnections();
    await until(() => broker.depth("1_async") === 1 || broker.counts.delivered === 2);
    held();
    await until(() => broker.counts.accepted >= 1 && broker.depth("1_async") === 0);
    expect(new Set(ids)).toEqual(new Set([sent.messageId]));
  });

  it("shares a queue among its consumers", async () => {
    const [one, two, sender] = [await connect(), await connect(), await connect()];
    const counts = [0, 0];
    for (const [i, connection] of [one, two].entries()) {
      const subscription = connection.receive("1_async", async () => {
        counts[i] = (counts[i] ?? 0) + 1;
        return "accept";
      });
      await subscription.attached;
    }
    await Promise.all(Array.from({ length: 20 }, () => sender.send("1_async", message("1_async"))));
    await until(() => broker.counts.accepted === 20);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });

  it("throws away what waits when it is told to", async () => {
    const connection = await connect();
    await connection.send("1_async", message("1_async"));
    expect([broker.purge("1_async"), broker.purge("none"), broker.depth("1_async")]).toEqual([1, 0, 0]);
  });
});
