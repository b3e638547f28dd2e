import { once } from "node:events";
import net from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Direction } from "./faults.ts";
import { performatives } from "./frames.ts";
import { FaultProxy } from "./proxy.ts";

/** Frames of some kilobytes, each of its own byte; together more than a socket hands over at once. */
const frames = Array.from({ length: 200 }, (_, i) => {
  const bytes = Buffer.alloc(3_000, i);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.set([2, 0, 0, 0, 0x00, 0x53, performatives.transfer], 4);
  return bytes;
});
const stream = Buffer.concat(frames);
const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => void close()));

/** Resolves with the event, whatever error comes before it. */
const told = (socket: net.Socket, event: "end" | "close"): Promise<void> =>
  new Promise((resolve) => void socket.once(event, () => resolve()));

/** Both ends of one direction of a connection through a proxy, and what the far one has got so far. */
async function connected(way: Direction, proxy: (port: number) => FaultProxy) {
  const server = net.createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const between = proxy((server.address() as net.AddressInfo).port);
  const arrived = once(server, "connection") as Promise<[net.Socket]>;
  const client = net.connect({ port: await between.listen(), host: "127.0.0.1", allowHalfOpen: true });
  const [broker] = await arrived;
  const [from, to] = way === "out" ? [client, broker] : [broker, client];
  closing.push(
    () => server.close(),
    () => between.close(),
    () => client.destroy(),
    () => broker.destroy(),
  );
  const got: Buffer[] = [];
  to.on("data", (bytes: Buffer) => got.push(bytes));
  for (const socket of [client, broker]) socket.on("error", () => {});
  return { between, from, to, got: () => Buffer.concat(got) };
}

const plain = (port: number): FaultProxy => new FaultProxy({ host: "127.0.0.1", port }, () => false);

describe("FaultProxy", () => {
  for (const way of ["in", "out"] as const) {
    it(`passes what comes ${way} byte for byte`, async () => {
      const { from, to, got } = await connected(way, plain);
      from.end(stream);
      await told(to, "end");
      expect(got().equals(stream)).toBe(true);
    });

    // The rest of a frame that was cut must not be made up from the next one: it would be a whole frame, of two messages.
    it(`sends nothing ${way} behind a frame that it has cut in its middle`, async () => {
      for (let n = 0; n < 20; n++) {
        const { between, from, to, got } = await connected(way, plain);
        between.cutAfter(way, n, "mid");
        from.write(stream);
        await told(to, "close");
        const found = got();
        expect(found.length).toBeLessThanOrEqual(n * 3_000 + 1_500);
        expect(found.equals(stream.subarray(0, found.length))).toBe(true);
      }
    });

    it(`ends ${way} behind the last frame of a direction that it closes, and leaves the other open`, async () => {
      const { between, from, to, got } = await connected(way, plain);
      between.cutAfter(way, 5, "half");
      from.write(stream);
      await told(to, "end");
      expect(got().equals(stream.subarray(0, 6 * 3_000))).toBe(true);
      const [reply = stream] = frames;
      const back: Buffer[] = [];
      from.on("data", (bytes: Buffer) => back.push(bytes));
      to.end(reply);
      await told(from, "end");
      expect(Buffer.concat(back).equals(reply)).toBe(true);
    });
  }

  it("keeps the order of frames when a delay ends, and closes a direction behind what it still held", async () => {
    const { between, from, to, got } = await connected("in", plain);
    between.delay(30);
    from.write(Buffer.concat(frames.slice(0, 50)));
    await once(to, "data");
    between.delay(0);
    between.cutAfter("in", 149, "half");
    from.write(Buffer.concat(frames.slice(50)));
    await told(to, "end");
    expect(got().equals(stream)).toBe(true);
  });
});
