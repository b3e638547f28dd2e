import type { HelsekontaktError, Logger } from "@helsekontakt/core";
import type { AuditSink } from "./audit.ts";
import type { Route } from "./target.ts";

/**
 * One message of a queue by its headers: never its content. Texts are in the form that may be shown: what looks like a
 * national number is blotted out, control characters too, and long values are cut.
 */
export interface QueueEntry {
  readonly queue: string;
  /** From the head of the queue, from 0, as it was when the run began. */
  readonly position: number;
  /** Bytes of the whole message. */
  readonly bytes: number;
  /** False when the bytes are no AMQP message, or are more than the connection's limit; then nothing else is known. */
  readonly readable: boolean;
  readonly messageId?: string;
  readonly correlationId?: string;
  readonly to?: string;
  /** Message function, code system 8279. */
  readonly function?: string;
  readonly replyTo?: string;
  readonly contentType?: string;
  readonly fromHerId?: string;
  readonly toHerId?: string;
  /** When it came to the broker, or else when its sender says that it was put on the queue or made. */
  readonly at?: Date;
  /** The condition of an error report, or the broker's reason for a dead letter where it gives one. */
  readonly cause?: string;
  /** The queue in which it died where the broker says so, else the one that it was addressed to. */
  readonly diedAt?: string;
  /** How often this library has moved it, and out of which queues. */
  readonly movedTimes: number;
  readonly movedFrom: readonly string[];
  /** Handed out before; reading a queue marks its messages so, too. */
  readonly redelivered: boolean;
  readonly properties: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
}

/** Which messages are meant: all conditions that are given must hold. */
export interface QueueFilter {
  /** Message ids, as they are shown or as they came. */
  readonly ids?: readonly string[];
  /** Older than this many milliseconds. A message without a readable time has no age, and is not meant. */
  readonly olderThanMs?: number;
  readonly newerThanMs?: number;
  readonly functions?: readonly string[];
  /** HER-ids of senders. */
  readonly from?: readonly string[];
  /** Conditions of error reports, and reasons of death. */
  readonly causes?: readonly string[];
}

/** How far a run goes. */
export interface RangeOptions {
  readonly filter?: QueueFilter;
  /** Messages that are meant, at most. */
  readonly limit?: number;
  /** Told after every batch. */
  readonly onProgress?: (progress: QueueProgress) => void;
  readonly signal?: AbortSignal;
}

export interface ListOptions extends RangeOptions {
  /** Messages that are meant and passed over first: the next page. */
  readonly skip?: number;
}

export interface QueueProgress {
  /** Messages looked at, of how many that waited at the start. */
  readonly seen: number;
  readonly snapshot: number;
  readonly matched: number;
  readonly done: number;
}

/** What `count` found. */
export interface QueueCount {
  readonly messages: number;
  /**
   * `broker`: the number that the broker keeps, without those in readers' hands, and without any being touched.
   * `counted`: each was looked at and given back.
   */
  readonly by: "broker" | "counted";
}

/** Takes exported messages one by one; what it throws ends the run. */
export interface MessageSink {
  write(entry: QueueEntry, bytes: Uint8Array): Promise<void>;
  /** Everything written is on the disk: awaited before a message is removed. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface ActOptions extends RangeOptions {
  /** Tell what would be done, and do nothing. Default true: an act must be asked for with `dryRun: false`. */
  readonly dryRun?: boolean;
  /** Told of every message that is meant, and what becomes of it. */
  readonly onMessage?: (entry: QueueEntry, fate: MessageFate) => void;
}

export interface MoveOptions extends ActOptions {
  /** Move also what has come back to a queue that it was moved out of before: by default a poison message moves once. */
  readonly again?: boolean;
  /**
   * `queue` (default): copies go to the queue's own address, whose existence is proved. `exchange`: to the exchange with
   * the queue's name as key, for users that may not do otherwise; the first copy is sent alone and must be seen to arrive.
   */
  readonly route?: Route;
}

export interface PurgeOptions extends ActOptions {
  /** Written, and flushed, before a message is removed. */
  readonly exportTo?: MessageSink;
}

/**
 * What became of a message: `done` (moved, exported, removed, or would be), `returned` (it has been moved out of this queue
 * before: see `again`), `no-target` (its queue does not exist, or is this one, or is not known), `refused` (the broker did
 * not take the copy), `unreadable` (no copy can be made of it). In all cases but the first it stays.
 */
export type MessageFate = "done" | "returned" | "no-target" | "refused" | "unreadable";

/** What a run has done, or would do. */
export interface ActReport {
  readonly run: string;
  readonly act: "export" | "move" | "republish" | "purge";
  readonly queue: string;
  readonly dryRun: boolean;
  /** Messages that waited at the start: no more than these were looked at. */
  readonly snapshot: number;
  readonly seen: number;
  readonly matched: number;
  readonly fates: Readonly<Record<MessageFate, number>>;
  /** Moved messages without an id: their receivers cannot know a duplicate. */
  readonly withoutId: number;
  /** Messages by the queue that they went to, or would go to; the first 100 queues. */
  readonly targets: ReadonlyMap<string, number>;
  /** Why the run ended early; what `fates` counts is done all the same. */
  readonly stopped?: HelsekontaktError;
  /**
   * False when the broker has not confirmed the removals: up to a batch of what was moved may still be in the queue, as
   * duplicates with the same message ids.
   */
  readonly confirmed: boolean;
}

export interface QueuesOptions {
  /** Who acts, for the audit trail. Default `unknown`. */
  readonly by?: string;
  /** Told of every act, before messages are removed; what it throws ends the run with the messages in place. */
  readonly audit?: AuditSink;
  readonly logger?: Logger;
}
