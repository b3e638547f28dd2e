// AMQP 1.0 as far as a proxy needs it: where a frame ends, and which performative it carries.

/** Codes of the performatives that the proxy looks for. @see AMQP 1.0 part 2, section 2.7 */
export const performatives = { transfer: 0x14, disposition: 0x15 } as const;

/** `accepted` as rhea and brokers write it, and `released`: the same but for one byte. */
const accepted = Buffer.from([0x00, 0x53, 0x24, 0x45]);
const releasedCode = 0x26;

/** Splits a stream into protocol headers and frames, whatever the pieces it comes in. */
export class FrameSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** Whole frames that are complete with these bytes. */
  push(bytes: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: Buffer[] = [];
    for (;;) {
      if (this.#rest.length < 8) break;
      // A protocol header has eight bytes and no size.
      const size = this.#rest.toString("latin1", 0, 4) === "AMQP" ? 8 : this.#rest.readUInt32BE(0);
      if (size < 8) throw new Error(`expected an AMQP frame of at least 8 bytes, found ${size}`);
      if (this.#rest.length < size) break;
      frames.push(this.#rest.subarray(0, size));
      this.#rest = this.#rest.subarray(size);
    }
    return frames;
  }
}

/** The performative's code; undefined for heartbeats, SASL frames and protocol headers. */
export function performativeOf(frame: Buffer): number | undefined {
  const body = (frame[4] ?? 0) * 4;
  if (frame.length <= body + 2 || frame[5] !== 0 || frame[body] !== 0) return undefined;
  if (frame[body + 1] === 0x53) return frame[body + 2];
  return frame[body + 1] === 0x80 ? frame[body + 9] : undefined;
}

/** The frame with `accepted` made `released`: the broker takes the message back and delivers it again. */
export function release(frame: Buffer): Buffer | undefined {
  const at = frame.indexOf(accepted);
  if (at === -1) return undefined;
  const changed = Buffer.from(frame);
  changed[at + 2] = releasedCode;
  return changed;
}
