import type { ErrorCondition, FailureCause } from "../gen/error-conditions.ts";
import { type Refusal, refusalFor } from "./failures.ts";
import type { HandlerResult, ReplyDocument } from "./types.ts";

/** Taken: the broker has it no more, so it is kept elsewhere. */
export function accept(): HandlerResult {
  return "accept";
}

/**
 * Taken, and answered with a document: on a synchronous queue to the request's reply-to, elsewhere as a message of its
 * own to the sender's asynchronous queue.
 */
export function reply(document: Uint8Array | ReplyDocument): HandlerResult {
  return { reply: document instanceof Uint8Array ? { payload: document } : document };
}

/**
 * Refused for good: the sender is told once, on its error queue, and the message is taken off.
 *
 * @param text - shown to people at the sender; no personal data. Default: the condition's published text.
 * @param data - field names, HER-ids, thumbprints, or what was expected and what was received.
 */
export function rejectWith(condition: ErrorCondition, text?: string, data?: readonly string[]): HandlerResult {
  return {
    refuse: {
      condition,
      ...(text === undefined ? {} : { description: text }),
      ...(data === undefined ? {} : { data }),
    },
  };
}

/** Causes that only an application can find. */
export type HandlerCause = Extract<
  FailureCause,
  | "payload-schema"
  | "payload-mismatch"
  | "application-error"
  | "sender-mismatch"
  | "unsupported-message"
  | "field-invalid"
  | "field-required"
  | "wrong-encoding"
  | "not-interpretable"
>;

/** The same by cause: condition and form of the data are the ones that the specification gives the cause. */
export function rejectFor(cause: HandlerCause, text?: string, data?: readonly string[]): HandlerResult {
  const refusal: Refusal = refusalFor(cause, data);
  return { refuse: text === undefined ? refusal : { ...refusal, description: text } };
}

/**
 * Tried again later, at most `maxTries` times in all.
 *
 * @param ms - milliseconds to wait; default: doubling from the messenger's shortest pause.
 */
export function retryLater(ms?: number): HandlerResult {
  return ms === undefined ? "retry" : { retryInMs: ms };
}

/** Set aside on the broker's dead-letter queue; nobody is told but the events and the log. */
export function deadLetter(reason?: string): HandlerResult {
  return reason === undefined ? "dead-letter" : { deadLetter: reason };
}
