import { setImmediate as breathe } from "node:timers/promises";
import { throwIfAborted } from "@helsekontakt/core";

/** Work on this many bytes takes less than a millisecond; then the event loop gets its turn. */
const SLICE = 512 * 1024;

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
  let done = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += SLICE) {
      const slice = part.length <= SLICE ? part : part.subarray(at, at + SLICE);
      work(slice);
      done += slice.length;
      if (done < SLICE) continue;
      done = 0;
      await breathe();
      throwIfAborted(signal);
    }
  }
}
