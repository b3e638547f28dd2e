import { HelsekontaktError, Personal, throwIfAborted } from "@helsekontakt/core";
import type {
  AktivsjekkenClient,
  CheckedCitizen,
  CheckedCitizens,
  CitizenInput,
  CitizenSource,
  FailedCitizen,
  InvalidCitizen,
  NumberCheck,
  NumberProblem,
  Reach,
  StatusChangeFeed,
} from "@helsekontakt/rest-client";
import { createNumberCheck, type NumberRules } from "../number-check.ts";
import type { PersonGuard } from "../person-guard.ts";
import {
  type Aktivsjekk,
  AktivsjekkError,
  type AktivsjekkOptions,
  type AktivsjekkResult,
  type AktivsjekkRun,
  type CitizenReach,
} from "./aktivsjekk-types.ts";

/** What the flow is built on. */
export interface AktivsjekkParts {
  readonly client: AktivsjekkenClient;
  readonly guard: PersonGuard;
  /** Who is let through one by one; absent where the guard is lifted. */
  readonly persons: NumberRules["persons"];
  readonly changeFeed: () => StatusChangeFeed;
}

/** Builds the flow on the client, which has the protocol. */
export function createAktivsjekk({ client, guard, persons, changeFeed }: AktivsjekkParts): Aktivsjekk {
  return {
    check(citizens, options = {}) {
      const { controlDigits = "warning" } = options;
      const inspect = createNumberCheck({ controlDigits, ...(persons === undefined ? {} : { persons }) });
      return new Run(client, guard, inspect, citizens, options);
    },
    changeFeed,
  };
}

/** Lazy: a check that is iterated must not be collected as well. */
class Run implements AktivsjekkRun {
  readonly [Symbol.toStringTag] = "AktivsjekkRun";
  readonly #client: AktivsjekkenClient;
  readonly #guard: PersonGuard;
  readonly #inspect: NumberCheck;
  readonly #source: CitizenSource;
  readonly #options: AktivsjekkOptions;
  #result: Promise<AktivsjekkResult> | undefined;
  #checked: CheckedCitizens | undefined;

  constructor(
    client: AktivsjekkenClient,
    guard: PersonGuard,
    inspect: NumberCheck,
    source: CitizenSource,
    options: AktivsjekkOptions,
  ) {
    this.#client = client;
    this.#guard = guard;
    this.#inspect = inspect;
    this.#source = source;
    this.#options = options;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- awaiting a run is one of its two uses
  then<A = AktivsjekkResult, B = never>(
    onResult?: ((result: AktivsjekkResult) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#result ??= this.#collect();
    return this.#result.then(onResult, onError);
  }

  catch<B = never>(onError?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<AktivsjekkResult | B> {
    return this.then(undefined, onError);
  }

  finally(onEnd?: (() => void) | null): Promise<AktivsjekkResult> {
    return this.then().finally(onEnd);
  }

  batches(): AsyncIterable<readonly CheckedCitizen[]> {
    return this.#start(this.#source).batches();
  }

  [Symbol.asyncIterator](): AsyncIterator<CheckedCitizen> {
    return this.#start(this.#source)[Symbol.asyncIterator]();
  }

  #start(source: CitizenSource): CheckedCitizens {
    const { onInvalid: _onInvalid, controlDigits: _controlDigits, ...options } = this.#options;
    this.#checked ??= this.#client.checkAll(source, { ...options, inspect: this.#inspect });
    return this.#checked;
  }

  async #collect(): Promise<AktivsjekkResult> {
    const { onProgress, onInvalid = "throw", signal } = this.#options;
    throwIfAborted(signal);
    const list: CitizenInput[] = [];
    for await (const citizen of this.#source) list.push(citizen);
    if (list.length === 0) throw new HelsekontaktError("input/invalid", "expected at least one citizen, found none");
    if (onInvalid === "throw") this.#refuseInvalid(list);
    const citizens: CitizenReach[] = [];
    const invalid: InvalidCitizen[] = [];
    const failed: FailedCitizen[] = [];
    const counts: Record<Reach, number> = { self: 0, representative: 0, none: 0, unknown: 0 };
    let calls = 0;
    const result = (): AktivsjekkResult => ({ citizens, counts, calls, invalid, failed });
    const options = {
      ...this.#options,
      inspect: this.#inspect,
      onProgress: (progress: Parameters<NonNullable<typeof onProgress>>[0]) => {
        calls = progress.calls;
        onProgress?.(progress);
      },
    };
    try {
      for await (const batch of this.#client.checkAll(list, options).batches())
        for (const citizen of batch) {
          if (citizen.outcome === "invalid") invalid.push(citizen);
          else if (citizen.outcome === "failed") failed.push(citizen);
          else if (!citizen.duplicate) {
            const { fnr, reach, rule, status } = citizen;
            counts[reach]++;
            citizens.push({ fnr, reach, rule, tildeltFullmakt: status?.tildeltFullmakt === true });
          }
        }
    } catch (reason) {
      throw reason instanceof HelsekontaktError ? new AktivsjekkError(reason, result()) : reason;
    }
    return result();
  }

  /** Before anything is asked: a list with a fault is the caller's own to mend. */
  #refuseInvalid(list: readonly CitizenInput[]): void {
    for (const [index, citizen] of list.entries()) {
      const bare = typeof citizen === "object" && "fnr" in citizen ? citizen.fnr : citizen;
      const fnr = bare instanceof Personal ? bare.reveal() : bare;
      if (!/^\d{11}$/.test(fnr)) throw unusable("not-11-digits", index);
      this.#guard(fnr, `citizens[${index}]`);
      const finding = this.#inspect(fnr);
      if (finding?.level === "error") throw unusable(finding.problem, index);
    }
  }
}

const expectations: Readonly<Partial<Record<NumberProblem, readonly [expected: string, hint: string]>>> = {
  "not-11-digits": ["11 digits in each number", "national identity numbers and D-numbers only, without blanks"],
  "no-person-number": [
    "national identity numbers and D-numbers",
    'onInvalid: "report" asks for the others and lists what was not sent',
  ],
  "control-digits": ["control digits that fit", 'controlDigits: "warning" lets such numbers pass'],
};

function unusable(problem: NumberProblem, index: number): HelsekontaktError {
  const [expected = problem, hint] = expectations[problem] ?? [];
  return new HelsekontaktError("input/invalid", `expected ${expected}, found something else at index ${index}`, {
    ...(hint === undefined ? {} : { hint }),
    context: { problem, index },
  });
}
