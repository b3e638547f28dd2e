import { HelsekontaktError, type TelemetryAttributes } from "@helsekontakt/core";
import type { InboundDelivery, Outcome } from "../connection/subscription.ts";
import type { Envelope } from "../envelope/envelope.ts";
import { buildErrorReport } from "../envelope/error-report.ts";
import type { FailureCause } from "../gen/error-conditions.ts";
import { messageFunctions } from "../gen/messages.ts";
import { metrics } from "../telemetry/metrics.ts";
import { RefusedMessage, type Refusal } from "./failures.ts";
import { MessagingError } from "./messaging-error.ts";
import type { Resolved } from "./messenger.ts";
import { messageKey } from "./open-message.ts";
import { stableUuid } from "./receive-memory.ts";

/** What says nothing of the message: it is held, and the tries are not counted. */
const outages: readonly string[] = [
  "registry/unavailable",
  "journal/unavailable",
  "journal/full",
  "journal/read-only",
  // A later version has changed the tables: its processes will take the message.
  "journal/too-new",
  "amqp/overloaded",
  "abort/cancelled",
];
const outagePauseMs = 5_000;

/**
 * @internal One delivery on its way to its settlement: whatever way that goes, it is told as one event, one log line and
 * one number, and a report goes out at most once.
 */
export class Delivered {
  readonly #options: Resolved;
  readonly #delivery: InboundDelivery;
  readonly envelope: Envelope;
  /** For the numbers: what became of it, and the code of the failure. */
  verdict: "accepted" | "refused" | "retried" | "dead-lettered" = "accepted";
  fault: string | undefined;

  constructor(options: Resolved, delivery: InboundDelivery, envelope: Envelope) {
    this.#options = options;
    this.#delivery = delivery;
    this.envelope = envelope;
  }

  get signal(): AbortSignal {
    return this.#delivery.signal;
  }

  now(): number {
    return this.#options.clock.now();
  }

  /** Of a span. A message id from elsewhere may be any text, so only the usual forms are told. */
  attributes(): TelemetryAttributes {
    const { messageId } = this.envelope;
    return {
      "messaging.system": "amqp",
      "messaging.destination.name": this.#delivery.queue,
      "messaging.message.body.size": this.envelope.body.byteLength,
      ...(messageId !== undefined && /^[0-9a-f-]{32,36}$/i.test(messageId)
        ? { "messaging.message.id": messageId }
        : {}),
    };
  }

  functionAttribute(): TelemetryAttributes {
    const { function: name } = this.envelope;
    return { "helsekontakt.function": name !== undefined && Object.hasOwn(messageFunctions, name) ? name : "other" };
  }

  accept(): Outcome {
    const { queue } = this.#delivery;
    this.#options.tries.forget(this.#triesKey());
    this.#options.emit({
      kind: "accepted",
      queue,
      messageId: this.envelope.messageId,
      function: this.envelope.function,
    });
    return "accept";
  }

  /** What the application refuses. */
  async refuseAs(refusal: Refusal): Promise<Outcome> {
    const reason = new HelsekontaktError("amqp/unsupported-message", "the handler refused the message");
    return await this.#refuse(refusal, reason, undefined);
  }

  async refuse({ refusal, reason, failure }: RefusedMessage): Promise<Outcome> {
    return await this.#refuse(refusal, reason, failure);
  }

  /**
   * Tells the sender, then takes the message off the queue. The two steps are not atomic, so the report is remembered: a
   * redelivery is taken off without another one. A report that cannot be sent is tried as often as a handler, then the
   * message is dead-lettered.
   */
  async #refuse(refusal: Refusal, reason: HelsekontaktError, cause: FailureCause | undefined): Promise<Outcome> {
    const error = this.#error(reason, cause);
    const told = await this.report(refusal);
    if (told === "no-queue")
      return this.deadLetter(`refused with ${refusal.condition}; the sender has no error queue`, error);
    if (told instanceof HelsekontaktError) return this.retry(told);
    return this.refusedWith(refusal, error, told === "reported");
  }

  /** The message is gone and its sender knows, if there is one. */
  refusedWith(refusal: Refusal, error: MessagingError, reported: boolean): Outcome {
    const { fromHerId, messageId } = this.envelope;
    const { queue } = this.#delivery;
    this.#options.tries.forget(this.#triesKey());
    this.verdict = "refused";
    this.#failed(error);
    this.#options.emit({ kind: "refused", queue, messageId, condition: refusal.condition, reported, error });
    this.#options.logger.warn("message refused", {
      queue,
      messageId,
      fromHerId,
      condition: refusal.condition,
      code: error.code,
      event: error.event,
      reported,
    });
    return "accept";
  }

  /** Sends the report unless it has been sent. Nobody to tell: without a sender it cannot be answered, only removed. */
  async report(refusal: Refusal): Promise<"reported" | "nobody" | "no-queue" | HelsekontaktError> {
    const { fromHerId, messageId } = this.envelope;
    const { clock, connection, reports } = this.#options;
    if (fromHerId === undefined) return "nobody";
    const key = `${fromHerId} ${messageKey(this.envelope)}`;
    try {
      if (await reports.isReported(key)) return "reported";
      const queue = await this.#errorQueue(fromHerId);
      if (queue === undefined) return "no-queue";
      await connection.send(
        queue,
        buildErrorReport({
          original: this.envelope,
          ...refusal,
          messageId: stableUuid(`report ${key}`),
          to: queue,
          receivedAt: clock.now(),
        }),
        { signal: this.signal },
      );
    } catch (reason) {
      return HelsekontaktError.from(reason);
    }
    try {
      await reports.reported(key);
    } catch (reason) {
      // The report is out; a second one would have the same id.
      const { code } = HelsekontaktError.from(reason);
      this.#options.logger.warn("a report that was sent could not be remembered", { code, messageId });
    }
    return "reported";
  }

  /** By the address registry alone: a report must not fail with the profile that may be what it is about. */
  async #errorQueue(herId: string): Promise<string | undefined> {
    try {
      const party = await this.#options.registry.resolve({ herId, function: this.envelope.function ?? "" });
      return party.queues.error;
    } catch (reason) {
      const { code } = HelsekontaktError.from(reason);
      if (code === "registry/party-unknown" || code === "registry/party-inactive") return undefined;
      throw reason;
    }
  }

  /** Back to the queue after a pause; after `maxTries` to the dead letters. An outage elsewhere is not the message's fault. */
  retry(reason?: HelsekontaktError, afterMs?: number): Outcome {
    const { retryPauseMs, maxTries, tries: counter } = this.#options;
    const error = reason === undefined ? undefined : this.#error(reason);
    const outage = error !== undefined && isOutage(error);
    const counted = outage ? 0 : counter.failed(this.#triesKey());
    const tries = counted ?? 1;
    if (tries >= maxTries) {
      const last = error === undefined ? "" : `, last with ${error.code}`;
      return this.deadLetter(`failed ${tries} times${last}`, error);
    }
    this.verdict = "retried";
    if (error !== undefined) this.#failed(error);
    const { queue } = this.#delivery;
    const { messageId } = this.envelope;
    this.#options.emit({ kind: "retry", queue, messageId, tries, ...(error === undefined ? {} : { error }) });
    const { initial, max } = retryPauseMs;
    // One that could not be counted leaves the others time to come to their last try.
    const growing = counted === undefined ? max : initial * 2 ** Math.min(tries - 1, 20);
    const pause = outage ? outagePauseMs : (afterMs ?? growing);
    return { kind: "release", afterMs: Math.min(max, Math.max(0, pause)) };
  }

  deadLetter(reason: string, cause?: HelsekontaktError): Outcome {
    const { queue } = this.#delivery;
    const { messageId } = this.envelope;
    const error = cause === undefined ? undefined : this.#error(cause);
    this.#options.tries.forget(this.#triesKey());
    this.verdict = "dead-lettered";
    if (error !== undefined) this.#failed(error);
    const event = error?.event;
    this.#options.emit({ kind: "dead-letter", queue, messageId, reason, ...(error === undefined ? {} : { error }) });
    this.#options.logger.error("message set aside on the dead-letter queue", { queue, messageId, reason, event });
    return { kind: "dead-letter", reason };
  }

  #failed(error: MessagingError): void {
    this.fault = error.code;
    const attributes = {
      "helsekontakt.direction": "receive",
      "error.type": error.code,
      "helsekontakt.cause": error.cause ?? "none",
    };
    void this.#options.telemetry.then((t) => t.count(metrics.failed, 1, attributes));
  }

  #error(reason: HelsekontaktError, cause?: FailureCause): MessagingError {
    const { fromHerId, messageId } = this.envelope;
    return MessagingError.of(reason, "receive", {
      ...(fromHerId === undefined ? {} : { party: fromHerId }),
      ...(messageId === undefined ? {} : { messageId }),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #triesKey(): string {
    return `${this.#delivery.queue} ${messageKey(this.envelope)}`;
  }
}

/** Also the vault of an own key, and a revocation list, that cannot be reached, as against ones that say no. */
function isOutage(error: HelsekontaktError): boolean {
  const away = ["protection/key-unreadable", "protection/certificate-invalid"].includes(error.code);
  return outages.includes(error.code) || (away && error.retryable);
}
