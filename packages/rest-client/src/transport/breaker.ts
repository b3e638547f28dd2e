import { type Clock, HelsekontaktError, retryAfterMs, systemClock } from "@helsekontakt/core";
import type { Middleware } from "./pipeline.ts";

/** Settings of the circuit breaker, one circuit per origin. */
export interface BreakerOptions {
  /** Failed tries in a row that open it. Default 10. */
  readonly failures?: number;
  /** Milliseconds until a probe may go through. Default 10,000; a `Retry-After` of the last failure may make it longer. */
  readonly openMs?: number;
  readonly clock?: Clock;
}

/** Milliseconds: a `Retry-After` never keeps a circuit open for longer. */
const longestMs = 300_000;

interface Circuit {
  failures: number;
  /** Milliseconds since 1970-01-01 UTC; undefined while closed. */
  openUntil: number | undefined;
  probing: boolean;
}

/**
 * The circuits of a client. Ten failures in a row open one: calls then fail at once. After a while one call goes
 * through as a probe; its success closes the circuit, its failure opens it again.
 */
export class Breaker {
  readonly #failures: number;
  readonly #openMs: number;
  readonly #clock: Clock;
  readonly #circuits = new Map<string, Circuit>();

  constructor({ failures = 10, openMs = 10_000, clock = systemClock }: BreakerOptions = {}) {
    this.#failures = failures;
    this.#openMs = openMs;
    this.#clock = clock;
  }

  /**
   * Asks to send; answers with what to do when the try is over.
   *
   * @throws {HelsekontaktError} `rest/circuit-open`, with `context.retryAfterMs`
   */
  enter(origin: string): (outcome: "works" | "fails" | "unknown", retryAfter?: number) => void {
    const now = this.#clock.now();
    let circuit = this.#circuits.get(origin);
    if (circuit === undefined) {
      circuit = { failures: 0, openUntil: undefined, probing: false };
      this.#circuits.set(origin, circuit);
    }
    const own = circuit;
    const probe = own.openUntil !== undefined;
    if (own.openUntil !== undefined) {
      if (own.probing || now < own.openUntil) throw circuitOpen(Math.max(own.openUntil - now, 1_000));
      own.probing = true;
    }
    return (outcome, retryAfter = 0) => {
      // An answer to a call from before the circuit opened says nothing of now.
      if (!probe && own.openUntil !== undefined) return;
      if (probe) own.probing = false;
      if (outcome === "works") {
        own.failures = 0;
        own.openUntil = undefined;
      } else if (outcome === "fails" && (++own.failures >= this.#failures || probe)) {
        own.openUntil = this.#clock.now() + Math.min(longestMs, Math.max(this.#openMs, retryAfter));
      }
    };
  }

  /** Milliseconds that `Retry-After` asks for. */
  retryAfter(response: Response): number {
    return retryAfterMs(response.headers.get("retry-after"), this.#clock.now());
  }
}

function circuitOpen(ms: number): HelsekontaktError {
  return new HelsekontaktError(
    "rest/circuit-open",
    `expected a service that answers, found that it has failed many times in a row; nothing was sent`,
    { hint: `try again in ${Math.ceil(ms / 1000)} s`, context: { retryAfterMs: Math.ceil(ms) } },
  );
}

/**
 * Keeps calls away from a service that fails. Failures are those of the service: no connection, no answer in time,
 * and 5xx. 429 is none: it is a service at work, and {@link retries} waits as it asks.
 *
 * @param hangMs - milliseconds after which a try that the deadline of the call ends counts as one without an answer.
 */
export function breaksCircuit(breaker: Breaker, hangMs: number = Number.POSITIVE_INFINITY): Middleware {
  return (next) => async (call) => {
    const began = performance.now();
    const leave = breaker.enter(call.origin);
    let outcome: Parameters<typeof leave>[0] = "unknown";
    let after = 0;
    try {
      const response = await next(call);
      // 501 and 505 are answers about the request.
      outcome = response.status >= 500 && response.status !== 501 && response.status !== 505 ? "fails" : "works";
      if (outcome === "fails") after = breaker.retryAfter(response);
      return response;
    } catch (error) {
      const code = error instanceof HelsekontaktError ? error.code : undefined;
      // Where the deadline of the call is as short as the limit of a try, it is the deadline that ends a try that hangs.
      const hung = code === "abort/cancelled" && call.pastDeadline?.() === true && performance.now() - began >= hangMs;
      if (code === "rest/timeout" || code === "rest/network" || hung) outcome = "fails";
      throw error;
    } finally {
      leave(outcome, after);
    }
  };
}
