import { type Clock, HelsekontaktError, systemClock, throwIfAborted } from "@helsekontakt/core";
import { type AmqpConnection, hostOf } from "../connection/connection.ts";
import { runAct, type Environment, snapshotOf } from "./act.ts";
import { Copier } from "./copy.ts";
import { openHeld } from "./entry.ts";
import { compileFilter } from "./filter.ts";
import { limitOf } from "./limit.ts";
import { QueueReader } from "./reader.ts";
import type {
  ActReport,
  ListOptions,
  MessageSink,
  MoveOptions,
  PurgeOptions,
  QueueCount,
  QueueEntry,
  QueuesOptions,
  RangeOptions,
} from "./types.ts";

/**
 * The queues of a broker, for people who look after them, over the connection that messages travel on. Every run is bounded
 * by the number of messages that waited when it began, takes them from the head in order, and needs the same memory for
 * a hundred thousand as for ten.
 *
 * While a run lasts it holds the messages that it has passed, so that other readers do not get them; then they go back to
 * their places, marked as redelivered. A broker that counts deliveries and has a limit counts this as one.
 */
export interface Queues {
  /**
   * How many messages wait. Without a filter the broker's own number, where it gives one, and no message is touched.
   *
   * @throws {HelsekontaktError} `amqp/link-refused` (no such queue, or not for this user), `amqp/link-detached`,
   *   `amqp/connection`, `amqp/timeout`, `input/invalid`, `abort/cancelled`; the same for all others
   */
  count(queue: string, options?: RangeOptions): Promise<QueueCount>;
  /** Entries in the order of the queue. The messages are held until the iteration ends. */
  list(queue: string, options?: ListOptions): AsyncGenerator<QueueEntry, void, undefined>;
  /** The messages with an id: none, one, or several where a sender repeated itself. */
  show(queue: string, messageId: string, options?: { readonly signal?: AbortSignal }): Promise<readonly QueueEntry[]>;
  /** Gives whole messages to a sink, which it closes, and leaves them in the queue. */
  export(queue: string, sink: MessageSink, options?: RangeOptions): Promise<ActReport>;
  /**
   * Puts copies into another queue and removes each original after its copy was confirmed and the other queue was seen
   * again: broken off, a run leaves duplicates with the same message ids at the worst, never a gap.
   */
  move(queue: string, to: string, options?: MoveOptions): Promise<ActReport>;
  /** As `move`, each message to the queue in which it died, or where that is not known to the one that it was addressed to. */
  republish(queue: string, options?: MoveOptions): Promise<ActReport>;
  /** Removes messages. */
  purge(queue: string, options?: PurgeOptions): Promise<ActReport>;
}

/**
 * Opens the queues of a connection. Nothing is attached before a call needs it, and nothing stays so after it. A connection
 * that is lost ends the call that runs.
 *
 * @param connection - from `connectAmqp`; it stays the caller's to close.
 * @throws {HelsekontaktError} `input/invalid` for another kind of connection
 */
export function openQueues(
  connection: AmqpConnection,
  options: QueuesOptions & { readonly clock?: Clock } = {},
): Queues {
  const host = hostOf(connection);
  if (host === undefined)
    throw new HelsekontaktError("input/invalid", "expected a connection from connectAmqp, found another one");
  const { clock = systemClock } = options;
  const environment: Environment = {
    host,
    clock,
    by: options.by ?? "unknown",
    audit: options.audit,
    logger: options.logger ?? host.settings.logger,
  };
  const move = (act: "move" | "republish", queue: string, to: string | undefined, given: MoveOptions) =>
    runAct(environment, act, queue, { ...given, dryRun: given.dryRun ?? true }, to, async (run, transport) => {
      if (to === queue)
        throw new HelsekontaktError("input/invalid", "expected another queue to move to, found the same one");
      const copier = new Copier(host, transport, { queue, run, to }, given);
      await copier.checkTarget();
      return {
        batch: (messages, dryRun) => copier.batch(messages, dryRun),
        removes: true,
        close: () => Promise.resolve(copier.close()),
      };
    });

  const queues: Queues = {
    async count(queue, range = {}) {
      throwIfAborted(range.signal);
      if (range.filter !== undefined || range.limit !== undefined) {
        let messages = 0;
        for await (const entry of queues.list(queue, range)) messages += entry.queue === queue ? 1 : 0;
        return { messages, by: "counted" };
      }
      const { snapshot, by } = await snapshotOf(environment, queue, range.signal);
      return { messages: snapshot, by };
    },
    async *list(queue, range = {}) {
      const { signal, skip = 0, onProgress } = range;
      const limit = limitOf(range.limit);
      throwIfAborted(signal);
      const meant = compileFilter(range.filter, clock.now());
      const { snapshot, transport } = await snapshotOf(environment, queue, signal);
      const reader = await QueueReader.open(host, transport, queue, signal);
      let seen = 0;
      let matched = 0;
      try {
        if (limit === 0) return;
        for await (const batch of reader.batches(snapshot, signal)) {
          for (const held of batch) {
            const opened = openHeld(queue, seen++, held);
            if (!meant(opened) || matched++ < skip) continue;
            yield opened.entry;
            if (matched - skip >= limit) return;
          }
          onProgress?.({ seen, snapshot, matched, done: 0 });
        }
      } finally {
        await reader.close();
      }
    },
    async show(queue, messageId, { signal } = {}) {
      const found: QueueEntry[] = [];
      const range = { filter: { ids: [messageId] }, limit: 100, ...(signal === undefined ? {} : { signal }) };
      for await (const entry of queues.list(queue, range)) found.push(entry);
      return found;
    },
    export: (queue, sink, range = {}) =>
      runAct(environment, "export", queue, { ...range, dryRun: false }, undefined, () =>
        Promise.resolve({
          async batch(messages) {
            for (const { held, entry } of messages) if (held.bytes !== undefined) await sink.write(entry, held.bytes);
            await sink.sync();
            return {
              decided: messages.map((message) => ({
                message,
                fate: message.held.bytes === undefined ? "unreadable" : "done",
              })),
            };
          },
          removes: false,
          close: () => sink.close(),
        }),
      ),
    move: (queue, to, given = {}) => move("move", queue, to, given),
    republish: (queue, given = {}) => move("republish", queue, undefined, given),
    purge(queue, given = {}) {
      const { exportTo: sink, dryRun = true } = given;
      return runAct(environment, "purge", queue, { ...given, dryRun }, undefined, () =>
        Promise.resolve({
          async batch(messages, dry) {
            const lost = sink === undefined ? [] : messages.filter((m) => m.held.bytes === undefined);
            if (sink !== undefined && !dry) {
              for (const { held, entry } of messages) if (held.bytes !== undefined) await sink.write(entry, held.bytes);
              await sink.sync();
            }
            return {
              decided: messages.map((message) => ({ message, fate: lost.includes(message) ? "unreadable" : "done" })),
            };
          },
          removes: true,
          close: () => sink?.close() ?? Promise.resolve(),
        }),
      );
    },
  };
  return queues;
}
