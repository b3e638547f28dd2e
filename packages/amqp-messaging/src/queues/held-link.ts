import { HelsekontaktError, limitTime } from "@helsekontakt/core";
import rhea, { type Receiver, type Session } from "rhea";
import { amqpError } from "../connection/amqp-error.ts";
import type { Transport } from "../connection/transport.ts";
import { onDown } from "./down.ts";

/** @internal A message in our hands, not settled: it goes back to its place when the link ends. */
export interface Held {
  readonly link: HeldLink;
  readonly deliveryId: number;
  /** Bytes of the whole message. */
  readonly size: number;
  /** Absent when the message is larger than the limit. */
  readonly bytes: Buffer | undefined;
}

interface Transfer {
  readonly performative: {
    readonly delivery_id?: number | null;
    readonly more?: boolean | null;
    readonly aborted?: boolean | null;
  };
  readonly payload?: Buffer;
}

interface Flow {
  readonly performative: { readonly handle?: number | null; readonly available?: number | null };
}

/** The parts of rhea's session and receiver that are worked below their public face. */
interface InnerSession {
  readonly incoming: {
    next_transfer_id: number;
    on_transfer(frame: Transfer, receiver: InnerReceiver): void;
    on_flow(fields: unknown): void;
    update(delivery: object, settled: boolean, state: unknown): void;
  };
  readonly outgoing: { on_flow(fields: unknown): void };
  on_flow(frame: Flow): void;
  output(frame: { link_credit?: number | null; echo?: boolean }, payload?: Buffer): void;
}

interface InnerReceiver {
  credit: number;
  delivery_count: number;
  issue_flow: boolean;
}

const answerMs = 30_000;
/** How long a broker that has not answered a flow yet is waited for, before it counts as one that does not. */
const firstAnswerMs = 5_000;
/** How long messages that wait may fail to come before another link is tried: less where a link has given many already. */
const fullMs = (taken: number): number => (taken < 1_500 ? 5_000 : 1_000);
const closeMs = 3_000;
/** Brokers that answer flows: later silence of theirs is slowness, and must not be taken for the end of a queue. */
const answering = new WeakSet<Transport>();
/** Those that have left one unanswered from the first are not waited for as long again. */
const silent = new WeakSet<Transport>();
const silentMs = 500;

/**
 * @internal One link that takes messages from a queue and keeps them unsettled, in constant memory: rhea would keep every
 * unsettled delivery, and at most 2,048 of them, so its bookkeeping is left out and only the broker's remains.
 *
 * No drain: RabbitMQ 3.10 ends the session on it. How many messages wait is in the `available` of the flow with which it
 * answers every flow, and that is how the end of the queue is known too.
 *
 * @see AMQP 1.0, part 2, section 2.6.7 Flow Control
 */
export class HeldLink {
  readonly #transport: Transport;
  readonly #queue: string;
  readonly #session: Session;
  readonly #receiver: Receiver & InnerReceiver;
  readonly #maxBytes: number;
  #arrived: Held[] = [];
  #partial: { readonly id: number; chunks: Buffer[]; size: number } | undefined;
  #open = false;
  #ended: HelsekontaktError | undefined;
  #closing = false;
  /** Answers to flows so far, and the latest one's number of waiting messages. */
  #flows = 0;
  #available: number | undefined;
  /** Deliveries on this link, and those of them that were settled. */
  taken = 0;
  settled = 0;
  /** Nothing more will come on this link. */
  spent = false;
  #wake: () => void = () => {};
  #forgetDown: () => void = () => {};

  private constructor(transport: Transport, queue: string, address: string, maxBytes: number) {
    this.#transport = transport;
    this.#queue = queue;
    this.#maxBytes = maxBytes;
    const session = transport.openSession();
    this.#session = session;
    this.#receiver = session.open_receiver({
      source: { address },
      credit_window: 0,
      autoaccept: false,
    }) as Receiver & InnerReceiver;
    this.#listen();
  }

  /**
   * Attaches without credit, which takes nothing and proves that the queue exists.
   *
   * @throws {HelsekontaktError} `amqp/link-refused`, `amqp/connection`, `amqp/timeout`, `abort/cancelled`
   */
  static async open(
    transport: Transport,
    queue: string,
    address: string,
    maxBytes: number,
    signal?: AbortSignal,
  ): Promise<HeldLink> {
    const link = new HeldLink(transport, queue, address, maxBytes);
    try {
      await link.#until(() => link.#open, answerMs, signal);
      return link;
    } catch (error) {
      void link.close();
      throw error;
    }
  }

  /**
   * Messages that wait in the queue, without those in other readers' hands; nothing when the broker does not say.
   *
   * @throws {HelsekontaktError} `amqp/link-detached`, `amqp/connection`, `amqp/timeout`, `abort/cancelled`
   */
  async available(signal?: AbortSignal): Promise<number | undefined> {
    const before = this.#flows;
    this.#flow();
    const known = answering.has(this.#transport);
    const ms = known ? answerMs : silent.has(this.#transport) ? silentMs : firstAnswerMs;
    await this.#until(() => this.#flows > before, ms, signal).catch((error: unknown) => {
      if (known || HelsekontaktError.from(error).code !== "amqp/timeout") throw error;
      this.#available = undefined;
      silent.add(this.#transport);
    });
    return this.#available;
  }

  /**
   * Takes up to `count` messages; fewer when the queue has no more, or this link gets no more, which {@link spent} tells.
   *
   * @throws {HelsekontaktError} `amqp/link-detached`, `amqp/connection`, `amqp/timeout`, `abort/cancelled`
   */
  async take(count: number, signal?: AbortSignal): Promise<Held[]> {
    // RabbitMQ oversteps a credit that is repeated while messages are on their way: some may be here already.
    const missing = count - this.#arrived.length;
    if (missing > 0 && !this.spent) {
      this.#receiver.credit += missing;
      this.#flow();
      await this.#fill(count, signal);
    }
    return this.#arrived.splice(0, count);
  }

  /** Ends the credit: what has arrived can still be taken, and nothing else will come. */
  async quit(signal?: AbortSignal): Promise<void> {
    this.spent = true;
    this.#receiver.credit = 0;
    // Twice: a broker answers a flow before it writes what it has already taken out of the queue.
    await this.flush(signal);
    await this.flush(signal);
  }

  async #fill(count: number, signal: AbortSignal | undefined): Promise<void> {
    let empty = 0;
    let since = performance.now();
    while (this.#arrived.length < count) {
      const seen = this.#arrived.length;
      const moved = await this.#until(() => this.#arrived.length >= count, empty === 0 ? 200 : 50, signal).then(
        () => true,
        (error: unknown) => {
          if (HelsekontaktError.from(error).code !== "amqp/timeout") throw error;
          return this.#arrived.length > seen;
        },
      );
      if (moved) {
        empty = 0;
        since = performance.now();
        continue;
      }
      const left = await this.available(signal);
      if (this.#arrived.length > seen) empty = 0;
      else if ((left ?? 0) > 0) {
        // There are more, and they do not come: a session that is full of what is held, or another's sole right.
        if (this.taken > 0 && performance.now() - since > fullMs(this.taken)) return await this.quit(signal);
        this.#checkPatience(since);
      } else if (++empty === 2) break;
    }
    if (this.#receiver.credit > 0) {
      this.#receiver.credit = 0;
      this.#flow();
    }
  }

  /** Removes messages from the queue. They are gone for certain once {@link confirm} says so. */
  accept(messages: readonly Held[]): void {
    if (this.#ended !== undefined) throw this.#ended;
    const { incoming } = this.#session as unknown as InnerSession;
    for (const { deliveryId } of messages)
      incoming.update(
        { id: deliveryId, link: this.#receiver, remote_settled: false },
        true,
        (rhea.message as unknown as { accepted(): { described(): unknown } }).accepted().described(),
      );
    this.settled += messages.length;
  }

  /** Resolves when the broker has answered what was written before, or is one that does not answer. */
  async flush(signal?: AbortSignal): Promise<void> {
    if (answering.has(this.#transport)) await this.available(signal);
  }

  /**
   * True when the broker has answered a flow that was written after the removals, and so has read them; or when there were
   * none. Nothing can be said so at a broker that does not answer flows.
   */
  async confirm(): Promise<boolean> {
    if (this.settled === 0) return true;
    if (!answering.has(this.#transport)) return false;
    return await this.available().then(
      () => true,
      () => false,
    );
  }

  /**
   * Ends the session, which gives back everything that is still held; true when the broker has answered. RabbitMQ 3.10 now
   * and then does not, so this is not waited for long.
   */
  async close(): Promise<boolean> {
    this.#closing = true;
    if (this.#ended !== undefined || !this.#transport.isUp()) return false;
    this.#session.close();
    return await this.#until(() => this.#ended !== undefined, closeMs).then(
      () => true,
      () => false,
    );
  }

  #checkPatience(since: number): void {
    if (performance.now() - since < answerMs) return;
    throw new HelsekontaktError("amqp/timeout", `expected messages that wait in "${this.#queue}" to be handed out`, {
      context: { queue: this.#queue },
      hint: "Another reader may have the sole right to the queue.",
    });
  }

  #flow(): void {
    if (this.#ended !== undefined) return;
    this.#receiver.issue_flow = true;
    (this.#transport.connection as unknown as { _register(): void })._register();
  }

  /** Waits for something that the broker brings about. */
  async #until(done: () => boolean, ms: number, signal?: AbortSignal): Promise<void> {
    const limit = limitTime(ms, signal);
    const down = (): void => this.#wake();
    limit.signal.addEventListener("abort", down, { once: true });
    try {
      for (;;) {
        if (done()) return;
        if (this.#ended !== undefined) throw this.#ended;
        if (limit.signal.aborted)
          throw limit.timedOut
            ? new HelsekontaktError("amqp/timeout", `expected the broker's answer within ${ms} ms`, {
                context: { queue: this.#queue },
              })
            : new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal?.reason });
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      limit.end();
    }
  }

  #end(error: HelsekontaktError): void {
    this.#ended ??= error;
    this.#forgetDown();
    this.#wake();
  }

  #listen(): void {
    const session = this.#session;
    const inner = session as unknown as InnerSession;
    const output = inner.output.bind(session);
    inner.output = (frame, payload) => {
      // RabbitMQ 3 answers every flow, others only when they are asked to.
      if (typeof frame.link_credit === "number") frame.echo = true;
      output(frame, payload);
    };
    inner.incoming.on_transfer = (frame, receiver) => this.#onTransfer(inner, frame, receiver);
    inner.on_flow = ({ performative }) => {
      inner.outgoing.on_flow(performative);
      inner.incoming.on_flow(performative);
      // rhea would print that RabbitMQ says "drained" of its own accord, with credit left.
      if (performative.handle !== undefined && performative.handle !== null) {
        this.#flows++;
        this.#available = performative.available ?? undefined;
        if (this.#available !== undefined) answering.add(this.#transport);
        this.#wake();
      }
      (this.#transport.connection as unknown as { _register(): void })._register();
    };
    this.#receiver.on("receiver_open", () => {
      // A broker that refuses a link may attach it first, without a source, and detach it then.
      if ((this.#receiver.source as { address?: unknown } | undefined | null)?.address == null) return;
      this.#open = true;
      this.#wake();
    });
    const ended = (): void => {
      if (this.#closing) return this.#end(new HelsekontaktError("amqp/closed", "the link was closed by this side"));
      const error = session.error ?? this.#receiver.error;
      this.#end(
        this.#open
          ? amqpError("amqp/link-detached", `expected the link to "${this.#queue}" to stay`, error, {
              queue: this.#queue,
            })
          : amqpError("amqp/link-refused", `expected a queue "${this.#queue}" that may be read`, error, {
              queue: this.#queue,
            }),
      );
    };
    for (const name of ["session_error", "session_close"]) session.on(name, ended);
    for (const name of ["receiver_error", "receiver_close"])
      this.#receiver.on(name, () => {
        ended();
        session.close();
      });
    this.#forgetDown = onDown(this.#transport, (error) => this.#end(error));
  }

  #onTransfer(session: InnerSession, { performative, payload }: Transfer, receiver: InnerReceiver): void {
    session.incoming.next_transfer_id++;
    const partial = (this.#partial ??= { id: performative.delivery_id ?? 0, chunks: [], size: 0 });
    if (performative.aborted === true) {
      this.#partial = undefined;
      return;
    }
    if (payload !== undefined) {
      partial.size += payload.length;
      if (partial.size > this.#maxBytes) partial.chunks = [];
      else partial.chunks.push(payload);
    }
    if (performative.more === true) return;
    this.#partial = undefined;
    receiver.credit = Math.max(0, receiver.credit - 1);
    receiver.delivery_count++;
    this.taken++;
    const { id, size, chunks } = partial;
    const [only] = chunks;
    const bytes = size > this.#maxBytes ? undefined : chunks.length === 1 ? only : Buffer.concat(chunks);
    this.#arrived.push({ link: this, deliveryId: id, size, bytes });
    this.#wake();
  }
}
