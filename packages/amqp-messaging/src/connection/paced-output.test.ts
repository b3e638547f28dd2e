import { once } from "node:events";
import type net from "node:net";
import rhea, { type Connection, type EventContext, type Sender, type Session } from "rhea";
import { afterEach, describe, expect, it } from "vitest";
import { paceTransfers } from "./paced-output.ts";
import { PartedBytes } from "./parted-bytes.ts";

const largest = 64 * 1024;
const mib = 1024 * 1024;
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A sender on a paced session to a peer that sets no limit to frames, and what the peer got. */
async function paced(
  limits: { max_frame_size?: number } = {},
): Promise<{ session: Session; sender: Sender; got: Buffer[]; connection: Connection }> {
  const got: Buffer[] = [];
  const peer = rhea.create_container();
  peer.on("message", (context: EventContext) => void got.push(context.message?.body.content as Buffer));
  peer.on("disconnected", () => {});
  const listener = peer.listen({ port: 0, host: "127.0.0.1", ...limits } as never);
  await once(listener, "listening");
  const connection = rhea.create_container().connect({
    host: "127.0.0.1",
    port: (listener.address() as net.AddressInfo).port,
    reconnect: false,
  });
  ends.push(
    () => listener.close(),
    () => connection.close(),
  );
  await once(connection, "connection_open");
  const session = connection.create_session();
  paceTransfers(session, largest);
  session.open();
  const sender = session.open_sender("queue");
  await once(sender, "sendable");
  return { session, sender, got, connection };
}

const message = (bytes: number, fill: string): Buffer =>
  rhea.message.encode({ body: rhea.message.data_section(Buffer.alloc(bytes, fill)) });

/** Payload bytes by the turn of the event loop in which they were written: what is gone on with in its end counts to it. */
function byTurn(session: Session): number[] {
  const turns = [0];
  const inner = session as unknown as { output(frame: unknown, payload?: Buffer): void };
  const output = inner.output.bind(session);
  inner.output = (frame, payload) => {
    if (payload !== undefined) {
      turns.push((turns.pop() ?? 0) + payload.length);
      setImmediate(() => {
        if (turns.at(-1) !== 0) turns.push(0);
      });
    }
    output(frame, payload);
  };
  return turns;
}

const settled = (sender: Sender, count: number): Promise<void> =>
  new Promise((resolve) => {
    let left = count;
    sender.on("accepted", () => {
      if (--left === 0) resolve();
    });
  });

describe("paceTransfers()", () => {
  it("writes a large message over several turns, and whole", async () => {
    const { session, sender, got } = await paced();
    const turns = byTurn(session);
    const bytes = message(9 * mib, "<a>0123456789</a>");
    sender.send(bytes as never, undefined, 0);
    await settled(sender, 1);
    expect(got[0]?.equals(Buffer.alloc(9 * mib, "<a>0123456789</a>"))).toBe(true);
    expect(turns.reduce((a, b) => a + b)).toBe(bytes.length);
    expect(Math.max(...turns)).toBeLessThanOrEqual(2 * mib);
  });

  it("writes a message that is given in parts as the one that it is", async () => {
    const { sender, got } = await paced();
    const bytes = message(3 * mib, "abc");
    const parts = new PartedBytes(bytes.subarray(0, 100), bytes.subarray(100));
    expect(parts.length).toBe(bytes.length);
    sender.send(parts as never, undefined, 0);
    await settled(sender, 1);
    expect(got[0]?.equals(Buffer.alloc(3 * mib, "abc"))).toBe(true);
  });

  it("keeps the order, whatever the sizes, and leaves nothing behind", async () => {
    const { sender, got } = await paced();
    const sizes = [10, 5 * mib, 20, 300_000, 3 * mib, ...Array.from({ length: 60 }, (_, i) => 100_000 + i)];
    const all = settled(sender, sizes.length);
    for (const size of sizes) sender.send(message(size, "x") as never, undefined, 0);
    await all;
    expect(got.map((body) => body.length)).toEqual(sizes);
  });

  it("fills a turn with frames as small as the peer wants them", async () => {
    const { session, sender, got } = await paced({ max_frame_size: 16 * 1024 });
    const turns = byTurn(session);
    sender.send(message(4 * mib, "x") as never, undefined, 0);
    await settled(sender, 1);
    expect(got[0]?.length).toBe(4 * mib);
    expect(turns.length).toBeLessThan(10);
    expect(Math.max(...turns)).toBeLessThanOrEqual(2 * mib + 64 * 1024);
  });

  it("rests while the peer's window is closed, and goes on when it opens", async () => {
    const { session, sender, got, connection } = await paced();
    const { outgoing } = session as unknown as { outgoing: { remote_window: number; process(): void } };
    const { remote_window } = outgoing;
    const process = outgoing.process.bind(outgoing);
    let looks = 0;
    outgoing.process = () => {
      looks++;
      process();
    };
    outgoing.remote_window = 0;
    const all = settled(sender, 1);
    sender.send(message(3 * mib, "x") as never, undefined, 0);
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(looks).toBeLessThan(5);
    outgoing.remote_window = remote_window;
    (connection as unknown as { _register(): void })._register();
    await all;
    expect(got[0]?.length).toBe(3 * mib);
  });

  it("writes nothing of a message behind the end of its session", async () => {
    const { session, sender } = await paced();
    const inner = session as unknown as {
      readonly local: { readonly end: unknown };
      output(frame: unknown, payload?: Buffer): void;
    };
    const output = inner.output.bind(session);
    const written: string[] = [];
    inner.output = (frame, payload) => {
      if (payload !== undefined || frame === inner.local.end) written.push(payload === undefined ? "end" : "transfer");
      output(frame, payload);
    };
    sender.send(message(20 * mib, "x") as never, undefined, 0);
    await new Promise((resolve) => setImmediate(resolve));
    session.close();
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(written).toContain("transfer");
    expect(written.at(-1)).toBe("end");
  });

  it("waits for a peer that does not read, and goes on when it does", async () => {
    const { sender, got, connection } = await paced();
    const { socket } = connection as unknown as { socket: net.Socket };
    const write = socket._write.bind(socket);
    const held: (() => void)[] = [];
    let stopped = true;
    const hold = (go: () => void): void => void (stopped ? held.push(go) : go());
    socket._write = (chunk, encoding, done) => hold(() => write(chunk, encoding, done));
    (socket as unknown as { _writev: undefined })._writev = undefined;
    sender.send(message(30 * mib, "x") as never, undefined, 0);
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(socket.writableLength).toBeGreaterThanOrEqual(4 * mib);
    expect(socket.writableLength).toBeLessThan(8 * mib);
    // Whatever comes in meanwhile makes rhea look again.
    for (let i = 0; i < 20; i++) {
      (connection as unknown as { _register(): void })._register();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(socket.listenerCount("drain")).toBe(1);
    stopped = false;
    for (const go of held) go();
    await settled(sender, 1);
    expect(got[0]?.length).toBe(30 * mib);
  });
});

describe("PartedBytes", () => {
  it("gives the slices that the joined bytes would give", () => {
    const whole = Buffer.from("0123456789abcdef");
    const parts = new PartedBytes(whole.subarray(0, 6), whole.subarray(6));
    for (let start = 0; start <= whole.length; start++)
      for (let end = start; end <= whole.length; end++)
        expect(parts.slice(start, end).toString()).toBe(whole.subarray(start, end).toString());
  });
});
