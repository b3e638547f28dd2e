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
    };

/** Told of every change; what it throws is ignored. */
export type StateListener = (event: StateEvent) => void;
