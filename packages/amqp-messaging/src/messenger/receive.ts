import { randomUUID } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { type AppRecView, readAppRec } from "../apprec/read-apprec.ts";
import type { InboundDelivery, Outcome } from "../connection/subscription.ts";
import { type Envelope, readEnvelope } from "../envelope/envelope.ts";
import { buildErrorReport, type ErrorQueueMessage, readErrorQueueMessage } from "../envelope/error-report.ts";
import { RefusedMessage, type Refusal } from "./failures.ts";
import type { MessageHandlers, Resolved } from "./messenger.ts";
import { messageKey, openMessage } from "./open-message.ts";
import type { ErrorQueueHandler, HandlerResult, InboundMessage } from "./types.ts";

const remembered = 10_000;
/** What says nothing of the message: it is held, and the tries are not counted. */
const outages: readonly string[] = [
  "registry/unavailable",
  "journal/unavailable",
  "journal/full",
  "journal/read-only",
  "amqp/overloaded",
  "abort/cancelled",
];
/** What no later try would read. */
const unreadable: readonly string[] = ["input/too-large", "receipt/invalid"];

/** @internal What the receiver remembers across redeliveries, bounded. */
export class ReceiveMemory {
  readonly #tries = new Map<string, number>();
  readonly #reported = new Set<string>();

  /** Counts one more failed try. RabbitMQ 3 does not count for AMQP 1.0 readers. */
  failed(key: string): number {
    const tries = (this.#tries.get(key) ?? 0) + 1;
    this.#tries.delete(key);
    this.#tries.set(key, tries);
    trim(this.#tries);
    return tries;
  }

  forget(key: string): void {
    this.#tries.delete(key);
  }

  /** A message is reported once, however often it comes again. */
  isReported(key: string): boolean {
    return this.#reported.has(key);
  }

  reported(key: string): void {
    this.#reported.add(key);
    trim(this.#reported);
  }
}

function trim(collection: Map<string, unknown> | Set<string>): void {
  if (collection.size <= remembered) return;
  const [oldest] = collection.keys();
  if (oldest !== undefined) collection.delete(oldest);
}

/** @internal Takes one delivery of a queue for messages to its end. Never rejects. */
export async function takeMessage(
  options: Resolved,
  memory: ReceiveMemory,
  handlers: MessageHandlers,
  delivery: InboundDelivery,
): Promise<Outcome> {
  const envelope = readEnvelope(delivery.message);
  // A report that strayed here: answering it could go on for ever.
  if (envelope.properties.has("errorCondition") && envelope.properties.has("originalMessageId")) {
    options.logger.warn("an error report came on a queue for messages; it is not answered", {
      queue: delivery.queue,
      messageId: envelope.messageId,
    });
    emitReport(options, delivery, readErrorQueueMessage(delivery.message));
    return "accept";
  }
  let result: HandlerResult;
  try {
    result = await hand(handlers, await openMessage(options, delivery));
  } catch (reason) {
    if (reason instanceof RefusedMessage)
      return await refuse(options, memory, delivery, envelope, reason.refusal, reason.reason);
    const error = HelsekontaktError.from(reason, "message/handler-failed", "the handler threw");
    if (unreadable.includes(error.code)) return deadLetter(options, delivery, envelope, error.code);
    return await retry(options, memory, delivery, envelope, error);
  }
  if (result === "retry") return await retry(options, memory, delivery, envelope);
  memory.forget(triesKey(delivery, envelope));
  if (result === "dead-letter") return deadLetter(options, delivery, envelope, "the handler set it aside");
  if (typeof result === "object")
    return await refuse(
      options,
      memory,
      delivery,
      envelope,
      result.refuse,
      new HelsekontaktError("amqp/unsupported-message", "the handler refused the message"),
    );
  options.emit({ kind: "accepted", queue: delivery.queue, messageId: envelope.messageId, function: envelope.function });
  return "accept";
}

/** @internal Takes one delivery of an error queue to its end. Whatever it holds, nothing is sent for it. */
export async function takeError(
  options: Resolved,
  memory: ReceiveMemory,
  handler: ErrorQueueHandler,
  delivery: InboundDelivery,
): Promise<Outcome> {
  const message = readErrorQueueMessage(delivery.message);
  emitReport(options, delivery, message);
  try {
    await handler(message);
    return "accept";
  } catch (reason) {
    return await retry(
      options,
      memory,
      delivery,
      message.envelope,
      HelsekontaktError.from(reason, "message/handler-failed", "the handler threw"),
    );
  }
}

function emitReport(options: Resolved, delivery: InboundDelivery, message: ErrorQueueMessage): void {
  const { kind } = message;
  options.emit({
    kind: "error-report",
    queue: delivery.queue,
    condition: kind === "report" ? conditionCode(message.report.condition) : kind,
    originalMessageId:
      kind === "report"
        ? message.report.originalMessageId
        : kind === "soap-fault"
          ? message.fault.messageId
          : undefined,
  });
}

/** Events are logged, and the other party may write anything: what has not the form of a condition is not repeated. */
function conditionCode(text: string): string {
  return /^[a-z]{1,20}:[a-z-]{1,60}$/.test(text) ? text : "unknown";
}

async function hand(handlers: MessageHandlers, message: InboundMessage): Promise<HandlerResult> {
  const isReceipt = message.root.endsWith("}AppRec");
  if (!isReceipt || handlers.receipt === undefined) return await handlers.message(message);
  return await handlers.receipt({ ...message, receipt: receiptOf(message) });
}

/** @throws {HelsekontaktError} `receipt/invalid` whatever is wrong with it */
function receiptOf({ payload }: InboundMessage): AppRecView {
  try {
    return readAppRec(payload);
  } catch (reason) {
    throw new HelsekontaktError("receipt/invalid", "expected an AppRec, found a document that cannot be read as one", {
      original: reason,
    });
  }
}

/**
 * Tells the sender, then takes the message off the queue. The two steps are not atomic, so the report is remembered: a
 * redelivery is taken off without another one.
 */
async function refuse(
  options: Resolved,
  memory: ReceiveMemory,
  delivery: InboundDelivery,
  envelope: Envelope,
  refusal: Refusal,
  error: HelsekontaktError,
): Promise<Outcome> {
  const { fromHerId, messageId } = envelope;
  const key = `${fromHerId ?? ""} ${messageKey(envelope)}`;
  const done = (reported: boolean): Outcome => {
    memory.forget(triesKey(delivery, envelope));
    options.emit({ kind: "refused", queue: delivery.queue, messageId, condition: refusal.condition, reported, error });
    options.logger.warn("message refused", {
      queue: delivery.queue,
      messageId,
      fromHerId,
      condition: refusal.condition,
      code: error.code,
      reported,
    });
    return "accept";
  };
  // Nobody to tell: without a sender it cannot be answered, only removed.
  if (fromHerId === undefined) return done(false);
  if (memory.isReported(key)) return done(true);
  try {
    const queue = await errorQueue(options, fromHerId, envelope.function ?? "");
    if (queue === undefined)
      return deadLetter(
        options,
        delivery,
        envelope,
        `refused with ${refusal.condition}; the sender has no error queue`,
      );
    await options.connection.send(
      queue,
      buildErrorReport({
        original: envelope,
        ...refusal,
        messageId: randomUUID(),
        to: queue,
        receivedAt: options.clock.now(),
      }),
      { signal: delivery.signal },
    );
    memory.reported(key);
    return done(true);
  } catch (reason) {
    return await retry(options, memory, delivery, envelope, HelsekontaktError.from(reason));
  }
}

/** By the address registry alone: a report must not fail with the profile that may be what it is about. */
async function errorQueue(options: Resolved, herId: string, messageFunction: string): Promise<string | undefined> {
  try {
    return (await options.registry.resolve({ herId, function: messageFunction })).queues.error;
  } catch (reason) {
    const { code } = HelsekontaktError.from(reason);
    if (code === "registry/party-unknown" || code === "registry/party-inactive") return undefined;
    throw reason;
  }
}

/** Back to the queue after a pause; after `maxTries` to the dead letters. An outage elsewhere is not the message's fault. */
async function retry(
  options: Resolved,
  memory: ReceiveMemory,
  delivery: InboundDelivery,
  envelope: Envelope,
  error?: HelsekontaktError,
): Promise<Outcome> {
  const { initial, max } = options.retryPauseMs;
  const outage = error !== undefined && (outages.includes(error.code) || isKeyAway(error));
  const tries = outage ? 0 : memory.failed(triesKey(delivery, envelope));
  if (tries >= options.maxTries) {
    memory.forget(triesKey(delivery, envelope));
    return deadLetter(
      options,
      delivery,
      envelope,
      `failed ${tries} times${error === undefined ? "" : `, last with ${error.code}`}`,
    );
  }
  options.emit({
    kind: "retry",
    queue: delivery.queue,
    messageId: envelope.messageId,
    tries,
    ...(error === undefined ? {} : { error }),
  });
  const pause = outage ? Math.min(max, 5_000) : Math.min(max, initial * 2 ** Math.min(tries - 1, 20));
  // When the subscription stops, the message goes back at once.
  await options.clock.sleep(pause, delivery.signal).catch(() => {});
  return "release";
}

function triesKey(delivery: InboundDelivery, envelope: Envelope): string {
  return `${delivery.queue} ${messageKey(envelope)}`;
}

/** The vault of an own key cannot be reached, as against a key that cannot be used. */
function isKeyAway(error: HelsekontaktError): boolean {
  return error.code === "protection/key-unreadable" && error.retryable;
}

function deadLetter(options: Resolved, delivery: InboundDelivery, envelope: Envelope, reason: string): Outcome {
  options.emit({ kind: "dead-letter", queue: delivery.queue, messageId: envelope.messageId, reason });
  options.logger.error("message set aside on the dead-letter queue", {
    queue: delivery.queue,
    messageId: envelope.messageId,
    reason,
  });
  return "reject";
}
