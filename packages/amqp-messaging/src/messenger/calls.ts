import { HelsekontaktError, limitTime, throwIfAborted } from "@helsekontakt/core";
import type { InboundDelivery, Outcome, Subscription } from "../connection/subscription.ts";
import { type Envelope, readEnvelope } from "../envelope/envelope.ts";
import { MessagingError } from "./messaging-error.ts";
import type { Resolved } from "./messenger.ts";
import { refusedReply, takeMessage } from "./receive.ts";
import { ownReplyQueue } from "./reply-queue.ts";
import { protectAndSend } from "./send.ts";
import type { CallMessage, CallOptions, InboundMessage, LateReply } from "./types.ts";

/** A call that waits. */
interface Waiting {
  /** HER-id that was asked: nobody else may answer. */
  readonly asked: string;
  readonly resolve: (reply: InboundMessage) => void;
  readonly reject: (error: HelsekontaktError) => void;
  /** Code of the last answer that was refused, for the error when none comes in its place. */
  refused: string | undefined;
}

const rememberedEnds = 10_000;
/** Answers that are opened at a time. */
const concurrency = 100;
const cancelled = (signal: AbortSignal): HelsekontaktError =>
  new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal.reason });
/** The broker may have the request all the same, so the answer may still come. */
const ambiguous: readonly string[] = ["amqp/timeout", "amqp/link-detached"];

/**
 * @internal Synchronous calls: each is registered by its correlation id before it is sent, and one reader of the own
 * queue for answers serves them all.
 */
export class Calls {
  readonly #options: Resolved;
  readonly #waiting = new Map<string, Waiting>();
  /** Correlation ids of calls that have ended, so that a late answer is told from an unknown one. */
  readonly #ended = new Set<string>();
  #queue: string | undefined;
  #subscription: Subscription | undefined;

  constructor(options: Resolved) {
    this.#options = options;
    options.connection.onState((event) => {
      if (event.kind !== "connection" || event.state !== "closed") return;
      const closed = new HelsekontaktError("amqp/closed", "the connection was closed before the answer came");
      for (const call of this.#waiting.values()) call.reject(closed);
    });
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get subscription(): Subscription | undefined {
    return this.#subscription;
  }

  /** @throws {MessagingError} see `Messenger.request` */
  async request(message: CallMessage, call: CallOptions): Promise<InboundMessage> {
    const id = message.correlationId ?? message.messageId;
    const facts = { party: message.toHerId, messageId: message.messageId };
    const timeoutMs = call.timeoutMs ?? this.#options.callTimeoutMs;
    const limit = limitTime(timeoutMs, call.signal);
    let unsure: HelsekontaktError | undefined;
    let waiting: Waiting | undefined;
    try {
      throwIfAborted(call.signal);
      const replyTo = this.#listen();
      if (this.#waiting.has(id))
        throw new HelsekontaktError("input/invalid", "expected a correlation id that no other call waits with");
      const reply = new Promise<InboundMessage>((resolve, reject) => {
        waiting = { asked: message.toHerId, resolve, reject, refused: undefined };
        // Before it is sent: the answer may be faster than the broker's outcome.
        this.#waiting.set(id, waiting);
      });
      const sent = protectAndSend(
        this.#options,
        { ...message, correlationId: id, queue: "sync", replyTo, ttlMs: timeoutMs },
        { signal: limit.signal, timeoutMs },
      );
      sent.catch((reason: unknown) => {
        const error = HelsekontaktError.from(reason);
        if (ambiguous.includes(error.code)) unsure = error;
        else waiting?.reject(error);
      });
      return await limit.race(reply);
    } catch (reason) {
      if (!limit.timedOut)
        throw MessagingError.of(call.signal?.aborted === true ? cancelled(call.signal) : reason, "call", facts);
      const refused = waiting?.refused;
      throw new MessagingError(
        new HelsekontaktError("amqp/timeout", `expected an answer within ${timeoutMs} ms, found none`, {
          context: {
            ...(refused === undefined ? {} : { refusedReply: refused }),
            ...(unsure === undefined ? {} : { send: unsure.code }),
          },
          hint: "The receiver may have acted on the request.",
          original: unsure,
        }),
        "call",
        facts,
      );
    } finally {
      limit.end();
      if (waiting !== undefined) this.#end(id);
    }
  }

  #end(id: string): void {
    this.#waiting.delete(id);
    this.#ended.add(id);
    if (this.#ended.size <= rememberedEnds) return;
    const [oldest] = this.#ended;
    if (oldest !== undefined) this.#ended.delete(oldest);
  }

  /** Attaches the one reader at the first call. */
  #listen(): string {
    this.#queue ??= ownReplyQueue(this.#options.queues.syncReply);
    this.#subscription ??= this.#options.connection.receive(this.#queue, (delivery) => this.#take(delivery), {
      concurrency,
    });
    return this.#queue;
  }

  async #take(delivery: InboundDelivery): Promise<Outcome> {
    const envelope = readEnvelope(delivery.message);
    const call = this.#callFor(envelope);
    if (call === undefined) return this.#late(delivery, envelope);
    // The header alone can be anybody's, so the call goes on; the signature is proved against this HER-id below.
    if (envelope.fromHerId !== call.asked) {
      const error = new HelsekontaktError("message/spoofed-sender", "expected the party that was asked to answer", {
        context: { asked: call.asked },
      });
      return this.#refuse(delivery, envelope, call, error);
    }
    let opened = false;
    const outcome = await takeMessage(
      this.#options,
      "syncReply",
      {
        message: (reply) => {
          opened = true;
          call.resolve(reply);
          return Promise.resolve("accept");
        },
      },
      delivery,
    );
    if (!opened) call.refused = "unreadable";
    return outcome;
  }

  #callFor(envelope: Envelope): Waiting | undefined {
    const { correlationId } = envelope;
    return correlationId === undefined ? undefined : this.#waiting.get(correlationId);
  }

  #refuse(delivery: InboundDelivery, envelope: Envelope, call: Waiting, reason: HelsekontaktError): Outcome {
    const error = refusedReply(reason, envelope);
    const { queue } = delivery;
    const { messageId } = envelope;
    call.refused = error.code;
    this.#options.emit({ kind: "reply-refused", queue, messageId, error });
    this.#options.logger.warn("an answer was refused", { queue, messageId, code: error.code, event: error.event });
    return "accept";
  }

  #late(delivery: InboundDelivery, envelope: Envelope): Outcome {
    const { correlationId, messageId, fromHerId } = envelope;
    const kind = correlationId !== undefined && this.#ended.has(correlationId) ? "late" : "unknown";
    const reply: LateReply = { correlationId, messageId, fromHerId, function: envelope.function, kind };
    this.#options.emit({ kind: "late-reply", queue: delivery.queue, reply });
    this.#options.logger.warn("an answer came that nobody waits for", {
      queue: delivery.queue,
      messageId,
      kind,
      event: "MUG-31",
    });
    try {
      this.#options.onLateReply?.(reply);
    } catch {
      // A listener's fault is not the message's.
    }
    return "accept";
  }
}
