import { Buffer } from "node:buffer";

/** A piece of the file: its bytes, and the line on which they begin. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly line: number;
}

/** Why a file is not read further: where, and what was expected there. */
export interface SplitFault {
  readonly line: number;
  readonly reason: "not-an-object" | "too-large" | "broken";
}

/** What a splitter tells. */
export interface BundleParts {
  /** A member of the object itself, `entry` apart. */
  member(name: string, value: Piece): void;
  /** An element of `entry`; `index` counts from 0. */
  entry(value: Piece, index: number): void;
}

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN = 123;
const CLOSE = 125;

/**
 * Cuts a JSON object into its members and the elements of its list `entry`, from chunks of any size; one piece is held at a
 * time. It looks at what parts the pieces alone: whether each is JSON is for the one who gets it.
 */
export class BundleSplitter {
  readonly #parts: BundleParts;
  readonly #maxPiece: number;
  #line = 1;
  #depth = 0;
  #inText = false;
  #escaped = false;
  /** Before the object, inside it, and behind it. */
  #stage: "before" | "inside" | "behind" = "before";
  #key: string | undefined;
  #inEntries = false;
  #sawEntries = false;
  /** Whether a comma stood last, behind which a member or an element has to come. */
  #comma = false;
  #entries = 0;
  #held: Uint8Array[] = [];
  #size = 0;
  #from = -1;
  #fromLine = 1;
  fault: SplitFault | undefined;
  bytes = 0;
  /** Line on which the object begins, and that of the name of its list of entries. */
  line = 1;
  entriesLine: number | undefined;

  constructor(parts: BundleParts, maxPiece: number) {
    this.#parts = parts;
    this.#maxPiece = maxPiece;
  }

  get entries(): number {
    return this.#entries;
  }

  write(chunk: Uint8Array): void {
    if (this.fault !== undefined) return;
    // A byte order mark is no part of the object.
    let at = this.bytes === 0 && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? 3 : 0;
    this.bytes += chunk.length;
    for (; at < chunk.length; at++) {
      const c = chunk[at] as number;
      if (c === 10) this.#line++;
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false;
        else if (c === BACKSLASH) this.#escaped = true;
        else if (c === QUOTE) this.#inText = false;
        continue;
      }
      if (c === 32 || c === 10 || c === 13 || c === 9) continue;
      this.#take(c, at, chunk);
      if (this.fault !== undefined) return;
    }
    if (this.#from >= 0 || this.#held.length > 0) this.#hold(chunk, chunk.length);
  }

  /** After the last chunk. */
  end(): void {
    if (this.fault === undefined && this.#stage !== "behind") this.#fail("broken");
  }

  #take(c: number, at: number, chunk: Uint8Array): void {
    if (this.#stage !== "inside") {
      if (this.#stage === "before" && c === OPEN) {
        this.#stage = "inside";
        this.line = this.#line;
        this.#depth = 1;
      } else this.#fail(this.#stage === "before" ? "not-an-object" : "broken");
      return;
    }
    const level = this.#inEntries ? 2 : 1;
    if (this.#depth === level && (c === COMMA || c === CLOSE || c === CLOSE_LIST)) {
      this.#parted(c, at, chunk);
      return;
    }
    if (!this.#inEntries && this.#depth === 1 && c === COLON && this.#key === undefined) {
      this.#named(at, chunk);
      return;
    }
    if (!this.#inEntries && this.#depth === 1 && this.#key === "entry" && c === OPEN_LIST && !this.#holds()) {
      if (this.#sawEntries) this.#fail("broken");
      this.#sawEntries = true;
      this.#inEntries = true;
      this.#depth = 2;
      return;
    }
    if (!this.#holds()) {
      this.#from = at;
      this.#fromLine = this.#line;
    }
    if (c === QUOTE) this.#inText = true;
    else if (c === OPEN || c === OPEN_LIST) this.#depth++;
    else if (c === CLOSE || c === CLOSE_LIST) this.#depth--;
  }

  /** A comma or an end at the level of members, or of entries. */
  #parted(c: number, at: number, chunk: Uint8Array): void {
    const piece = this.#holds() ? this.#cut(chunk, at) : undefined;
    if (this.fault !== undefined) return;
    const wrongEnd = c === (this.#inEntries ? CLOSE : CLOSE_LIST);
    // Nothing may stand between the brackets alone; behind the list of entries nothing more belongs to its member.
    const empty = piece === undefined && c !== COMMA && !this.#comma && (this.#inEntries || this.#key === undefined);
    const closed = !this.#inEntries && this.#key === "";
    const named = this.#inEntries || this.#key !== undefined;
    if (wrongEnd || (!empty && (closed ? piece !== undefined : piece === undefined || !named))) {
      this.#fail("broken");
      return;
    }
    this.#comma = c === COMMA;
    if (this.#inEntries) {
      if (piece !== undefined) this.#parts.entry(piece, this.#entries++);
      if (c !== CLOSE_LIST) return;
      this.#inEntries = false;
      this.#depth = 1;
      this.#key = "";
      return;
    }
    if (piece !== undefined) this.#parts.member(this.#key as string, piece);
    this.#key = undefined;
    if (c === CLOSE) this.#stage = "behind";
  }

  #named(at: number, chunk: Uint8Array): void {
    let name: unknown;
    try {
      name = this.#holds() ? JSON.parse(Buffer.from(this.#cut(chunk, at).bytes).toString("utf8")) : undefined;
    } catch {
      name = undefined;
    }
    if (typeof name !== "string" || name === "") this.#fail("broken");
    else {
      if (name === "entry") this.entriesLine = this.#fromLine;
      this.#key = name;
      this.#comma = false;
    }
  }

  #holds(): boolean {
    return this.#from >= 0 || this.#held.length > 0;
  }

  #hold(chunk: Uint8Array, to: number): void {
    const part = chunk.subarray(Math.max(0, this.#from), to);
    this.#size += part.length;
    if (this.#size > this.#maxPiece) this.#fail("too-large");
    else this.#held.push(part);
    this.#from = -1;
  }

  #cut(chunk: Uint8Array, to: number): Piece {
    this.#hold(chunk, to);
    const bytes = this.#held.length === 1 ? (this.#held[0] as Uint8Array) : Buffer.concat(this.#held);
    this.#held = [];
    this.#size = 0;
    return { bytes, line: this.#fromLine };
  }

  #fail(reason: SplitFault["reason"]): void {
    this.fault ??= { line: this.#line, reason };
  }
}
