import type { Personal } from "@helsekontakt/core";
import type { FileEncoding } from "./lines.ts";

/** One good line of a member file. */
export interface MemberLine {
  /** From 1; the header counts. */
  readonly line: number;
  readonly fnr: Personal;
  /** First and last day, `yyyy-mm-dd`. */
  readonly from: string;
  readonly to: string;
  /** Organisation number; absent where the file has no such column. */
  readonly organisation?: string;
}

/** What is wrong with a line: stable codes, for counting. */
export type MemberFileProblem =
  | "not-11-digits"
  | "no-person-number"
  | "control-digits"
  | "real-person"
  | "synthetic-person"
  | "date"
  | "period"
  | "organisation"
  | "columns"
  | "quote"
  | "json"
  | "too-long";

/** A finding about one line. It never repeats what the line holds. */
export interface MemberFileIssue {
  /** From 1; the header counts. */
  readonly line: number;
  /** A line with an error is left out; one with a warning is taken. */
  readonly level: "error" | "warning";
  readonly problem: MemberFileProblem;
  /** "expected …, found …" */
  readonly message: string;
}

/** The columns of a member file. */
export type MemberColumn = "fnr" | "from" | "to" | "organisation";

/** How to read a member file. */
export interface MemberFileOptions {
  /** Default: NDJSON when the first character is `{`, else CSV. */
  readonly format?: "csv" | "ndjson";
  /**
   * Header of each column, or key in NDJSON, without regard to case. Default: several Norwegian and English names,
   * see {@link memberColumnNames}.
   */
  readonly columns?: Partial<Record<MemberColumn, string>>;
  /** False for a CSV without header: columns are fnr, from, to and, if there is a fourth, organisation. Default true. */
  readonly header?: boolean;
  /** Default: whichever of comma, semicolon and tab the header has most of. */
  readonly delimiter?: "," | ";" | "\t";
  /** Default: a byte order mark decides, else UTF-8, else Windows-1252. */
  readonly encoding?: FileEncoding;
  /** `iso`: yyyy-mm-dd; `norwegian`: dd.mm.yyyy; `both`. Default `iso`. */
  readonly dates?: "iso" | "norwegian" | "both";
  /** Used where the file has no such column or the cell is empty, as `yyyy-mm-dd`. */
  readonly defaults?: { readonly from?: string; readonly to?: string };
  /** What a number with wrong control digits is: such numbers have been issued and are in official samples. Default `warning`. */
  readonly controlDigits?: "error" | "warning" | "off";
  /** `synthetic`: real persons are refused, as outside PROD; `real`: synthetic ones are. Default: no such check. */
  readonly persons?: "synthetic" | "real";
  /** Told of every finding, in the order of lines. */
  readonly onIssue?: (issue: MemberFileIssue) => void;
  readonly signal?: AbortSignal;
}
