import { HelsekontaktError, type Personal } from "@helsekontakt/core";
import type {
  CheckAllOptions,
  CheckedCitizen,
  CheckProgress,
  CitizenSource,
  FailedCitizen,
  InvalidCitizen,
  Reach,
  ReachRule,
  StatusChangeFeed,
} from "@helsekontakt/rest-client";
import type { NumberRules } from "../number-check.ts";

/** How far a check has come. */
export type AktivsjekkProgress = CheckProgress;

/** How to check. */
export interface AktivsjekkOptions
  extends Omit<CheckAllOptions, "inspect" | "clock">,
    Pick<NumberRules, "controlDigits"> {
  /**
   * What a number that cannot be sent does to a check that is awaited. `throw` (default): nothing is asked, and the
   * error names the place. `report`: it is in `invalid` of the result. An iterated check always reports in its place.
   */
  readonly onInvalid?: "throw" | "report";
}

/** One citizen's reach. */
export interface CitizenReach {
  readonly fnr: Personal;
  readonly reach: Reach;
  /** The rule that led to it; `reachRules[rule].because` explains it. */
  readonly rule: ReachRule;
  /** The citizen lacks capacity to consent: contact the representative only. */
  readonly tildeltFullmakt: boolean;
}

/** What a check found. */
export interface AktivsjekkResult {
  /** One entry per distinct number that was answered, in the order given. */
  readonly citizens: readonly CitizenReach[];
  readonly counts: Readonly<Record<Reach, number>>;
  readonly calls: number;
  /** Numbers that were not sent, with `onInvalid: "report"`. */
  readonly invalid: readonly InvalidCitizen[];
  /** Citizens whose call failed, with `onFailure: "continue"`. */
  readonly failed: readonly FailedCitizen[];
}

/** An awaited check that ended early. The code is that of the call that failed. */
export class AktivsjekkError extends HelsekontaktError {
  static override readonly brandName: string = "AktivsjekkError";
  readonly #partial: AktivsjekkResult;

  constructor(reason: HelsekontaktError, partial: AktivsjekkResult) {
    const { hint, remoteCode, retryable, context } = reason;
    super(reason.code, reason.message.replace(/^\[[^\]]+\] /, ""), {
      ...(hint === undefined ? {} : { hint }),
      ...(remoteCode === undefined ? {} : { remoteCode }),
      retryable,
      context,
      original: reason.original(),
    });
    this.#partial = partial;
  }

  /** What was answered before. A method, so that no log prints it. */
  partial(): AktivsjekkResult {
    return this.#partial;
  }
}

/**
 * A check that begins when it is awaited or iterated. Awaited, it gives everything at once and holds it in memory.
 * Iterated, it gives citizens as they are answered, and reads its source no faster than they are taken.
 */
export interface AktivsjekkRun extends Promise<AktivsjekkResult>, AsyncIterable<CheckedCitizen> {
  /** As iterating, by the answered call: quicker where there are millions. */
  batches(): AsyncIterable<readonly CheckedCitizen[]>;
}

/** HelsenorgeAktivSjekken: who can be reached digitally. */
export interface Aktivsjekk {
  /**
   * Asks for any number of citizens, in calls of at most 1,000, as many at once as the service is seen to bear. A number
   * that comes again is asked for once. Real persons outside PROD, and synthetic ones inside, are never sent.
   *
   * ```ts
   * const { counts } = await aktivsjekk.check(numbers);
   * for await (const citizen of aktivsjekk.check(stream)) { … }
   * ```
   *
   * Awaited or iterated, it throws `input/invalid`, `input/too-large`, `auth/*`, `rest/*` and `abort/cancelled`; awaited as
   * {@link AktivsjekkError}, which keeps what was answered.
   *
   * @param citizens - national identity numbers or D-numbers, 11 digits each, bare, wrapped or with their line.
   * @see HelsenorgeAktivSjekken v1
   */
  check(citizens: CitizenSource, options?: AktivsjekkOptions): AktivsjekkRun;
  /**
   * Helsenorge's feed of changes, for `createStatusCache({ changes: { feed } })`. It is being phased out, and its path and
   * answer are inferred.
   */
  changeFeed(): StatusChangeFeed;
}
