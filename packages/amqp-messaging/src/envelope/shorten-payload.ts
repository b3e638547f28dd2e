import { randomBytes } from "node:crypto";

/** A document without its long runs of base64, each replaced by a mark. */
export interface ShortenedPayload {
  readonly bytes: Uint8Array;
  /** Length of a text in bytes, with what its marks stand for in their place. */
  lengthOf(text: string): number;
}

/** Smaller documents are read as they are. */
const fromBytes = 1024 * 1024;
/** Shorter runs stay. */
const fromRun = 64 * 1024;
/** Small enough for the first, which runs before its loop is compiled. */
const slice = 256 * 1024;
const alphabet = new Uint8Array(256);
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") alphabet[c.charCodeAt(0)] = 1;
for (const c of " \t\r\n") alphabet[c.charCodeAt(0)] = 2;

/**
 * @internal Takes the attachments out of a large document before it is read for its facts: twenty megabytes of base64
 * say nothing of them, and as a text they would be held once more and stop the event loop. What is taken out stands
 * between two tags and is letters of the base64 alphabet and white space alone, which is well-formed in every place where
 * it can stand, so that the rest is judged as the whole would be.
 *
 * Yields between slices; nothing to do is `undefined`.
 */
export function* shortenPayload(bytes: Uint8Array, maxText: number): Generator<void, ShortenedPayload | undefined> {
  if (bytes.byteLength < fromBytes) return undefined;
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nonce = randomBytes(12).toString("hex");
  const pieces: Uint8Array[] = [];
  const lengths: number[] = [];
  let kept = 0;
  let at = 0;
  for (;;) {
    const open = source.indexOf(0x3e, at);
    const end = open < 0 ? -1 : source.indexOf(0x3c, open + 1);
    if (end < 0) break;
    at = end + 1;
    if (end - open <= fromRun) continue;
    const length = yield* runLength(source, open + 1, end);
    if (length === undefined || length > maxText) continue;
    pieces.push(source.subarray(kept, open + 1), Buffer.from(`${nonce}.${lengths.length}.`));
    lengths.push(length);
    kept = end;
  }
  if (lengths.length === 0) return undefined;
  pieces.push(source.subarray(kept));
  const marks = new RegExp(`${nonce}\\.(\\d+)\\.`, "g");
  return {
    bytes: Buffer.concat(pieces),
    lengthOf: (text) =>
      [...text.matchAll(marks)].reduce(
        (sum, [mark, index]) => sum - mark.length + (lengths[Number(index)] ?? 0),
        Buffer.byteLength(text),
      ),
  };
}

/** How long the run is as XML reads it, where a line's end is one character; undefined when it is not base64. */
function* runLength(bytes: Buffer, from: number, to: number): Generator<void, number | undefined> {
  let spaces = 0;
  let joined = 0;
  for (let start = from; start < to; start += slice) {
    const stop = Math.min(to, start + slice);
    const found = spacesIn(bytes, start, stop);
    if (found === undefined) return undefined;
    spaces += found;
    if (found > 0) joined += lineEndsOfTwo(bytes, start, stop);
    yield;
  }
  return spaces === to - from ? undefined : to - from - joined;
}

/** White space in a slice; undefined when there is anything else that is no letter of base64. A loop that is compiled well. */
function spacesIn(bytes: Uint8Array, from: number, to: number): number | undefined {
  let spaces = 0;
  for (let i = from; i < to; i++) {
    const kind = alphabet[bytes[i] as number];
    if (kind === 0) return undefined;
    if (kind === 2) spaces++;
  }
  return spaces;
}

/** CR followed by LF; the LF may be the first byte of the slice. */
function lineEndsOfTwo(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0d, from - 1); at >= 0 && at < to - 1; at = bytes.indexOf(0x0d, at + 1))
    if (bytes[at + 1] === 0x0a) count++;
  return count;
}
