import { releaseBuffer } from "../release-buffer.ts";

/** Larger frames are put together in memory of their own, which can be given back. */
const ownFrom = 64 * 1024;
/** "AMQP": what stands in a protocol header where a frame has its size. */
const protocolHeader = 0x41_4d_51_50;
/** Memory that holds one frame and nothing else. */
const ownFrames = new WeakSet<ArrayBufferLike>();

/**
 * @internal Hands rhea whole frames. Left to itself it keeps the pieces of a frame and joins them, so that a large
 * message is in memory three times over before it is one: as pieces, as frames, and joined. Here the piece is given back
 * as soon as it is in its frame, and the frame with {@link releaseFrame} when the message is joined.
 *
 * @param feed - what rhea does with bytes.
 * @param largest - what this side lets the peer send in one frame; of more, rhea shall say what is wrong.
 */
export function wholeFrames(feed: (bytes: Buffer) => void, largest: number): (bytes: Buffer) => void {
  /** The first bytes of a frame whose size is not there yet. */
  let start: Buffer | undefined;
  let frame: Buffer | undefined;
  let filled = 0;
  let astray = false;

  const fill = (bytes: Buffer): number => {
    if (frame === undefined) return 0;
    const taken = bytes.copy(frame, filled);
    filled += taken;
    if (filled === frame.length) {
      const whole = frame;
      frame = undefined;
      feed(whole);
    }
    return taken;
  };

  return (bytes) => {
    if (astray) return feed(bytes);
    const taken = fill(bytes);
    if (taken === bytes.length) return taken >= ownFrom / 4 ? releaseBuffer(bytes) : undefined;
    let rest = taken === 0 ? bytes : bytes.subarray(taken);
    if (start !== undefined) {
      rest = Buffer.concat([start, rest]);
      start = undefined;
    }
    let whole = 0;
    let size = 0;
    while (rest.length - whole >= 4) {
      size = sizeAt(rest, whole);
      if (size < 8 || size > largest) {
        astray = true;
        return feed(rest);
      }
      if (whole + size > rest.length) break;
      whole += size;
      size = 0;
    }
    if (whole > 0) feed(whole === rest.length ? rest : rest.subarray(0, whole));
    if (whole === rest.length) return;
    // A copy: what is left of this piece must not hold all of it.
    if (size === 0) start = Buffer.from(rest.subarray(whole));
    else {
      frame = size >= ownFrom ? Buffer.allocUnsafeSlow(size) : Buffer.allocUnsafe(size);
      if (size >= ownFrom) ownFrames.add(frame.buffer);
      filled = rest.copy(frame, 0, whole);
      // Nothing of this piece was handed on: it is all in frames.
      if (whole === 0 && bytes.length >= ownFrom / 4) releaseBuffer(bytes);
    }
  };
}

/** @internal Gives back the memory of a frame, by its payload, when it is one that was put together here. */
export function releaseFrame(payload: Buffer): void {
  const { buffer } = payload;
  if (ownFrames.has(buffer)) releaseBuffer(new Uint8Array(buffer));
}

function sizeAt(bytes: Buffer, at: number): number {
  const size = bytes.readUInt32BE(at);
  return size === protocolHeader ? 8 : size;
}
