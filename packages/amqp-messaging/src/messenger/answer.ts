import { HelsekontaktError } from "@helsekontakt/core";
import type { Outcome } from "../connection/subscription.ts";
import { refusalFor } from "./failures.ts";
import { MessagingError } from "./messaging-error.ts";
import type { Resolved } from "./messenger.ts";
import { stableUuid } from "./receive-memory.ts";
import { replyQueueOf } from "./reply-queue.ts";
import { protectAndSend, sendTo } from "./send.ts";
import type { Delivered } from "./settle.ts";
import type { InboundMessage, OutboundMessage, ReplyDocument } from "./types.ts";

/** Codes that say that the queue which the request named cannot be written to. */
const unwritable: readonly string[] = ["amqp/link-refused", "amqp/rejected", "amqp/released"];

/**
 * @internal Sends a handler's document to the reply-to of a synchronous request. Whatever happens, the request is
 * settled: accepted when the answer is out, else dead-lettered with the reason, for its caller has given up before
 * another try would end.
 */
export async function answer(
  options: Resolved,
  delivered: Delivered,
  request: InboundMessage,
  document: ReplyDocument,
): Promise<Outcome> {
  const queue = replyQueueOf(request.envelope.replyTo);
  if (queue === undefined)
    return await noQueue(
      delivered,
      request,
      new HelsekontaktError("amqp/header-invalid", "expected the request's reply-to to name a queue"),
    );
  try {
    await sendTo(options, request.sender, queue, replyTo(request, document), {
      signal: delivered.signal,
      timeoutMs: options.callTimeoutMs,
    });
    return delivered.accept();
  } catch (reason) {
    const error = HelsekontaktError.from(reason);
    if (unwritable.includes(error.code)) return await noQueue(delivered, request, error);
    return delivered.deadLetter(`the answer could not be sent: ${error.code}`, error);
  }
}

/** The sender is told once; that it cannot be told changes nothing. */
async function noQueue(delivered: Delivered, request: InboundMessage, reason: HelsekontaktError): Promise<Outcome> {
  const told = await delivered.report(refusalFor("reply-queue-unknown", ["replyTo"]));
  const error = MessagingError.of(reason, "receive", {
    party: request.fromHerId,
    messageId: request.messageId,
    cause: "reply-queue-unknown",
  });
  return delivered.deadLetter(
    `no queue to answer to: ${reason.code}${told === "reported" ? "" : "; the sender could not be told"}`,
    error,
  );
}

function replyTo(request: InboundMessage, document: ReplyDocument): OutboundMessage {
  return {
    ...answerOf(request, document),
    correlationId: request.envelope.correlationId ?? request.messageId,
    queue: "sync",
    replyTo: "none",
  };
}

/** @internal Sends a handler's document as a message of its own to the sender's asynchronous queue. */
export async function answerLater(
  options: Resolved,
  delivered: Delivered,
  message: InboundMessage,
  document: ReplyDocument,
): Promise<Outcome> {
  try {
    await protectAndSend(
      options,
      { ...answerOf(message, document), correlationId: message.messageId },
      { signal: delivered.signal },
    );
    return delivered.accept();
  } catch (reason) {
    return delivered.retry(HelsekontaktError.from(reason));
  }
}

function answerOf(message: InboundMessage, document: ReplyDocument): OutboundMessage {
  return {
    messageId: document.messageId ?? stableUuid(`answer ${message.fromHerId} ${message.messageId}`),
    function: document.function ?? message.function,
    fromHerId: message.toHerId,
    toHerId: message.fromHerId,
    payload: document.payload,
    ...(document.conversationId === undefined ? {} : { conversationId: document.conversationId }),
  };
}
