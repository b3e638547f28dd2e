import { HelsekontaktError } from "@helsekontakt/core";
import type { Fault } from "./faults.ts";

/** How a service behaves for as long as it is told to. Shares are of requests, from 0 to 1, and add up to 1 at most. */
export interface FaultRates {
  /** Any whole number. Default 1. */
  readonly seed?: number;
  /** Not reachable: every connection is closed without an answer. */
  readonly down?: boolean;
  /** Milliseconds before every answer. Default 0. */
  readonly latencyMs?: number;
  /** Share of the requests that take `slowMs` more. */
  readonly slow?: number;
  /** Default 1,000. */
  readonly slowMs?: number;
  /** Share of the requests with which a burst of server errors begins. */
  readonly serverErrors?: number;
  /** Requests that a burst takes. Default 1. */
  readonly burst?: number;
  /** Statuses of server errors, in turn. Default 500, 502, 503, 504. */
  readonly statuses?: readonly number[];
  /** Share that is answered 429, whatever the rate. */
  readonly rateLimited?: number;
  /** Seconds in `Retry-After`. Default 1. */
  readonly retryAfter?: number;
  /** Requests in a second, above which the answer is 429 with the seconds until the next may come. Default no limit. */
  readonly perSecond?: number;
  /** Share whose connection is closed without an answer. */
  readonly dropped?: number;
  /** Share whose answer breaks off, although the service has done the work. */
  readonly cut?: number;
  /** Share whose answer is no JSON. */
  readonly broken?: number;
  /** Share whose answer leaves citizens out. */
  readonly partial?: number;
  /** Share of the citizens that such an answer leaves out. Default 0.5. */
  readonly partialShare?: number;
}

const shares = ["serverErrors", "rateLimited", "dropped", "cut", "broken", "partial"] as const;

/** Draws the faults of one target. */
export class Weather {
  readonly #rates: FaultRates;
  readonly random: () => number;
  #burst = 0;
  #turn = 0;
  /** Places that the rate has left, and since when (milliseconds of the process). */
  #places: number;
  #since = performance.now();

  constructor(rates: FaultRates, name: string) {
    const sum = shares.reduce((total, share) => total + (rates[share] ?? 0), 0);
    const all = [...shares.map((s) => rates[s]), rates.slow, rates.partialShare];
    if (sum > 1 + Number.EPSILON || all.some((share) => share !== undefined && !(share >= 0 && share <= 1)))
      throw new HelsekontaktError(
        "config/invalid",
        "expected shares from 0 to 1 that add up to 1 at most, found others",
      );
    this.#rates = rates;
    this.#places = rates.perSecond ?? 0;
    this.random = seeded((rates.seed ?? 1) ^ [...name].reduce((h, c) => Math.imul(h, 31) + c.charCodeAt(0), 7));
  }

  /** What strikes the next request. Two numbers are drawn each time, so that a request's fate depends on its place only. */
  next(): readonly Fault[] {
    const { down, latencyMs = 0, slow = 0, slowMs = 1_000, perSecond } = this.#rates;
    const [which, slowness] = [this.random(), this.random()];
    const ms = latencyMs + (slowness < slow ? slowMs : 0);
    const faults: Fault[] = ms > 0 ? [{ kind: "delay", ms }] : [];
    if (down === true) return [{ kind: "drop" }];
    const wait = perSecond === undefined ? 0 : this.#secondsToWait(perSecond);
    if (wait > 0) return [{ kind: "rate-limited", retryAfter: wait }];
    const fault = this.#draw(which);
    return fault === undefined ? faults : [...faults, fault];
  }

  #draw(which: number): Fault | undefined {
    const { burst = 1, retryAfter = 1, partialShare = 0.5 } = this.#rates;
    if (this.#burst > 0) {
      this.#burst--;
      return this.#serverError();
    }
    let sum = 0;
    const struck = shares.find((share) => which < (sum += this.#rates[share] ?? 0));
    switch (struck) {
      case "serverErrors":
        this.#burst = burst - 1;
        return this.#serverError();
      case "rateLimited":
        return { kind: "rate-limited", retryAfter };
      case "dropped":
        return { kind: "drop" };
      case "cut":
        return { kind: "cut" };
      case "broken":
        return { kind: "broken-body" };
      case "partial":
        return { kind: "partial", share: partialShare };
      case undefined:
        return undefined;
    }
  }

  #serverError(): Fault {
    const { statuses = [500, 502, 503, 504] } = this.#rates;
    return { kind: "status", status: statuses[this.#turn++ % statuses.length] ?? 500 };
  }

  /** A bucket that holds one second's requests and fills evenly. */
  #secondsToWait(perSecond: number): number {
    const now = performance.now();
    this.#places = Math.min(perSecond, this.#places + ((now - this.#since) / 1_000) * perSecond);
    this.#since = now;
    if (this.#places < 1) return Math.max(1, Math.ceil((1 - this.#places) / perSecond));
    this.#places--;
    return 0;
  }
}

/** Mulberry32: the same numbers from 0 to 1 for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
