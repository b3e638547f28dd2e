import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import { connectionError } from "./amqp-error.ts";
import { QueueSender, type QueueSenderHost } from "./queue-sender.ts";
import type { ConnectionHealth } from "./health.ts";
import { type AmqpSettings, type ResolvedSettings, resolveSettings } from "./settings.ts";
import type { ConnectionState, StateEvent, StateListener } from "./state.ts";
import { QueueSubscription } from "./subscription.ts";
import type { DeliveryHandler, ReceiveOptions, StopOptions, Subscription } from "./subscription-types.ts";
import { openTransport, type Transport } from "./transport.ts";
import { encodeForSending, type WireMessage } from "./wire-message.ts";

export interface SendOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds from the call to the broker's outcome; default from the settings (60,000). */
  readonly timeoutMs?: number;
  /** The sender's right to send, when others may take the message over from it. */
  readonly hold?: SendHold;
}

/** A right to send that can be lost while the message waits: to another process, when this one was paused too long. */
export interface SendHold {
  /** Asks whoever grants the right, once the message is ready to be written; rejects when it is lost. */
  confirm(): Promise<void>;
  /** Asked again at every write, each portion of a large message and resends included, in its turn of the event loop: must not wait. */
  isHeld(): boolean;
}

/** A connection that is kept: lost, it is made again, its receivers re-attached and its unsettled messages sent again. */
export interface AmqpConnection {
  readonly state: ConnectionState;
  /** For health and readiness checks: what the connection and each of its links do now. */
  health(): ConnectionHealth;
  /**
   * Sends one message durably and waits for the broker's `accepted`. That does not prove routing: RabbitMQ accepts for
   * a key that no queue is bound to.
   *
   * @throws {HelsekontaktError} `amqp/rejected`, `amqp/released`, `amqp/link-refused`, `amqp/link-detached`,
   *   `amqp/timeout` (the broker may have the message), `amqp/overloaded`, `amqp/closed`, `input/too-large`, `abort/cancelled`
   */
  send(queue: string, message: WireMessage, options?: SendOptions): Promise<void>;
  /**
   * Hands messages of a queue to a handler, at most `concurrency` at a time.
   *
   * @throws {HelsekontaktError} `amqp/closed`
   */
  receive(queue: string, handler: DeliveryHandler, options?: ReceiveOptions): Subscription;
  /** Returns a function that ends the listening. */
  onState(listener: StateListener): () => void;
  /** Stops the subscriptions, lets sends finish, both within `drainMs` (default 30,000) or until the signal, closes. */
  close(options?: StopOptions): Promise<void>;
}

/** A connection that was up this long counts as good: the back-off begins anew. */
const goodAfterMs = 5_000;

/**
 * Connects to the broker and keeps the connection until `close()`.
 *
 * @throws {HelsekontaktError} `amqp/unauthorized` at once; `amqp/connection` after `connectTimeoutMs`;
 *   `config/invalid`, `config/missing`; `abort/cancelled`
 * @see AMQP 1.0, part 2, section 2.4 Connections
 */
export async function connectAmqp(
  settings: AmqpSettings,
  options: { readonly signal?: AbortSignal } = {},
): Promise<AmqpConnection> {
  throwIfAborted(options.signal);
  const connection = new SupervisedConnection(resolveSettings(settings), settings.onState);
  await connection.start(options.signal);
  return connection;
}

class SupervisedConnection implements AmqpConnection, QueueSenderHost {
  readonly settings: ResolvedSettings;
  readonly #listeners = new Set<StateListener>();
  readonly #senders = new Map<string, QueueSender>();
  readonly #subscriptions = new Set<QueueSubscription>();
  readonly #abort = new AbortController();
  #state: ConnectionState = "connecting";
  #transport: Transport | undefined;
  #closing: Promise<void> | undefined;
  #refuseSends = false;

  constructor(settings: ResolvedSettings, listener: StateListener | undefined) {
    this.settings = settings;
    if (listener !== undefined) this.#listeners.add(listener);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  health(): ConnectionHealth {
    const subscriptions = [...this.#subscriptions].map((s) => s.health());
    const senders = [...this.#senders.values()].map((s) => s.health());
    const answering = this.#state === "open" && ![...this.#senders.values()].some((s) => s.isBlocked);
    return {
      state: this.#state,
      answering,
      ready: answering && subscriptions.every((s) => s.attached),
      subscriptions,
      senders,
    };
  }

  transport(): Transport | undefined {
    return this.#transport;
  }

  onState(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: StateEvent): void {
    for (const listener of this.#listeners)
      try {
        listener(event);
      } catch {
        // A listener's fault is not the connection's.
      }
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    const abort = (): void => this.#abort.abort();
    signal?.addEventListener("abort", abort, { once: true });
    const limit = Date.now() + this.settings.connectTimeoutMs;
    this.emit({ kind: "connection", state: "connecting" });
    try {
      for (let attempt = 0; ; attempt++) {
        try {
          return this.#opened(await openTransport(this.settings, this.#abort.signal), 0);
        } catch (reason) {
          const error = connectionError(reason);
          this.emit({ kind: "connection", state: "connecting", attempt, error });
          const pause = this.#backOff(attempt);
          if (signal?.aborted || !error.retryable || Date.now() + pause > limit) {
            this.#setState("closed", error);
            throwIfAborted(signal);
            throw error;
          }
          await this.#sleep(pause);
        }
      }
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  async send(queue: string, message: WireMessage, options: SendOptions = {}): Promise<void> {
    throwIfAborted(options.signal);
    if (this.#refuseSends) throw new HelsekontaktError("amqp/closed", "the connection was closed by this side");
    const bytes = encodeForSending(message);
    if (bytes.length > this.settings.maxMessageBytes)
      throw new HelsekontaktError(
        "input/too-large",
        `expected a message of at most ${this.settings.maxMessageBytes} bytes, found ${bytes.length}`,
      );
    if (options.hold !== undefined) {
      await options.hold.confirm();
      if (this.#refuseSends) throw new HelsekontaktError("amqp/closed", "the connection was closed by this side");
    }
    await this.#sender(queue).send(bytes, {
      timeoutMs: options.timeoutMs ?? this.settings.sendTimeoutMs,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.hold === undefined ? {} : { hold: options.hold }),
    });
  }

  receive(queue: string, handler: DeliveryHandler, options: ReceiveOptions = {}): Subscription {
    if (this.#closing !== undefined)
      throw new HelsekontaktError("amqp/closed", "the connection was closed by this side");
    const subscription = new QueueSubscription(this, queue, handler, options, () =>
      this.#subscriptions.delete(subscription),
    );
    this.#subscriptions.add(subscription);
    if (this.#transport?.isUp() === true) subscription.connectionUp(this.#transport);
    return subscription;
  }

  close(options: StopOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async #close({ drainMs = 30_000, signal }: StopOptions): Promise<void> {
    const end = performance.now() + drainMs;
    // Handlers may still have to send while they finish, so the senders close after them.
    await Promise.all(
      [...this.#subscriptions].map((s) => s.stop({ drainMs, ...(signal === undefined ? {} : { signal }) })),
    );
    this.#refuseSends = true;
    const left =
      this.#transport?.isUp() === true && signal?.aborted !== true ? Math.max(100, end - performance.now()) : 0;
    await Promise.all([...this.#senders.values()].map((s) => s.close(left, signal)));
    this.#senders.clear();
    this.#abort.abort();
    await this.#transport?.close(3_000);
    this.#setState("closed");
  }

  #sender(queue: string): QueueSender {
    let sender = this.#senders.get(queue);
    if (sender === undefined) {
      if (this.#senders.size >= this.settings.maxSenders) this.#closeIdlest();
      sender = new QueueSender(this, queue);
      this.#senders.set(queue, sender);
    }
    sender.lastUsed = performance.now();
    return sender;
  }

  #closeIdlest(): void {
    const idle = [...this.#senders.values()].filter((s) => s.isIdle).sort((a, b) => a.lastUsed - b.lastUsed)[0];
    if (idle === undefined)
      throw new HelsekontaktError(
        "amqp/overloaded",
        `expected at most ${this.settings.maxSenders} queues to be sent to at a time`,
      );
    this.#senders.delete(idle.queue);
    void idle.close(0);
  }

  #opened(transport: Transport, attempt: number): void {
    this.#transport = transport;
    this.#setState("open");
    for (const s of this.#subscriptions) s.connectionUp(transport);
    for (const s of this.#senders.values()) s.connectionUp();
    const since = performance.now();
    void transport.down.then((error) => this.#lost(error, performance.now() - since >= goodAfterMs ? 0 : attempt));
  }

  async #lost(error: HelsekontaktError, attempt: number): Promise<void> {
    this.#transport = undefined;
    for (const s of this.#senders.values()) s.connectionDown();
    for (const s of this.#subscriptions) s.connectionDown();
    if (this.#abort.signal.aborted) return;
    let reason = error;
    for (let n = attempt; ; n++) {
      this.settings.logger.warn("connection to the broker lost or not made", {
        code: reason.code,
        condition: reason.remoteCode,
        attempt: n,
      });
      this.#setState("reconnecting", reason, n);
      await this.#sleep(this.#backOff(n));
      if (this.#abort.signal.aborted) return;
      try {
        return this.#opened(await openTransport(this.settings, this.#abort.signal), n + 1);
      } catch (failure) {
        if (this.#abort.signal.aborted) return;
        reason = connectionError(failure);
      }
    }
  }

  /** Doubling, between half and the whole, so that many clients do not come back in step. */
  #backOff(attempt: number): number {
    const { initial, max } = this.settings.backOffMs;
    return Math.min(max, initial * 2 ** Math.min(attempt, 20)) * (0.5 + Math.random() / 2);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#abort;
      if (signal.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  #setState(state: ConnectionState, error?: HelsekontaktError, attempt?: number): void {
    this.#state = state;
    this.emit({
      kind: "connection",
      state,
      ...(attempt === undefined ? {} : { attempt }),
      ...(error === undefined ? {} : { error }),
    });
  }
}

/** @internal What works beneath the public face: queue administration. Nothing for a connection of another make. */
export function hostOf(connection: AmqpConnection): QueueSenderHost | undefined {
  return connection instanceof SupervisedConnection ? connection : undefined;
}
