import { HelsekontaktError } from "@helsekontakt/core";
import type { Box, Journal, Pruned } from "@helsekontakt/journal";
import { byteSize, duration } from "../durations.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";
import { withSession } from "../session.ts";

export interface JournalOptions {
  readonly config: string;
  readonly json?: boolean;
}

export interface AsideOptions extends JournalOptions {
  readonly limit?: string;
  readonly after?: string;
}

export interface RetryOptions extends JournalOptions {
  readonly messageId?: string;
}

export interface DropOptions extends JournalOptions {
  readonly reason?: string;
  readonly yes?: boolean;
}

export interface RotateOptions extends JournalOptions {
  readonly quiet?: boolean;
}

export interface PruneOptions extends RotateOptions {
  readonly payloadsOlderThan?: string;
  readonly payloadBytes?: string;
  readonly rowsOlderThan?: string;
  readonly quarantined?: boolean;
}

/**
 * `helsekontakt journal aside BOX`: what failed for good or was quarantined. Ids, functions and codes; no content.
 *
 * @returns 1 when there is any.
 * @throws {HelsekontaktError} `config/*`, `input/invalid`, `journal/*`, `abort/cancelled`; the same for all others here
 */
export function listAside(box: string, options: AsideOptions, io: CliIo): Promise<ExitCode> {
  return withJournal(options, io, async (journal, signal) => {
    const list = await journal.setAside.list(boxOf(box), {
      signal,
      limit: Number(options.limit ?? 100),
      ...(options.after === undefined ? {} : { after: options.after }),
    });
    const rows = list.map(({ entry }) => ({
      id: entry.id,
      messageId: entry.messageId,
      ...(entry.msgId === undefined ? {} : { msgId: entry.msgId }),
      function: entry.kind,
      from: entry.from,
      to: entry.to,
      reason: entry.reason ?? "unknown",
      tries: "tries" in entry ? entry.tries : entry.attempts,
      since: new Date("receivedAt" in entry ? entry.receivedAt : entry.createdAt).toISOString(),
    }));
    if (options.json === true) printJson(io, rows);
    else
      for (const row of rows)
        io.out(`${row.id}  ${row.since}  ${row.function}  ${row.from} -> ${row.to}  ${row.reason} (${row.tries})\n`);
    return rows.length === 0 ? 0 : 1;
  });
}

/** `helsekontakt journal retry BOX ID`: handles or sends it again, with all its tries before it. */
export function retryAside(box: string, id: string, options: RetryOptions, io: CliIo): Promise<ExitCode> {
  return withJournal(options, io, async (journal, signal) => {
    const { messageId } = options;
    await journal.setAside.retry(boxOf(box), id, { signal, ...(messageId === undefined ? {} : { messageId }) });
    return 0;
  });
}

/** `helsekontakt journal drop BOX ID --yes`: gives it up; its payload is deleted, its ids stay known. */
export function dropAside(box: string, id: string, options: DropOptions, io: CliIo): Promise<ExitCode> {
  if (options.yes !== true)
    return Promise.reject(
      new HelsekontaktError("input/invalid", "expected --yes for what deletes a message's content, found none"),
    );
  return withJournal(options, io, async (journal, signal) => {
    const { reason } = options;
    await journal.setAside.drop(boxOf(box), id, { signal, ...(reason === undefined ? {} : { reason }) });
    return 0;
  });
}

/**
 * `helsekontakt journal rotate-keys`: encrypts what is in clear or under an older key with the present one. Stopped at any
 * time, it goes on where it was at the next call.
 */
export function rotateKeys(options: RotateOptions, io: CliIo): Promise<ExitCode> {
  return withJournal(options, io, async (journal, signal) => {
    const progress = everySecond((text) => io.err(text), options.quiet === true);
    const done = await journal.rotateKeys({
      signal,
      onProgress: (so) => progress(`${so.done} rows encrypted anew, ${so.left} left\n`),
    });
    const left = await journal.countOldRows({ signal });
    if (options.json === true) printJson(io, { done, left });
    else io.out(`${done} rows encrypted anew, ${left} left: ${left === 0 ? "older keys may go" : "run it again"}\n`);
    return 0;
  });
}

/** `helsekontakt journal prune`: deletes by age and size what is finished; what is awaited, queued or unhandled stays. */
export function pruneJournal(options: PruneOptions, io: CliIo): Promise<ExitCode> {
  const payloadsOlderThanMs = duration("--payloads-older-than", options.payloadsOlderThan);
  const rowsOlderThanMs = duration("--rows-older-than", options.rowsOlderThan);
  const payloadBytesAtMost = byteSize("--payload-bytes", options.payloadBytes);
  if (payloadsOlderThanMs === undefined && rowsOlderThanMs === undefined && payloadBytesAtMost === undefined)
    return Promise.reject(
      new HelsekontaktError(
        "input/invalid",
        "expected --payloads-older-than, --payload-bytes or --rows-older-than, found none of them",
      ),
    );
  return withJournal(options, io, async (journal, signal) => {
    const progress = everySecond((text) => io.err(text), options.quiet === true);
    const pruned = await journal.prune({
      signal,
      ...(payloadsOlderThanMs === undefined ? {} : { payloadsOlderThanMs }),
      ...(rowsOlderThanMs === undefined ? {} : { rowsOlderThanMs }),
      ...(payloadBytesAtMost === undefined ? {} : { payloadBytesAtMost }),
      quarantined: options.quarantined ?? false,
      onProgress: (so) => progress(`${text(so)}\n`),
    });
    if (options.json === true) printJson(io, pruned);
    else io.out(`${text(pruned)}\n`);
    return 0;
  });
}

function text(pruned: Readonly<Pruned>): string {
  return `${pruned.payloads} payloads emptied; deleted: ${pruned.outbox} sent, ${pruned.inbox} received, ${pruned.receipts} AppRecs, ${pruned.threads} threads`;
}

function boxOf(box: string): Box {
  if (box === "inbox" || box === "outbox") return box;
  throw new HelsekontaktError("input/invalid", "expected inbox or outbox, found something else");
}

function everySecond(write: (text: string) => void, quiet: boolean): (text: string) => void {
  let last = 0;
  return (line) => {
    if (quiet || performance.now() - last < 1_000) return;
    last = performance.now();
    write(line);
  };
}

function withJournal(
  options: JournalOptions,
  io: CliIo,
  work: (journal: Journal, signal: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  return withSession(options.config, io, ({ config, signal }) => {
    if (config.journal === undefined)
      throw new HelsekontaktError("config/missing", "expected a journal in the configuration, found none");
    return work(config.journal, signal);
  });
}
