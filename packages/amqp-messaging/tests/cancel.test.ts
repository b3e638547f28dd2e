import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { HelsekontaktError } from "@helsekontakt/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startTcpProxy } from "../src/contract.ts";
import { until } from "../src/contract/harness.ts";
import { type AmqpSettings, connectAmqp, type WireMessage } from "../src/index.ts";
import { type Peer, startPeer, settingsFor } from "./_peer.ts";

/** Timers and sockets that keep this process up. */
const handles = (): string[] =>
  process.getActiveResourcesInfo().filter((name) => /^(Timeout|TCP|TLS|GetAddrInfo)/.test(name));

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "fulfilled",
    (e: unknown) => HelsekontaktError.from(e).code,
  );
const wire: WireMessage = {
  messageId: "m",
  to: "q",
  subject: "S",
  applicationProperties: {},
  body: Buffer.from("x"),
};

describe("AbortSignal", () => {
  let peer: Peer;
  let settings: AmqpSettings & { readonly host: string; readonly port: number };
  let before: number;
  beforeEach(async () => {
    peer = await startPeer();
    peer.declare("q");
    settings = {
      ...settingsFor(peer),
      // None of these may be what ends a wait.
      attemptTimeoutMs: 600_000,
      connectTimeoutMs: 600_000,
      sendTimeoutMs: 600_000,
      idleTimeoutMs: 60_000,
    };
    before = handles().length;
  });
  afterEach(() => peer.close());
  const nothingLeft = (): Promise<void> =>
    until(`no more than ${before} handles`, () => handles().length <= before, 5_000);

  it("O1: cancelled while the password is asked for, nothing stays open", async () => {
    const abort = new AbortController();
    const connecting = connectAmqp(
      { ...settings, password: () => new Promise<string>(() => {}) },
      { signal: abort.signal },
    );
    abort.abort();
    expect(await codeOf(connecting)).toBe("abort/cancelled");
    await nothingLeft();
  });
  it("O1: cancelled while the broker is silent, nothing stays open", async () => {
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => sockets.push(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const abort = new AbortController();
    const { port } = server.address() as AddressInfo;
    const connecting = connectAmqp({ ...settings, port }, { signal: abort.signal });
    await until("the connection", () => sockets.length === 1);
    abort.abort();
    expect(await codeOf(connecting)).toBe("abort/cancelled");
    for (const socket of sockets) socket.destroy();
    server.close();
    await nothingLeft();
  });
  it("O1: cancelled in the pause between two attempts, nothing stays open", async () => {
    const abort = new AbortController();
    let attempts = 0;
    const connecting = connectAmqp(
      {
        ...settings,
        password: "wrong",
        port: 1,
        backOffMs: { initial: 60_000, max: 60_000 },
        onState: (e) => {
          if (e.kind === "connection" && e.error !== undefined) attempts++;
        },
      },
      { signal: abort.signal },
    );
    await until("the first attempt to fail", () => attempts === 1);
    abort.abort();
    expect(await codeOf(connecting)).toBe("abort/cancelled");
    await nothingLeft();
  });
  it("O1: cancelled while a send waits for the connection, for credit or for its outcome, nothing stays open", async () => {
    const proxy = await startTcpProxy(settings);
    const connection = await connectAmqp({ ...settings, port: proxy.port, backOffMs: { initial: 10, max: 20 } });
    const cancel = async (until_: () => Promise<void>): Promise<void> => {
      const abort = new AbortController();
      const sending = connection.send("q", wire, { signal: abort.signal });
      await until_();
      abort.abort();
      expect(await codeOf(sending)).toBe("abort/cancelled");
    };
    proxy.holdClient(true);
    await cancel(() => Promise.resolve());
    proxy.holdClient(false);
    peer.hold(true);
    await cancel(() => until("the send to be in flight", () => connection.health().senders[0]?.inFlight === 1));
    peer.hold(false);
    proxy.freeze();
    proxy.cut();
    await until("the loss to be seen", () => connection.state === "reconnecting");
    await cancel(() => Promise.resolve());
    await connection.close();
    await proxy.close();
    await nothingLeft();
  });
  it("O1: cancelled while a handler runs, a subscription and a connection end at once, and nothing stays open", async () => {
    const connection = await connectAmqp(settings);
    await connection.send("q", wire);
    let signal: AbortSignal | undefined;
    const abort = new AbortController();
    const subscription = connection.receive("q", (delivery) => {
      ({ signal } = delivery);
      return new Promise<never>(() => {});
    });
    await until("the handler to begin", () => signal !== undefined);
    const closing = connection.close({ drainMs: 600_000, signal: abort.signal });
    abort.abort();
    await closing;
    expect(signal?.aborted).toBe(true);
    await subscription.stop();
    expect(peer.queue("q").messages).toHaveLength(1);
    await nothingLeft();
  });
  it("O1: a subscription whose signal has fired stops, and the connection goes on", async () => {
    const connection = await connectAmqp(settings);
    const abort = new AbortController();
    const subscription = connection.receive("q", () => Promise.resolve("accept"), { signal: abort.signal });
    await subscription.attached;
    abort.abort();
    await until("the reader to go", () => peer.queue("q").consumers.length === 0);
    await connection.send("q", wire);
    await connection.close();
    await nothingLeft();
  });
});
