import { HelsekontaktError } from "@helsekontakt/core";
import type { Delivery, EventContext, Receiver, Session } from "rhea";
import { amqpError, remoteError } from "./amqp-error.ts";
import type { QueueSenderHost } from "./queue-sender.ts";
import type { Transport } from "./transport.ts";
import { decodeWireMessage, type ReceivedMessage } from "./wire-message.ts";

/** What becomes of a delivery: done, back to the queue, or dead-lettered. `modified` is never used: RabbitMQ 3 ends the session on it. */
export type Outcome = "accept" | "release" | "reject";

/** One message in a handler's hands. */
export interface InboundDelivery {
  readonly queue: string;
  readonly message: ReceivedMessage;
  /** Bytes of the whole message. */
  readonly size: number;
  /** The broker has handed it out before. A repeated send is not marked: know the message ids you have seen. */
  readonly redelivered: boolean;
  /** Fires when the subscription stops waiting for handlers. */
  readonly signal: AbortSignal;
}

/** Decides over one delivery. What it throws means `release`, after a pause. */
export type DeliveryHandler = (delivery: InboundDelivery) => Promise<Outcome>;

export interface ReceiveOptions {
  /** Messages in hand at a time, which is also the credit. Default 5, at most 1,000. */
  readonly concurrency?: number;
  /** Pause before a delivery whose handler threw goes back to the queue. Default 1,000 ms. */
  readonly releaseDelayMs?: number;
  /** Stops the subscription, as `stop()` does. */
  readonly signal?: AbortSignal;
}

/** Messages from one queue to one handler, across lost connections, until it is stopped. */
export interface Subscription {
  readonly queue: string;
  /** Resolves at the first attach. Rejects with `amqp/link-refused` if that is refused; attaching is tried again all the same. */
  readonly attached: Promise<void>;
  /** Messages that have arrived and are not settled. */
  readonly inHand: number;
  /** No new credit and no new handlers, until {@link resume}. Messages under way are kept, at most `concurrency`. */
  pause(): void;
  resume(): void;
  /** Ends the credit, releases what no handler has begun, waits for the others, ends the session. Default limit 30,000 ms. */
  stop(options?: { readonly drainMs?: number }): Promise<void>;
}

interface InHand {
  readonly delivery: Delivery;
  readonly link: number;
  readonly message: ReceivedMessage;
  readonly size: number;
}

/** Decoded by us, not by rhea: see {@link keepRaw}. */
const rawFormat = 0x48_4b_00_01;
const rememberedOutcomes = 10_000;

/** @internal */
export class QueueSubscription implements Subscription {
  readonly queue: string;
  readonly attached: Promise<void>;
  readonly #host: QueueSenderHost;
  readonly #address: string;
  readonly #handler: DeliveryHandler;
  readonly #credit: number;
  readonly #releaseDelayMs: number;
  readonly #onStopped: () => void;
  readonly #abort = new AbortController();
  /** Arrived, no handler yet: only while paused. */
  #held: InHand[] = [];
  #running = 0;
  /** Runs by message id, so that a redelivery on a new link joins the run that the old link began. */
  readonly #runs = new Map<
    string,
    { readonly link: number; readonly size: number; readonly outcome: Promise<Outcome> }
  >();
  /** Outcomes that could not be settled because their link was gone; they answer the redelivery. */
  readonly #unsettled = new Map<string, { readonly size: number; readonly outcome: Outcome }>();
  /** Number of the present link; what came on an earlier one can no longer be settled. */
  #link = 0;
  #inHand = 0;
  #granted = 0;
  #receiver: Receiver | undefined;
  #session: Session | undefined;
  #paused = false;
  #stopping: Promise<void> | undefined;
  #settledAll: (() => void) | undefined;
  #refusals = 0;
  #retry: NodeJS.Timeout | undefined;
  #resolveAttached: () => void = () => {};
  #rejectAttached: (error: HelsekontaktError) => void = () => {};

  constructor(
    host: QueueSenderHost,
    queue: string,
    address: string,
    handler: DeliveryHandler,
    options: ReceiveOptions,
    onStopped: () => void,
  ) {
    this.#host = host;
    this.queue = queue;
    this.#address = address;
    this.#handler = handler;
    this.#credit = Math.min(1_000, Math.max(1, Math.trunc(options.concurrency ?? 5)));
    this.#releaseDelayMs = options.releaseDelayMs ?? 1_000;
    this.#onStopped = onStopped;
    this.attached = new Promise((resolve, reject) => {
      this.#resolveAttached = resolve;
      this.#rejectAttached = reject;
    });
    // A caller may not care; a refusal is also told as a state event.
    this.attached.catch(() => {});
    const { signal } = options;
    if (signal !== undefined) {
      const stop = (): void => void this.stop();
      if (signal.aborted) queueMicrotask(stop);
      else signal.addEventListener("abort", stop, { once: true, signal: this.#abort.signal });
    }
  }

  get inHand(): number {
    return this.#inHand;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const held = this.#held;
    this.#held = [];
    for (const item of held) this.#start(item);
    this.#grant();
  }

  stop(options: { readonly drainMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#drain(options.drainMs ?? 30_000);
    return this.#stopping;
  }

  async #drain(limitMs: number): Promise<void> {
    clearTimeout(this.#retry);
    this.#rejectAttached(new HelsekontaktError("amqp/closed", "the subscription was stopped before it was attached"));
    for (const item of this.#held) this.#settle(item, "release");
    this.#held = [];
    if (this.#running > 0)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limitMs);
        this.#settledAll = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#abort.abort();
    const session = this.#session;
    const up = this.#host.transport()?.isUp() === true;
    this.#dropLink();
    // RabbitMQ keeps unsettled messages of a closed link until the session ends, so the session is what is closed.
    if (up && session !== undefined)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 3_000);
        const ended = (): void => {
          clearTimeout(timer);
          resolve();
        };
        session.on("session_close", ended);
        session.on("session_error", ended);
        void this.#host.transport()?.down.then(ended);
        session.close();
      });
    this.#onStopped();
  }

  connectionUp(transport: Transport): void {
    if (this.#stopping !== undefined || this.#session !== undefined) return;
    const session = transport.openSession();
    keepRaw(session);
    const receiver = session.open_receiver({
      source: { address: this.#address },
      autoaccept: false,
      autosettle: true,
      credit_window: 0,
    });
    this.#session = session;
    this.#receiver = receiver;
    const link = ++this.#link;
    const mine = (): boolean => this.#link === link;
    receiver.on("receiver_open", () => {
      // A refused source is answered by an attach without one, and then by the refusal.
      if (!mine() || receiver.source?.address == null) return;
      this.#refusals = 0;
      this.#resolveAttached();
      this.#host.emit({ kind: "link", role: "receiver", queue: this.queue, state: "attached" });
      this.#grant();
    });
    receiver.on("message", (context: EventContext) => {
      if (mine()) this.#arrive(context, link);
    });
    const ended = (): void => {
      if (mine()) this.#linkEnded(session.error ?? receiver.error);
    };
    for (const name of ["session_error", "session_close"]) session.on(name, ended);
    for (const name of ["receiver_error", "receiver_close"]) receiver.on(name, ended);
  }

  connectionDown(): void {
    this.#dropLink();
  }

  /** The broker ended the link while the connection stands: queues are made and remade, so try again. */
  #linkEnded(error: unknown): void {
    const session = this.#session;
    this.#dropLink();
    session?.close();
    const reason = amqpError("amqp/link-refused", `expected the broker to give messages from "${this.queue}"`, error, {
      queue: this.queue,
      address: this.#address,
    });
    this.#rejectAttached(reason);
    this.#host.emit({ kind: "link", role: "receiver", queue: this.queue, state: "detached", error: reason });
    this.#host.settings.logger.warn("receiver link ended by the broker", {
      queue: this.queue,
      condition: remoteError(error).condition,
    });
    if (this.#stopping !== undefined) return;
    const pause = Math.min(25_000, 500 * 2 ** Math.min(this.#refusals++, 6));
    this.#retry = setTimeout(() => {
      const transport = this.#host.transport();
      if (transport?.isUp() === true) this.connectionUp(transport);
    }, pause);
  }

  #dropLink(): void {
    clearTimeout(this.#retry);
    this.#session = undefined;
    this.#receiver = undefined;
    this.#link++;
    this.#inHand = 0;
    this.#granted = 0;
    this.#held = [];
  }

  /** In whole batches: RabbitMQ oversteps a credit that is topped up while messages are on their way. */
  #grant(): void {
    const receiver = this.#receiver;
    if (this.#paused || this.#stopping !== undefined || this.#granted > 0 || receiver?.is_open() !== true) return;
    const n = this.#credit - this.#inHand;
    if (n <= 0 || this.#inHand > this.#credit / 2) return;
    this.#granted = n;
    receiver.add_credit(n);
  }

  #arrive(context: EventContext, link: number): void {
    const { delivery } = context;
    if (delivery === undefined) return;
    this.#inHand++;
    this.#granted--;
    const bytes = context.message as unknown as Buffer;
    if (this.#stopping !== undefined) return this.#settleRaw(delivery, link, "release");
    const limit = this.#host.settings.maxMessageBytes;
    if (bytes.length > limit) {
      this.#host.settings.logger.error("message refused: larger than the limit", {
        queue: this.queue,
        bytes: bytes.length,
        limit,
      });
      return this.#settleRaw(delivery, link, "reject");
    }
    let message: ReceivedMessage;
    try {
      message = decodeWireMessage(bytes);
    } catch {
      this.#host.settings.logger.error("message refused: not an AMQP 1.0 message", {
        queue: this.queue,
        bytes: bytes.length,
      });
      return this.#settleRaw(delivery, link, "reject");
    }
    const item: InHand = { delivery, link, message, size: bytes.length };
    if (this.#paused) this.#held.push(item);
    else this.#start(item);
  }

  #start(item: InHand): void {
    const id = typeof item.message.messageId === "string" ? item.message.messageId : undefined;
    const known = id === undefined ? undefined : this.#unsettled.get(id);
    if (id !== undefined && known?.size === item.size) {
      this.#unsettled.delete(id);
      this.#settle(item, known.outcome);
      return;
    }
    const run = id === undefined ? undefined : this.#runs.get(id);
    if (run !== undefined && run.link !== item.link && run.size === item.size) {
      void run.outcome.then((outcome) => {
        if (this.#settle(item, outcome) && id !== undefined) this.#unsettled.delete(id);
      });
      return;
    }
    const outcome = this.#run(item);
    if (id !== undefined) this.#runs.set(id, { link: item.link, size: item.size, outcome });
    void outcome.then((value) => {
      if (id !== undefined && this.#runs.get(id)?.outcome === outcome) this.#runs.delete(id);
      if (!this.#settle(item, value) && id !== undefined && value !== "release") this.#remember(id, item.size, value);
      this.#running--;
      if (this.#running === 0) this.#settledAll?.();
    });
  }

  /** Never rejects. */
  async #run(item: InHand): Promise<Outcome> {
    this.#running++;
    try {
      return await this.#handler({
        queue: this.queue,
        message: item.message,
        size: item.size,
        redelivered: item.message.firstAcquirer === false || item.message.deliveryCount > 0,
        signal: this.#abort.signal,
      });
    } catch (error) {
      const code = HelsekontaktError.from(error, "message/handler-failed").code;
      this.#host.settings.logger.error("handler failed; the delivery goes back to the queue", {
        queue: this.queue,
        code,
      });
      await this.#pauseBeforeRelease();
      return "release";
    }
  }

  #pauseBeforeRelease(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stopping !== undefined) return resolve();
      const { signal } = this.#abort;
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, this.#releaseDelayMs);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  /** False when the link that the delivery came on is gone. */
  #settle(item: InHand, outcome: Outcome): boolean {
    if (item.link !== this.#link) return false;
    this.#settleRaw(item.delivery, item.link, outcome);
    return true;
  }

  #settleRaw(delivery: Delivery, link: number, outcome: Outcome): void {
    if (link !== this.#link) return;
    this.#inHand--;
    try {
      if (outcome === "accept") delivery.accept();
      else if (outcome === "reject")
        delivery.reject({ condition: "amqp:decode-error", description: "refused by the receiver" });
      // With an argument rhea would make it "modified".
      else delivery.release();
    } catch (error) {
      // The session is in a state that rhea does not expect; the broker redelivers when it ends.
      this.#host.settings.logger.error("a delivery could not be settled", {
        queue: this.queue,
        condition: remoteError(error).condition,
      });
    }
    this.#grant();
  }

  #remember(id: string, size: number, outcome: Outcome): void {
    this.#unsettled.set(id, { size, outcome });
    if (this.#unsettled.size > rememberedOutcomes) {
      const [oldest] = this.#unsettled.keys();
      if (oldest !== undefined) this.#unsettled.delete(oldest);
    }
  }
}

/**
 * rhea decodes a message inside its socket reader, where a malformed one ends the connection, and the broker hands the
 * same message out again for ever. It leaves messages of a foreign format as bytes, so every transfer is marked so.
 */
function keepRaw(session: Session): void {
  const inner = session as unknown as { on_transfer(frame: { performative: { message_format: number } }): void };
  const original = inner.on_transfer.bind(session);
  inner.on_transfer = (frame) => {
    frame.performative.message_format = rawFormat;
    original(frame);
  };
}
