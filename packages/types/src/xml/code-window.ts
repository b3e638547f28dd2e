import { Buffer } from "node:buffer";

/** UTF-16 code units that a window shows; a piece that fits the nearest cache of a processor. */
const size = 16 * 1024;
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
let spare: Uint16Array | undefined;

/**
 * A piece of a text as numbers. The engine reads a number three times as fast as a character of a string, whose form it
 * has to look up each time; a second copy of a whole document would be too much.
 */
export class CodeWindow {
  readonly #text: string;
  /** The code units, and a 0 behind the last one. */
  readonly codes: Uint16Array;
  /** Offset of the first code in the text. */
  base = 0;
  /** Offset of the 0. */
  until = 0;

  constructor(text: string) {
    this.#text = text;
    this.codes = spare ?? new Uint16Array(size + 1);
    // A handler may read another document meanwhile, which then gets a window of its own.
    spare = undefined;
    this.show(0);
  }

  /** Moves on, so that the window begins at an offset. */
  show(base: number): void {
    const { codes } = this;
    const piece = this.#text.length <= size ? this.#text : this.#text.slice(base, base + size);
    if (littleEndian) Buffer.from(codes.buffer).write(piece, "utf16le");
    else for (let n = 0; n < piece.length; n++) codes[n] = piece.charCodeAt(n);
    codes[piece.length] = 0;
    this.base = base;
    this.until = base + piece.length;
  }

  /** Gives the memory back for the next document. */
  release(): void {
    spare = this.codes;
  }
}
