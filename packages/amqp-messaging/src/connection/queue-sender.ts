// Over 400 lines: waiting, in flight and given up are states of one message, and are read together.
import { HelsekontaktError } from "@helsekontakt/core";
import type { Delivery, EventContext, Sender, Session } from "rhea";
import { amqpError, isRefusal, remoteError } from "./amqp-error.ts";
import type { SendHold } from "./connection.ts";
import type { SenderHealth } from "./health.ts";
import { guardDelivery } from "./paced-output.ts";
import { keepRest, PartedBytes } from "./parted-bytes.ts";
import type { ResolvedSettings } from "./settings.ts";
import type { StateEvent } from "./state.ts";
import type { Transport } from "./transport.ts";
import { Waiting } from "./waiting.ts";

interface Job {
  readonly bytes: Buffer | PartedBytes;
  readonly hold: SendHold | undefined;
  /** How often it was put on the wire. */
  tries: number;
  /** How often the broker ended the link while this one was unsettled: it may be what the broker stumbles over. */
  ends: number;
  done: boolean;
  readonly resolve: () => void;
  readonly reject: (error: HelsekontaktError) => void;
}

/** @internal */
export interface QueueSenderHost {
  readonly settings: ResolvedSettings;
  transport(): Transport | undefined;
  emit(event: StateEvent): void;
}

/** Ends of the link after which a message that was alone on it is given up. */
const endsTillGivenUp = 3;

/**
 * @internal Sends to one queue, at least once: a promise is fulfilled by the broker's `accepted` and nothing else.
 * What is unsettled when the connection goes is sent again, the same bytes and so the same message id.
 */
export class QueueSender {
  readonly queue: string;
  lastUsed = 0;
  readonly #host: QueueSenderHost;
  readonly #inFlight = new Map<Delivery, Job>();
  #inFlightBytes = 0;
  readonly #waiting = new Waiting<Job>();
  #waitingBytes = 0;
  #session: Session | undefined;
  #link: Sender | undefined;
  /** The broker has given credit on the present link: it knows the address. */
  #granted = false;
  /** What is in flight went out alone. */
  #isOneSuspected = false;
  #closed = false;
  /** When the broker last gave an outcome or credit here, or there was nothing to answer. */
  #answeredAt = 0;
  #blocked = false;
  #watch: NodeJS.Timeout | undefined;
  #idle: (() => void) | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(host: QueueSenderHost, queue: string) {
    this.#host = host;
    this.queue = queue;
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0 && this.#waiting.size === 0;
  }

  /** The broker is up and has left what was sent here unanswered for longer than the setting. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  health(): SenderHealth {
    const { queue } = this;
    return { queue, attached: this.#granted, waiting: this.#waiting.size, inFlight: this.#inFlight.size };
  }

  /** @throws {HelsekontaktError} see `AmqpConnection.send` */
  send(
    bytes: Buffer | PartedBytes,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal; readonly hold?: SendHold },
  ): Promise<void> {
    const { signal, timeoutMs } = options;
    const { sendBuffer } = this.#host.settings;
    if (
      this.#waiting.size >= sendBuffer.messages ||
      (this.#waiting.size > 0 && this.#waitingBytes + bytes.length > sendBuffer.bytes)
    )
      return Promise.reject(
        new HelsekontaktError(
          "amqp/overloaded",
          `expected at most ${sendBuffer.messages} messages or ${sendBuffer.bytes} bytes to wait for "${this.queue}"`,
        ),
      );
    return new Promise<void>((resolve, reject) => {
      const end = (settle: () => void): void => {
        if (job.done) return;
        job.done = true;
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        settle();
      };
      const job: Job = {
        bytes,
        hold: options.hold,
        tries: 0,
        ends: 0,
        done: false,
        resolve: () => end(resolve),
        reject: (e) => end(() => reject(e)),
      };
      const give = (error: HelsekontaktError): void => {
        this.#forget(job);
        job.reject(error);
      };
      const abort = (): void =>
        give(new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal?.reason }));
      const timer = setTimeout(
        () =>
          give(
            new HelsekontaktError("amqp/timeout", `expected the broker's outcome within ${timeoutMs} ms`, {
              context: { queue: this.queue, tries: job.tries, connected: this.#host.transport()?.isUp() === true },
              hint:
                job.tries > 0
                  ? "The broker may have the message: send it again with the same message id."
                  : "The message was never written to the broker.",
            }),
          ),
        timeoutMs,
      );
      signal?.addEventListener("abort", abort, { once: true });
      if (this.isIdle) this.#answeredAt = performance.now();
      this.#waiting.push(job);
      this.#waitingBytes += bytes.length;
      this.#watchAnswers();
      this.#ensureAttached();
      this.#pump();
    });
  }

  /** Called when the connection is open; attaches only if something waits. */
  connectionUp(): void {
    this.#answered();
    if (this.#waiting.size > 0) this.#ensureAttached();
  }

  /** rhea drops unsettled deliveries with the connection and says nothing: put them back in front, in order. */
  connectionDown(): void {
    this.#answered();
    this.#dropLink();
    this.#requeueInFlight();
  }

  /** Resolves when nothing is waiting or in flight, at the limit or on the signal; then ends the session. */
  async close(limitMs: number, signal?: AbortSignal): Promise<void> {
    if (!this.isIdle && signal?.aborted !== true)
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", end);
          resolve();
        };
        const timer = setTimeout(end, limitMs);
        signal?.addEventListener("abort", end, { once: true });
        this.#idle = end;
      });
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
    this.#failAll(
      new HelsekontaktError("amqp/closed", "the connection was closed by this side before the outcome was known", {
        context: { queue: this.queue },
      }),
    );
    const session = this.#session;
    this.#dropLink();
    if (this.#host.transport()?.isUp() === true) session?.close();
  }

  #ensureAttached(): void {
    const transport = this.#host.transport();
    if (this.#closed || this.#session !== undefined || this.#retry !== undefined || transport?.isUp() !== true) return;
    const session = transport.openSession();
    const address = transport.address("sender", this.queue);
    const link = session.open_sender({
      target: { address },
      snd_settle_mode: 0,
      autosettle: true,
      treat_modified_as_released: false,
    });
    this.#session = session;
    this.#link = link;
    this.#granted = false;
    const mine = (): boolean => this.#session === session;
    link.on("sendable", () => {
      if (!mine()) return;
      this.#answered();
      if (!this.#granted) {
        this.#granted = true;
        this.#host.emit({ kind: "link", role: "sender", queue: this.queue, state: "attached" });
      }
      this.#pump();
    });
    link.on("accepted", (c: EventContext) => this.#settle(c, (job) => job.resolve()));
    link.on("rejected", (c: EventContext) =>
      this.#settle(c, (job) =>
        job.reject(
          amqpError(
            "amqp/rejected",
            "expected the broker to accept the message",
            c.delivery?.remote_state?.["error"] ?? {},
            { queue: this.queue },
          ),
        ),
      ),
    );
    for (const name of ["released", "modified"])
      link.on(name, (c: EventContext) =>
        this.#settle(c, (job) =>
          job.reject(
            // What RabbitMQ 4 and others answer when no queue takes a message; RabbitMQ 3 says accepted and drops it.
            new HelsekontaktError(
              "amqp/released",
              `expected a queue at the broker that takes messages for "${this.queue}", found none: it answered "${name}"`,
              {
                context: { queue: this.queue, address },
                hint: "The message is not at the broker. Check the receiver's queue in the address registry, and the exchange.",
              },
            ),
          ),
        ),
      );
    const ended = (): void => {
      if (mine()) this.#linkEnded(session.error ?? link.error, address);
    };
    for (const name of ["session_error", "session_close"]) session.on(name, ended);
    for (const name of ["sender_error", "sender_close"]) link.on(name, ended);
  }

  /** The broker ended link or session while the connection stands. */
  #linkEnded(error: unknown, address: string): void {
    const session = this.#session;
    const granted = this.#granted;
    this.#dropLink();
    session?.close();
    const refused = isRefusal(remoteError(error).condition, granted);
    const reason = refused
      ? amqpError("amqp/link-refused", `expected the broker to take messages for "${this.queue}"`, error, {
          queue: this.queue,
          address,
        })
      : amqpError(
          "amqp/link-detached",
          `expected the link to "${this.queue}" to stay until the outcome was known`,
          error,
          { queue: this.queue },
        );
    this.#host.emit({ kind: "link", role: "sender", queue: this.queue, state: "detached", error: reason });
    if (refused) return this.#failAll(reason);
    // A broker that shuts down ends its sessions first; one that stumbles over a message does too. So they are sent again,
    // one by one, and the one that was alone each time is given up.
    const alone = this.#inFlight.size === 1;
    for (const job of this.#inFlight.values()) if (++job.ends >= endsTillGivenUp && alone) job.reject(reason);
    this.#requeueInFlight();
    if (this.#waiting.size > 0)
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.#ensureAttached();
      }, 200);
    this.#checkIdle();
  }

  #dropLink(): void {
    this.#session = undefined;
    this.#link = undefined;
    this.#granted = false;
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  #requeueInFlight(): void {
    const again = [...this.#inFlight.values()].filter((job) => !job.done);
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
    this.#waiting.putBack(again);
    for (const job of again) this.#waitingBytes += job.bytes.length;
    this.#checkIdle();
  }

  #pump(): void {
    const link = this.#link;
    const { messages, bytes } = this.#host.settings.sendWindow;
    // is_open(): rhea would take a message for a link that is not, and lose it.
    if (link === undefined) return;
    for (let job = this.#waiting.first(); job !== undefined; job = this.#waiting.first()) {
      if (this.#inFlight.size > 0 && (job.ends > 0 || this.#isOneSuspected)) break;
      if (
        this.#inFlight.size >= messages ||
        (this.#inFlight.size > 0 && this.#inFlightBytes + job.bytes.length > bytes)
      )
        break;
      if (!link.is_open() || !link.sendable()) break;
      this.#waiting.shift();
      this.#waitingBytes -= job.bytes.length;
      if (job.hold?.isHeld() === false) {
        job.reject(this.#holdLost(job));
        continue;
      }
      job.tries++;
      this.#isOneSuspected = job.ends > 0;
      this.#inFlightBytes += job.bytes.length;
      try {
        const delivery = link.send(job.bytes as Buffer, undefined, 0);
        this.#inFlight.set(delivery, job);
        if (job.hold !== undefined) guardDelivery(delivery, this.#guardOf(job, job.hold));
      } catch (error) {
        // rhea calls back from timers, where a throw would end the process.
        this.#inFlightBytes -= job.bytes.length;
        job.reject(amqpError("amqp/link-detached", "expected rhea to take the message", error, { queue: this.queue }));
      }
    }
    this.#checkIdle();
  }

  /**
   * What rhea has taken is written later: behind other messages, and a large one in portions. Where a right is lost between
   * two of them, another may have sent the message meanwhile. A broker cannot be told to forget the head of a message:
   * RabbitMQ 3 does not know of aborted transfers. It forgets it with the session.
   */
  #guardOf(job: Job, hold: SendHold): () => boolean {
    const session = this.#session;
    return () => {
      if (hold.isHeld()) return true;
      // rhea is in the middle of writing.
      setImmediate(() => {
        if (this.#session === session) this.#cutOff();
      });
      return false;
    };
  }

  /** Ends the session on which a message may not be sent on; what else is in flight goes out again on the next one. */
  #cutOff(): void {
    const session = this.#session;
    this.#dropLink();
    session?.close();
    for (const job of this.#inFlight.values()) if (job.hold?.isHeld() === false) job.reject(this.#holdLost(job));
    this.#requeueInFlight();
    if (this.#waiting.size > 0) this.#ensureAttached();
  }

  #holdLost(job: Job): HelsekontaktError {
    return new HelsekontaktError("abort/cancelled", "expected the right to send to be held still, found it lost", {
      context: { queue: this.queue, tries: job.tries },
    });
  }

  #settle(context: EventContext, finish: (job: Job) => void): void {
    const job = context.delivery === undefined ? undefined : this.#inFlight.get(context.delivery);
    if (job === undefined || context.delivery === undefined) return;
    this.#inFlight.delete(context.delivery);
    this.#inFlightBytes -= job.bytes.length;
    this.#answered();
    finish(job);
    this.#pump();
  }

  /** A job given up by its caller: what is on the wire keeps its place in the window until the broker answers. */
  #forget(job: Job): void {
    if (!this.#waiting.remove(job)) {
      for (const [delivery, sent] of this.#inFlight) if (sent === job) this.#giveUp(delivery, job);
      return;
    }
    this.#waitingBytes -= job.bytes.length;
    this.#checkIdle();
  }

  /** The rest is written all the same, and the caller may do with his bytes what he likes from now on. */
  #giveUp(delivery: Delivery, job: Job): void {
    if (job.bytes instanceof PartedBytes) keepRest(delivery);
    // A right that is held now ends with the call, and slow is not lost. One that is lost already fences the rest: it was.
    if (job.hold?.isHeld() === true) guardDelivery(delivery, undefined);
  }

  #failAll(reason: HelsekontaktError): void {
    const jobs = [...this.#inFlight.values(), ...this.#waiting.clear()];
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
    this.#waitingBytes = 0;
    for (const job of jobs) job.reject(reason);
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.isIdle) this.#idle?.();
  }

  #answered(): void {
    this.#answeredAt = performance.now();
    if (this.#blocked) this.#setBlocked(false);
  }

  #setBlocked(blocked: boolean): void {
    this.#blocked = blocked;
    this.#host.emit({ kind: "blocked", queue: this.queue, answering: !blocked });
  }

  /** One timer, whatever is sent: it looks when the oldest thing unanswered could be too old, and sleeps when all is quiet. */
  #watchAnswers(): void {
    if (this.#watch !== undefined || this.#closed) return;
    const { answerTimeoutMs } = this.#host.settings;
    const look = (): void => {
      this.#watch = undefined;
      if (this.isIdle || this.#closed) return;
      const silent = performance.now() - this.#answeredAt;
      const late = silent >= answerTimeoutMs;
      if (late && !this.#blocked && this.#host.transport()?.isUp() === true) this.#setBlocked(true);
      this.#watch = setTimeout(look, late ? answerTimeoutMs : Math.max(1, answerTimeoutMs - silent)).unref();
    };
    this.#watch = setTimeout(look, answerTimeoutMs).unref();
  }
}
