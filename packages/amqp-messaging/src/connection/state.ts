import type { HelsekontaktError } from "@helsekontakt/core";

/** `connecting` and `open` at first, `reconnecting` after a loss until it is `open` again, `closed` at the end. */
export type ConnectionState = "connecting" | "open" | "reconnecting" | "closed";

/** What happened to the connection or to one of its links. */
export type StateEvent =
  | {
      readonly kind: "connection";
      readonly state: ConnectionState;
      readonly attempt?: number;
      readonly error?: HelsekontaktError;
    }
  | {
      readonly kind: "link";
      readonly role: "sender" | "receiver";
      readonly queue: string;
      readonly state: "attached" | "detached";
      readonly error?: HelsekontaktError;
    }
  | {
      /**
       * The connection is up, and the broker has left what was sent without an outcome or without credit for
       * `answerTimeoutMs`: it is blocked (RabbitMQ's memory and disk alarms), or reads no more. `answering` again with
       * the next outcome. Nothing is sent twice for it.
       */
      readonly kind: "blocked";
      readonly queue: string;
      readonly answering: boolean;
    };

/** Told of every change; what it throws is ignored. */
export type StateListener = (event: StateEvent) => void;
