import { type Clock, HelsekontaktError, retryAfterMs, systemClock } from "@helsekontakt/core";
import type { RetryOptions } from "../retry.ts";
import type { Middleware } from "./pipeline.ts";
import type { RetryBudget } from "./retry-budget.ts";

const passing: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);

/** Failures of a try that another one may not meet. All else is permanent, or has retries of its own below (tokens). */
const passingErrors: ReadonlySet<string> = new Set(["rest/timeout", "rest/network"]);

/** {@link RetryOptions} as the middleware needs them. */
export interface RetriesOptions extends Omit<RetryOptions, "timeoutMs"> {
  readonly budget?: RetryBudget | undefined;
}

/**
 * Repeats what may pass, with full jitter or as late as `Retry-After` asks. A pause that it asks for beyond `maxMs`
 * is not waited for: the answer goes back, and the caller learns when to come again.
 */
export function retries(options: RetriesOptions = {}): Middleware {
  const { tries = 3, baseMs = 200, maxMs = 10_000, budget } = options;
  const clock: Clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const statuses = options.retryStatus ?? passing;
  return (next) => async (call) => {
    for (let n = 1; ; n++) {
      let pause = random() * Math.min(maxMs, baseMs * 2 ** (n - 1));
      try {
        const response = await next({ ...call, tryNumber: n });
        if (!statuses.has(response.status)) {
          if (response.status < 500) budget?.succeeded();
          return response;
        }
        const after = retryAfterMs(response.headers.get("retry-after"), clock.now());
        if (n >= tries || after > maxMs || budget?.take() === false) return response;
        pause = Math.max(pause, after);
      } catch (error) {
        const passes = error instanceof HelsekontaktError && error.retryable && passingErrors.has(error.code);
        if (n >= tries || !passes || budget?.take() === false) throw error;
      }
      await clock.sleep(pause, call.signal);
    }
  };
}
