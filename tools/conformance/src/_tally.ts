import { recordCounts, recordLongerRun } from "./_record.ts";

/** Counts what a conformance program checked, and ends it with the right exit code. */
export interface Tally {
  check(holds: boolean, miss: string): void;
  miss(what: string): void;
  /**
   * Prints the counts; a miss, nothing checked at all, or a row of CONFORMANCE.md that says something else is exit code 1.
   *
   * @param passing - counts that differ from machine to machine or with every change elsewhere: printed, not kept.
   */
  finish(
    title: string,
    counts?: Readonly<Record<string, number | string>>,
    passing?: Readonly<Record<string, number | string>>,
  ): void;
}

/** Makes a {@link Tally}; the first misses are printed at once. */
export function createTally(): Tally {
  let checked = 0;
  let missed = 0;
  const tally: Tally = {
    check(holds, miss) {
      checked++;
      if (!holds) tally.miss(miss);
    },
    miss(what) {
      missed++;
      if (missed <= 20) process.stdout.write(`MISS ${what}\n`);
    },
    finish(title, counts = {}, passing = {}) {
      const extra = Object.entries({ ...counts, ...passing }).map(([name, value]) => `, ${name} ${value}`);
      process.stdout.write(`${title}: ${checked - missed} of ${checked} checks hold${extra.join("")}\n`);
      const wrong = recordCounts(title, `${checked - missed} of ${checked}`, counts);
      if (wrong !== undefined) tally.miss(wrong);
      recordLongerRun(title, `${checked - missed} of ${checked}`, { ...counts, ...passing });
      process.exitCode = missed === 0 && checked > 0 ? 0 : 1;
    },
  };
  return tally;
}

/** The folder of official documents, or exit code 2. */
export function upstreamFolder(): string {
  const folder = process.env["HELSEKONTAKT_UPSTREAM"];
  if (folder !== undefined && folder !== "") return folder;
  process.stdout.write("HELSEKONTAKT_UPSTREAM must name the folder of official documents\n");
  process.exit(2);
}
