import type { Clock, HelsekontaktError, Personal } from "@helsekontakt/core";
import type { components } from "@helsekontakt/types/openapi/aktivsjekken";
import type { ConcurrencyRange } from "./adaptive-limit.ts";
import type { Reach, ReachRule } from "./reach.ts";
import type { AktivStatus } from "./status.ts";
import type { StatusCache } from "./status-cache.ts";

/** Area of the check, as the document names it. */
export type Omraade = components["schemas"]["Omraade"];

/** One citizen to ask for: a number of 11 digits, bare, wrapped, or with the line on which it stands. */
export type CitizenInput = string | Personal | { readonly fnr: string | Personal; readonly line?: number };

/** Citizens to ask for, however many: a list, a generator, a stream. */
export type CitizenSource = Iterable<CitizenInput> | AsyncIterable<CitizenInput>;

/** What is wrong with a number, by its stable name. The client itself finds only the first. */
export type NumberProblem =
  | "not-11-digits"
  | "no-person-number"
  | "control-digits"
  | "real-person"
  | "synthetic-person";

/** What a further check says of a number of 11 digits: nothing, that it is not to be sent, or only a warning. */
export type NumberCheck = (
  fnr: string,
) => { readonly problem: NumberProblem; readonly level: "error" | "warning" } | undefined;

interface Place {
  /** Position in the source, from 0. */
  readonly index: number;
  /** As the source gave it. */
  readonly line?: number;
  readonly fnr: Personal;
}

/** A citizen whose status is known, or known to be unknown. */
export interface AnsweredCitizen extends Place {
  readonly outcome: "answered";
  readonly reach: Reach;
  /** The rule that led to the reach: a key of `reachRules`, which explains it. */
  readonly rule: ReachRule;
  /** The service's own words; absent for a number that the answer does not mention. */
  readonly status?: AktivStatus;
  /** The source had the number before; it was asked for once. */
  readonly duplicate: boolean;
  /** From the cache, not from a call of this run. */
  readonly cached: boolean;
  readonly warning?: NumberProblem;
}

/** A number that was not sent. */
export interface InvalidCitizen extends Place {
  readonly outcome: "invalid";
  readonly problem: NumberProblem;
}

/** A citizen whose call failed. */
export interface FailedCitizen extends Place {
  readonly outcome: "failed";
  readonly error: HelsekontaktError;
}

/** What became of one entry of the source. */
export type CheckedCitizen = AnsweredCitizen | InvalidCitizen | FailedCitizen;

/** How far a check has come. Counts are of what has been handed to the consumer. */
export interface CheckProgress {
  /** Entries of the source. */
  readonly checked: number;
  readonly invalid: number;
  readonly failed: number;
  readonly calls: number;
  /** Entries in all, where the source is a list. */
  readonly total?: number;
  /** Calls that may be under way at once at present. */
  readonly concurrency: number;
}

/** How to ask for many. */
export interface CheckAllOptions {
  /** Default `Helsehjelp`. */
  readonly omraade?: Omraade;
  /** Numbers in a call, from 1 to the document's limit of 1,000, which is the default. */
  readonly batchSize?: number;
  /** Calls at once: starts small and follows the service's latency between `floor` and `cap`. */
  readonly concurrency?: ConcurrencyRange;
  /** `input`: as in the source, and default. `arrival`: as answers come, so that a slow call holds nothing up. */
  readonly order?: "input" | "arrival";
  /**
   * `stop` (default): no further call after one that failed; what was answered is handed over, the citizens of the
   * failed call come out as `failed`, then the error is thrown. `continue`: the rest goes on, unless the fault is one
   * that every call would meet (`auth/*`, 401, 403), or ten calls in a row failed.
   */
  readonly onFailure?: "stop" | "continue";
  /** Distinct numbers that a run remembers: 5.5 MB for up to a million, then 5 to 8 bytes each. Default 20,000,000. */
  readonly maxDistinct?: number;
  /** Milliseconds that a call waits, all in all, while the circuit to the service is open. Default 60,000. */
  readonly patienceMs?: number;
  readonly inspect?: NumberCheck;
  readonly cache?: StatusCache;
  /** Called after each batch that the consumer was given. */
  readonly onProgress?: (progress: CheckProgress) => void;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}
