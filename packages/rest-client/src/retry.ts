import type { Clock } from "@helsekontakt/core";
import { asFetch, compose, sendWith } from "./transport/pipeline.ts";
import { retries } from "./transport/retries.ts";
import { defaultTryMs, limitsTime, refusesAborted } from "./transport/time-limits.ts";
import { readsWhole } from "./transport/whole-answer.ts";

/** `fetch` as the SDK passes it around: one Request in, one Response out. */
export type FetchLike = (request: Request) => Promise<Response>;

/** Settings of {@link withRetry}. */
export interface RetryOptions {
  /** Total tries, the first one included; default 3. */
  readonly tries?: number;
  /** Milliseconds: the first pause is at most this, the next twice as much; default 200. */
  readonly baseMs?: number;
  /** Milliseconds: longest pause, also for `Retry-After`; default 10 000. */
  readonly maxMs?: number;
  /** Milliseconds for one try, the answer's body included; default 15 000. */
  readonly timeoutMs?: number;
  /** Statuses that are repeated; default 408, 425, 429, 502, 503, 504. */
  readonly retryStatus?: ReadonlySet<number>;
  readonly clock?: Clock;
  /** Numbers from 0 to 1 for the jitter; default `Math.random`. */
  readonly random?: () => number;
}

/**
 * Wraps fetch with a time limit for each try, and repeats with full jitter what may pass: 408, 425, 429, 502 to 504,
 * a broken connection, no answer in time. Put it above a signing fetch, so that each try has a proof of its own.
 *
 * The answer is read whole inside the try. Redirects are refused. Repeat only what is safe to repeat: `{ tries: 1 }`
 * keeps the time limit alone.
 *
 * @throws {HelsekontaktError} `rest/timeout`, `rest/network`, `rest/http-status` for a redirect,
 *   `rest/response-invalid` for an answer above 32 MiB, `abort/cancelled`, and what the inner fetch throws
 */
export function withRetry(inner: FetchLike, options: RetryOptions = {}): FetchLike {
  const { timeoutMs = defaultTryMs } = options;
  return asFetch(
    compose([refusesAborted, retries(options), limitsTime(timeoutMs, "try"), readsWhole()], sendWith(inner)),
  );
}
