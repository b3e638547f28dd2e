import { randomUUID } from "node:crypto";
import { type Clock, HelsekontaktError, type Logger, throwIfAborted } from "@helsekontakt/core";
import type { QueueSenderHost } from "../connection/queue-sender.ts";
import type { Transport } from "../connection/transport.ts";
import type { AuditEntry, AuditSink } from "./audit.ts";
import type { BatchResult, Decided } from "./copy.ts";
import { type Opened, openHeld } from "./entry.ts";
import { compileFilter } from "./filter.ts";
import { movedInRun } from "./marker.ts";
import { limitOf } from "./limit.ts";
import { QueueReader } from "./reader.ts";
import { shown } from "./shown.ts";
import type { ActOptions, ActReport, MessageFate, QueueCount, QueueFilter } from "./types.ts";

/** @internal */
export interface Environment {
  readonly host: QueueSenderHost;
  readonly clock: Clock;
  readonly by: string;
  readonly audit: AuditSink | undefined;
  readonly logger: Logger;
}

/** @internal What an act does with each batch. */
export interface Worker {
  batch(messages: readonly Opened[], dryRun: boolean): Promise<BatchResult>;
  /** What is done leaves the queue. */
  readonly removes: boolean;
  close(): Promise<void>;
}

const countedTargets = 100;

/**
 * @internal
 * @throws {HelsekontaktError} `amqp/connection` while there is none
 */
function transportOf({ host }: Environment): Transport {
  const transport = host.transport();
  if (transport?.isUp() === true) return transport;
  throw new HelsekontaktError("amqp/connection", "expected an open connection to the broker, found one that is lost");
}

/** @internal How many messages wait now: the broker's number, or where it gives none, counted one by one. */
export async function snapshotOf(
  environment: Environment,
  queue: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly snapshot: number; readonly by: QueueCount["by"]; readonly transport: Transport }> {
  const transport = transportOf(environment);
  const reader = await QueueReader.open(environment.host, transport, queue, signal);
  try {
    const known = await reader.available(signal);
    if (known !== undefined) return { snapshot: known, by: "broker", transport };
    let snapshot = 0;
    for await (const batch of reader.batches(Number.POSITIVE_INFINITY, signal)) snapshot += batch.length;
    return { snapshot, by: "counted", transport };
  } finally {
    await reader.close();
  }
}

/**
 * @internal One run over a queue: begin in the audit trail, batches, end in the audit trail.
 *
 * @throws {HelsekontaktError} what stands in the way before the first message is touched; later faults are in the report
 */
export async function runAct(
  environment: Environment,
  act: ActReport["act"],
  queue: string,
  options: ActOptions & { readonly dryRun: boolean },
  to: string | undefined,
  prepare: (run: string, transport: Transport) => Promise<Worker>,
): Promise<ActReport> {
  const { signal, dryRun, filter } = options;
  const limit = limitOf(options.limit);
  throwIfAborted(signal);
  const run = randomUUID();
  const meant = compileFilter(filter, environment.clock.now());
  const { snapshot, transport } = await snapshotOf(environment, queue, signal);
  let worker: Worker | undefined;
  const tally = new Tally();
  let stopped: HelsekontaktError | undefined;
  let confirmed = false;
  try {
    await record(environment, {
      ...stamp(environment, run, act, queue, dryRun),
      phase: "begin",
      snapshot,
      ...(to === undefined ? {} : { to: shown(to) }),
      ...(filter === undefined ? {} : { filter: shownFilter(filter) }),
      ...(options.limit === undefined ? {} : { limit }),
    });
    worker = await prepare(run, transport);
    const reader = await QueueReader.open(environment.host, transport, queue, signal);
    try {
      for await (const batch of limit === 0 ? [] : reader.batches(snapshot, signal)) {
        const chosen: Opened[] = [];
        for (const held of batch) {
          const opened = openHeld(queue, tally.seen++, held);
          if (!meant(opened) || (opened.message !== undefined && movedInRun(opened.message) === run)) continue;
          chosen.push(opened);
          if (++tally.matched >= limit) break;
        }
        const { decided, stopped: reason } = chosen.length === 0 ? { decided: [] } : await worker.batch(chosen, dryRun);
        const done = decided.filter((d) => d.fate === "done");
        if (!dryRun && done.length > 0) {
          // On the disk before anything is removed: a removal that nobody can read of must not happen.
          await record(environment, {
            ...stamp(environment, run, act, queue, dryRun),
            phase: "batch",
            ids: idsByTarget(done),
          });
          if (worker.removes) reader.accept(done.map((d) => d.message.held));
        }
        tally.add(decided, worker.removes && act !== "purge");
        for (const { message, fate } of decided) options.onMessage?.(message.entry, fate);
        options.onProgress?.({ seen: tally.seen, snapshot, matched: tally.matched, done: tally.fates.done });
        if (reason !== undefined) throw reason;
        if (tally.matched >= limit) break;
        throwIfAborted(signal);
      }
    } finally {
      confirmed = await reader.close();
    }
  } catch (error) {
    stopped = HelsekontaktError.from(error);
  }
  try {
    await worker?.close();
  } catch (error) {
    stopped ??= HelsekontaktError.from(error);
  }
  const { seen, matched, fates, withoutId, targets } = tally;
  try {
    await record(environment, {
      ...stamp(environment, run, act, queue, dryRun),
      phase: "end",
      seen,
      matched,
      fates,
      confirmed,
      ...(stopped === undefined ? {} : { stopped: stopped.code }),
    });
  } catch (error) {
    stopped ??= HelsekontaktError.from(error);
  }
  if (stopped !== undefined && seen === 0) throw stopped;
  return {
    run,
    act,
    queue,
    dryRun,
    snapshot,
    seen,
    matched,
    fates,
    withoutId,
    targets,
    confirmed,
    ...(stopped === undefined ? {} : { stopped }),
  };
}

class Tally {
  seen = 0;
  matched = 0;
  withoutId = 0;
  readonly fates: Record<MessageFate, number> = { done: 0, returned: 0, "no-target": 0, refused: 0, unreadable: 0 };
  readonly targets = new Map<string, number>();

  add(decided: readonly Decided[], copies: boolean): void {
    for (const { fate, target, message } of decided) {
      this.fates[fate]++;
      if (!copies || fate !== "done") continue;
      if (message.raw.messageId === undefined) this.withoutId++;
      if (target === undefined) continue;
      if (this.targets.has(target) || this.targets.size < countedTargets)
        this.targets.set(target, (this.targets.get(target) ?? 0) + 1);
    }
  }
}

function stamp(
  { clock, by }: Environment,
  run: string,
  act: ActReport["act"],
  queue: string,
  dryRun: boolean,
): Pick<AuditEntry, "at" | "run" | "by" | "act" | "queue" | "dryRun"> {
  return { at: new Date(clock.now()).toISOString(), run, by, act, queue: shown(queue), dryRun };
}

async function record({ audit, logger }: Environment, entry: AuditEntry): Promise<void> {
  const { run, by, act, phase, queue, dryRun, to, snapshot, seen, matched, fates, stopped } = entry;
  const fields = { run, by, act, queue, dryRun, to, snapshot, seen, matched, done: fates?.done, stopped };
  if (phase === "batch") logger.debug("messages of a queue dealt with", fields);
  else logger.info(phase === "begin" ? "queue administration begins" : "queue administration ends", fields);
  await audit?.(entry);
}

function shownFilter(filter: QueueFilter): QueueFilter {
  return Object.fromEntries(
    Object.entries(filter).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.slice(0, 100).map(String).map(shown) : value,
    ]),
  );
}

function idsByTarget(done: readonly Decided[]): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  for (const { message, target = "" } of done) (out[shown(target)] ??= []).push(message.entry.messageId ?? "?");
  return out;
}
