import {
  type Clock,
  type LogFields,
  type Logger,
  silentLogger,
  silentTelemetry,
  systemClock,
} from "@helsekontakt/core";
import type { SendOptions } from "../connection/connection.ts";
import type { ReceiveOptions, Subscription } from "../connection/subscription.ts";
import { FailureCounts } from "../connection/failure-counts.ts";
import { shownId } from "../envelope/shown-id.ts";
import { queueTypes } from "../gen/transport.ts";
import type { KeySource } from "../keys/own-keys.ts";
import { observeMessenger } from "../telemetry/gauges.ts";
import { installedTelemetry } from "../telemetry/open-telemetry.ts";
import type { Told } from "../telemetry/timed.ts";
import { Calls } from "./calls.ts";
import { takeError, takeMessage } from "./receive.ts";
import { createReportMemory, type ReportMemory } from "./receive-memory.ts";
import { protectAndSend } from "./send.ts";
import type {
  CallMessage,
  CallOptions,
  ErrorQueueHandler,
  InboundMessage,
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
   * @throws {MessagingError} `registry/party-unknown`, `registry/party-inactive`, `registry/no-queue`,
   *   `registry/function-unsupported`, `registry/unavailable`, `protection/certificate-invalid`, `config/missing`, and
   *   the codes of `AmqpConnection.send`
   */
  protectAndSend(message: OutboundMessage, options?: SendOptions): Promise<SentMessage>;
  /**
   * Sends to the receiver's synchronous queue and waits for the answer, which is opened and proved like every message,
   * and must come from the party that was asked. Calls may run side by side, as many as one likes.
   *
   * @throws {MessagingError} `amqp/timeout` when no answer came in time (MUG-30; the receiver may have acted on the
   *   request), `amqp/closed`, `abort/cancelled`, `config/missing` without a queue for answers, and the codes of
   *   {@link protectAndSend}
   * @see HITS 1216:2018, section 2.2.2
   */
  request(message: CallMessage, options?: CallOptions): Promise<InboundMessage>;
  /**
   * Opens messages of a queue and hands them on. What cannot be opened is reported to its sender if the profile lists
   * the fault, and tried again otherwise.
   */
  receive(queue: string, handlers: MessageHandler | MessageHandlers, options?: ReceiveOptions): Subscription;
  /**
   * The same for the own synchronous queue: `reply(document)` goes to the request's reply-to. A request that cannot be
   * answered is dead-lettered with the reason.
   */
  serve(queue: string, handler: MessageHandler, options?: ReceiveOptions): Subscription;
  /** Hands on what comes on an error queue. Nothing is ever sent for it. */
  receiveErrors(queue: string, handler: ErrorQueueHandler, options?: ReceiveOptions): Subscription;
}

/** @internal */
export interface Resolved extends Omit<MessengerOptions, "telemetry" | "signer" | "decryptKeys">, Told {
  readonly keys: KeySource;
  readonly plainAllowed: (messageFunction: string) => boolean;
  readonly senderMismatch: "refuse" | "warn" | "ignore";
  readonly metadata: boolean;
  readonly maxBodyBytes: number;
  readonly maxTries: number;
  readonly retryPauseMs: { readonly initial: number; readonly max: number };
  readonly callTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: (event: MessengerEvent) => void;
  readonly reports: ReportMemory;
  /** Across redeliveries: RabbitMQ 3 does not count for AMQP 1.0 readers. */
  readonly tries: FailureCounts;
}

/** Builds a messenger over a connection and a registry. */
export function createMessenger(options: MessengerOptions): Messenger {
  const { connection, telemetry, signer, decryptKeys } = options;
  const resolved: Resolved = {
    ...options,
    keys:
      options.keys ??
      (() => ({
        ...(signer === undefined ? {} : { signing: signer }),
        ...(decryptKeys === undefined ? {} : { decryption: decryptKeys }),
      })),
    plainAllowed: options.plainAllowed ?? (() => false),
    senderMismatch: options.senderMismatch ?? "refuse",
    metadata: options.metadata ?? true,
    maxBodyBytes: options.maxBodyBytes ?? 50 * 1024 * 1024,
    maxTries: options.maxTries ?? 10,
    retryPauseMs: options.retryPauseMs ?? { initial: 200, max: 30_000 },
    callTimeoutMs: options.callTimeoutMs ?? queueTypes.sync.ttlMs,
    clock: options.clock ?? systemClock,
    logger: showingIds(options.logger ?? silentLogger),
    telemetry:
      telemetry === undefined
        ? installedTelemetry()
        : Promise.resolve(telemetry === false ? silentTelemetry : telemetry),
    reports: options.reports ?? createReportMemory(),
    tries: new FailureCounts(),
    emit(event) {
      try {
        options.onEvent?.(event);
      } catch {
        // A listener's fault is not the message's.
      }
    },
  };
  const calls = new Calls(resolved);
  const subscriptions = new Set<Subscription>();
  const kept = (subscription: Subscription): Subscription => {
    subscriptions.add(subscription);
    return subscription;
  };
  observeMessenger({ options: resolved, calls, subscriptions });
  return {
    protectAndSend: (message, send = {}) => protectAndSend(resolved, message, send),
    request: (message, call = {}) => calls.request(message, call),
    receive(queue, handlers, receive = {}) {
      const both = typeof handlers === "function" ? { message: handlers } : handlers;
      return kept(connection.receive(queue, (delivery) => takeMessage(resolved, "async", both, delivery), receive));
    },
    serve: (queue, handler, receive = {}) =>
      kept(
        connection.receive(queue, (delivery) => takeMessage(resolved, "sync", { message: handler }, delivery), receive),
      ),
    receiveErrors: (queue, handler, receive = {}) =>
      kept(connection.receive(queue, (delivery) => takeError(resolved, handler, delivery), receive)),
  };
}

/** No line shows a message id that may be any text. */
function showingIds(logger: Logger): Logger {
  const shown = (fields: LogFields | undefined): LogFields | undefined =>
    typeof fields?.["messageId"] === "string" ? { ...fields, messageId: shownId(fields["messageId"]) } : fields;
  return {
    debug: (message, fields) => logger.debug(message, shown(fields)),
    info: (message, fields) => logger.info(message, shown(fields)),
    warn: (message, fields) => logger.warn(message, shown(fields)),
    error: (message, fields) => logger.error(message, shown(fields)),
  };
}
