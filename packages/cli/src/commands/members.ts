import { createWriteStream } from "node:fs";
import { extname } from "node:path";
import { pipeline } from "node:stream/promises";
import { HelsekontaktError } from "@helsekontakt/core";
import {
  environments,
  type FileEncoding,
  type HelsekontaktConfig,
  type MemberColumn,
  type MemberFileOptions,
  memberLines,
  type MemberProgress,
  readMemberFile,
  readMembers,
  type ReconcileReport,
  renderMemberReport,
  renderRegisterStatus,
  type ReportFormat,
  type SendMembersOptions,
} from "@helsekontakt/sdk";
import { writeOutput } from "../files.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";
import { IssueList } from "../member-issues.ts";
import { type Session, withSession } from "../session.ts";

export interface SendCommandOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly report?: string;
  readonly members?: string;
  readonly withNumbers?: boolean;
  readonly aktivsjekk?: boolean;
  readonly batchStart?: string;
  readonly batchMax?: string;
  readonly parallel?: string;
  readonly quiet?: boolean;
}

export interface SyncCommandOptions extends SendCommandOptions {
  readonly format?: "csv" | "ndjson";
  readonly delimiter?: "comma" | "semicolon" | "tab";
  readonly encoding?: FileEncoding;
  readonly dates?: "iso" | "norwegian" | "both";
  readonly column?: readonly string[];
  readonly header?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly mode?: "full" | "delta";
  readonly dryRun?: boolean;
  readonly controlDigits?: "error" | "warning" | "off";
  readonly maxWithdrawals?: string;
  readonly allowWithdrawals?: boolean;
  readonly withdrawDespiteErrors?: boolean;
  readonly issues?: string;
}

/**
 * `helsekontakt members sync`: compares a file of members with what Helsenorge has acknowledged and sends the difference.
 *
 * @returns 1 when lines were left out, members were refused or not answered for, or the run ended early.
 * @throws {HelsekontaktError} `config/*`, `input/invalid`, `journal/*`, `abort/cancelled`
 */
export function syncMembers(file: string, options: SyncCommandOptions, io: CliIo): Promise<ExitCode> {
  return withSession<ExitCode>(options.config, io, async (session) => {
    const issues = new IssueList(io, options.issues);
    await remindOfOfferings(session, io);
    try {
      const reading = fileOptions(options, session, issues);
      const source = file === "-" ? readMembers(process.stdin, reading) : readMemberFile(file, reading);
      const share = options.maxWithdrawals === undefined ? undefined : Number(options.maxWithdrawals);
      if (share !== undefined && !(share >= 0 && share <= 1))
        throw new HelsekontaktError("input/invalid", "expected --max-withdrawals as a share from 0 to 1");
      const report = await session.sdk.members.reconcile(source, {
        ...sending(options, session, io),
        mode: options.mode ?? "full",
        dryRun: options.dryRun === true,
        unreadable: () => issues.errors,
        controlDigits: options.controlDigits ?? "warning",
        onIssue: (issue) => issues.add(issue, false),
        ...(share === undefined ? {} : { maxWithdrawals: share }),
        ...(options.allowWithdrawals === undefined ? {} : { allowWithdrawals: options.allowWithdrawals }),
        ...(options.withdrawDespiteErrors === undefined
          ? {}
          : { withdrawDespiteErrors: options.withdrawDespiteErrors }),
      });
      return await finish(report, options, session, io);
    } finally {
      issues.close();
    }
  });
}

/**
 * `helsekontakt members retry`: sends what waits, without a file.
 *
 * @returns as {@link syncMembers}
 * @throws {HelsekontaktError} as {@link syncMembers}
 */
export function retryMembers(
  options: SendCommandOptions & { readonly everything?: boolean },
  io: CliIo,
): Promise<ExitCode> {
  return withSession<ExitCode>(options.config, io, async (session) => {
    const report = await session.sdk.members.retry({
      ...sending(options, session, io),
      everything: options.everything === true,
    });
    return finish(report, options, session, io);
  });
}

/**
 * `helsekontakt members status`: the register as it is.
 *
 * @throws {HelsekontaktError} `config/*`, `journal/*`
 */
export function memberStatus(
  options: { readonly config: string; readonly json?: boolean },
  io: CliIo,
): Promise<ExitCode> {
  return withSession<ExitCode>(options.config, io, async ({ sdk, signal }) => {
    const status = await sdk.members.status({ signal });
    if (options.json === true) printJson(io, status);
    else io.out(renderRegisterStatus(status));
    return 0;
  });
}

/**
 * `helsekontakt members explain`: everything known of a membership, by its id; by a person's number only from standard
 * input, as arguments are seen by others on the machine and kept in the shell's history.
 *
 * @returns 1 when nothing is known.
 * @throws {HelsekontaktError} `config/*`, `input/invalid`, `journal/*`
 */
export function explainMember(
  id: string,
  options: { readonly config: string; readonly json?: boolean },
  io: CliIo,
): Promise<ExitCode> {
  if (/^\s*\d{11}\s*$/.test(id))
    throw new HelsekontaktError("input/invalid", "expected an id of the register, found 11 digits", {
      hint: "give a person's number on standard input: helsekontakt members explain - < number.txt",
    });
  return withSession<ExitCode>(options.config, io, async ({ sdk, signal }) => {
    const found = await sdk.members.explain(id === "-" ? await firstLine() : id, { signal });
    if (options.json === true) printJson(io, found);
    else if (found.length === 0) io.out("Nothing is known of this member\n");
    for (const member of options.json === true ? [] : found) {
      const { desired, acknowledged } = member;
      const lines = [
        `Membership ${member.id} in ${member.organisation}`,
        `  wanted        ${desired.member ? `from ${desired.from} to ${desired.to}` : "no longer"}`,
        `  acknowledged  ${acknowledged === undefined ? "nothing" : acknowledged.member ? `from ${acknowledged.from} to ${acknowledged.to}` : "withdrawn"}`,
        ...(member.pending === undefined ? [] : [`  to be sent    ${member.pending}`]),
        ...(member.result === undefined
          ? []
          : [
              `  last result   ${member.result}${member.code === undefined ? "" : ` (${member.code})`}${member.attempts === 0 ? "" : `, ${member.attempts} attempt(s)`}`,
            ]),
        ...(member.nextRetryAt === undefined ? [] : [`  next try      ${new Date(member.nextRetryAt).toISOString()}`]),
        ...member.events.map(
          (e) =>
            `  ${new Date(e.at).toISOString()}  ${e.change.padEnd(8)}  ${e.result}${e.code === undefined ? "" : ` (${e.code})`}${e.from === undefined ? "" : `, ${e.from} to ${e.to ?? ""}`}${e.run === undefined ? "" : `, run ${e.run}`}`,
        ),
      ];
      io.out(`${lines.join("\n")}\n`);
    }
    return found.length === 0 ? 1 : 0;
  });
}

/** Offerings come before members; those that were published elsewhere are not known here, so this is no fault. */
async function remindOfOfferings({ sdk, signal }: Session, io: CliIo): Promise<void> {
  const sent = await sdk.medlemstjenester.offerings.sent({ signal });
  if (!sent.some((o) => !o.withdrawn))
    io.err(
      "No offerings have been published from this journal; they come before members: helsekontakt offerings publish\n",
    );
}

function fileOptions(options: SyncCommandOptions, { config, signal }: Session, issues: IssueList): MemberFileOptions {
  const delimiters = { comma: ",", semicolon: ";", tab: "\t" } as const;
  const columns: Partial<Record<MemberColumn, string>> = {};
  for (const text of options.column ?? []) {
    const [, column, name] = /^(fnr|from|to|organisation)=(.+)$/.exec(text) ?? [];
    if (column === undefined || name === undefined)
      throw new HelsekontaktError(
        "input/invalid",
        "expected --column as fnr=NAME, from=NAME, to=NAME or organisation=NAME",
      );
    columns[column as MemberColumn] = name;
  }
  return {
    signal,
    columns,
    header: options.header !== false,
    // The register judges control digits itself.
    controlDigits: "off",
    onIssue: (issue) => issues.add(issue, issue.level === "error"),
    defaults: {
      ...(options.from === undefined ? {} : { from: options.from }),
      ...(options.to === undefined ? {} : { to: options.to }),
    },
    ...(personsOf(config) === undefined ? {} : { persons: personsOf(config) as "real" | "synthetic" }),
    ...(options.format === undefined ? {} : { format: options.format }),
    ...(options.delimiter === undefined ? {} : { delimiter: delimiters[options.delimiter] }),
    ...(options.encoding === undefined ? {} : { encoding: options.encoding }),
    ...(options.dates === undefined ? {} : { dates: options.dates }),
  };
}

function personsOf({ personGuard, environment }: HelsekontaktConfig): "real" | "synthetic" | undefined {
  if (personGuard === false) return undefined;
  return environments[environment].production ? "real" : "synthetic";
}

function sending(options: SendCommandOptions, { sdk, signal }: Session, io: CliIo): SendMembersOptions {
  const whole = (name: string, text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
    throw new HelsekontaktError("input/invalid", `expected ${name} as a whole number above 0`);
  };
  const start = whole("--batch-start", options.batchStart);
  const max = whole("--batch-max", options.batchMax);
  const parallel = whole("--parallel", options.parallel);
  return {
    signal,
    batch: {
      ...(start === undefined ? {} : { start }),
      ...(max === undefined ? {} : { max }),
      ...(parallel === undefined ? {} : { parallel }),
    },
    ...(options.aktivsjekk === false ? {} : { aktivsjekk: sdk.aktivsjekk }),
    ...(options.quiet === true ? {} : { onProgress: progressTo(io) }),
  };
}

/** A line now and then: a terminal is not needed, and a log of a scheduled run stays short. */
function progressTo(io: CliIo): (progress: MemberProgress) => void {
  let last = Date.now();
  return ({ phase, read, sent, toSend, calls, batchSize }) => {
    if (Date.now() - last < 5_000) return;
    last = Date.now();
    io.err(`${phase}: ${read} read, ${sent} of ${toSend} sent in ${calls} calls, batches of ${batchSize}\n`);
  };
}

async function finish(
  report: ReconcileReport,
  options: SendCommandOptions,
  session: Session,
  io: CliIo,
): Promise<ExitCode> {
  if (options.report !== undefined) {
    const format: ReportFormat =
      ({ ".json": "json", ".csv": "csv" }[extname(options.report).toLowerCase()] as ReportFormat) ?? "text";
    await writeOutput(options.report, renderMemberReport(report, format));
  }
  if (options.members !== undefined && !report.dryRun)
    await writeMembers(options.members, report.run, options.withNumbers === true, session);
  io.out(renderMemberReport(report, options.json === true ? "json" : "text"));
  const { input, results, changes, stopped } = report;
  const findings = input.errors + input.unreadable + results.refused + results.unknown + changes.withheld;
  return findings > 0 || stopped !== undefined ? 1 : 0;
}

/** Members with a result in this run, one line each, never all in memory. */
async function writeMembers(path: string, run: number, withNumbers: boolean, session: Session): Promise<void> {
  const { journal } = session.config;
  const format = /\.(?:ndjson|jsonl)$/i.test(path) ? "ndjson" : "csv";
  const lines = memberLines(session.sdk.members.members({ run, signal: session.signal }), {
    format,
    ...(withNumbers && journal !== undefined
      ? { fnrOf: async (id: string) => (await journal.members.get(id)).person.reveal() }
      : {}),
  });
  await writeOutput(path, "", withNumbers ? 0o600 : undefined);
  await pipeline(lines, createWriteStream(path));
}

async function firstLine(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.includes("\n") || text.length > 100) break;
  }
  return text.trim();
}
