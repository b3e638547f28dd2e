import { describe, expect, it } from "vitest";
import { seeded } from "../_members-server.ts";
import { FrameSplitter, performativeOf, performatives, release } from "./frames.ts";

const random = seeded(20_261_130);
const below = (n: number): number => Math.floor(random() * n);

/** A frame with a performative and some bytes after it. */
function frame(code: number, payload: number): Buffer {
  const bytes = Buffer.alloc(11 + payload);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.set([2, 0, 0, 0, 0x00, 0x53, code], 4);
  for (let i = 11; i < bytes.length; i++) bytes[i] = below(256);
  return bytes;
}

function pieces(whole: Buffer, largest: number): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < whole.length; ) {
    const size = 1 + below(largest);
    found.push(whole.subarray(at, at + size));
    at += size;
  }
  return found;
}

describe("FrameSplitter", () => {
  it("gives the frames that were written, whatever the pieces they come in", () => {
    for (let round = 0; round < 100; round++) {
      const frames = [
        Buffer.from("AMQP\x00\x01\x00\x00", "latin1"),
        ...Array.from({ length: 1 + below(20) }, () =>
          // A heartbeat now and then.
          random() < 0.1 ? Buffer.from([0, 0, 0, 8, 2, 0, 0, 0]) : frame(0x10 + below(9), below(900)),
        ),
      ];
      const splitter = new FrameSplitter();
      const largest = [1, 7, 300, 4_000][below(4)] ?? 1;
      const found = pieces(Buffer.concat(frames), largest).flatMap((bytes) => splitter.push(bytes));
      expect(found.length).toBe(frames.length);
      expect(found.every((f, i) => f.equals(frames[i] ?? Buffer.alloc(0)))).toBe(true);
    }
  });

  it("refuses a size that is none", () => {
    expect(() => new FrameSplitter().push(Buffer.from([0, 0, 0, 7, 2, 0, 0, 0]))).toThrow("at least 8 bytes, found 7");
  });
});

describe("performativeOf()", () => {
  it("tells performatives from heartbeats and protocol headers", () => {
    expect(performativeOf(frame(performatives.transfer, 20))).toBe(performatives.transfer);
    expect(performativeOf(Buffer.from([0, 0, 0, 8, 2, 0, 0, 0]))).toBeUndefined();
    expect(performativeOf(Buffer.from("AMQP\x00\x01\x00\x00", "latin1"))).toBeUndefined();
  });
});

describe("release()", () => {
  it("changes one byte of a disposition, and not the frame that it was given", () => {
    const given = Buffer.concat([frame(performatives.disposition, 6), Buffer.from([0x00, 0x53, 0x24, 0x45])]);
    const before = Buffer.from(given);
    const changed = release(given) ?? Buffer.alloc(0);
    expect(given.equals(before)).toBe(true);
    expect([...changed].flatMap((byte, i) => (byte === given[i] ? [] : [[i, byte]]))).toEqual([
      [given.length - 2, 0x26],
    ]);
  });

  it("leaves alone what accepts nothing", () => {
    expect(release(frame(performatives.disposition, 0))).toBeUndefined();
  });
});
