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
  /** Whether an answer is one that stays so; another is asked for again as soon as "there is none". Default: all do. */
  readonly isLasting?: (value: T) => boolean;
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
  /** Renewed at its next use. */
  isOld?: true;
}

interface Flight<T> {
  readonly herIds: readonly string[];
  readonly answer: Promise<T | undefined>;
}

const maxBroken = 1_000;

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
  readonly #broken = new Map<
    string,
    { readonly error: HelsekontaktError; readonly at: number; readonly herIds: readonly string[] }
  >();
  #weight = 0;

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
    if (entry === undefined) return await this.#first(key, herIds, ask);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const { softMs = 900_000, hardMs = 3_600_000, missingMs = 60_000, pauseMs = 10_000 } = this.#settings;
    const age = this.#since(entry.at);
    const isLasting = entry.value !== undefined && this.#settings.isLasting?.(entry.value) !== false;
    const isFresh = entry.isOld !== true && age < (isLasting ? softMs : missingMs);
    if (isFresh) return entry.value;
    const paused = entry.failedAt !== undefined && this.#since(entry.failedAt) < pauseMs;
    if (paused && this.#holds(entry)) return entry.value;
    const renewed = this.#fly(key, herIds, ask);
    const isWaitedFor = entry.value === undefined ? !this.#settings.keepsMissing : !isLasting;
    if (age >= hardMs || isWaitedFor) return await renewed;
    // Somebody else's turn to wait: a failure here is in the log, and the next caller tries again.
    renewed.catch(() => {});
    return entry.value;
  }

  /** A document that cannot be read is not fetched again for each caller. */
  async #first(key: string, herIds: readonly string[], ask: () => Promise<LookUp<T>>): Promise<T | undefined> {
    const { clock, pauseMs = 10_000 } = this.#settings;
    const broken = this.#broken.get(key);
    if (broken !== undefined && this.#since(broken.at) < pauseMs) throw broken.error;
    this.#broken.delete(key);
    try {
      return await this.#fly(key, herIds, ask);
    } catch (reason) {
      const error = HelsekontaktError.from(reason);
      if (error.code === "registry/profile-invalid") this.#broken.set(key, { error, at: clock.now(), herIds });
      const [oldest] = this.#broken.keys();
      if (this.#broken.size > maxBroken && oldest !== undefined) this.#broken.delete(oldest);
      throw error;
    }
  }

  /** A time that is still to come is of a clock that has been set back since: it is as far away as one that has been. */
  #since(at: number): number {
    return Math.abs(this.#settings.clock.now() - at);
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
    for (const [key, { herIds }] of this.#broken) if (herIds.includes(herId)) this.#broken.delete(key);
    for (const [key, flight] of this.#flights) if (flight.herIds.includes(herId)) this.#flights.delete(key);
  }

  /** Lets every answer be renewed behind its next use. */
  expire(): void {
    for (const entry of this.#entries.values()) entry.isOld = true;
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

/** What throws is a failure like any other, and so is a document that cannot be read. */
async function settled<T>(ask: () => Promise<LookUp<T>>): Promise<LookUp<T>> {
  try {
    return await ask();
  } catch (reason) {
    return failedLookUp(reason);
  }
}

/** Retryable whatever the reason: what keeps a registry from answering, an own setting included, is no message's fault. */
function unavailable(what: string, kind: "refused" | "unavailable", error: HelsekontaktError): HelsekontaktError {
  // What came and cannot be read will not be read at the next try.
  if (error.code === "registry/unavailable" || error.code === "registry/profile-invalid") return error;
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
