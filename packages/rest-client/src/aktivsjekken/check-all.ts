// Over 400 lines: one stream, whose steps share what is asked, what is under way and what has come.
import { setImmediate as nextTurn } from "node:timers/promises";
import { HelsekontaktError, Personal, systemClock, throwIfAborted } from "@helsekontakt/core";
import { operations } from "../gen/aktivsjekken.ts";
import { AdaptiveLimit } from "./adaptive-limit.ts";
import { NumberTable } from "./number-table.ts";
import { type Reach, type ReachRule, reachRuleOf, reachRules } from "./reach.ts";
import { type AktivStatus, flagsOf, notMentioned, statuses } from "./status.ts";
import type {
  AnsweredCitizen,
  CheckAllOptions,
  CheckedCitizen,
  CitizenInput,
  CitizenSource,
  NumberProblem,
  Omraade,
} from "./types.ts";

const { maxItems } = operations.checkActive.limits["/fnrListe"];
/** Entries that a batch may hold beside those that it asks for: a source of nothing but duplicates comes out too. */
const entriesPerNumber = 4;
/** Calls in a row whose failure says that the next will fail too. */
const failuresInARow = 10;

/** Values of the table of numbers below these two are a status: three flags. */
const pending = 9;
const failed = 10;

/** Sends one call; the numbers have been checked. Gives a place in `statuses` for each, or `notMentioned`. */
export type AskForStatuses = (
  fnrListe: readonly string[],
  omraade: Omraade,
  signal: AbortSignal,
  /** Called as soon as the answer is there, before it is read. */
  answered: () => void,
) => Promise<readonly number[]>;

interface Entry {
  readonly index: number;
  readonly line: number | undefined;
  readonly fnr: string;
  readonly problem: NumberProblem | undefined;
  readonly warning: NumberProblem | undefined;
  readonly use: "asked" | "cached" | "duplicate" | "invalid";
}

interface Batch {
  /** Of a bare number that is asked for and of which there is nothing more to tell, the number alone. */
  readonly entries: (Entry | string)[];
  /** Position of its first entry in the source. */
  readonly first: number;
  readonly asked: string[];
  /** What the answer says of each that was asked for, as the table of numbers holds it. */
  values: readonly number[];
  /** A duplicate in it waits for the answer to a number of an earlier batch. */
  waits: boolean;
  settled: boolean;
  error: HelsekontaktError | undefined;
}

/**
 * Asks for any number of citizens. Reads the source only as fast as the consumer takes what comes out: at most twice as
 * many batches as calls may be under way are in memory.
 */
export class CheckRun {
  readonly #ask: AskForStatuses;
  readonly #options: CheckAllOptions;
  readonly #size: number;
  readonly #omraade: Omraade;
  readonly #total: number | undefined;
  readonly #iterator: Iterator<CitizenInput> | AsyncIterator<CitizenInput>;
  readonly #slowSource: boolean;
  readonly #limit: AdaptiveLimit;
  readonly #numbers: NumberTable;
  /** Ends the calls that are under way when nobody wants them any more. */
  readonly #ending = new Set<AbortController>();
  #useCache = false;
  #open: Batch[] = [];
  #underWay = 0;
  #read = 0;
  #exhausted = false;
  #stopped: HelsekontaktError | undefined;
  #lastError: HelsekontaktError | undefined;
  #failuresInARow = 0;
  /** Reader and consumer, while they wait for anything to change. */
  readonly #waiting = new Set<() => void>();
  #counts = { checked: 0, invalid: 0, failed: 0, calls: 0 };

  /** @throws {HelsekontaktError} `input/invalid` for options that cannot be */
  constructor(ask: AskForStatuses, source: CitizenSource, options: CheckAllOptions) {
    const { batchSize = maxItems, concurrency = {}, maxDistinct = 20_000_000 } = options;
    whole("batchSize", batchSize, maxItems);
    for (const name of ["floor", "cap", "start"] as const)
      if (concurrency[name] !== undefined) whole(`concurrency.${name}`, concurrency[name], 1_000);
    whole("maxDistinct", maxDistinct, 100_000_000);
    this.#ask = ask;
    this.#options = options;
    this.#size = batchSize;
    this.#omraade = options.omraade ?? "Helsehjelp";
    this.#total = Array.isArray(source) ? source.length : source instanceof Set ? source.size : undefined;
    this.#limit = new AdaptiveLimit(concurrency);
    this.#numbers = new NumberTable(maxDistinct);
    this.#slowSource = Symbol.asyncIterator in source;
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /**
   * What came out, a batch at a time.
   *
   * @throws {HelsekontaktError} as the call that failed; everything that was answered has been given before
   */
  async *batches(): AsyncGenerator<readonly CheckedCitizen[]> {
    const { cache, signal } = this.#options;
    const stop = (): void => {
      this.#stopped ??= new HelsekontaktError("abort/cancelled", "the check was cancelled", {
        original: signal?.reason,
      });
      this.#endCalls(signal?.reason);
      this.#wake();
    };
    throwIfAborted(signal);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      this.#useCache = (await cache?.begin(signal)) ?? false;
      void this.#readAhead().catch((reason: unknown) => {
        this.#stopped ??= HelsekontaktError.from(reason, "input/invalid", "expected a source that can be read");
        this.#wake();
      });
      for (;;) {
        const batch = this.#nextSettled();
        if (batch !== undefined) {
          const citizens = this.#results(batch);
          this.#tell(citizens, batch);
          yield citizens;
          this.#wake();
        } else if (this.#open.length === 0 && (this.#exhausted || this.#stopped !== undefined)) break;
        else await this.#change();
      }
      if (this.#stopped !== undefined) throw withPlace(this.#stopped, this.#counts);
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#stopped ??= new HelsekontaktError("abort/cancelled", "the consumer took no more");
      this.#endCalls();
      this.#wake();
      // Not awaited: a source that is waiting for its next entry answers only when that has come.
      void Promise.resolve(this.#iterator.return?.()).catch(() => {});
    }
  }

  #endCalls(reason?: unknown): void {
    for (const call of this.#ending) call.abort(reason);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.add(resolve));
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }

  async #readAhead(): Promise<void> {
    while (this.#stopped === undefined) {
      // Read before there is a place for the call, so that a place is never empty for want of numbers.
      const batch = await this.#fill();
      if (batch === undefined) break;
      while (
        this.#stopped === undefined &&
        (this.#open.length >= 2 * this.#limit.current || this.#underWay >= this.#limit.current)
      )
        await this.#change();
      if (this.#stopped !== undefined) break;
      this.#open.push(batch);
      if (batch.asked.length === 0) batch.settled = true;
      else {
        void this.#send(batch);
        // What was sent leaves before the next thousand numbers are looked at.
        await nextTurn();
      }
      this.#wake();
    }
    this.#exhausted = true;
    this.#wake();
  }

  /** @returns undefined when the source has ended. */
  async #fill(): Promise<Batch | undefined> {
    const batch: Batch = {
      entries: [],
      first: this.#read,
      asked: [],
      values: [],
      waits: false,
      settled: false,
      error: undefined,
    };
    // Made for the first duplicate only: most sources have few.
    let own: Set<string> | undefined;
    while (batch.asked.length < this.#size && batch.entries.length < this.#size * entriesPerNumber) {
      const step = this.#iterator.next();
      // Not for each entry of a list: a million awaits take longer than the reading.
      const { done, value } = this.#slowSource ? await step : (step as IteratorResult<CitizenInput>);
      if (done === true || this.#stopped !== undefined) break;
      const entry = this.#entry(value);
      const settled = entry instanceof Promise ? await entry : entry;
      const fnr = typeof settled === "string" ? settled : settled.fnr;
      if (typeof settled === "string" || settled.use === "asked") {
        own?.add(fnr);
        batch.asked.push(fnr);
      } else if (settled.use === "duplicate" && this.#numbers.get(fnr) === pending) {
        own ??= new Set(batch.asked);
        batch.waits ||= !own.has(fnr);
      }
      batch.entries.push(settled);
    }
    return batch.entries.length === 0 ? undefined : batch;
  }

  #entry(input: CitizenInput): Entry | string | Promise<Entry> {
    const index = this.#read++;
    const bare = typeof input === "object" && "fnr" in input ? input.fnr : input;
    const line = typeof input === "object" && "line" in input ? input.line : undefined;
    const fnr = typeof bare === "string" ? bare : bare.reveal();
    if (!isElevenDigits(fnr)) return { index, line, fnr, problem: "not-11-digits", warning: undefined, use: "invalid" };
    const finding = this.#options.inspect?.(fnr);
    const problem = finding?.problem;
    if (finding?.level === "error") return { index, line, fnr, problem, warning: undefined, use: "invalid" };
    const entry = (use: Entry["use"]): Entry => ({ index, line, fnr, problem: undefined, warning: problem, use });
    // One whose call failed is asked for again.
    if (!this.#numbers.claim(fnr, pending, failed)) return entry("duplicate");
    const { cache } = this.#options;
    if (!this.#useCache || cache === undefined)
      return typeof input === "string" && problem === undefined ? fnr : entry("asked");
    const note = (status: AktivStatus | undefined): Entry => {
      if (status === undefined) return entry("asked");
      this.#numbers.set(fnr, flagsOf(status));
      return entry("cached");
    };
    const kept = cache.get(fnr, this.#omraade);
    return kept instanceof Promise ? kept.then(note) : note(kept);
  }

  async #send(batch: Batch): Promise<void> {
    this.#underWay++;
    let underWay = true;
    const leave = (): void => {
      if (underWay) this.#underWay--;
      underWay = false;
      this.#wake();
    };
    const { cache, clock = systemClock } = this.#options;
    const started = performance.now();
    const askedAt = clock.now();
    // Of its own: a signal that a thousand calls listen to is slow, and holds on to each until it is collected.
    const ending = new AbortController();
    this.#ending.add(ending);
    try {
      batch.values = await this.#patiently(batch.asked, ending.signal, () => {
        this.#limit.answered(performance.now() - started);
        leave();
      });
      this.#failuresInARow = 0;
      for (let n = 0; n < batch.asked.length; n++) {
        const fnr = batch.asked[n] as string;
        const value = batch.values[n] as number;
        this.#numbers.set(fnr, value);
        const status = cache === undefined ? undefined : statuses[value];
        const stored = status === undefined ? undefined : cache?.put(fnr, this.#omraade, status, askedAt);
        if (stored !== undefined) await stored;
      }
    } catch (reason) {
      const error = HelsekontaktError.from(reason);
      for (const fnr of batch.asked) this.#numbers.set(fnr, failed);
      batch.error = error;
      this.#lastError = error;
      this.#failuresInARow++;
      if (error.retryable) this.#limit.overloaded();
      if (this.#options.onFailure !== "continue" || hopeless(error) || this.#failuresInARow >= failuresInARow)
        this.#stopped ??= error;
    } finally {
      this.#ending.delete(ending);
      batch.settled = true;
      leave();
    }
  }

  /** An open circuit says when it will let a call through: until then calls wait and do not fail. */
  async #patiently(numbers: readonly string[], signal: AbortSignal, answered: () => void): Promise<readonly number[]> {
    const { clock = systemClock, patienceMs = 60_000 } = this.#options;
    let waited = 0;
    for (;;) {
      try {
        return await this.#ask(numbers, this.#omraade, signal, answered);
      } catch (reason) {
        if (!(reason instanceof HelsekontaktError) || reason.code !== "rest/circuit-open") throw reason;
        this.#limit.overloaded();
        const pause = Number(reason.context["retryAfterMs"] ?? 1_000);
        waited += pause;
        if (waited > patienceMs || this.#stopped !== undefined) throw reason;
        await clock.sleep(pause, signal);
      }
    }
  }

  /** Takes out the batch that is to come out next, if it has been answered. */
  #nextSettled(): Batch | undefined {
    const byArrival = this.#options.order === "arrival";
    for (let n = 0; n < this.#open.length; n++) {
      const batch = this.#open[n] as Batch;
      if (batch.settled && !(batch.waits && n > 0)) {
        this.#open.splice(n, 1);
        return batch;
      }
      if (!byArrival) break;
    }
    return undefined;
  }

  #results(batch: Batch): readonly CheckedCitizen[] {
    let asked = 0;
    return batch.entries.map((entry, n): CheckedCitizen => {
      const bare = typeof entry === "string";
      const one = bare ? { index: batch.first + n, line: undefined, fnr: entry } : entry;
      const use = bare ? "asked" : entry.use;
      if (!bare && entry.problem !== undefined) return { ...place(one), outcome: "invalid", problem: entry.problem };
      const value = use === "asked" ? batch.values[asked++] : this.#numbers.get(one.fnr);
      // The call of a duplicate's first failed; still pending is one that is being asked for a second time.
      const lost = use === "duplicate" && (value === failed || value === pending);
      const error = use === "asked" ? batch.error : lost ? this.#lastError : undefined;
      if (error !== undefined) return { ...place(one), outcome: "failed", error };
      const { status, rule, reach } = meanings[value ?? notMentioned] ?? notInAnswer;
      const citizen: Building<AnsweredCitizen> = {
        index: one.index,
        fnr: new Personal(one.fnr),
        outcome: "answered",
        reach,
        rule,
        duplicate: use === "duplicate",
        cached: use === "cached",
      };
      if (one.line !== undefined) citizen.line = one.line;
      if (status !== undefined) citizen.status = status;
      if (!bare && entry.warning !== undefined) citizen.warning = entry.warning;
      return citizen;
    });
  }

  #tell(citizens: readonly CheckedCitizen[], batch: Batch): void {
    const counts = this.#counts;
    counts.checked += citizens.length;
    if (batch.asked.length > 0) counts.calls++;
    for (const { outcome } of citizens) {
      if (outcome === "invalid") counts.invalid++;
      else if (outcome === "failed") counts.failed++;
    }
    this.#options.onProgress?.({
      ...counts,
      ...(this.#total === undefined ? {} : { total: this.#total }),
      concurrency: this.#limit.current,
    });
  }
}

/** Faster than a pattern; a million of them are looked at. */
function isElevenDigits(text: string): boolean {
  if (text.length !== 11) return false;
  for (let n = 0; n < 11; n++) {
    const code = text.charCodeAt(n);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

function meaning(status: AktivStatus | undefined): Meaning {
  const rule = reachRuleOf(status);
  return { status, rule, reach: reachRules[rule].reach };
}

/** What each value of the table means, for the citizen. */
interface Meaning {
  readonly status: AktivStatus | undefined;
  readonly rule: ReachRule;
  readonly reach: Reach;
}

const meanings: readonly Meaning[] = statuses.map(meaning);
const notInAnswer = meaning(undefined);

/** Members that are there or not, set one by one: spreading takes several times as long. */
type Building<T> = { -readonly [Name in keyof T]: T[Name] };

function place({ index, line, fnr }: Pick<Entry, "index" | "line" | "fnr">): {
  index: number;
  line?: number;
  fnr: Personal;
} {
  return { index, ...(line === undefined ? {} : { line }), fnr: new Personal(fnr) };
}

/** What every other call would meet as well. */
function hopeless(error: HelsekontaktError): boolean {
  return /^(?:auth|config|abort)\/|^rest\/(?:unauthorized|forbidden|not-found)$/.test(error.code);
}

function whole(name: string, value: number, most: number): void {
  if (!(Number.isInteger(value) && value >= 1 && value <= most))
    throw new HelsekontaktError(
      "input/invalid",
      `expected ${name} to be a whole number from 1 to ${most}, found another value`,
    );
}

/** The same error, with how far the run had come. */
function withPlace(error: HelsekontaktError, counts: { checked: number; failed: number }): HelsekontaktError {
  const { hint, remoteCode } = error;
  return new HelsekontaktError(error.code, error.message.replace(/^\[[^\]]+\] /, ""), {
    ...(hint === undefined ? {} : { hint }),
    ...(remoteCode === undefined ? {} : { remoteCode }),
    retryable: error.retryable,
    context: { ...error.context, handedOver: counts.checked - counts.failed, failed: counts.failed },
    original: error.original() ?? error,
  });
}
