import { HelsekontaktError, type Issue } from "@helsekontakt/core";
import { faultOf } from "./faults.ts";
import type { LineProgress } from "./validate-lines.ts";

/** Largest entry, and largest other part of a Bundle: each is held in memory whole. */
export const maxPiece: number = 64 * 1024 * 1024;

/** Reads the file from its beginning, in chunks. */
export type OpenChunks = () => AsyncIterable<Uint8Array>;

export type Json = Record<string, unknown>;

/** One entry in a Bundle of its own, with all that the Bundle in the file has beside entries. */
export interface EntryReading {
  /** The Bundle; undefined where it could not be read. */
  readonly resource: unknown;
  /** What is said of its form. */
  readonly issues: readonly Issue[];
  /** Issues of this Bundle, with the lines of the file. */
  placed(issues: readonly Issue[]): readonly Issue[];
}

/** A file once it has been read for the first time. */
export interface BundleFrame {
  /** All but the entries, as far as it is needed to see what it is. */
  readonly bundle: Json;
  readonly entries: number;
  /** Line on which the Bundle begins, and that of its first entry or of the list of them. */
  readonly line: number;
  readonly entriesLine: number;
  /** The Bundle without entries. */
  empty(): EntryReading;
  /** Reads the file again. */
  each(open: OpenChunks, to: BundleTold, onProgress: (progress: LineProgress) => void): Promise<void>;
}

/** What the second reading tells, in order. */
export interface BundleTold {
  /** `index` counts from 0. */
  entry(reading: EntryReading, index: number): void;
  /** Something that is wrong between the entries. */
  beside(issue: Issue): void;
}

/**
 * Reads a file for the first time.
 *
 * @param entry - gets each entry's value, in order; undefined for one that could not be read.
 * @returns issues where the file cannot be read further; undefined where it is no Bundle.
 */
export type BundleForm = (
  open: OpenChunks,
  entry: (value: unknown, index: number) => void,
  onProgress: (bytes: number) => void,
) => Promise<BundleFrame | readonly Issue[] | undefined>;

/** A fault as an issue. */
export function issueOf(reason: unknown, line?: number): Issue {
  const fault = faultOf(reason);
  const at = line ?? fault.line;
  return {
    level: "error",
    rule: fault.code,
    path: fault.path ?? "",
    ...(at === undefined ? {} : { line: at }),
    message: fault.message,
  };
}

/** A fault of the content as an issue; a fault of the call, such as an unknown profile, goes on to the caller. */
export function contentFault(reason: unknown, line?: number): Issue {
  if (reason instanceof HelsekontaktError && /^(?:xml|fhir)\//.test((reason as HelsekontaktError).code))
    return issueOf(reason, line);
  throw reason;
}

/** A piece that is held whole, and does not fit. */
export function tooLarge(line: number): Issue {
  return issueOf(
    new HelsekontaktError(
      "input/too-large",
      `expected entries and members of at most ${maxPiece} bytes, found a larger one`,
    ),
    line,
  );
}
