import type { OfferingChange, PublishResult } from "@helsekontakt/sdk";
import { describeWire } from "@helsekontakt/sdk";
import { writeOutput } from "../files.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";
import { readOfferingsFile } from "../offerings-file.ts";
import { inferredLine, type Session, withSession } from "../session.ts";

export interface OfferingsCommandOptions {
  readonly config: string;
  readonly missing?: "keep" | "withdraw";
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly report?: string;
}

/**
 * `helsekontakt offerings publish`: sends the offerings of a file, as far as they changed.
 *
 * @throws {HelsekontaktError} `config/*`, `input/invalid`, `fhir/not-valid`, `rest/*`, `auth/*`, `journal/*`
 */
export function publishOfferings(file: string, options: OfferingsCommandOptions, io: CliIo): Promise<ExitCode> {
  return run(options, io, async ({ sdk, signal }) =>
    sdk.medlemstjenester.publish(await readOfferingsFile(file), {
      signal,
      ...(options.missing === undefined ? {} : { missing: options.missing }),
      ...(options.force === undefined ? {} : { force: options.force }),
      ...(options.dryRun === undefined ? {} : { dryRun: options.dryRun }),
    }),
  );
}

/**
 * `helsekontakt offerings diff`: what publishing would send.
 *
 * @returns 1 when something differs.
 * @throws {HelsekontaktError} as {@link publishOfferings}, without what sending throws
 */
export async function diffOfferings(file: string, options: OfferingsCommandOptions, io: CliIo): Promise<ExitCode> {
  let differs = false;
  const code = await run({ ...options, dryRun: true }, io, async ({ sdk, signal }) => {
    const result = await sdk.medlemstjenester.offerings.diff(await readOfferingsFile(file), {
      signal,
      ...(options.missing === undefined ? {} : { missing: options.missing }),
    });
    differs = result.changes.length > 0;
    return result;
  });
  return differs ? 1 : code;
}

/**
 * `helsekontakt offerings withdraw`: withdraws offerings by GUID.
 *
 * @throws {HelsekontaktError} as {@link publishOfferings}; `input/invalid` for a GUID that was never sent
 */
export function withdrawOfferings(
  ids: readonly string[],
  options: OfferingsCommandOptions,
  io: CliIo,
): Promise<ExitCode> {
  return run(options, io, ({ sdk, signal }) =>
    sdk.medlemstjenester.offerings.withdraw(ids, {
      signal,
      ...(options.dryRun === undefined ? {} : { dryRun: options.dryRun }),
    }),
  );
}

async function run(
  options: OfferingsCommandOptions,
  io: CliIo,
  work: (session: Session) => Promise<PublishResult>,
): Promise<ExitCode> {
  return withSession<ExitCode>(options.config, io, async (session) => {
    if (options.json !== true) io.err(inferredLine(session.config));
    const result = await work(session);
    const facts = {
      dryRun: options.dryRun === true,
      ...result,
      settings: describeWire(session.config.medlemstjenester),
    };
    if (options.report !== undefined) await writeOutput(options.report, `${JSON.stringify(facts, undefined, 2)}\n`);
    if (options.json === true) printJson(io, facts);
    else io.out(human(result, options.dryRun === true));
    return 0;
  });
}

const signs: Readonly<Record<OfferingChange["kind"], string>> = {
  new: "+",
  changed: "~",
  withdrawn: "-",
  missing: "?",
};

function human({ changes, bundles, size, result }: PublishResult, dryRun: boolean): string {
  const lines = changes.map(({ kind, organisation, id, paths }) => {
    const what = id === undefined ? `organisation ${organisation}` : `offering ${id}`;
    const note = kind === "missing" ? ", known from before and kept: --missing withdraw withdraws it" : "";
    return `${signs[kind]} ${what} ${kind === "missing" ? "is not in the file" : kind}${note}${paths.length === 0 ? "" : `: ${paths.join(", ")}`}`;
  });
  const sent = bundles.filter((b) => b.result === "sent").length;
  lines.push(
    result === "unchanged"
      ? "Nothing to send"
      : `${dryRun ? "Would send" : "Sent"} ${sent} of ${bundles.length} Bundle(s), ${size} bytes`,
  );
  return `${lines.join("\n")}\n`;
}
