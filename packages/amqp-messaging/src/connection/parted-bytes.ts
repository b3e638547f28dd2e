/** A larger message is not put together: its parts are read where they are. */
export const partedFrom = 2 * 1024 * 1024;

/**
 * @internal The bytes of a large message in two parts, with what rhea asks of a message to be sent: its length, and slices
 * of it, one for each frame. Joined, it would be in memory once more, and the event loop stand still for the copying.
 */
export class PartedBytes {
  readonly length: number;
  readonly #head: Buffer;
  readonly #body: Buffer;

  constructor(head: Buffer, body: Uint8Array) {
    this.#head = head;
    this.#body = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    this.length = head.length + body.byteLength;
  }

  slice(start: number, end: number): Buffer {
    const before = this.#head.length;
    const rest = this.#body.subarray(Math.max(0, start - before), Math.max(0, end - before));
    return start >= before ? rest : Buffer.concat([this.#head.subarray(start, end), rest]);
  }
}

/** @internal Copies what rhea has not yet written of a message, so that its memory may be used for something else. */
export function keepRest(delivery: unknown): void {
  const { data, next_to_send } = delivery as { readonly data: Uint8Array[]; readonly next_to_send: number };
  for (let at = next_to_send; at < data.length; at++) data[at] = Buffer.from(data[at] ?? []);
}
