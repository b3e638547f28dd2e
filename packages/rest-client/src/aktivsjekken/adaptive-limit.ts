/** How many calls may be under way at once. */
export interface ConcurrencyRange {
  /** Never fewer. Default 1. */
  readonly floor?: number;
  /** Never more. Default 16. */
  readonly cap?: number;
  /** At the beginning. Default 2. */
  readonly start?: number;
}

/** A call that takes this many times what calls take at their best has waited in a queue at the service. */
const tolerance = 2;
/** Share by which the best follows, once a round of calls. */
const drift = 0.02;
/** Differences below this many milliseconds are noise, not a queue. */
const noiseMs = 25;

/**
 * A limit that follows the service, as congestion control of TCP does: it doubles until the service is seen to queue or
 * to refuse, then grows by one a round and shrinks by a share. What a call takes at its best drifts upwards slowly, so
 * that a service that has become slower for good is not held for a busy one.
 */
export class AdaptiveLimit {
  readonly #floor: number;
  readonly #cap: number;
  #limit: number;
  #probing = true;
  #bestMs = Number.POSITIVE_INFINITY;
  #recentMs = 0;
  /** Calls since the limit last changed. */
  #calls = 0;

  constructor({ floor = 1, cap = 16, start = 2 }: ConcurrencyRange = {}) {
    this.#floor = Math.min(floor, cap);
    this.#cap = cap;
    this.#limit = Math.min(cap, Math.max(this.#floor, start));
  }

  get current(): number {
    return this.#limit;
  }

  /** A call was answered after `ms` milliseconds. */
  answered(ms: number): void {
    this.#bestMs = Math.min(ms, this.#bestMs);
    this.#recentMs = this.#recentMs === 0 ? ms : this.#recentMs + (ms - this.#recentMs) * 0.3;
    if (++this.#calls < this.#limit) return;
    this.#bestMs += Math.max(0, this.#recentMs - this.#bestMs) * drift;
    if (this.#recentMs > this.#bestMs * tolerance && this.#recentMs > this.#bestMs + noiseMs) this.#shrink(0.8);
    else this.#change(this.#probing ? this.#limit * 2 : this.#limit + 1);
  }

  /** A call was refused or not answered because the service has too much to do. */
  overloaded(): void {
    // The calls that were under way together fail together: that is one sign, not many.
    if (this.#calls > 0 || this.#probing) this.#shrink(0.5);
  }

  #shrink(share: number): void {
    this.#probing = false;
    this.#change(Math.floor(this.#limit * share));
  }

  #change(to: number): void {
    this.#limit = Math.min(this.#cap, Math.max(this.#floor, to));
    this.#calls = 0;
  }
}
