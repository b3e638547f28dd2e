import type { ConnectionState } from "./state.ts";

/** One subscription, for a readiness check. */
export interface SubscriptionHealth {
  readonly queue: string;
  readonly attached: boolean;
  readonly paused: boolean;
  /** Messages that the broker may still send. */
  readonly credit: number;
  readonly inHand: number;
  readonly parked: number;
  readonly running: number;
  /** How long the handler that runs longest has run, in milliseconds; 0 when none runs. */
  readonly oldestHandlerMs: number;
}

/** One queue that is sent to. */
export interface SenderHealth {
  readonly queue: string;
  readonly attached: boolean;
  readonly waiting: number;
  /** Written, without an outcome yet. */
  readonly inFlight: number;
}

/** The connection as it is now, by what the broker does and not by when something was last read. */
export interface ConnectionHealth {
  readonly state: ConnectionState;
  /** The broker reads and answers. False while it has left the last question unanswered: see the state event `blocked`. */
  readonly answering: boolean;
  /** Open, answering, and every subscription attached. */
  readonly ready: boolean;
  readonly subscriptions: readonly SubscriptionHealth[];
  readonly senders: readonly SenderHealth[];
}
