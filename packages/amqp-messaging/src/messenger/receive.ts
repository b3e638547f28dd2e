import { HelsekontaktError, type Telemetry } from "@helsekontakt/core";
import { type AppRecView, readAppRec } from "../apprec/read-apprec.ts";
import type { Outcome } from "../connection/outcome.ts";
import type { InboundDelivery } from "../connection/subscription-types.ts";
import { type Envelope, readEnvelope } from "../envelope/envelope.ts";
import { type ErrorQueueMessage, readErrorQueueMessage } from "../envelope/error-report.ts";
import type { MessageFunctionName } from "../gen/messages.ts";
import type { QueueTypeName } from "../gen/transport.ts";
import { metrics } from "../telemetry/metrics.ts";
import { answer, answerLater } from "./answer.ts";
import { RefusedMessage } from "./failures.ts";
import { MessagingError } from "./messaging-error.ts";
import type { MessageHandlers, Resolved } from "./messenger.ts";
import { openMessage } from "./open-message.ts";
import { Delivered } from "./settle.ts";
import type { ErrorQueueHandler, HandlerResult, InboundMessage } from "./types.ts";

const soapFault: MessageFunctionName = "AMQP_SOAP_FAULT";
/** What no later try would read. */
const unreadable: readonly string[] = ["receipt/invalid"];

/** @internal Takes one delivery of a queue for messages to its end. Never rejects. */
export async function takeMessage(
  options: Resolved,
  kind: Exclude<QueueTypeName, "error" | "deadLetter">,
  handlers: MessageHandlers,
  delivery: InboundDelivery,
): Promise<Outcome> {
  const envelope = readEnvelope(delivery.message);
  const telemetry = await options.telemetry;
  const delivered = new Delivered(options, delivery, envelope);
  return await traced(telemetry, kind, envelope, delivered, async () => {
    if (isStrayed(envelope)) {
      options.logger.warn("an error report came on a queue for messages; it is not answered", {
        queue: delivery.queue,
        messageId: envelope.messageId,
      });
      emitReport(options, delivery, readErrorQueueMessage(delivery.message));
      return "accept";
    }
    let message: InboundMessage;
    let result: HandlerResult;
    try {
      message = await openMessage(options, delivery);
      result = decided(await hand(handlers, message));
    } catch (reason) {
      if (reason instanceof RefusedMessage) return await delivered.refuse(reason);
      const error = HelsekontaktError.from(reason, "message/handler-failed", "the handler threw");
      if (unreadable.includes(error.code)) return delivered.deadLetter(error.code, error);
      return delivered.retry(error);
    }
    return await settle(options, kind, delivered, message, result);
  });
}

/** A report or fault that belongs on an error queue: answering it could go on for ever. */
function isStrayed({ properties, function: name }: Envelope): boolean {
  return (properties.has("errorCondition") && properties.has("originalMessageId")) || name === soapFault;
}

async function settle(
  options: Resolved,
  kind: QueueTypeName,
  delivered: Delivered,
  message: InboundMessage,
  result: HandlerResult,
): Promise<Outcome> {
  if (result === "accept") return delivered.accept();
  if (result === "retry") return delivered.retry();
  if (result === "dead-letter") return delivered.deadLetter("the handler set it aside");
  if ("retryInMs" in result) return delivered.retry(undefined, result.retryInMs);
  if ("deadLetter" in result) return delivered.deadLetter(result.deadLetter);
  if ("refuse" in result) return await delivered.refuseAs(result.refuse);
  return kind === "sync"
    ? await answer(options, delivered, message, result.reply)
    : await answerLater(options, delivered, message, result.reply);
}

/** @internal Takes one delivery of an error queue to its end. Whatever it holds, nothing is sent for it. */
export async function takeError(
  options: Resolved,
  handler: ErrorQueueHandler,
  delivery: InboundDelivery,
): Promise<Outcome> {
  const message = readErrorQueueMessage(delivery.message);
  const telemetry = await options.telemetry;
  const delivered = new Delivered(options, delivery, message.envelope);
  emitReport(options, delivery, message);
  return await traced(telemetry, "error", message.envelope, delivered, async () => {
    try {
      await handler(message);
      return delivered.accept();
    } catch (reason) {
      return delivered.retry(HelsekontaktError.from(reason, "message/handler-failed", "the handler threw"));
    }
  });
}

/** One span and the numbers of a delivery. Names of functions that are not in the list are another party's text. */
async function traced(
  telemetry: Telemetry,
  kind: QueueTypeName,
  envelope: Envelope,
  delivered: Delivered,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  const start = performance.now();
  const traceparent = envelope.properties.get("traceparent");
  const named = { "helsekontakt.queue.type": kind, ...delivered.functionAttribute() };
  const span = telemetry.span(`process ${kind}`, {
    kind: "consumer",
    attributes: { ...delivered.attributes(), ...named, "messaging.operation.type": "process" },
    ...(traceparent === undefined ? {} : { link: traceparent }),
  });
  const sent = envelope.enqueued ?? envelope.timestamp;
  if (sent !== undefined)
    telemetry.record(metrics.queueAge, Math.max(0, delivered.now() - sent.getTime()) / 1000, named);
  const outcome = await telemetry.within(span, work);
  const { fault, verdict } = delivered;
  const ended = { ...named, "helsekontakt.verdict": verdict, ...(fault === undefined ? {} : { "error.type": fault }) };
  telemetry.count(metrics.received, 1, ended);
  telemetry.record(metrics.processTime, (performance.now() - start) / 1000, ended);
  span.set({ "helsekontakt.verdict": verdict });
  span.end(fault);
  return outcome;
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

const words: readonly unknown[] = ["accept", "retry", "dead-letter"] satisfies HandlerResult[];
const kinds = ["reply", "refuse", "retryInMs", "deadLetter"] as const;

/** @throws {HelsekontaktError} `message/handler-failed` when it is no decision, as of a handler without types that forgot it */
function decided(result: unknown): HandlerResult {
  const isKind = typeof result === "object" && result !== null && kinds.some((kind) => kind in result);
  if (isKind || words.includes(result)) return result as HandlerResult;
  throw new HelsekontaktError("message/handler-failed", "expected the handler to return a decision, found none", {
    hint: "return accept(), reply(), rejectWith(), rejectFor(), retryLater() or deadLetter()",
  });
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

/** @internal For answers to synchronous calls, which have no handler of the application. */
export function refusedReply(reason: unknown, envelope: Envelope): MessagingError {
  return MessagingError.of(reason, "call", {
    ...(envelope.fromHerId === undefined ? {} : { party: envelope.fromHerId }),
    ...(envelope.messageId === undefined ? {} : { messageId: envelope.messageId }),
  });
}
