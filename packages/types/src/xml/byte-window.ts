/** Bytes that a window shows; a piece that fits the nearest cache of a processor. */
const size = 16 * 1024;
/** Behind the last byte: a name that is looked for there may reach so far. */
const margin = 128;

/**
 * A piece of a document's bytes, with a 0 behind the last one, which ends every walk: nothing has to ask where the document
 * ends. A second copy of a whole document would be too much.
 */
export class ByteWindow {
  readonly bytes: Uint8Array = new Uint8Array(size + margin);
  /** The same memory, four bytes at a time. */
  readonly words: Int32Array = new Int32Array(this.bytes.buffer);
  /** Offset of the first byte in the document. */
  base = 0;
  /** Offset of the 0 in the document. */
  until = 0;
  #used = 0;

  /** Moves, so that the window begins at an offset. */
  show(document: Uint8Array, base: number): void {
    const length = Math.min(document.length - base, size);
    this.bytes.set(base === 0 && length === document.length ? document : document.subarray(base, base + length));
    this.bytes[length] = 0;
    this.base = base;
    this.until = base + length;
    if (length > this.#used) this.#used = length;
  }

  /** Nothing of a document stays behind. */
  clear(): void {
    this.bytes.fill(0, 0, this.#used);
    this.#used = 0;
  }
}
