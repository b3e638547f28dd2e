import { HelsekontaktError } from "@helsekontakt/core";

/** Wakes waiters of this process when a row changed, and has the others told. @internal */
export class Notifier {
  readonly #waiters = new Map<string, Set<() => void>>();
  readonly #announce: (topics: readonly string[]) => void;

  /** @param announce - tells other processes. */
  constructor(announce: (topics: readonly string[]) => void) {
    this.#announce = announce;
  }

  publish(...topics: readonly string[]): void {
    this.heard(topics);
    this.#announce(topics);
  }

  /** Wakes waiters of this process only; everybody without topics. */
  heard(topics: readonly string[] = [...this.#waiters.keys()]): void {
    for (const topic of new Set(topics)) this.#waiters.get(topic)?.forEach((wake) => wake());
  }

  /**
   * A subscription that remembers a wake-up between two waits, so that no change falls between looking and waiting.
   */
  subscribe(topics: readonly string[]): Subscription {
    let rung = false;
    let wakeUp: (() => void) | undefined;
    const wake = (): void => {
      rung = true;
      wakeUp?.();
    };
    for (const topic of topics) {
      const set = this.#waiters.get(topic) ?? new Set();
      this.#waiters.set(topic, set.add(wake));
    }
    return {
      wait: (ms, signal) =>
        new Promise<void>((resolve, reject) => {
          const finish = (): void => {
            clearTimeout(timer);
            signal?.removeEventListener("abort", cancel);
            wakeUp = undefined;
            rung = false;
            resolve();
          };
          const cancel = (): void => {
            clearTimeout(timer);
            wakeUp = undefined;
            reject(new HelsekontaktError("abort/cancelled", "the wait was cancelled", { original: signal?.reason }));
          };
          const timer = setTimeout(finish, ms);
          if (signal?.aborted) return cancel();
          signal?.addEventListener("abort", cancel, { once: true });
          wakeUp = finish;
          if (rung) finish();
        }),
      end: () => {
        for (const topic of topics) {
          const set = this.#waiters.get(topic);
          set?.delete(wake);
          if (set?.size === 0) this.#waiters.delete(topic);
        }
      },
    };
  }
}

/** @internal */
export interface Subscription {
  /** Resolves on a change or after `ms` milliseconds. @throws {HelsekontaktError} `abort/cancelled` */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
  end(): void;
}
