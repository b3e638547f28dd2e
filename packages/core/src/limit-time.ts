/** A stretch of work with a time limit, which the caller's signal may end earlier. */
export interface TimeLimit {
  /** Fires when the time is up or the caller's signal fires. */
  readonly signal: AbortSignal;
  /** True when it was the time that ended the work. */
  readonly timedOut: boolean;
  /**
   * The work's own outcome, or a rejection with the signal's reason as soon as it fires, whether or not the work heeds it.
   */
  race<T>(work: Promise<T>): Promise<T>;
  /** Frees the timer and the listener; call it when the work is over. */
  end(): void;
}

/**
 * Limits work to `ms` milliseconds.
 *
 * Not `AbortSignal.any` with `AbortSignal.timeout`: nothing but weak references may hold those, and after a garbage
 * collection neither fires, so that a call waits for ever. The timer and the caller's signal hold this one.
 */
export function limitTime(ms: number, signal?: AbortSignal): TimeLimit {
  const controller = new AbortController();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort(new DOMException("the time limit has passed", "TimeoutError"));
  }, ms);
  const stop = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) stop();
  else signal?.addEventListener("abort", stop, { once: true });
  return {
    signal: controller.signal,
    get timedOut() {
      return timedOut;
    },
    race(work) {
      return new Promise((resolve, reject) => {
        const ended = (): void => reject(controller.signal.reason);
        if (controller.signal.aborted) ended();
        controller.signal.addEventListener("abort", ended, { once: true });
        work.then(resolve, reject).finally(() => controller.signal.removeEventListener("abort", ended));
      });
    },
    end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    },
  };
}
