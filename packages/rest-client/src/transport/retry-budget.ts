/** Settings of a retry budget. */
export interface RetryBudgetOptions {
  /** Tokens at the start and at most; a retry takes one. Default 20. */
  readonly tokens?: number;
  /** What a call that succeeds gives back. Default 0.1: in the long run, one retry for ten successes. */
  readonly perSuccess?: number;
}

/**
 * A bucket that all calls of a client share. While a service is down each call may use its few retries, but all of
 * them together soon stop: a service that struggles is not asked three times as often.
 */
export class RetryBudget {
  readonly #most: number;
  readonly #perSuccess: number;
  #left: number;

  constructor({ tokens = 20, perSuccess = 0.1 }: RetryBudgetOptions = {}) {
    this.#most = tokens;
    this.#perSuccess = perSuccess;
    this.#left = tokens;
  }

  /** Takes one retry; false when there is none. */
  take(): boolean {
    // Ten tenths add up to a little less than one.
    if (this.#left < 1 - 1e-9) return false;
    this.#left = Math.max(0, this.#left - 1);
    return true;
  }

  succeeded(): void {
    this.#left = Math.min(this.#most, this.#left + this.#perSuccess);
  }
}
