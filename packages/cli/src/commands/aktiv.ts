import { HelsekontaktError } from "@helsekontakt/core";
import type { AnsweredCitizen, CheckedCitizen, CitizenInput, NumberProblem, Omraade } from "@helsekontakt/rest-client";
import { type FileEncoding, type NumberFileOptions, readNumberFile, readNumbers } from "@helsekontakt/sdk";
import { ResultFile, resultHeader, rowOf } from "../aktiv-result.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";
import { IssueList } from "../member-issues.ts";
import { withSession } from "../session.ts";

export interface AktivCommandOptions {
  readonly config: string;
  readonly file: string;
  readonly out?: string;
  readonly omraade: string;
  readonly column?: string;
  readonly header?: boolean;
  readonly delimiter?: "comma" | "semicolon" | "tab";
  readonly encoding?: FileEncoding;
  readonly controlDigits?: "error" | "warning" | "off";
  readonly parallel?: string;
  readonly issues?: string;
  readonly restart?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

const messages: Readonly<Record<NumberProblem, string>> = {
  "not-11-digits": "expected 11 digits, found something else",
  "no-person-number": "expected a fødselsnummer or D-number, found 11 digits that are none",
  "control-digits": "expected control digits that fit, found others",
  "real-person": "expected a synthetic number outside PROD, found one that may be a real person's",
  "synthetic-person": "expected a real person's number in PROD, found a synthetic one",
};
const delimiters = { comma: ",", semicolon: ";", tab: "\t" } as const;

/** What the run has come to. */
interface Tally {
  answered: number;
  invalid: number;
  failed: number;
  duplicates: number;
  calls: number;
  reason?: string;
}

/**
 * `helsekontakt aktiv`: asks who of a list can be reached, and writes a line per citizen. The same command goes on where a
 * run was interrupted, whatever interrupted it, and asks again for those who were not answered for.
 *
 * @returns 0 when everybody was answered for; 1 when lines could not be used or citizens were not answered for; 2 by
 *   an error.
 * @throws {HelsekontaktError} `config/*`, `input/*`, `auth/*`, `abort/cancelled`
 */
export function aktiv(options: AktivCommandOptions, io: CliIo): Promise<ExitCode> {
  if (options.json === true && options.out === undefined)
    throw new HelsekontaktError("input/invalid", "expected --out beside --json: the result would stand in one stream");
  const cap = wholeAbove0("--parallel", options.parallel);
  return withSession<ExitCode>(
    options.config,
    io,
    async ({ sdk, signal }) => {
      const omraade = options.omraade as Omraade;
      const issues = new IssueList(io, options.issues);
      const tally: Tally = { answered: 0, invalid: 0, failed: 0, duplicates: 0, calls: 0 };
      let result: ResultFile | undefined;
      try {
        const reading = fileOptions(options, issues, signal);
        const source =
          options.file === "-" ? readNumbers(process.stdin, reading) : readNumberFile(options.file, reading);
        const progress = progressTo(io, options.quiet === true);
        /** Leaves out who stands in the result already. */
        const notYet = async function* (): AsyncGenerator<CitizenInput> {
          for await (const one of source) if (result?.has(one.fnr) !== true) yield one;
        };
        // Refuses an area that is none before a file is made.
        const batches = sdk.aktivsjekk
          .check(notYet(), {
            omraade,
            onFailure: "continue",
            controlDigits: options.controlDigits ?? "warning",
            signal,
            ...(cap === undefined ? {} : { concurrency: { cap } }),
            onProgress: ({ calls, concurrency }) => {
              tally.calls = calls;
              progress(tally, result?.earlier ?? 0, concurrency);
            },
          })
          .batches();
        if (options.out === undefined) io.out(`${resultHeader}\n`);
        else result = await ResultFile.open(options.out, omraade, options.restart === true);
        const write = async (citizens: readonly AnsweredCitizen[]): Promise<void> => {
          if (result !== undefined) await result.add(citizens);
          else io.out(citizens.map((citizen) => rowOf(citizen, omraade)).join(""));
        };
        try {
          for await (const batch of batches) await write(take(batch, tally, issues));
        } catch (reason) {
          if (!(reason instanceof HelsekontaktError) || !isOutage(reason)) throw reason;
          tally.reason = `${reason.code}: ${reason.message.replace(/^\[[^\]]+\] /, "")}`;
        }
      } finally {
        await result?.close();
        issues.close();
      }
      return report(tally, issues.errors, result, options, io);
    },
    { journal: false },
  );
}

/** The service's fault, which may be over when the command is run again; what every run would meet is an error. */
function isOutage({ code }: HelsekontaktError): boolean {
  return code.startsWith("rest/") && !/(?:unauthorized|forbidden|not-found)$/.test(code);
}

/** Counts what came out, tells of lines, and gives those who are to be written: each number once. */
function take(batch: readonly CheckedCitizen[], tally: Tally, issues: IssueList): AnsweredCitizen[] {
  const rows: AnsweredCitizen[] = [];
  for (const citizen of batch) {
    const line = citizen.line ?? 0;
    if (citizen.outcome === "invalid") {
      tally.invalid++;
      issues.add({ line, level: "error", problem: citizen.problem, message: messages[citizen.problem] }, true);
    } else if (citizen.outcome === "failed") {
      tally.failed++;
      tally.reason ??= `${citizen.error.code}: ${citizen.error.message.replace(/^\[[^\]]+\] /, "")}`;
    } else if (citizen.duplicate) tally.duplicates++;
    else {
      tally.answered++;
      if (citizen.warning !== undefined)
        issues.add({ line, level: "warning", problem: citizen.warning, message: messages[citizen.warning] }, false);
      rows.push(citizen);
    }
  }
  return rows;
}

function report(
  tally: Tally,
  badLines: number,
  result: ResultFile | undefined,
  options: AktivCommandOptions,
  io: CliIo,
): ExitCode {
  const { answered, failed, duplicates, calls, reason } = tally;
  const complete = failed === 0 && reason === undefined;
  const earlier = result?.earlier ?? 0;
  const { out, omraade } = options;
  if (options.json === true)
    printJson(io, {
      complete,
      omraade,
      out,
      answered,
      earlier,
      badLines,
      failed,
      duplicates,
      calls,
      ...(reason === undefined ? {} : { reason }),
      reach: result?.counts ?? {},
    });
  else {
    const before = earlier === 0 ? "" : `, ${earlier} by earlier runs`;
    io.err(`${answered} answered in ${calls} calls${before}; ${badLines} bad lines, ${duplicates} repeated\n`);
    const reach = Object.entries(result?.counts ?? {}).map(([name, count]) => `${name} ${count}`);
    if (reach.length > 0) io.err(`${reach.join(", ")}\n`);
  }
  if (!complete)
    io.err(
      `Not everybody was answered for${failed === 0 ? "" : ` (${failed} citizens asked)`}: ${reason ?? ""}\n${out === undefined ? "" : "The same command asks for the rest\n"}`,
    );
  return complete && badLines === 0 ? 0 : 1;
}

function fileOptions(options: AktivCommandOptions, issues: IssueList, signal: AbortSignal): NumberFileOptions {
  return {
    signal,
    onIssue: (issue) => issues.add(issue, issue.level === "error"),
    // Commander gives true where --no-header is absent.
    ...(options.header === false ? { header: false } : {}),
    ...(options.column === undefined ? {} : { column: options.column }),
    ...(options.delimiter === undefined ? {} : { delimiter: delimiters[options.delimiter] }),
    ...(options.encoding === undefined ? {} : { encoding: options.encoding }),
  };
}

function wholeAbove0(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new HelsekontaktError("input/invalid", `expected ${name} as a whole number from 1 to 999`);
}

/** A line now and then: a terminal is not needed, and the log of a scheduled run stays short. */
function progressTo(io: CliIo, quiet: boolean): (tally: Tally, earlier: number, concurrency: number) => void {
  let last = performance.now();
  return ({ answered, invalid, failed, calls }, earlier, concurrency) => {
    if (quiet || performance.now() - last < 2_000) return;
    last = performance.now();
    io.err(
      `${answered + earlier} answered, ${invalid} bad lines, ${failed} failed; ${calls} calls, ${concurrency} at once\n`,
    );
  };
}
