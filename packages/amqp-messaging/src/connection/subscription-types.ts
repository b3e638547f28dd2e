import type { SubscriptionHealth } from "./health.ts";
import type { Outcome } from "./outcome.ts";
import type { ReceivedMessage } from "./wire-message.ts";

/** One message in a handler's hands. */
export interface InboundDelivery {
  readonly queue: string;
  readonly message: ReceivedMessage;
  /** Bytes of the whole message. */
  readonly size: number;
  /** The broker has handed it out before. A repeated send is not marked: know the message ids you have seen. */
  readonly redelivered: boolean;
  /** Fires when the subscription stops waiting for handlers. */
  readonly signal: AbortSignal;
}

/**
 * Decides over one delivery. What it throws means: back to the queue after a pause that doubles with each failure of
 * the same message, and to the dead letters after `maxTries`.
 */
export type DeliveryHandler = (delivery: InboundDelivery) => Promise<Outcome>;

export interface ReceiveOptions {
  /** Handlers that run at a time. Default 5, at most 1,000. */
  readonly concurrency?: number;
  /**
   * Messages in hand at a time, those that wait for a handler included: this is the credit. Default `concurrency`.
   * Larger gives `orderBy` and `functionLimits` something to go on with while a key or a function is busy.
   */
  readonly readAhead?: number;
  /**
   * The key of a message's order, such as the conversation or the receiver: messages of one key run one after another
   * as they arrived, others side by side. One that goes back (`release`, or a handler that throws) stays here for its
   * next try, so that none of its key passes it. Undefined: no order.
   */
  readonly orderBy?: (message: ReceivedMessage) => string | undefined;
  /** Handlers that run at a time for a message function (AMQP subject); others are bound by `concurrency` alone. */
  readonly functionLimits?: Readonly<Record<string, number>>;
  /** First pause before a delivery whose handler threw goes back; doubles with each failure to 30,000. Default 1,000 ms. */
  readonly releaseDelayMs?: number;
  /** Times that the handler may throw for a message before it is dead-lettered, by the broker's count or the own. Default 10. */
  readonly maxTries?: number;
  /** Stops the subscription, as `stop()` does. */
  readonly signal?: AbortSignal;
}

export interface StopOptions {
  /** How long running handlers are waited for; what they have not settled by then is released. Default 30,000 ms. */
  readonly drainMs?: number;
  /** Ends the waiting at once. */
  readonly signal?: AbortSignal;
}

/** Messages from one queue to one handler, across lost connections, until it is stopped. */
export interface Subscription {
  readonly queue: string;
  /** Resolves at the first attach. Rejects with `amqp/link-refused` if that is refused; attaching is tried again all the same. */
  readonly attached: Promise<void>;
  /** Messages that have arrived and are neither settled nor parked. */
  readonly inHand: number;
  /** Messages that wait out the pause before they go back, without credit: at most 1,000. */
  readonly parked: number;
  health(): SubscriptionHealth;
  /** No new credit and no new handlers, until {@link resume}. Messages under way are kept, at most `readAhead`. */
  pause(): void;
  resume(): void;
  /** Ends the credit, releases what no handler has begun, waits for the others, releases the rest, ends the session. */
  stop(options?: StopOptions): Promise<void>;
}
