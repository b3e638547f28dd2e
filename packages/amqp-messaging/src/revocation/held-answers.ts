import { type Clock, HelsekontaktError, waitFor } from "@helsekontakt/core";

/** What says itself how long it holds. Times are milliseconds since 1970. */
interface Dated {
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}

interface Entry<T> {
  value?: { readonly answer: T; readonly fetchedAt: number };
  failure?: { readonly error: HelsekontaktError; readonly at: number };
  flight?: Promise<void>;
}

/** How long answers are used. Milliseconds. @internal */
export interface HoldingTimes {
  readonly maxAgeMs: number;
  readonly staleMs: number;
  readonly retryMs: number;
  readonly maxEntries: number;
}

/** What {@link HeldAnswers} has: an answer, or why there is none. @internal */
export type Held<T> = { readonly answer: T; readonly stale: boolean } | { readonly error: HelsekontaktError };

/**
 * Answers that are fetched once, by whoever asks first, and used until they end. An answer that gets old is fetched anew
 * behind the back of those who go on using it; one that has ended is used for a while yet when no newer one can be had. A
 * source that failed is left alone for a while, so that nobody waits for it twice.
 *
 * @internal
 */
export class HeldAnswers<T extends Dated> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #clock: Clock;
  readonly #times: HoldingTimes;

  constructor(clock: Clock, times: HoldingTimes) {
    this.#clock = clock;
    this.#times = times;
  }

  /**
   * @param load - limits its own time: no caller's signal ends it, since others may wait for it too.
   * @throws {HelsekontaktError} `abort/cancelled`
   */
  async get(key: string, load: () => Promise<T>, signal: AbortSignal | undefined): Promise<Held<T>> {
    const entry = this.#entry(key);
    const usable = this.#usable(entry);
    if (usable !== undefined) {
      if (this.#isOld(entry)) this.#start(entry, load);
      return usable;
    }
    const flight = this.#start(entry, load);
    if (flight !== undefined) await waitFor(flight, signal);
    return (
      this.#usable(entry) ?? {
        error:
          entry.failure?.error ??
          new HelsekontaktError("protection/certificate-invalid", "expected an answer in force"),
      }
    );
  }

  #entry(key: string): Entry<T> {
    const entry = this.#entries.get(key) ?? {};
    // The last used goes to the end: the first is the one to forget.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [first] = this.#entries.keys();
    if (this.#entries.size > this.#times.maxEntries && first !== undefined) this.#entries.delete(first);
    return entry;
  }

  #usable({ value }: Entry<T>): Held<T> | undefined {
    if (value === undefined) return undefined;
    const { answer } = value;
    const over = this.#clock.now() - answer.nextUpdate;
    return over > this.#times.staleMs ? undefined : { answer, stale: over > 0 };
  }

  /** Past its age, or in the last quarter of its time. */
  #isOld({ value }: Entry<T>): boolean {
    if (value === undefined) return true;
    const { answer, fetchedAt } = value;
    const now = this.#clock.now();
    const left = answer.nextUpdate - fetchedAt;
    return Math.abs(now - fetchedAt) > this.#times.maxAgeMs || now > answer.nextUpdate - left / 4;
  }

  /** The load under way, or a new one unless the last has just failed. */
  #start(entry: Entry<T>, load: () => Promise<T>): Promise<void> | undefined {
    if (entry.flight !== undefined) return entry.flight;
    // Also of one that is still to come: the clock has been set back since.
    if (entry.failure !== undefined && Math.abs(this.#clock.now() - entry.failure.at) < this.#times.retryMs) return;
    const flight = this.#load(entry, load).finally(() => delete entry.flight);
    entry.flight = flight;
    return flight;
  }

  async #load(entry: Entry<T>, load: () => Promise<T>): Promise<void> {
    try {
      const answer = await load();
      const now = this.#clock.now();
      // An older list than the one at hand is a mirror that lags, or somebody who hides a revocation.
      if (entry.value !== undefined && answer.thisUpdate < entry.value.answer.thisUpdate) {
        entry.failure = {
          error: new HelsekontaktError("protection/certificate-invalid", "expected an answer no older than the last"),
          at: now,
        };
        return;
      }
      entry.value = { answer, fetchedAt: now };
      // What has ended already is asked for again, but not by everybody at once.
      if (answer.nextUpdate > now) delete entry.failure;
      else
        entry.failure = {
          error: new HelsekontaktError(
            "protection/certificate-invalid",
            "expected an answer in force, found one that has ended",
          ),
          at: now,
        };
    } catch (reason) {
      entry.failure = { error: HelsekontaktError.from(reason), at: this.#clock.now() };
    }
  }
}
