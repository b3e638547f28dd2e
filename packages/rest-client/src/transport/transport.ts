import type { FetchLike, RetryOptions } from "../retry.ts";
import { breaksCircuit } from "./breaker.ts";
import { limitsConcurrency } from "./concurrency.ts";
import { correlates } from "./correlation.ts";
import { asFetch, compose, sendWith } from "./pipeline.ts";
import { retries } from "./retries.ts";
import type { SharedTransport } from "./settings.ts";
import { observes } from "./telemetry.ts";
import { defaultTryMs, limitsTime, refusesAborted } from "./time-limits.ts";
import { readsWhole } from "./whole-answer.ts";

/** The longest time that a timer takes. */
const longestMs = 2 ** 31 - 1;

/**
 * The pipeline of every API, from the caller down to the wire. The order is the point of it:
 *
 * - correlation above the retries: all tries of a call have one id.
 * - the deadline above retries and queue: it is what the caller waits.
 * - the concurrency limit below the retries: a place is an open request. A call that pauses for ten seconds must not
 *   hold one, and a repeated try queues like any other. Its wait is above the time limit of the try, which would
 *   otherwise run out in the queue and be counted as the service's fault.
 * - the breaker below the queue: whoever comes out of it learns at once that the circuit has opened meanwhile. And
 *   below the retries: each try counts, and an open circuit is not repeated against.
 * - telemetry below the breaker: spans are requests, not refusals of our own. It is above the limit of the try, so
 *   that a try without an answer is seen as a timeout.
 * - signing (`fetch`) at the bottom: each try has a fresh proof, whose `jti` no service sees twice.
 */
export function createPipeline(
  fetch: FetchLike,
  shared: SharedTransport,
  retry: RetryOptions,
  template: string | undefined,
): FetchLike {
  const { settings, budget, breaker, places } = shared;
  const { tries = 3, maxMs = 10_000, timeoutMs = defaultTryMs } = retry;
  const deadlineMs = settings.deadlineMs ?? tries * (timeoutMs + maxMs);
  return asFetch(
    compose(
      [
        refusesAborted,
        settings.correlation === false ? undefined : correlates(settings.correlation),
        limitsTime(Math.min(deadlineMs, longestMs), "call"),
        retries({ ...retry, budget }),
        places === undefined ? undefined : limitsConcurrency(places),
        breaker === undefined ? undefined : breaksCircuit(breaker, Math.min(timeoutMs, deadlineMs) / 2),
        settings.telemetry === false ? undefined : observes(),
        limitsTime(Math.min(timeoutMs, longestMs), "try"),
        readsWhole(settings.maxAnswerBytes),
      ],
      sendWith(fetch),
    ),
    template,
  );
}
