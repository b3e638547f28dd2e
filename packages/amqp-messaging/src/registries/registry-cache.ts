import { type Clock, HelsekontaktError, type Logger } from "@helsekontakt/core";
import { failedLookUp, type LookUp } from "./look-up.ts";

/** Times are milliseconds since the answer came. */
export interface RegistryCacheOptions {
  /** An answer is used as it is. Default 15 minutes. */
  readonly softMs?: number;
  /** From `softMs` on an answer is used while a new one is fetched behind it; from here on it is waited for. Default 1 hour. */
  readonly hardMs?: number;
  /** "There is none" is used as it is. Default 1 minute. */
  readonly missingMs?: number;
  /** While the registry does not answer, the last answer is used this long. Default 24 hours. */
  readonly outageMs?: number;
  /** After a failure the registry is left alone, where there is a last answer. Default 10 seconds. */
  readonly pauseMs?: number;
  /** Answers kept; the one that was used longest ago goes first. Default 10,000. */
  readonly maxEntries?: number;
  /** Bytes of all documents kept, as they came. Default 64 MiB. */
  readonly maxDocumentBytes?: number;
}

interface Settings<T> extends RegistryCacheOptions {
  /** What is kept, in the words of a log line. */
  readonly what: string;
  /** Whether "there is none" holds while the registry does not answer, too. */
  readonly keepsMissing: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** HER-ids that an answer is about, besides those that it was asked for. */
  readonly about?: (value: T) => readonly string[];
  readonly weigh?: (value: T) => number;
}

interface Entry<T> {
  readonly value: T | undefined;
  readonly at: number;
  readonly weight: number;
  readonly herIds: readonly string[];
  failedAt?: number;
}

interface Flight<T> {
  readonly herIds: readonly string[];
  readonly answer: Promise<T | undefined>;
}

/**
 * Answers of a registry: one look-up at a time for each question, kept for a while, renewed behind the caller's back,
 * kept longer while the registry does not answer, forgotten by HER-id. Bounded in number and size.
 *
 * @internal
 */
export class RegistryCache<T> {
  readonly #settings: Settings<T>;
  /** In the order of use: the first was used longest ago. */
  readonly #entries = new Map<string, Entry<T>>();
  readonly #keysOf = new Map<string, Set<string>>();
  readonly #flights = new Map<string, Flight<T>>();
  #weight = 0;
  /** Answers that came up to then are renewed at their next use. */
  #oldUntil = Number.NEGATIVE_INFINITY;

  constructor(settings: Settings<T>) {
    this.#settings = settings;
  }

  /** Answers and their bytes. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.size, bytes: this.#weight };
  }

  /**
   * The answer to a question; nothing when there is none.
   *
   * @param herIds - whom the question is about, as far as it says.
   * @throws {HelsekontaktError} `registry/unavailable` when the registry does not answer, and no last answer holds
   */
  async get(key: string, herIds: readonly string[], ask: () => Promise<LookUp<T>>): Promise<T | undefined> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return await this.#fly(key, herIds, ask);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const { softMs = 900_000, hardMs = 3_600_000, missingMs = 60_000, pauseMs = 10_000, clock } = this.#settings;
    const age = clock.now() - entry.at;
    const isFresh = entry.at > this.#oldUntil && age < (entry.value === undefined ? missingMs : softMs);
    if (isFresh) return entry.value;
    const paused = entry.failedAt !== undefined && clock.now() - entry.failedAt < pauseMs;
    if (paused && this.#holds(entry)) return entry.value;
    const renewed = this.#fly(key, herIds, ask);
    if (age >= hardMs || (entry.value === undefined && !this.#settings.keepsMissing)) return await renewed;
    // Somebody else's turn to wait: a failure here is in the log, and the next caller tries again.
    renewed.catch(() => {});
    return entry.value;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Keeps an answer that came with another one. */
  put(key: string, herIds: readonly string[], value: T): void {
    this.#store(key, herIds, value);
  }

  /** Forgets what is about a party, and does not keep what is being fetched. */
  forget(herId: string): void {
    for (const key of this.#keysOf.get(herId) ?? []) this.#remove(key);
    for (const [key, flight] of this.#flights) if (flight.herIds.includes(herId)) this.#flights.delete(key);
  }

  /** Lets every answer be renewed behind its next use. */
  expire(): void {
    this.#oldUntil = this.#settings.clock.now();
  }

  #fly(key: string, herIds: readonly string[], ask: () => Promise<LookUp<T>>): Promise<T | undefined> {
    const flying = this.#flights.get(key);
    if (flying !== undefined) return flying.answer;
    // What was asked for before a party was forgotten may be the old answer: it is not kept.
    const isCurrent = (): boolean => this.#flights.get(key) === flight;
    const flight: Flight<T> = {
      herIds,
      answer: this.#ask(key, herIds, ask, isCurrent).finally(() => isCurrent() && this.#flights.delete(key)),
    };
    this.#flights.set(key, flight);
    return flight.answer;
  }

  async #ask(
    key: string,
    herIds: readonly string[],
    ask: () => Promise<LookUp<T>>,
    isCurrent: () => boolean,
  ): Promise<T | undefined> {
    // The flight must be known before the first answer can come.
    await Promise.resolve();
    const answer = await settled(ask);
    if (answer.kind === "found" || answer.kind === "not-found") {
      const value = answer.kind === "found" ? answer.value : undefined;
      if (isCurrent()) this.#store(key, herIds, value);
      return value;
    }
    return this.#lastOf(key, herIds, answer);
  }

  /** The last answer, if it still holds. */
  #lastOf(
    key: string,
    herIds: readonly string[],
    { kind, error }: Extract<LookUp<T>, { kind: "refused" | "unavailable" }>,
  ): T | undefined {
    const { what, logger, clock } = this.#settings;
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.failedAt = clock.now();
    if (entry === undefined || !this.#holds(entry)) throw unavailable(what, kind, error);
    logger.warn("the registry does not answer; its last answer is used", {
      what,
      answer: kind,
      code: error.code,
      herIds: herIds.join(" "),
      ageMs: clock.now() - entry.at,
    });
    return entry.value;
  }

  #holds(entry: Entry<T>): boolean {
    const { outageMs = 86_400_000, keepsMissing, clock } = this.#settings;
    return (entry.value !== undefined || keepsMissing) && clock.now() - entry.at <= outageMs;
  }

  #store(key: string, asked: readonly string[], value: T | undefined): void {
    this.#remove(key);
    const { about, weigh, clock, maxEntries = 10_000, maxDocumentBytes = 64 * 1024 * 1024 } = this.#settings;
    const herIds = [...new Set([...asked, ...(value === undefined ? [] : (about?.(value) ?? []))])];
    const weight = value === undefined ? 0 : (weigh?.(value) ?? 0);
    this.#entries.set(key, { value, at: clock.now(), weight, herIds });
    this.#weight += weight;
    for (const herId of herIds) this.#keysOf.set(herId, (this.#keysOf.get(herId) ?? new Set()).add(key));
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= maxEntries && this.#weight <= maxDocumentBytes) break;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
    for (const herId of entry.herIds) {
      const keys = this.#keysOf.get(herId);
      keys?.delete(key);
      if (keys?.size === 0) this.#keysOf.delete(herId);
    }
  }
}

/** What throws is a failure like any other; a document that came and cannot be read is an answer. */
async function settled<T>(ask: () => Promise<LookUp<T>>): Promise<LookUp<T>> {
  try {
    return await ask();
  } catch (reason) {
    if (HelsekontaktError.from(reason).code === "registry/profile-invalid") throw reason;
    return failedLookUp(reason);
  }
}

/** Retryable whatever the reason: what keeps a registry from answering, an own setting included, is no message's fault. */
function unavailable(what: string, kind: "refused" | "unavailable", error: HelsekontaktError): HelsekontaktError {
  if (error.code === "registry/unavailable") return error;
  return new HelsekontaktError(
    "registry/unavailable",
    `expected the registry to answer for a ${what}, found ${kind === "refused" ? "a refusal" : "no answer"} (${error.code})`,
    {
      context: { ...error.context, code: error.code, answer: kind },
      ...(error.remoteCode === undefined ? {} : { remoteCode: error.remoteCode }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      original: error,
    },
  );
}
