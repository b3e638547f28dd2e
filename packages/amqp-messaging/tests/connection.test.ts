import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { inspect } from "node:util";
import { HelsekontaktError } from "@helsekontakt/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AmqpSettings, connectAmqp, type StateEvent, type WireMessage } from "../src/index.ts";
import { type Peer, startPeer, settingsFor } from "./_peer.ts";

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "fulfilled",
    (e: unknown) => HelsekontaktError.from(e).code,
  );
const wire = (messageId = "m"): WireMessage => ({
  messageId,
  to: "q",
  subject: "S",
  applicationProperties: {},
  body: Buffer.from("x"),
});

describe("connectAmqp()", () => {
  let peer: Peer;
  let settings: AmqpSettings;
  beforeEach(async () => {
    peer = await startPeer();
    settings = {
      ...settingsFor(peer),
      backOffMs: { initial: 10, max: 50 },
    };
  });
  afterEach(() => peer.close());

  it("gives up on a port where nobody listens, and tells each attempt", async () => {
    const events: StateEvent[] = [];
    await peer.close();
    expect(await codeOf(connectAmqp({ ...settings, connectTimeoutMs: 200, onState: (e) => events.push(e) }))).toBe(
      "amqp/connection",
    );
    expect(events.length).toBeGreaterThan(2);
    expect(events.at(-1)).toMatchObject({
      kind: "connection",
      state: "closed",
      error: { code: "amqp/connection", remoteCode: "ECONNREFUSED" },
    });
    peer = await startPeer();
  });
  it.each(["silent", "closing", "talking nonsense"])("gives up on a peer that is %s", async (kind) => {
    const server = net.createServer((socket) => {
      socket.on("error", () => {});
      if (kind === "closing") socket.end();
      if (kind === "talking nonsense") socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    expect(await codeOf(connectAmqp({ ...settings, port, connectTimeoutMs: 200, attemptTimeoutMs: 100 }))).toBe(
      "amqp/connection",
    );
    server.close();
  });
  it("ends at once on the caller's signal", async () => {
    const abort = new AbortController();
    const connecting = connectAmqp({ ...settings, port: 1 }, { signal: abort.signal });
    abort.abort();
    expect(await codeOf(connecting)).toBe("abort/cancelled");
    expect(await codeOf(connectAmqp(settings, { signal: abort.signal }))).toBe("abort/cancelled");
  });
  it("asks a password function at every attempt", async () => {
    let asked = 0;
    const connection = await connectAmqp({ ...settings, password: () => Promise.resolve(++asked > 0 ? "guest" : "") });
    await connection.close();
    expect(asked).toBe(1);
  });
  it("tells nothing of what a failing password function says, and asks it again", async () => {
    const events: StateEvent[] = [];
    let asked = 0;
    const connection = await connectAmqp({
      ...settings,
      password: () => (++asked === 1 ? Promise.reject(new Error("vault token s.1234")) : "guest"),
      onState: (e) => events.push(e),
    });
    await connection.close();
    const failed = events.find((e) => e.kind === "connection" && e.error !== undefined);
    expect(failed).toMatchObject({ error: { code: "amqp/connection", retryable: true } });
    expect(inspect(events, { depth: 9 }) + JSON.stringify(events)).not.toContain("s.1234");
  });
  it("survives listeners that throw", async () => {
    const connection = await connectAmqp({
      ...settings,
      onState: () => {
        throw new Error("listener");
      },
    });
    expect(connection.state).toBe("open");
    await connection.close();
  });
  it("refuses what a queue's buffer cannot hold, and messages that are too large", async () => {
    const connection = await connectAmqp({
      ...settings,
      sendBuffer: { messages: 2, bytes: 1_000 },
      maxMessageBytes: 500,
    });
    peer.declare("q");
    await peer.close();
    while (connection.state === "open") await new Promise((r) => setTimeout(r, 5));
    const waiting = [connection.send("q", wire()), connection.send("q", wire())].map(codeOf);
    expect(await codeOf(connection.send("q", wire()))).toBe("amqp/overloaded");
    expect(await codeOf(connection.send("q", { ...wire(), body: Buffer.alloc(600) }))).toBe("input/too-large");
    await connection.close({ drainMs: 10 });
    expect(await Promise.all(waiting)).toEqual(["amqp/closed", "amqp/closed"]);
    peer = await startPeer();
  });
  it("sends a large message as it was when its caller gave it up half written, whatever becomes of the bytes", async () => {
    const connection = await connectAmqp(settings);
    peer.declare("q");
    await connection.send("q", wire());
    const body = Buffer.alloc(20 * 1024 * 1024, "a");
    const gone = new AbortController();
    const sending = codeOf(connection.send("q", { ...wire("large"), body }, { signal: gone.signal }));
    await new Promise((resolve) => setImmediate(resolve));
    gone.abort();
    expect(await sending).toBe("abort/cancelled");
    expect(peer.published).toHaveLength(1);
    body.fill("b");
    while (peer.published.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const [, large] = peer.published;
    expect(large?.subarray(-body.length).equals(Buffer.alloc(body.length, "a"))).toBe(true);
    await connection.close();
  });
  it("attaches again after a refusal that passes, and tells one that does not at once", async () => {
    const connection = await connectAmqp(settings);
    peer.declare("q");
    peer.refuseSenders("amqp:internal-error", "amqp:link:detach-forced");
    await connection.send("q", wire(), { timeoutMs: 5_000 });
    expect(peer.queue("q").messages).toHaveLength(1);
    await connection.close();
    const again = await connectAmqp(settings);
    peer.refuseSenders("amqp:not-allowed");
    expect(await codeOf(again.send("q", wire(), { timeoutMs: 5_000 }))).toBe("amqp/link-refused");
    await again.close();
  });
  it("gives up the one message at which the broker ends the link each time, and sends the others", async () => {
    const connection = await connectAmqp(settings);
    peer.declare("q");
    peer.stumbleOn("m7");
    const codes = await Promise.all(Array.from({ length: 20 }, (_, i) => codeOf(connection.send("q", wire(`m${i}`)))));
    expect(codes.map((code, i) => [i, code]).filter(([, code]) => code !== "fulfilled")).toEqual([
      [7, "amqp/link-detached"],
    ]);
    await connection.close();
  });
  it("keeps a bounded number of senders, closing the one longest idle", async () => {
    const connection = await connectAmqp({ ...settings, maxSenders: 2 });
    for (const queue of ["a", "b", "c", "a"]) {
      peer.declare(queue);
      await connection.send(queue, wire());
    }
    expect(peer.queue("a").messages).toHaveLength(2);
    await connection.close();
  });
  it("closes within the limit although the broker has gone", async () => {
    const connection = await connectAmqp(settings);
    await peer.close();
    await connection.close();
    expect(connection.state).toBe("closed");
    peer = await startPeer();
  });
});
