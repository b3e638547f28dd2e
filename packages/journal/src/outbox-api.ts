import type { OutboxClaim, OutboxEntry, OutboxMessage } from "./outbox-rows.ts";
import type { Cancellable, Lease } from "./parts.ts";
import type { ApplicationState, TransportState } from "./states.ts";
import type { CallersTransaction } from "./store.ts";

/** When a failed sending is tried again: never, by {@link backoffMs}, or at a time (milliseconds since 1970 UTC). */
export type RetryAt = "never" | "backoff" | number;

/** A claim that is kept while it is worked on. */
export interface OutboxHold {
  /**
   * Asks the store whether the claim is still held, and prolongs it when less than half of it is left.
   *
   * @throws {HelsekontaktError} `journal/conflict` when another took over, or the message needs no sending any more
   */
  confirm(options?: Cancellable): Promise<void>;
  /** True while what `confirm` and the renewals gave has not run out; does not wait. False before the first `confirm`. */
  isHeld(): boolean;
  /** Fires when the claim is lost. */
  readonly lost: AbortSignal;
  /** Ends the renewals; the claim itself stays until it is settled or its lease runs out. */
  end(): void;
}

/** Messages on their way out. */
export interface Outbox {
  /**
   * Stores a message; it is durable when this resolves. The same id with the same payload is told as a duplicate.
   *
   * @param options.transaction - the application's: durable when that commits.
   * @throws {HelsekontaktError} `input/invalid`, `input/too-large`, `journal/conflict` for an id of another payload,
   *   `journal/unavailable`, `journal/closed`, `abort/cancelled`
   */
  enqueue(
    message: OutboxMessage,
    options?: Cancellable & { readonly transaction?: CallersTransaction },
  ): Promise<{ readonly id: string; readonly duplicate: boolean }>;
  /**
   * Takes up to `limit` messages (default 16) that are due, oldest first, at most one per key. A message whose holder's
   * lease ran out is taken over and goes out again under the same id. One whose stored value is damaged becomes failed,
   * and so does one that was taken over `maxTries` times in a row: it ends the processes that send it.
   *
   * @throws {HelsekontaktError} `journal/key-unknown`, `journal/unavailable`, `journal/closed`, `abort/cancelled`
   */
  claim(lease: Lease & Cancellable & { readonly limit?: number }): Promise<OutboxClaim[]>;
  /** Prolongs a claim; check before a slow step. @throws {HelsekontaktError} `journal/conflict` when another took over */
  renew(claim: OutboxClaim, options?: Cancellable & { readonly leaseMs?: number }): Promise<OutboxClaim>;
  /** The broker has the message. @throws {HelsekontaktError} `journal/conflict` when another took over */
  markSent(claim: OutboxClaim, options?: Cancellable): Promise<OutboxEntry>;
  /**
   * The sending failed. After `maxSendTries` failures with `retry: "backoff"` in a row the message is failed for good.
   *
   * @param failure.reason - an error code or AMQP condition, never text.
   * @throws {HelsekontaktError} `journal/conflict` when another took over
   */
  markFailed(
    claim: OutboxClaim,
    failure: { readonly reason: string; readonly retry: RetryAt },
    options?: Cancellable,
  ): Promise<OutboxEntry>;
  /**
   * Keeps a claim while its message is made ready and sent: renews the lease by itself until {@link OutboxHold.end}, and
   * tells right before a write whether this process may still send. One that was paused for longer than the lease may not.
   *
   * @param options.leaseMs - as given to `claim`; default 60 000.
   */
  hold(claim: OutboxClaim, options?: { readonly leaseMs?: number }): OutboxHold;
  /** Gives a claim back untried, for stopping. @throws {HelsekontaktError} `journal/conflict` */
  release(claim: OutboxClaim, options?: Cancellable): Promise<OutboxEntry>;
  /**
   * The receiver's transport refused the message (error queue). A report on an earlier sending changes nothing.
   *
   * @returns undefined when no such message was ever sent from here.
   */
  reportUndeliverable(messageId: string, reason: string, options?: Cancellable): Promise<OutboxEntry | undefined>;
  /**
   * Queues a failed message again, or an overdue one once. After a report on the error queue it has a new AMQP message id,
   * `messageId` or one that is made up; the MsgId stays.
   *
   * @throws {HelsekontaktError} `journal/conflict` from other states, `journal/not-found`
   */
  resend(id: string, options?: Cancellable & { readonly messageId?: string }): Promise<OutboxEntry>;
  /** Gives up a message that nobody is sending. @throws {HelsekontaktError} `journal/conflict`, `journal/not-found` */
  cancel(id: string, reason: string, options?: Cancellable): Promise<OutboxEntry>;
  /**
   * Gives up a failed message for good: its payload goes, its ids stay known. `reason` is a code.
   *
   * @throws {HelsekontaktError} `journal/conflict` from other states, `journal/not-found`
   */
  drop(id: string, reason: string, options?: Cancellable): Promise<OutboxEntry>;
  /** By journal id, AMQP message id or MsgId. */
  get(id: string, options?: Cancellable): Promise<OutboxEntry | undefined>;
  /** The unprotected bytes; undefined after retention took them. @throws {HelsekontaktError} `journal/not-found` */
  payload(id: string, options?: Cancellable): Promise<Uint8Array | undefined>;
  /** Oldest first, at most `limit` (default 100); continue after the last one's id. */
  list(
    filter?: Cancellable & {
      readonly transport?: TransportState;
      readonly application?: ApplicationState;
      readonly after?: string;
      readonly limit?: number;
    },
  ): Promise<OutboxEntry[]>;
  /**
   * Resolves when nothing more is expected by itself: answered, overdue, failed, or sent with no answer expected.
   *
   * @param options.pollMs - how often other processes' changes are looked for; default 1 000.
   * @throws {HelsekontaktError} `journal/not-found`, `abort/cancelled`, `journal/closed`
   */
  wait(id: string, options?: Cancellable & { readonly pollMs?: number }): Promise<OutboxEntry>;
  /** Resolves when this process queued something or `timeoutMs` (default 1 000) passed. */
  waitForWork(options?: Cancellable & { readonly timeoutMs?: number }): Promise<void>;
}
