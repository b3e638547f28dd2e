import { HelsekontaktError } from "@helsekontakt/core";
import type { BatchOptions } from "./types.ts";

/** {@link BatchOptions} with defaults. */
export interface BatchLimits {
  readonly start: number;
  readonly max: number;
  readonly timeoutMs: number;
  readonly targetMs: number;
  readonly fixed: number | undefined;
  readonly parallel: number;
  readonly pauseMs: number;
}

/** @throws {HelsekontaktError} `input/invalid` */
export function batchLimits(options: BatchOptions = {}): BatchLimits {
  const whole = (name: keyof BatchOptions, value: number, most: number): number => {
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw new HelsekontaktError(
      "input/invalid",
      `expected batch.${name} to be a whole number from 1 to ${most}, found another value`,
      { context: { field: `batch.${name}` } },
    );
  };
  const max = whole("max", options.max ?? 1_000, 10_000);
  const timeoutMs = whole("timeoutMs", options.timeoutMs ?? 15_000, 600_000);
  return {
    start: Math.min(max, whole("start", options.start ?? 25, 10_000)),
    max,
    timeoutMs,
    targetMs: whole("targetMs", options.targetMs ?? Math.max(1, Math.round(timeoutMs / 2)), timeoutMs),
    fixed: options.fixed === undefined ? undefined : whole("fixed", options.fixed, max),
    parallel: whole("parallel", options.parallel ?? 1, 32),
    pauseMs: whole("pauseMs", options.pauseMs ?? 500, 60_000),
  };
}

/** Calls whose cost decides on the next one's length. */
const remembered = 5;

/**
 * How many members to send in the next call: so many that it takes about the target, as far as the calls before tell.
 * Grows at most fourfold from call to call, shrinks by at most a third, and by half when there was no answer in time;
 * sizes near one that had none are left alone for a while, unless the same list is answered when it is sent again: then
 * its length was not at fault.
 */
export class BatchSizer {
  readonly #limits: BatchLimits;
  #size: number;
  #ceiling: number;
  /** Milliseconds per member of the last calls. */
  readonly #costs: number[] = [];
  #answers = 0;
  #largest = 0;

  constructor(limits: BatchLimits) {
    this.#limits = limits;
    this.#size = limits.fixed ?? limits.start;
    this.#ceiling = limits.max;
  }

  get size(): number {
    return this.#size;
  }

  /** The largest list that was answered. */
  get largest(): number {
    return this.#largest;
  }

  /** Begins where earlier runs ended, a little below: answers of yesterday promise none of today. */
  remember(batches: readonly { readonly members: number; readonly ms: number }[]): void {
    if (this.#limits.fixed !== undefined || batches.length === 0) return;
    const proven = Math.max(...batches.map((b) => b.members));
    // The short list at the end of a run says nothing of longer ones.
    const telling = batches.filter((b) => b.members * 2 >= proven);
    const cost = Math.max(...telling.map((b) => Math.max(b.ms, 1) / b.members));
    const wanted = Math.min((0.7 * this.#limits.targetMs) / cost, proven, this.#limits.max);
    this.#size = Math.max(this.#size, Math.round(wanted));
  }

  answered(members: number, ms: number): void {
    this.#largest = Math.max(this.#largest, members);
    if (this.#limits.fixed !== undefined) return;
    // A short list at the end of the work says nothing of longer ones.
    if (members * 2 < this.#size) return;
    this.#met(Math.max(ms, 0.01) / members);
    this.#ceiling = Math.max(this.#ceiling, Math.min(members, this.#limits.max));
    if (++this.#answers % 8 === 0) this.#ceiling = Math.min(this.#limits.max, Math.ceil(this.#ceiling * 1.1));
    const wanted = this.#limits.targetMs / (this.#cost ?? 1);
    const bounded = Math.min(Math.max(wanted, this.#size * 0.67), this.#size * 4, this.#ceiling);
    this.#size = Math.max(1, Math.round(bounded));
  }

  timedOut(members: number): void {
    if (this.#limits.fixed !== undefined) return;
    this.#ceiling = Math.max(1, Math.min(this.#ceiling, Math.floor(members * 0.8)));
    this.#size = Math.max(1, Math.min(this.#size, Math.floor(members / 2)));
    this.#met(Math.max(this.#cost ?? 0, this.#limits.timeoutMs / members / 2));
  }

  /** The middle one: a single call that was held up says nothing of the others, and would weigh in a mean. */
  get #cost(): number | undefined {
    return this.#costs.toSorted((a, b) => a - b)[(this.#costs.length - 1) >> 1];
  }

  #met(cost: number): void {
    this.#costs.push(cost);
    if (this.#costs.length > remembered) this.#costs.shift();
  }

  /** A list was refused for its length. */
  tooLong(members: number): void {
    this.#ceiling = Math.max(1, Math.floor(members / 2));
    this.#size = Math.min(this.#size, this.#ceiling);
  }
}
