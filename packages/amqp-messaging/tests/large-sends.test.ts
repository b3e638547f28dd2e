import { HelsekontaktError } from "@helsekontakt/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SendHold, WireMessage } from "../src/index.ts";
import { decodeWireMessage } from "../src/protocol.ts";
import { startWorld, type World } from "./_world.ts";

const large = Buffer.alloc(20 * 1024 * 1024, "<a>0123456789</a>");
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "fulfilled",
    (e: unknown) => HelsekontaktError.from(e).code,
  );
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A right to send that a test takes away. */
function right(): SendHold & { held: boolean } {
  const hold = { held: true, confirm: () => Promise.resolve(), isHeld: () => hold.held };
  return hold;
}

describe("a large message, written in portions", () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.end());

  const queue = (): string => `${world.bob.herId}_async`;
  const wire = (messageId: string, body: Uint8Array): WireMessage => world.wire(body, { messageId });
  const published = (): [unknown, number][] =>
    world.peer.published.map((bytes) => {
      const { messageId, body } = decodeWireMessage(bytes);
      return [messageId, body.length];
    });
  const bytesIn = (): number =>
    world.peer.opens.reduce((sum, c) => sum + (c as unknown as { socket: { bytesRead: number } }).socket.bytesRead, 0);
  /** The head of it is at the broker, the rest is not. */
  const begun = async (before: number): Promise<void> => {
    while (bytesIn() - before < 500_000) await nextTurn();
    expect(bytesIn() - before).toBeLessThan(large.length);
  };

  it("goes out anew and whole when its connection is replaced between two of them", async () => {
    await world.connection.send(queue(), wire("first", Buffer.from("x")));
    const before = bytesIn();
    const sending = world.connection.send(queue(), wire("large", large));
    await begun(before);
    world.cut();
    await sending;
    expect(published()).toEqual([
      ["first", 1],
      ["large", large.length],
    ]);
    expect(large.equals(decodeWireMessage(world.peer.published[1] ?? large).body)).toBe(true);
    expect(world.peer.opens).toHaveLength(2);
  });

  it("is not sent on when the right to send it is lost between two of them; what is behind it goes out", async () => {
    await world.connection.send(queue(), wire("first", Buffer.from("x")));
    const before = bytesIn();
    const hold = right();
    const sending = codeOf(world.connection.send(queue(), wire("large", large), { hold }));
    const next = codeOf(world.connection.send(queue(), wire("next", Buffer.from("y")), { hold: right() }));
    await begun(before);
    hold.held = false;
    expect(await sending).toBe("abort/cancelled");
    expect(await next).toBe("fulfilled");
    expect(published()).toEqual([
      ["first", 1],
      ["next", 1],
    ]);
    expect(world.peer.opens).toHaveLength(1);
  });

  it("is not sent on when its caller gives it up because the right is lost", async () => {
    const before = bytesIn();
    const hold = right();
    const gone = new AbortController();
    const sending = codeOf(world.connection.send(queue(), wire("large", large), { hold, signal: gone.signal }));
    await begun(before);
    hold.held = false;
    gone.abort();
    expect(await sending).toBe("abort/cancelled");
    await world.connection.send(queue(), wire("next", Buffer.from("y")));
    expect(published()).toEqual([["next", 1]]);
  });

  it("is written to its end when its caller gives it up while the right is held, which ends with the call", async () => {
    const before = bytesIn();
    const hold = right();
    const gone = new AbortController();
    const sending = codeOf(world.connection.send(queue(), wire("large", large), { hold, signal: gone.signal }));
    await begun(before);
    gone.abort();
    hold.held = false;
    expect(await sending).toBe("abort/cancelled");
    await world.until("the rest of it", () => world.peer.published.length === 1);
    expect(published()).toEqual([["large", large.length]]);
  });
});
