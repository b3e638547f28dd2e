import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { releaseFrame, wholeFrames } from "./frame-input.ts";

const frame = (size: number): Buffer => {
  const bytes = Buffer.alloc(size, size & 0xff);
  bytes.writeUInt32BE(size);
  return bytes;
};
const header = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]);
/** What rhea gets of a stream that arrives in pieces of these sizes. */
const fed = (stream: Buffer, sizes: readonly number[], largest = 262_144): Buffer[] => {
  const out: Buffer[] = [];
  const input = wholeFrames((bytes) => out.push(bytes), largest);
  for (let at = 0, i = 0; at < stream.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    input(Buffer.from(stream.subarray(at, at + size)));
    at += size;
  }
  return out;
};
/** Whether it can be cut into whole frames. */
const isWhole = (bytes: Buffer): boolean => {
  let at = 0;
  while (at + 4 <= bytes.length) at += bytes.readUInt32BE(at) === 0x41_4d_51_50 ? 8 : bytes.readUInt32BE(at);
  return at === bytes.length;
};

describe("wholeFrames()", () => {
  it("gives the same bytes in whole frames, however they arrive", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 8, max: 40 }), fc.integer({ min: 60_000, max: 140_000 })), {
          maxLength: 8,
        }),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10_000, max: 65_536 })), {
          minLength: 1,
          maxLength: 6,
        }),
        (frames, sizes) => {
          const stream = Buffer.concat([header, ...frames.map(frame)]);
          const usable = stream.length > 20_000 ? [...sizes, 65_536] : sizes;
          const out = fed(stream, usable);
          expect(Buffer.concat(out).equals(stream)).toBe(true);
          expect(out.every(isWhole)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
  it("passes many small frames on as they came, without a copy", () => {
    const stream = Buffer.concat(Array.from({ length: 100 }, () => frame(20)));
    const out: Buffer[] = [];
    wholeFrames((bytes) => out.push(bytes), 262_144)(stream);
    expect(out).toHaveLength(1);
    expect(out[0]).toBe(stream);
  });
  it("gives back the memory of pieces, and of frames when it is told", () => {
    const out: Buffer[] = [];
    const input = wholeFrames((bytes) => out.push(bytes), 262_144);
    const stream = frame(150_000);
    const pieces = [0, 65_536, 131_072].map((at) => Buffer.from(stream.subarray(at, at + 65_536)));
    for (const piece of pieces) input(piece);
    expect(pieces.map((p) => p.length)).toEqual([0, 0, 18_928]);
    const whole = out[0] ?? Buffer.alloc(0);
    expect(whole.equals(stream)).toBe(true);
    releaseFrame(whole.subarray(20));
    expect(whole.length).toBe(0);
    const other = Buffer.from("not one of these");
    releaseFrame(other);
    expect(other.toString()).toBe("not one of these");
  });
  it.each([0, 7, 262_145, 0xffff_ffff])(
    "leaves a frame that says it has %d bytes to rhea, and what follows",
    (size) => {
      const bad = Buffer.alloc(12);
      bad.writeUInt32BE(size);
      const out = fed(Buffer.concat([frame(16), bad, Buffer.from("after")]), [5]);
      expect(Buffer.concat(out).equals(Buffer.concat([frame(16), bad, Buffer.from("after")]))).toBe(true);
    },
  );
});
