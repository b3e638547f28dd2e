// Longer than 400 lines: link, credit, handlers and their ends are states of one thing, and are read together.
import { HelsekontaktError } from "@helsekontakt/core";
import type { Delivery, EventContext, Receiver, Session } from "rhea";
import { amqpError, remoteError } from "./amqp-error.ts";
import { isRedelivered, type Item, readArrival } from "./arrived.ts";
import { takenOutcomes } from "./dialect.ts";
import { FailureCounts } from "./failure-counts.ts";
import type { SubscriptionHealth } from "./health.ts";
import type { QueueSenderHost } from "./queue-sender.ts";
import { isFinal, isReturn, type Outcome, type OutcomeRules, settleDelivery } from "./outcome.ts";
import { ParkedDeliveries } from "./parked.ts";
import { digestKey, RememberedOutcomes } from "./remembered.ts";
import { Schedule } from "./schedule.ts";
import type { DeliveryHandler, ReceiveOptions, StopOptions, Subscription } from "./subscription-types.ts";
import { endSession, type Transport } from "./transport.ts";
import type { ReceivedMessage } from "./wire-message.ts";

export type { Outcome } from "./outcome.ts";
export type {
  DeliveryHandler,
  InboundDelivery,
  ReceiveOptions,
  StopOptions,
  Subscription,
} from "./subscription-types.ts";

interface Run {
  readonly link: number;
  readonly bodySize: number;
  readonly outcome: Promise<Outcome>;
}

const longestPauseMs = 30_000;

/** @internal */
export class QueueSubscription implements Subscription {
  readonly queue: string;
  readonly attached: Promise<void>;
  readonly #host: QueueSenderHost;
  readonly #handler: DeliveryHandler;
  readonly #credit: number;
  readonly #options: ReceiveOptions;
  readonly #releaseDelayMs: number;
  readonly #onStopped: () => void;
  readonly #abort = new AbortController();
  readonly #schedule: Schedule<Item>;
  readonly #parked = new ParkedDeliveries();
  readonly #remembered: RememberedOutcomes;
  readonly #failures = new FailureCounts();
  /** Runs by message id, so that a redelivery on a new link joins the run that the old link began. */
  readonly #runs = new Map<string, Run>();
  readonly #begun = new Map<Item, number>();
  /** Number of the present link; what came on an earlier one can no longer be settled. */
  #link = 0;
  readonly #unsettled = new Set<Item>();
  #granted = 0;
  #willGrant = false;
  #receiver: Receiver | undefined;
  #session: Session | undefined;
  #rules: OutcomeRules = { taken: new Set(), dialect: "rabbitmq" };
  #paused = false;
  #stopping: Promise<void> | undefined;
  #endDrain: (() => void) | undefined;
  #refusals = 0;
  #retry: NodeJS.Timeout | undefined;
  #resolveAttached: () => void = () => {};
  #rejectAttached: (error: HelsekontaktError) => void = () => {};

  constructor(
    host: QueueSenderHost,
    queue: string,
    handler: DeliveryHandler,
    options: ReceiveOptions,
    onStopped: () => void,
  ) {
    this.#host = host;
    this.queue = queue;
    this.#handler = handler;
    const concurrency = between(options.concurrency ?? 5, 1, 1_000);
    this.#credit = between(options.readAhead ?? concurrency, concurrency, 1_000);
    this.#remembered = new RememberedOutcomes(this.#credit);
    this.#schedule = new Schedule(concurrency, options.functionLimits);
    this.#options = options;
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
    return this.#unsettled.size;
  }

  get parked(): number {
    return this.#parked.size;
  }

  health(): SubscriptionHealth {
    const oldest = Math.min(...this.#begun.values());
    return {
      queue: this.queue,
      attached: this.#receiver?.is_open() === true,
      paused: this.#paused,
      credit: this.#granted,
      inHand: this.#unsettled.size,
      parked: this.#parked.size,
      running: this.#begun.size,
      oldestHandlerMs: this.#begun.size === 0 ? 0 : Math.round(performance.now() - oldest),
    };
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
    this.#grant();
  }

  stop(options: StopOptions = {}): Promise<void> {
    this.#stopping ??= this.#drain(options);
    return this.#stopping;
  }

  async #drain({ drainMs = 30_000, signal }: StopOptions): Promise<void> {
    clearTimeout(this.#retry);
    this.#rejectAttached(new HelsekontaktError("amqp/closed", "the subscription was stopped before it was attached"));
    // The last first: a broker that puts each in front of its queue then has them in their order.
    for (const item of this.#schedule.clear().toReversed()) this.#settle(item, "release");
    this.#parked.clear((item) => this.#tell(item.delivery, item.link, "release"));
    if (this.#begun.size > 0 && signal?.aborted !== true)
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", end);
          resolve();
        };
        const timer = setTimeout(end, drainMs);
        signal?.addEventListener("abort", end, { once: true });
        this.#endDrain = end;
      });
    this.#abort.abort();
    for (const item of this.#unsettled) this.#settle(item, "release");
    const session = this.#session;
    const transport = this.#host.transport();
    this.#dropLink();
    // RabbitMQ keeps unsettled messages of a closed link until the session ends, so the session is what is closed.
    if (transport?.isUp() === true && session !== undefined) await endSession(session, transport);
    this.#onStopped();
  }

  connectionUp(transport: Transport): void {
    if (this.#stopping !== undefined || this.#session !== undefined) return;
    const session = transport.openSession();
    const address = transport.address("receiver", this.queue);
    const receiver = session.open_receiver({
      source: { address },
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
      this.#rules = { taken: takenOutcomes(receiver.source, transport.dialect), dialect: transport.dialect };
      this.#refusals = 0;
      this.#resolveAttached();
      this.#host.emit({ kind: "link", role: "receiver", queue: this.queue, state: "attached" });
      this.#grant();
    });
    receiver.on("message", (context: EventContext) => {
      if (mine()) this.#arrive(context, link);
    });
    const over = (): void => {
      if (mine()) this.#linkEnded(session.error ?? receiver.error, address);
    };
    for (const name of ["session_error", "session_close"]) session.on(name, over);
    for (const name of ["receiver_error", "receiver_close"]) receiver.on(name, over);
  }

  connectionDown(): void {
    this.#dropLink();
  }

  /** The broker ended the link while the connection stands: queues are made and remade, so try again. */
  #linkEnded(error: unknown, address: string): void {
    const session = this.#session;
    this.#dropLink();
    session?.close();
    const reason = amqpError("amqp/link-refused", `expected the broker to give messages from "${this.queue}"`, error, {
      queue: this.queue,
      address,
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
    this.#unsettled.clear();
    this.#granted = 0;
    this.#schedule.clear();
    this.#parked.clear((item) => this.#schedule.freeKey(item.key));
  }

  /**
   * Tops up at half. At RabbitMQ 3 in whole batches, since it oversteps a credit that is topped up while messages are on
   * their way: what its queue has handed out to the session is not counted. At the end of the turn, when quick handlers
   * have settled all that came in one read: the batch is then a whole one.
   */
  #grant(): void {
    if (this.#willGrant) return;
    this.#willGrant = true;
    setImmediate(() => {
      this.#willGrant = false;
      this.#grantNow();
    });
  }

  #grantNow(): void {
    const receiver = this.#receiver;
    if (this.#paused || this.#stopping !== undefined || receiver?.is_open() !== true) return;
    const outstanding = Math.max(0, this.#granted);
    const n = this.#credit - this.#unsettled.size - outstanding;
    const early = this.#rules.dialect !== "rabbitmq" && n >= this.#credit / 2;
    if (n <= 0 || !(early || (outstanding === 0 && n >= this.#credit / 2))) return;
    this.#granted = outstanding + n;
    receiver.add_credit(n);
  }

  #arrive(context: EventContext, link: number): void {
    const { delivery } = context;
    if (delivery === undefined) return;
    this.#granted--;
    const bytes = context.message as unknown as Buffer;
    if (this.#stopping !== undefined) return this.#tell(delivery, link, "release");
    const limit = this.#host.settings.maxMessageBytes;
    const item = readArrival(delivery, bytes, link, limit, (message) => this.#keyOf(message));
    if (item === undefined) {
      this.#host.settings.logger.error("message refused: larger than the limit, or not an AMQP 1.0 message", {
        queue: this.queue,
        bytes: bytes.length,
        limit,
      });
      this.#tell(delivery, link, "reject");
      return this.#grant();
    }
    this.#unsettled.add(item);
    this.#take(item);
  }

  /** The application's function; what it throws leaves the message without a place in an order. */
  #keyOf(message: ReceivedMessage): string | undefined {
    try {
      return this.#options.orderBy?.(message);
    } catch (error) {
      this.#host.settings.logger.error("orderBy failed; the message is handled out of order", {
        queue: this.queue,
        code: HelsekontaktError.from(error, "message/handler-failed").code,
      });
      return undefined;
    }
  }

  #take(item: Item): void {
    const run = item.id === undefined ? undefined : this.#runs.get(item.id);
    // One with a key waits in its place until that run has ended, which may have left its outcome: see #begin.
    if (item.key === undefined && run !== undefined && run.link !== item.link && run.bodySize === item.bodySize)
      return void run.outcome.then((outcome) => this.#conclude(item, outcome, false));
    this.#schedule.add(item);
    this.#pump();
  }

  #pump(): void {
    if (this.#paused || this.#stopping !== undefined) return;
    for (let item = this.#schedule.next(); item !== undefined; item = this.#schedule.next()) this.#begin(item);
  }

  #begin(item: Item): void {
    const known = this.#remembered.answer(item.id, item.bodySize, isRedelivered(item.message));
    if (known !== undefined) {
      this.#schedule.end(item);
      this.#settle(item, known);
      return;
    }
    this.#begun.set(item, performance.now());
    const outcome = this.#run(item);
    if (item.id !== undefined) this.#runs.set(item.id, { link: item.link, bodySize: item.bodySize, outcome });
    void outcome.then((value) => this.#finish(item, value, outcome));
  }

  #finish(item: Item, outcome: Outcome, run: Promise<Outcome>): void {
    this.#begun.delete(item);
    if (item.id !== undefined && this.#runs.get(item.id)?.outcome === run) this.#runs.delete(item.id);
    // In order means that nothing of its key may pass it, so it stays here for its next try.
    const again = item.key !== undefined && isReturn(outcome) && item.link === this.#link && !this.#isStopping();
    this.#schedule.end(item, again);
    this.#conclude(item, outcome, again);
    this.#pump();
    if (this.#begun.size === 0) this.#endDrain?.();
  }

  #conclude(item: Item, outcome: Outcome, again: boolean): void {
    const pause = typeof outcome === "object" && outcome.kind === "release" ? outcome.afterMs : 0;
    if (again) this.#park(item, pause === 0 ? this.#releaseDelayMs : pause, true);
    else if (pause > 0 && !this.#isStopping()) this.#park(item, pause, false);
    else if (!this.#settle(item, outcome) && isFinal(outcome))
      this.#remembered.unsettled(item.id, item.bodySize, outcome);
  }

  #isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Holds a message back without a handler and without credit; when the parking is full, with its credit. */
  #park(item: Item, pauseMs: number, again: boolean): void {
    const { delivery, link, key } = item;
    if (link !== this.#link) return this.#schedule.freeKey(again ? key : undefined);
    const kept = this.#parked.hasRoom ? undefined : item;
    if (kept === undefined) this.#unsettled.delete(item);
    this.#parked.add(
      { delivery, link, key: again ? key : undefined },
      pauseMs,
      again ? this.#retryHere(item) : this.#giveBack(delivery, link, kept),
    );
    this.#grant();
  }

  #retryHere(item: Item): () => void {
    return () => {
      if (item.link !== this.#link) return;
      this.#unsettled.add(item);
      this.#schedule.again(item);
      this.#pump();
    };
  }

  /** Does not hold the message, unless it kept its credit: many may wait. */
  #giveBack(delivery: Delivery, link: number, kept: Item | undefined): () => void {
    return () => {
      if (link !== this.#link) return;
      if (kept !== undefined) this.#unsettled.delete(kept);
      this.#tell(delivery, link, "release");
      this.#grant();
    };
  }

  /** Never rejects. */
  async #run(item: Item): Promise<Outcome> {
    try {
      const outcome = await this.#handler({
        queue: this.queue,
        message: item.message,
        size: item.size,
        redelivered: isRedelivered(item.message),
        signal: this.#abort.signal,
      });
      if (isFinal(outcome) && !this.#failures.isEmpty) this.#failures.forget(failureKey(item));
      return outcome;
    } catch (error) {
      return this.#failed(item, HelsekontaktError.from(error, "message/handler-failed").code);
    }
  }

  /** Back to the queue after a pause that doubles with each failure; to the dead letters after the last. */
  #failed(item: Item, code: string): Outcome {
    const key = failureKey(item);
    const known = this.#failures.failed(key);
    const failures = Math.max(known ?? 1, item.message.deliveryCount + 1);
    const dead = failures >= (this.#options.maxTries ?? 10);
    this.#host.settings.logger.error(
      dead ? "handler failed for the last time" : "handler failed; the delivery goes back to the queue",
      { queue: this.queue, code, failures },
    );
    if (dead) {
      this.#failures.forget(key);
      return { kind: "dead-letter", reason: `failed ${failures} times, last with ${code}` };
    }
    const longest = Math.max(longestPauseMs, this.#releaseDelayMs);
    const pause = known === undefined ? longest : Math.min(longest, this.#releaseDelayMs * 2 ** (failures - 1));
    return { kind: "release", afterMs: pause };
  }

  /** False when the link that the delivery came on is gone. */
  #settle(item: Item, outcome: Outcome): boolean {
    if (item.link !== this.#link || !this.#unsettled.delete(item)) return false;
    this.#tell(item.delivery, item.link, outcome);
    if (isFinal(outcome)) this.#remembered.settled(item.id, item.bodySize, outcome);
    this.#grant();
    return true;
  }

  #tell(delivery: Delivery, link: number, outcome: Outcome): void {
    if (link !== this.#link) return;
    try {
      settleDelivery(delivery, outcome, this.#rules);
    } catch (error) {
      // The session is in a state that rhea does not expect; the broker redelivers when it ends.
      this.#host.settings.logger.error("a delivery could not be settled", {
        queue: this.queue,
        condition: remoteError(error).condition,
      });
    }
  }
}

/** One without an id is known by its content: it would be at its first try for ever. */
function failureKey({ id, message }: Item): string {
  return id ?? digestKey(message.body);
}

function between(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, Math.trunc(value)));
}
