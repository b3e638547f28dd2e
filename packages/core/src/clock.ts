import { HelsekontaktError } from "./error.ts";

/** Time as the SDK sees it; replace it in tests. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with `abort/cancelled` when the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      const cancelled = () =>
        new HelsekontaktError("abort/cancelled", "the wait was cancelled", { original: signal?.reason });
      if (signal?.aborted) return reject(cancelled());
      const stop = (): void => {
        clearTimeout(timer);
        reject(cancelled());
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, ms);
      signal?.addEventListener("abort", stop, { once: true });
    });
  },
};

/**
 * Throws when the caller's signal has fired.
 *
 * @throws {HelsekontaktError} `abort/cancelled`
 */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal.reason });
}

/**
 * Waits for work that others wait for too: the signal ends this wait and leaves the work alone.
 *
 * @throws {HelsekontaktError} `abort/cancelled`, and what the work rejects with
 */
export function waitFor<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = (): void =>
      reject(new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal.reason }));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
