import { userInfo } from "node:os";
import { dirname } from "node:path";
import {
  type ActOptions,
  type ActReport,
  auditFile,
  connectAmqp,
  exportFiles,
  exportLines,
  openQueues,
  type QueueFilter,
  type QueueProgress,
  type Queues,
  type RangeOptions,
} from "@helsekontakt/amqp-messaging";
import { HelsekontaktError } from "@helsekontakt/core";
import { brokerSettings, environments } from "@helsekontakt/sdk";
import { duration } from "../durations.ts";
import { checkNew, makeFolder } from "../files.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";
import { withSession } from "../session.ts";
import { entryDetails, entryJson, entryLine, reportJson, reportText } from "./queues-text.ts";

export interface QueueFilterOptions {
  readonly config: string;
  readonly id?: readonly string[];
  /** A number with s, m, h or d. */
  readonly olderThan?: string;
  readonly newerThan?: string;
  readonly function?: readonly string[];
  readonly from?: readonly string[];
  readonly cause?: readonly string[];
  readonly limit?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export interface QueueListOptions extends QueueFilterOptions {
  readonly skip?: string;
}

export interface QueueActOptions extends QueueFilterOptions {
  readonly by?: string;
  readonly audit: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export interface QueueMoveOptions extends QueueActOptions {
  readonly again?: boolean;
  readonly viaExchange?: boolean;
}

export interface QueueExportOptions extends QueueActOptions {
  readonly out?: string;
  readonly dir?: string;
}

export interface QueuePurgeOptions extends QueueActOptions {
  readonly all?: boolean;
  readonly exportTo?: string;
}

const defaultPage = 50;

/**
 * `helsekontakt queues count`: messages that wait, by the broker's own number when there is no filter.
 *
 * @throws {HelsekontaktError} `config/*`, `input/invalid`, `amqp/*`, `abort/cancelled`; the same for all others here
 */
export function countMessages(queue: string, options: QueueFilterOptions, io: CliIo): Promise<ExitCode> {
  return withQueues(options, io, async (queues, range) => {
    const { filter, limit, signal } = range;
    const bare = filter === undefined && limit === undefined;
    const count = await queues.count(queue, bare && signal !== undefined ? { signal } : range);
    if (options.json === true) printJson(io, { queue, ...count });
    else io.out(`${count.messages}\n`);
    return 0;
  });
}

/** `helsekontakt queues list`: one line a message, a page at a time; headers only. */
export function listMessages(queue: string, options: QueueListOptions, io: CliIo): Promise<ExitCode> {
  return withQueues(options, io, async (queues, range) => {
    const skip = whole("--skip", options.skip) ?? 0;
    const limit = range.limit ?? (options.json === true ? undefined : defaultPage);
    // One more than is shown tells whether there is another page.
    const asked = { ...range, skip, ...(limit === undefined ? {} : { limit: limit + 1 }) };
    let shown = 0;
    let more = false;
    if (options.json === true) io.out("[");
    for await (const entry of queues.list(queue, asked)) {
      if (shown === limit) {
        more = true;
        break;
      }
      shown++;
      if (options.json === true) io.out(`${shown === 1 ? "" : ","}\n${JSON.stringify(entryJson(entry))}`);
      else io.out(`${entryLine(entry)}\n`);
    }
    if (options.json === true) io.out("\n]\n");
    else if (shown === 0) io.out("No messages\n");
    else if (more) io.err(`There are more: --skip ${skip + shown}\n`);
    return 0;
  });
}

/**
 * `helsekontakt queues show`: all headers of the messages with an id, never their content.
 *
 * @returns 1 when there is none.
 */
export function showMessage(queue: string, id: string, options: QueueFilterOptions, io: CliIo): Promise<ExitCode> {
  return withQueues(options, io, async (queues, { signal }) => {
    const found = await queues.show(queue, id, signal === undefined ? {} : { signal });
    if (options.json === true) printJson(io, found.map(entryJson));
    else
      io.out(found.length === 0 ? `No message with this id waits in ${queue}\n` : found.map(entryDetails).join("\n"));
    return found.length === 0 ? 1 : 0;
  });
}

/**
 * `helsekontakt queues export`: whole messages into files that only their owner may read; they stay in the queue.
 *
 * @returns 1 when one could not be exported, or the run ended early.
 */
export function exportMessages(queue: string, options: QueueExportOptions, io: CliIo): Promise<ExitCode> {
  return withQueues(options, io, async (queues, range) => {
    const { out, dir } = options;
    if ((out === undefined) === (dir === undefined))
      throw new HelsekontaktError("input/invalid", "expected either --out FILE or --dir DIR for the messages");
    const target = out ?? dir ?? "";
    if (out !== undefined) await checkNew(out);
    await makeFolder(dirname(target));
    const report = await queues.export(queue, out === undefined ? exportFiles(target) : exportLines(target), range);
    if (report.fates.done > 0) io.err(personal(target));
    return finish(report, options, io);
  });
}

/**
 * `helsekontakt queues move`: copies into another queue, each confirmed before its original is removed.
 *
 * @returns 1 when messages that were meant stayed, or the run ended early; 0 for a dry run in which none would stay.
 */
export function moveMessages(queue: string, to: string, options: QueueMoveOptions, io: CliIo): Promise<ExitCode> {
  return withQueues(options, io, async (queues, range) =>
    finish(await queues.move(queue, to, { ...range, ...moving(options) }), options, io),
  );
}

/** `helsekontakt queues republish`: as {@link moveMessages}, each message to where it died, or was addressed to. */
export function republishMessages(queue: string, options: QueueMoveOptions, io: CliIo): Promise<ExitCode> {
  return withQueues(options, io, async (queues, range) =>
    finish(await queues.republish(queue, { ...range, ...moving(options) }), options, io),
  );
}

/** `helsekontakt queues purge`: removes messages, exported first when that is asked for. */
export function purgeMessages(queue: string, options: QueuePurgeOptions, io: CliIo): Promise<ExitCode> {
  return withQueues(options, io, async (queues, range) => {
    if (range.filter === undefined && options.all !== true)
      throw new HelsekontaktError("input/invalid", "expected a filter, or --all for every message, found neither");
    const { exportTo } = options;
    if (exportTo !== undefined) {
      await checkNew(exportTo);
      await makeFolder(dirname(exportTo));
    }
    const { dryRun } = acting(options);
    const report = await queues.purge(queue, {
      ...range,
      dryRun,
      ...(exportTo === undefined ? {} : { exportTo: exportLines(exportTo) }),
    });
    if (exportTo !== undefined && !dryRun && report.fates.done > 0) io.err(personal(exportTo));
    return finish(report, options, io);
  });
}

function acting({ yes, dryRun }: QueueActOptions): Required<Pick<ActOptions, "dryRun">> {
  return { dryRun: yes !== true || dryRun === true };
}

function moving(options: QueueMoveOptions) {
  return {
    ...acting(options),
    again: options.again === true,
    route: options.viaExchange === true ? ("exchange" as const) : ("queue" as const),
  };
}

/** The configuration's broker, for the length of one command. */
function withQueues(
  options: QueueFilterOptions & { readonly by?: string; readonly audit?: string },
  io: CliIo,
  work: (queues: Queues, range: RangeOptions) => Promise<ExitCode>,
): Promise<ExitCode> {
  const filter = filterOf(options);
  const limit = whole("--limit", options.limit);
  return withSession<ExitCode>(
    options.config,
    io,
    async ({ config, signal }) => {
      if (options.audit !== undefined) await makeFolder(dirname(options.audit));
      const settings = brokerSettings(config.amqp ?? {}, environments[config.environment]);
      const connection = await connectAmqp(settings, { signal });
      try {
        const queues = openQueues(connection, {
          by: options.by ?? userInfo().username,
          ...(options.audit === undefined ? {} : { audit: auditFile(options.audit) }),
        });
        return await work(queues, {
          signal,
          ...(filter === undefined ? {} : { filter }),
          ...(limit === undefined ? {} : { limit }),
          ...(options.quiet === true ? {} : { onProgress: progressTo(io) }),
        });
      } finally {
        await connection.close({ drainMs: 1_000 });
      }
    },
    { journal: false },
  );
}

function filterOf(options: QueueFilterOptions): QueueFilter | undefined {
  const older = duration("--older-than", options.olderThan);
  const newer = duration("--newer-than", options.newerThan);
  const filter: QueueFilter = {
    ...(options.id === undefined ? {} : { ids: options.id }),
    ...(older === undefined ? {} : { olderThanMs: older }),
    ...(newer === undefined ? {} : { newerThanMs: newer }),
    ...(options.function === undefined ? {} : { functions: options.function }),
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(options.cause === undefined ? {} : { causes: options.cause }),
  };
  return Object.keys(filter).length === 0 ? undefined : filter;
}

function whole(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new HelsekontaktError("input/invalid", `expected ${name} as a whole number`);
}

/** A line now and then: a terminal is not needed, and a log stays short. */
function progressTo(io: CliIo): (progress: QueueProgress) => void {
  let last = Date.now();
  return ({ seen, snapshot, matched, done }) => {
    if (Date.now() - last < 5_000) return;
    last = Date.now();
    io.err(`${seen} of ${snapshot} looked at, ${matched} meant, ${done} done\n`);
  };
}

function personal(path: string): string {
  return `${path} holds whole messages, which are personal data; only you may read it. Delete it when it has served\n`;
}

function finish(report: ActReport, options: QueueActOptions, io: CliIo): ExitCode {
  if (options.json === true) printJson(io, reportJson(report));
  else io.out(reportText(report));
  const { done, ...others } = report.fates;
  const stayed = Object.values(others).some((n) => n > 0);
  return stayed || report.stopped !== undefined || (!report.confirmed && done > 0) ? 1 : 0;
}
