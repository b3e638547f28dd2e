import { type Clock, type Logger, silentLogger, systemClock } from "@helsekontakt/core";
import type { SendOptions } from "../connection/connection.ts";
import type { ReceiveOptions, Subscription } from "../connection/subscription.ts";
import type { Identity } from "../keys/identity.ts";
import { ReceiveMemory, takeError, takeMessage } from "./receive.ts";
import { protectAndSend } from "./send.ts";
import type {
  ErrorQueueHandler,
  MessageHandler,
  MessengerEvent,
  MessengerOptions,
  OutboundMessage,
  ReceiptHandler,
  SentMessage,
} from "./types.ts";

/** Handlers by kind; without `receipt` receipts go to `message`. */
export interface MessageHandlers {
  readonly message: MessageHandler;
  readonly receipt?: ReceiptHandler;
}

/** Sends and receives whole messages: registry, protection, envelope, error reports. */
export interface Messenger {
  /**
   * Finds the receiver, checks that it takes the function, signs, encrypts, sends, and waits for the broker.
   *
   * @throws {HelsekontaktError} `registry/party-unknown`, `registry/party-inactive`, `registry/no-queue`,
   *   `registry/function-unsupported`, `registry/unavailable`, `protection/certificate-invalid`, `config/missing`, and
   *   the codes of `AmqpConnection.send`
   */
  protectAndSend(message: OutboundMessage, options?: SendOptions): Promise<SentMessage>;
  /**
   * Opens messages of a queue and hands them on. What cannot be opened is reported to its sender if the profile lists
   * the fault, and tried again otherwise.
   */
  receive(queue: string, handlers: MessageHandler | MessageHandlers, options?: ReceiveOptions): Subscription;
  /** Hands on what comes on an error queue. Nothing is ever sent for it. */
  receiveErrors(queue: string, handler: ErrorQueueHandler, options?: ReceiveOptions): Subscription;
}

/** @internal */
export interface Resolved extends MessengerOptions {
  readonly decryptKeys: readonly Identity[];
  readonly plainAllowed: (messageFunction: string) => boolean;
  readonly senderMismatch: "refuse" | "warn" | "ignore";
  readonly metadata: boolean;
  readonly maxBodyBytes: number;
  readonly maxTries: number;
  readonly retryPauseMs: { readonly initial: number; readonly max: number };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: (event: MessengerEvent) => void;
}

/** Builds a messenger over a connection and a registry. */
export function createMessenger(options: MessengerOptions): Messenger {
  const resolved: Resolved = {
    ...options,
    decryptKeys: options.decryptKeys ?? [],
    plainAllowed: options.plainAllowed ?? (() => false),
    senderMismatch: options.senderMismatch ?? "refuse",
    metadata: options.metadata ?? true,
    maxBodyBytes: options.maxBodyBytes ?? 50 * 1024 * 1024,
    maxTries: options.maxTries ?? 10,
    retryPauseMs: options.retryPauseMs ?? { initial: 200, max: 30_000 },
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    emit(event) {
      try {
        options.onEvent?.(event);
      } catch {
        // A listener's fault is not the message's.
      }
    },
  };
  const memory = new ReceiveMemory();
  return {
    protectAndSend: (message, send = {}) => protectAndSend(resolved, message, send),
    receive(queue, handlers, receive = {}) {
      const both = typeof handlers === "function" ? { message: handlers } : handlers;
      return options.connection.receive(queue, (delivery) => takeMessage(resolved, memory, both, delivery), receive);
    },
    receiveErrors: (queue, handler, receive = {}) =>
      options.connection.receive(queue, (delivery) => takeError(resolved, memory, handler, delivery), receive),
  };
}
