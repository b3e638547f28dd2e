import type { RetryOptions } from "../retry.ts";
import { Breaker, type BreakerOptions } from "./breaker.ts";
import { type ConcurrencyOptions, Places } from "./concurrency.ts";
import type { CorrelationOptions } from "./correlation.ts";
import { RetryBudget, type RetryBudgetOptions } from "./retry-budget.ts";

/** How calls travel: the same for every API. Every part has a default; `false` leaves a part out. */
export interface TransportSettings {
  /** Milliseconds for the whole call: tries, pauses, queue. Default: what all tries and their longest pauses take. */
  readonly deadlineMs?: number;
  readonly retry?: RetryOptions;
  readonly retryBudget?: RetryBudgetOptions | false;
  readonly breaker?: BreakerOptions | false;
  readonly concurrency?: ConcurrencyOptions | false;
  readonly correlation?: CorrelationOptions | false;
  /** Bytes of an answer after decompression. Default 33,554,432. */
  readonly maxAnswerBytes?: number;
  /** Spans and metrics where the application has `@opentelemetry/api`. Default true. */
  readonly telemetry?: boolean;
}

/**
 * Settings and what calls share: the retry budget, the circuits, the places. One for all clients of an application,
 * since they stand before the same services.
 */
export class SharedTransport {
  readonly settings: TransportSettings;
  /** @internal */
  readonly budget: RetryBudget | undefined;
  /** @internal */
  readonly breaker: Breaker | undefined;
  /** @internal */
  readonly places: Places | undefined;

  constructor(settings: TransportSettings = {}) {
    const { retryBudget, breaker, concurrency, retry } = settings;
    const clock = retry?.clock === undefined ? {} : { clock: retry.clock };
    this.settings = settings;
    this.budget = retryBudget === false ? undefined : new RetryBudget(retryBudget);
    this.breaker = breaker === false ? undefined : new Breaker({ ...clock, ...breaker });
    this.places = concurrency === false ? undefined : new Places(concurrency);
  }
}
