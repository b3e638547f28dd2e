import { HelsekontaktError, limitTime } from "@helsekontakt/core";
import type { Delivery, EventContext, Sender, Session } from "rhea";
import { amqpError } from "../connection/amqp-error.ts";
import type { QueueSenderHost } from "../connection/queue-sender.ts";
import type { Transport } from "../connection/transport.ts";
import { queueAddress } from "./address.ts";
import { onDown } from "./down.ts";
import { HeldLink } from "./held-link.ts";

/** How a copy reaches the queue that it is for. */
export type Route = "queue" | "exchange";

interface Job {
  readonly resolve: () => void;
  readonly reject: (error: HelsekontaktError) => void;
}

/**
 * @internal A queue that copies are put into. `accepted` proves nothing at RabbitMQ 3, which says it for queues that do
 * not exist too, so {@link verify} looks at the queue itself, before the first copy and again after each batch of them.
 */
export class Target {
  readonly queue: string;
  readonly #host: QueueSenderHost;
  readonly #transport: Transport;
  readonly #route: Route;
  readonly #inFlight = new Map<Delivery, Job>();
  #session: Session | undefined;
  #link: Sender | undefined;
  #ended: HelsekontaktError | undefined;
  #sendable: () => void = () => {};
  #forgetDown: () => void = () => {};
  /** Of the exchange's binding: copies were seen to arrive. */
  proven: boolean;

  constructor(host: QueueSenderHost, transport: Transport, queue: string, route: Route) {
    this.queue = queue;
    this.#host = host;
    this.#transport = transport;
    this.#route = route;
    this.proven = route === "queue";
  }

  /**
   * Proves that the queue exists, by attaching to it without credit.
   *
   * @returns messages that wait in it, when the broker says so
   * @throws {HelsekontaktError} `amqp/link-refused`, `amqp/connection`, `amqp/timeout`, `abort/cancelled`
   */
  async verify(signal?: AbortSignal): Promise<number | undefined> {
    const link = await HeldLink.open(
      this.#transport,
      this.queue,
      queueAddress(this.#transport, this.queue),
      this.#host.settings.maxMessageBytes,
      signal,
    );
    try {
      return this.proven ? undefined : await link.available(signal);
    } finally {
      // Not waited for: nothing is held.
      void link.close();
    }
  }

  /**
   * Sends bytes as they are and waits for `accepted`.
   *
   * @throws {HelsekontaktError} `amqp/rejected`, `amqp/released`, `amqp/link-refused`, `amqp/link-detached`,
   *   `amqp/connection`, `amqp/timeout`, `abort/cancelled`
   */
  async send(bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const limit = limitTime(this.#host.settings.sendTimeoutMs, signal);
    try {
      await limit.race(this.#send(bytes, limit.signal));
    } catch (error) {
      if (error instanceof HelsekontaktError) throw error;
      throw limit.timedOut
        ? new HelsekontaktError("amqp/timeout", "expected the broker's outcome within the time limit of a send", {
            context: { queue: this.queue },
          })
        : new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal?.reason });
    } finally {
      limit.end();
    }
  }

  close(): void {
    this.#forgetDown();
    this.#ended ??= new HelsekontaktError("amqp/closed", "the link was closed by this side");
    if (this.#transport.isUp()) this.#session?.close();
  }

  async #send(bytes: Buffer, signal: AbortSignal): Promise<void> {
    for (;;) {
      if (this.#ended !== undefined) throw this.#ended;
      if (signal.aborted) return;
      const link = this.#attach();
      if (link.is_open() && link.sendable()) break;
      await new Promise<void>((resolve) => {
        const before = this.#sendable;
        this.#sendable = () => {
          before();
          resolve();
        };
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    const link = this.#attach();
    await new Promise<void>((resolve, reject) => {
      this.#inFlight.set(link.send(bytes, undefined, 0), { resolve, reject });
    });
  }

  #attach(): Sender {
    if (this.#link !== undefined) return this.#link;
    const session = this.#transport.openSession();
    const address =
      this.#route === "exchange"
        ? this.#transport.address("sender", this.queue)
        : queueAddress(this.#transport, this.queue);
    const link = session.open_sender({ target: { address }, snd_settle_mode: 0, treat_modified_as_released: false });
    this.#session = session;
    this.#link = link;
    link.on("sendable", () => this.#ready());
    link.on("accepted", (c: EventContext) => this.#take(c)?.resolve());
    link.on("rejected", (c: EventContext) =>
      this.#take(c)?.reject(
        amqpError("amqp/rejected", "expected the broker to accept the copy", c.delivery?.remote_state?.["error"], {
          queue: this.queue,
        }),
      ),
    );
    for (const name of ["released", "modified"])
      link.on(name, (c: EventContext) =>
        this.#take(c)?.reject(
          new HelsekontaktError("amqp/released", `expected "accepted" for the copy, found "${name}"`, {
            context: { queue: this.queue },
          }),
        ),
      );
    const ended = (): void =>
      this.#end(
        amqpError(
          "amqp/link-refused",
          `expected the broker to take messages for "${this.queue}"`,
          session.error ?? link.error,
          { queue: this.queue, address },
        ),
      );
    for (const name of ["session_error", "session_close"]) session.on(name, ended);
    for (const name of ["sender_error", "sender_close"]) link.on(name, ended);
    this.#forgetDown = onDown(this.#transport, (error) => this.#end(error));
    return link;
  }

  #take({ delivery }: EventContext): Job | undefined {
    const job = delivery === undefined ? undefined : this.#inFlight.get(delivery);
    if (delivery !== undefined) this.#inFlight.delete(delivery);
    return job;
  }

  #ready(): void {
    const wake = this.#sendable;
    this.#sendable = () => {};
    wake();
  }

  #end(error: HelsekontaktError): void {
    this.#ended ??= error;
    for (const job of this.#inFlight.values()) job.reject(this.#ended);
    this.#inFlight.clear();
    this.#ready();
  }
}
