import { Buffer } from "node:buffer";
import type { Piece } from "./bundle-splitter.ts";

/**
 * What a piece of an XML document is: all up to the end of the root's start tag, a child of the root, what stands between two of
 * them and is not blank, all from the root's end tag on, or, as the last one, what the document breaks off in.
 */
export type XmlPart = "root" | "child" | "between" | "tail" | "cut";

/** Takes the pieces in order; `name` is a child's, without prefix. */
export type TakeXmlPart = (part: XmlPart, piece: Piece, name: string) => void;

const LT = 60;
const GT = 62;
const SLASH = 47;
const DASH = 45;
const CLOSE = 93;
const QUESTION = 63;
const QUOTE = 34;
const APOSTROPHE = 39;

/**
 * Cuts an XML document into the children of its root, from chunks of UTF-8 of any size; one piece is held at a time. It looks at
 * what parts the pieces alone: where a document is not well-formed, the fault lies in one of the pieces.
 */
export class XmlSplitter {
  readonly #take: TakeXmlPart;
  readonly #maxPiece: number;
  #mode: "text" | "begun" | "tag" | "value" | "comment" | "section" | "instruction" | "tail" | "done" = "text";
  #depth = 0;
  #closing = false;
  #last = 0;
  /** Behind `<`, as far as it does not yet say what begins. */
  #head = "";
  #name = "";
  #inName = false;
  /** How many signs of an end stand just before: dashes of a comment, brackets of a section. */
  #ends = 0;
  /** Offset of the last `<`, and of the piece's first byte. */
  #lt = 0;
  #from = 0;
  #line = 1;
  #held: Uint8Array[] = [];
  #heldFrom = 0;
  isTooLarge = false;
  bytes = 0;

  constructor(take: TakeXmlPart, maxPiece: number) {
    this.#take = take;
    this.#maxPiece = maxPiece;
  }

  /** Line on which the next piece begins. */
  get line(): number {
    return this.#line;
  }

  write(chunk: Uint8Array): void {
    const base = this.bytes;
    this.bytes += chunk.length;
    if (this.isTooLarge || this.#mode === "done") return;
    this.#held.push(chunk);
    for (let at = 0; at >= 0 && at < chunk.length; ) at = this.#step(chunk, at, base);
    this.isTooLarge = this.bytes - this.#from > this.#maxPiece;
    if (this.isTooLarge) this.#held = [];
  }

  /** After the last chunk. */
  end(): void {
    if (!this.isTooLarge && this.#mode !== "done") this.#cut(this.#mode === "tail" ? "tail" : "cut", this.bytes);
  }

  /** Answers where to go on; -1 at the end of the chunk. */
  #step(chunk: Uint8Array, at: number, base: number): number {
    const c = chunk[at] as number;
    switch (this.#mode) {
      case "text": {
        const found = chunk.indexOf(LT, at);
        if (found < 0) return -1;
        this.#lt = base + found;
        this.#mode = "begun";
        this.#head = "";
        return found + 1;
      }
      case "begun":
        return this.#begun(c, at, base);
      case "tag":
        return this.#tag(chunk, at, base);
      case "value": {
        const found = chunk.indexOf(this.#last, at);
        if (found < 0) return -1;
        this.#mode = "tag";
        return found + 1;
      }
      case "comment":
      case "section":
        if (c === GT && this.#ends >= 2) this.#mode = "text";
        this.#ends = c === (this.#mode === "comment" ? DASH : CLOSE) ? this.#ends + 1 : 0;
        return at + 1;
      case "instruction":
        if (c === GT && this.#last === QUESTION) this.#mode = "text";
        this.#last = c;
        return at + 1;
      default:
        return -1;
    }
  }

  /** Behind a `<`. */
  #begun(c: number, at: number, base: number): number {
    if (this.#head !== "" || c === 33) {
      this.#head += String.fromCharCode(c);
      this.#ends = 0;
      if (this.#head === "!--") this.#mode = "comment";
      else if (this.#head === "![CDATA[") this.#mode = "section";
      else if (!["!--", "![CDATA[", "!DOCTYP"].some((known) => known.startsWith(this.#head))) {
        // No child is to come: a DOCTYPE, or nothing that XML knows.
        this.#cut("cut", base + at + 1);
        this.#mode = "done";
      }
      return at + 1;
    }
    this.#last = 0;
    if (c === QUESTION) {
      this.#mode = "instruction";
      return at + 1;
    }
    this.#closing = c === SLASH;
    if (this.#depth === 1) this.#cut("between", this.#lt);
    this.#mode = this.#closing && this.#depth <= 1 ? "tail" : "tag";
    this.#inName = this.#depth === 1;
    if (this.#inName) this.#name = "";
    return this.#closing ? at + 1 : at;
  }

  #tag(chunk: Uint8Array, from: number, base: number): number {
    let last = this.#last;
    for (let at = from; at < chunk.length; at++) {
      const c = chunk[at] as number;
      if (c === GT) {
        this.#last = last;
        this.#tagEnd(base + at + 1);
        return at + 1;
      }
      if (c === QUOTE || c === APOSTROPHE) {
        this.#last = c;
        this.#mode = "value";
        return at + 1;
      }
      if (this.#inName) {
        if (c <= 32 || c === SLASH) this.#inName = false;
        else this.#name += String.fromCharCode(c);
      }
      last = c;
    }
    this.#last = last;
    return -1;
  }

  #tagEnd(to: number): void {
    const isEmpty = !this.#closing && this.#last === SLASH;
    this.#mode = "text";
    if (this.#depth === 0) {
      this.#cut("root", to);
      this.#depth = 1;
      if (isEmpty) this.#mode = "tail";
      return;
    }
    if (this.#closing) this.#depth--;
    else if (!isEmpty) this.#depth++;
    if (this.#depth === 1) this.#cut("child", to);
  }

  #cut(part: XmlPart, to: number): void {
    const all = this.#held.length === 1 ? (this.#held[0] as Uint8Array) : Buffer.concat(this.#held);
    const bytes = all.subarray(this.#from - this.#heldFrom, to - this.#heldFrom);
    this.#held = [all.subarray(to - this.#heldFrom)];
    this.#heldFrom = to;
    this.#from = to;
    const line = this.#line;
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) this.#line++;
    if (part === "between" && bytes.every((c) => c === 32 || c === 9 || c === 10 || c === 13)) return;
    const name = part === "child" ? (this.#name.split(":").pop() as string) : "";
    this.#take(part, { bytes, line }, name);
  }
}
