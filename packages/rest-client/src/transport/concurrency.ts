import { HelsekontaktError } from "@helsekontakt/core";
import type { Middleware } from "./pipeline.ts";
import { cancelled } from "./time-limits.ts";

/** Settings of the concurrency limit, which all calls of a client share. */
export interface ConcurrencyOptions {
  /** Requests under way at once. Default 64. */
  readonly max?: number;
  /** Requests that wait for a place. Default 1,000. */
  readonly maxWaiting?: number;
}

interface Waiting {
  readonly start: () => void;
  next: Waiting | undefined;
  previous: Waiting | undefined;
}

/** A bounded number of places, given in the order of asking. */
export class Places {
  readonly #max: number;
  readonly #maxWaiting: number;
  #busy = 0;
  #waiting = 0;
  #first: Waiting | undefined;
  #last: Waiting | undefined;

  /** @throws {HelsekontaktError} `config/invalid` for no place at all, with which every call would wait for ever */
  constructor({ max = 64, maxWaiting = 1_000 }: ConcurrencyOptions = {}) {
    whole("max", max, 1);
    whole("maxWaiting", maxWaiting, 0);
    this.#max = max;
    this.#maxWaiting = maxWaiting;
  }

  /** How many have a place, and how many wait for one. */
  get load(): { readonly busy: number; readonly waiting: number } {
    return { busy: this.#busy, waiting: this.#waiting };
  }

  /**
   * Resolves with a place; `release` gives it back.
   *
   * @throws {HelsekontaktError} `rest/overloaded`, `abort/cancelled`
   */
  async take(signal: AbortSignal): Promise<void> {
    if (this.#busy < this.#max) {
      this.#busy++;
      return;
    }
    if (signal.aborted) throw cancelled(signal);
    if (this.#waiting >= this.#maxWaiting)
      throw new HelsekontaktError(
        "rest/overloaded",
        `expected at most ${this.#maxWaiting} calls to wait for a place, found more; nothing was sent`,
        { hint: "call less at once, or raise concurrency.max where the service allows it" },
      );
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#remove(own);
        reject(cancelled(signal));
      };
      const own: Waiting = {
        start: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
        next: undefined,
        previous: this.#last,
      };
      if (this.#last === undefined) this.#first = own;
      else this.#last.next = own;
      this.#last = own;
      this.#waiting++;
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** Gives a place to the one that has waited longest. */
  release(): void {
    const first = this.#first;
    if (first === undefined) {
      this.#busy--;
      return;
    }
    this.#remove(first);
    first.start();
  }

  #remove(one: Waiting): void {
    if (one.previous === undefined) this.#first = one.next;
    else one.previous.next = one.next;
    if (one.next === undefined) this.#last = one.previous;
    else one.next.previous = one.previous;
    this.#waiting--;
  }
}

function whole(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new HelsekontaktError(
    "config/invalid",
    `expected "concurrency.${name}" to be a whole number from ${least}, found another value`,
    { context: { setting: `concurrency.${name}` }, hint: "concurrency: false leaves the limit out" },
  );
}

/** Lets each try wait for a place. */
export function limitsConcurrency(places: Places): Middleware {
  return (next) => async (call) => {
    await places.take(call.signal);
    try {
      return await next(call);
    } finally {
      places.release();
    }
  };
}
