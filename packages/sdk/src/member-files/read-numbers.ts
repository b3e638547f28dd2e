import { createReadStream } from "node:fs";
import { HelsekontaktError } from "@helsekontakt/core";
import type { CsvRows } from "./csv.ts";
import { decodeText, textLines } from "./lines.ts";
import type { MemberSource } from "./read-members.ts";
import type { MemberFileOptions } from "./types.ts";

/** How to read a list of numbers. */
export interface NumberFileOptions extends Pick<MemberFileOptions, "delimiter" | "encoding" | "onIssue" | "signal"> {
  /** Header of the column, without regard to case. Default: several Norwegian and English names, as for members. */
  readonly column?: string;
  /** Default: the first line is a header unless it begins with a digit. */
  readonly header?: boolean;
}

/** What stands where a number is expected, whatever it is. */
export interface NumberLine {
  /** From 1; the header counts. */
  readonly line: number;
  readonly fnr: string;
}

// A list has no periods, and its other columns are nobody's concern here.
const noPeriods = { defaults: { from: "2000-01-01", to: "2000-01-01" } };

/**
 * Reads numbers of persons, one a line, or from a column of CSV: memory does not depend on the length. Numbers are not
 * judged here; lines that cannot be taken apart are told to `onIssue`.
 *
 * @throws {HelsekontaktError} `input/invalid` for a header without the column, or an encoding that is none;
 *   `abort/cancelled`
 */
export async function* readNumbers(source: MemberSource, options: NumberFileOptions = {}): AsyncGenerator<NumberLine> {
  const { column, header, delimiter, onIssue, encoding, signal } = options;
  let rows: CsvRows | undefined;
  for await (const lines of textLines(decodeText(source, encoding), signal)) {
    const first = lines.find((l) => l.text.trim() !== "");
    if (rows === undefined && first === undefined) continue;
    // Loaded when a file is read: with the library behind it.
    rows ??= new (await import("./csv.ts")).CsvRows({
      ...noPeriods,
      header: header ?? !/^["'\s]*\d/.test(first?.text ?? ""),
      ...(column === undefined ? {} : { columns: { fnr: column } }),
      ...(delimiter === undefined ? {} : { delimiter }),
      ...(onIssue === undefined ? {} : { onIssue }),
    });
    for (const [line, { fnr = "" }] of rows.rows(lines)) yield { line, fnr: fnr.trim() };
  }
  for (const [line, { fnr = "" }] of rows?.end() ?? []) yield { line, fnr: fnr.trim() };
}

/**
 * Reads a file of numbers by its path; as {@link readNumbers}.
 *
 * @throws {HelsekontaktError} `input/invalid` also when the file cannot be read
 */
export async function* readNumberFile(path: string, options: NumberFileOptions = {}): AsyncGenerator<NumberLine> {
  const stream = createReadStream(path, { highWaterMark: 256 * 1024 });
  try {
    yield* readNumbers(stream, options);
  } catch (reason) {
    if (reason instanceof HelsekontaktError || !(reason instanceof Error) || !("code" in reason)) throw reason;
    throw new HelsekontaktError("input/invalid", "expected a readable file of numbers, found none", {
      hint: "check the path, and that it is a file that you may read",
      context: { reason: String(reason.code) },
    });
  } finally {
    stream.destroy();
  }
}
