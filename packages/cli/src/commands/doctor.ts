import { HelsekontaktError } from "@helsekontakt/core";
import { type CheckResult, type Diagnosis, diagnose, type HelsekontaktConfig } from "@helsekontakt/sdk";
import { configFaultsOf, type LoadedConfig, loadConfig, loadConfigWithSources } from "../config-file.ts";
import { readInput } from "../files.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";

export interface DoctorOptions {
  readonly config: string;
  readonly only?: readonly string[];
  readonly timeout: string;
  readonly ca?: readonly string[];
  readonly json?: boolean;
}

/**
 * `helsekontakt doctor`: the SDK's diagnosis as text or JSON. Faults of the configuration are its first check; while
 * there are any, nothing else can be looked at.
 *
 * @returns 0 without faults, 1 with some.
 * @throws {HelsekontaktError} `input/invalid` for a file that cannot be read, or an option that is none
 */
export async function doctor(options: DoctorOptions, io: CliIo): Promise<ExitCode> {
  const timeoutMs = Number(options.timeout);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1)
    throw new HelsekontaktError("input/invalid", "expected --timeout as milliseconds above 0, found another value");
  const ca = await Promise.all((options.ca ?? []).map(async (path) => (await readInput(path)).toString("utf8")));
  const stop = new AbortController();
  const interrupted = (): void => stop.abort();
  process.once("SIGINT", interrupted);
  try {
    const loaded = await load(options.config, io);
    if ("checks" in loaded) return print(loaded, options, io);
    const { config, journal } = loaded;
    const show = options.json === true ? {} : { onResult: (r: CheckResult) => io.out(asText(r)) };
    const diagnosis = await diagnose(config, {
      signal: stop.signal,
      timeoutMs,
      ...(options.only === undefined ? {} : { only: options.only }),
      ...(ca.length === 0 ? {} : { ca }),
      ...(journal === undefined ? {} : { openJournal: (signal) => openJournalOf(options.config, io, signal) }),
      ...show,
    });
    if (options.json === true) printJson(io, diagnosis);
    else io.out(`\n${summary(diagnosis)}\n`);
    return diagnosis.ok ? 0 : 1;
  } finally {
    process.off("SIGINT", interrupted);
  }
}

async function load(path: string, io: CliIo): Promise<LoadedConfig | Diagnosis> {
  try {
    return await loadConfigWithSources(path, io);
  } catch (error) {
    const { code } = HelsekontaktError.from(error);
    if (code !== "config/invalid") throw error;
    const faults = configFaultsOf(error);
    const findings =
      faults.length === 0
        ? [
            {
              level: "fault" as const,
              text: HelsekontaktError.from(error).message,
              hint: HelsekontaktError.from(error).hint ?? "",
            },
          ]
        : faults.map((f) => ({ level: "fault" as const, text: `${f.path}: expected ${f.expected}`, hint: f.hint }));
    return {
      ok: false,
      environment: "unknown",
      checks: [{ id: "config", title: "configuration", outcome: "fault", findings, milliseconds: 0 }],
      counts: { ok: 0, warning: 0, fault: 1, skipped: 0 },
    };
  }
}

async function openJournalOf(
  path: string,
  io: CliIo,
  signal: AbortSignal,
): Promise<NonNullable<HelsekontaktConfig["journal"]>> {
  const { journal } = await loadConfig(path, io, { journal: true, signal });
  if (journal === undefined)
    throw new HelsekontaktError("config/missing", "expected a journal in the configuration, found none");
  return journal;
}

function print(diagnosis: Diagnosis, { json }: DoctorOptions, io: CliIo): ExitCode {
  if (json === true) printJson(io, diagnosis);
  else io.out(`${diagnosis.checks.map(asText).join("")}\n${summary(diagnosis)}\n`);
  return diagnosis.ok ? 0 : 1;
}

const words: Readonly<Record<CheckResult["outcome"], string>> = {
  ok: "ok     ",
  warning: "warning",
  fault: "FAULT  ",
  skipped: "skipped",
};

function asText({ id, outcome, because, findings }: CheckResult): string {
  const [first] = findings;
  // The findings that need attention and every certificate, or else the first good one.
  const told = findings.filter((f) => f.level !== "ok" || f.certificate !== undefined);
  const lines = told.length === 0 ? (first === undefined ? [] : [first]) : told;
  const head = `${words[outcome]}  ${id.padEnd(24)}`;
  if (because !== undefined) return `${head}  because ${because}\n`;
  if (lines.length === 0) return `${head}\n`;
  return lines
    .map(
      (f, i) =>
        `${i === 0 ? head : " ".repeat(head.length)}  ${f.text}\n${f.hint === undefined ? "" : `${" ".repeat(head.length + 4)}${f.hint}\n`}`,
    )
    .join("");
}

function summary({ counts, environment, ok }: Diagnosis): string {
  const { fault, warning, skipped } = counts;
  return `${ok ? "No faults" : `${fault} with faults`} in ${environment}: ${counts.ok} ok, ${warning} with warnings, ${skipped} skipped`;
}
