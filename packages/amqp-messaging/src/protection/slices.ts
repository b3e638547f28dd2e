import { setImmediate as breathe } from "node:timers/promises";
import { throwIfAborted } from "@helsekontakt/core";

/** Work on this many bytes takes less than a millisecond. */
const SLICE = 256 * 1024;
/** After this many milliseconds of work the event loop gets its turn; a message of some megabytes needs no more. */
const TURN_MS = 4;

/**
 * Feeds bytes to a cipher or hash in slices, so that a large message does not hold up the event loop.
 *
 * @internal
 * @throws {HelsekontaktError} `abort/cancelled` between two slices.
 */
export async function inSlices(
  parts: readonly Uint8Array[],
  work: (slice: Uint8Array) => void,
  signal?: AbortSignal,
): Promise<void> {
  let began = performance.now();
  for (const part of parts) {
    for (let at = 0; at < part.length; at += SLICE) {
      work(part.length <= SLICE ? part : part.subarray(at, at + SLICE));
      if (performance.now() - began < TURN_MS) continue;
      await breathe();
      throwIfAborted(signal);
      began = performance.now();
    }
  }
}
