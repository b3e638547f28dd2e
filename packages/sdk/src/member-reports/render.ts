import type { MemberState, ReconcileReport, RegisterStatus } from "../members/types.ts";

/** Forms of a report. None of them holds a person's number. */
export type ReportFormat = "text" | "json" | "csv";

/**
 * A run's report for people, for programs, or as a table: counts, reasons, slowest batches, and what it relied on that
 * is only inferred.
 */
export function renderMemberReport(report: ReconcileReport, format: ReportFormat): string {
  if (format === "json") return `${JSON.stringify(report, undefined, 2)}\n`;
  return format === "csv" ? reportCsv(report) : reportText(report);
}

/** The register's state for people. */
export function renderRegisterStatus(status: RegisterStatus): string {
  const { results, lastRun, reasons } = status;
  const lines = [
    `Memberships       ${number(status.members)}, withdrawn ${number(status.withdrawn)}`,
    ...Object.entries(results).map(([name, count]) => `  ${name.padEnd(14)}  ${number(count)}`),
    `To be sent        ${number(status.due)} now, ${number(status.later)} later${status.nextRetryAt === undefined ? "" : `, the first on ${minute(status.nextRetryAt)}`}`,
    `Open batches      ${number(status.openBatches)}`,
    ...reasonLines(reasons),
    lastRun === undefined
      ? "No run yet"
      : `Last run          ${lastRun.run} (${lastRun.kind}), ${lastRun.state}, begun ${minute(lastRun.startedAt)}`,
    ...(status.running ? ["A run is at work now"] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function reportText(report: ReconcileReport): string {
  const { input, changes, resumed, retried, results, calls, batchSize, stopped } = report;
  const would = report.dryRun ? " (dry run: nothing was sent)" : "";
  const problems = Object.entries(input.problems);
  const lines = [
    `Run ${report.run}, ${report.kind}${report.kind === "reconcile" ? `, ${report.mode}` : ""}${would}: ${span(report.finishedAt - report.startedAt)}`,
    ...(report.kind === "reconcile"
      ? [
          `Input             ${number(input.read)} read, ${number(input.good)} good, ${number(input.errors)} with errors, ${number(input.unreadable)} lines left out, in ${span(input.ms)}`,
          ...problems.map(([name, count]) => `  ${name.padEnd(16)}${number(count)}`),
          `Changes           ${number(changes.added)} new, ${number(changes.changed)} with another period, ${number(changes.withdrawn)} withdrawn, ${number(changes.unchanged)} unchanged`,
        ]
      : []),
    ...(changes.withheld > 0
      ? [`Kept              ${number(changes.withheld)} absent from the input, because lines of it could not be used`]
      : []),
    ...(resumed.batches > 0
      ? [`Resumed           ${number(resumed.members)} members in ${number(resumed.batches)} batches of an earlier run`]
      : []),
    ...(retried.members > 0
      ? [
          `Tried again       ${number(retried.members)} members, ${number(retried.stillInactive)} still not active by AktivSjekken`,
        ]
      : []),
    `Results           ${Object.entries(results)
      .map(([name, count]) => `${number(count)} ${name}`)
      .join(", ")}`,
    ...reasonLines(report.reasons),
    ...(calls.calls === 0
      ? []
      : [
          `Calls             ${number(calls.calls)} for ${number(calls.members)} members in ${span(calls.ms)}: ${number(calls.timeouts)} without an answer in time, ${number(calls.failures)} failed, ${number(calls.splits)} batches halved, ${number(calls.setAside)} members set aside`,
          `Batch size        ${batchSize.first} first, ${batchSize.last} last, ${batchSize.largest} largest, cap ${batchSize.cap}`,
        ]),
    ...(report.slowest.length > 0 ? ["Slowest batches"] : []),
    ...report.slowest.map(
      (b) =>
        `  batch ${b.batch}: ${number(b.members)} members, ${span(b.ms)}, ${b.tries} ${b.tries === 1 ? "try" : "tries"}, ${b.result}`,
    ),
    ...inferredLines(report),
    ...(stopped === undefined
      ? []
      : [
          `Ended early       [${stopped.code}] ${stopped.message.replace(`[${stopped.code}] `, "")}`,
          "  run it again: what was answered is kept, the rest is sent then",
        ]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Without their reasons, which the report has as JSON. */
function inferredLines({ assumptions }: ReconcileReport): string[] {
  const open = assumptions.filter((a) => a.mark === "inferred").map((a) => `${a.name} = ${a.value}`);
  return open.length === 0
    ? []
    : ["Relied on, not confirmed by Helsenorge", ...rows(open, 100).map((row) => `  ${row}`)];
}

/** Items in rows of at most `width` characters. */
function rows(items: readonly string[], width: number): string[] {
  const found: string[] = [];
  for (const item of items) {
    const last = found.at(-1);
    if (last !== undefined && last.length + item.length + 2 <= width) found[found.length - 1] = `${last}; ${item}`;
    else found.push(item);
  }
  return found;
}

function reasonLines(reasons: ReconcileReport["reasons"]): string[] {
  return reasons.map((r) => `  ${`${r.result} ${r.code}`.padEnd(26)}${number(r.members)}`);
}

/** One table for everything: part, name, detail, value. */
function reportCsv(report: ReconcileReport): string {
  const rows: (readonly (string | number)[])[] = [["part", "name", "detail", "value"]];
  const add = (part: string, name: string, value: string | number, detail = ""): void => {
    rows.push([part, name, detail, value]);
  };
  add("run", "number", report.run);
  add("run", "kind", report.kind);
  add("run", "mode", report.mode);
  add("run", "dryRun", String(report.dryRun));
  add("run", "startedAt", new Date(report.startedAt).toISOString());
  add("run", "finishedAt", new Date(report.finishedAt).toISOString());
  const { problems, ...input } = report.input;
  const parts = {
    input,
    problem: problems,
    change: report.changes,
    resumed: report.resumed,
    retried: report.retried,
    result: report.results,
    calls: report.calls,
    batchSize: report.batchSize,
  };
  for (const [part, counts] of Object.entries(parts))
    for (const [name, count] of Object.entries(counts)) add(part, name, count as number);
  for (const { result, code, members } of report.reasons) add("reason", result, members, code);
  for (const { batch, ...facts } of report.slowest)
    for (const [name, value] of Object.entries(facts)) add("slowest", `batch ${batch}`, value, name);
  for (const { name, value, mark } of report.assumptions) add("assumption", name, value, mark);
  if (report.stopped !== undefined) add("stopped", report.stopped.code, report.stopped.message);
  return rows.map(csvLine).join("");
}

/** Columns of the table of members; `fnr` comes in front where it is asked for. */
const stateColumns = [
  "id",
  "organisation",
  "result",
  "code",
  "pending",
  "member",
  "from",
  "to",
  "acknowledged",
  "acknowledgedFrom",
  "acknowledgedTo",
  "attempts",
  "resultAt",
  "nextRetryAt",
] as const;

/** How to write members one by one. */
export interface MemberLinesOptions {
  readonly format: "csv" | "ndjson";
  /** Gives the number of a membership by its id, for lists that must name people. Without it no number is written. */
  readonly fnrOf?: (id: string) => Promise<string | undefined>;
}

/** Members as lines of CSV, the header first, or of NDJSON, one at a time; with their numbers only on demand. */
export async function* memberLines(
  states: AsyncIterable<MemberState>,
  { format, fnrOf }: MemberLinesOptions,
): AsyncGenerator<string> {
  if (format === "csv") yield csvLine([...(fnrOf === undefined ? [] : ["fnr"]), ...stateColumns]);
  for await (const state of states) {
    const fnr = fnrOf === undefined ? undefined : ((await fnrOf(state.id)) ?? "");
    if (format === "ndjson") {
      yield `${JSON.stringify({ ...(fnr === undefined ? {} : { fnr }), ...state })}\n`;
      continue;
    }
    const { desired, acknowledged } = state;
    yield csvLine([
      ...(fnr === undefined ? [] : [fnr]),
      state.id,
      state.organisation,
      state.result ?? "",
      state.code ?? "",
      state.pending ?? "",
      String(desired.member),
      desired.from,
      desired.to,
      acknowledged === undefined ? "" : String(acknowledged.member),
      acknowledged?.from ?? "",
      acknowledged?.to ?? "",
      state.attempts,
      time(state.resultAt),
      time(state.nextRetryAt),
    ]);
  }
}

function csvLine(cells: readonly (string | number)[]): string {
  return `${cells.map(csvCell).join(",")}\n`;
}

/** Quoted where it must be; a text that a spreadsheet would take for a formula is told to be a text. */
function csvCell(cell: string | number): string {
  if (typeof cell === "number") return String(cell);
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function time(ms: number | undefined): string {
  return ms === undefined ? "" : new Date(ms).toISOString();
}

function minute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function number(value: number): string {
  const digits = String(value);
  let grouped = digits.slice(-3);
  for (let end = digits.length - 3; end > 0; end -= 3)
    grouped = `${digits.slice(Math.max(0, end - 3), end)} ${grouped}`;
  return grouped;
}

function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return `${minutes} min ${Math.round((ms - minutes * 60_000) / 1_000)} s`;
}
