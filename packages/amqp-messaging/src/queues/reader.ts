import { HelsekontaktError } from "@helsekontakt/core";
import type { QueueSenderHost } from "../connection/queue-sender.ts";
import type { Transport } from "../connection/transport.ts";
import { queueAddress } from "./address.ts";
import { type Held, HeldLink } from "./held-link.ts";

/** Messages held on one session before another one is opened, when others are removed: a removal looks past all of them. */
const perLink = 2_000;
/** Channels of one connection are 256; some are left for senders and for looking at targets. */
const mostLinks = 200;
/** Bytes of messages in memory at a time, roughly: the credit follows the size of the messages that came. */
const batchBytes = 16 * 1024 * 1024;
const batchMessages = 500;

/**
 * @internal Goes through a queue from its head, at most `bound` messages, and keeps what is not accepted in its hands
 * until the end: given back at once, a message would be the next to come. Nothing of the messages is kept here.
 */
export class QueueReader {
  readonly #transport: Transport;
  readonly #queue: string;
  readonly #maxBytes: number;
  readonly #links: HeldLink[];
  #current: HeldLink;
  #next = 4;
  #removing = false;
  #unconfirmed = false;

  private constructor(transport: Transport, queue: string, maxBytes: number, first: HeldLink) {
    this.#transport = transport;
    this.#queue = queue;
    this.#maxBytes = maxBytes;
    this.#links = [first];
    this.#current = first;
  }

  /** @throws {HelsekontaktError} `amqp/link-refused`, `amqp/connection`, `amqp/timeout`, `abort/cancelled` */
  static async open(
    host: QueueSenderHost,
    transport: Transport,
    queue: string,
    signal?: AbortSignal,
  ): Promise<QueueReader> {
    const { maxMessageBytes } = host.settings;
    const link = await HeldLink.open(transport, queue, queueAddress(transport, queue), maxMessageBytes, signal);
    return new QueueReader(transport, queue, maxMessageBytes, link);
  }

  /** Messages that wait; nothing when the broker does not say. */
  available(signal?: AbortSignal): Promise<number | undefined> {
    return this.#current.available(signal);
  }

  /**
   * Batches in the order of the queue, until `bound` or its end.
   *
   * @throws {HelsekontaktError} `amqp/link-detached`, `amqp/connection`, `amqp/overloaded`, `abort/cancelled`
   */
  async *batches(bound: number, signal?: AbortSignal): AsyncGenerator<readonly Held[]> {
    for (let left = bound; left > 0; ) {
      const link = this.#current;
      if (this.#removing && link.taken - link.settled >= perLink && !link.spent) await link.quit(signal);
      const want = Math.min(left, this.#next);
      const batch = await link.take(want, signal);
      left -= batch.length;
      const largest = batch.reduce((most, m) => Math.max(most, m.size), 1);
      this.#next = Math.max(1, Math.min(batchMessages, this.#next * 2, Math.floor(batchBytes / largest)));
      if (batch.length > 0) yield batch;
      if (batch.length === want) continue;
      if (!link.spent) return;
      await this.#turnOver(signal);
    }
  }

  /** Removes messages from the queue; see {@link HeldLink.accept}. */
  accept(messages: readonly Held[]): void {
    this.#removing = true;
    for (const link of new Set(messages.map((m) => m.link))) link.accept(messages.filter((m) => m.link === link));
  }

  /** Gives back what is held, the last first so that the order stays; true when the broker has confirmed all of it. */
  async close(): Promise<boolean> {
    const confirmed: boolean[] = [];
    for (const link of this.#links) confirmed.push(await link.confirm());
    const closing: Promise<boolean>[] = [];
    for (const link of this.#links.toReversed()) {
      closing.push(link.close());
      // rhea writes what was asked for in one turn in the order of its sessions.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const ended = (await Promise.all(closing)).toReversed();
    return confirmed.every((known, i) => known || ended[i] === true) && !this.#unconfirmed;
  }

  async #turnOver(signal: AbortSignal | undefined): Promise<void> {
    const full = this.#current;
    if (full.settled === full.taken) {
      this.#links.splice(this.#links.indexOf(full), 1);
      const confirmed = await full.confirm();
      const ended = full.close();
      if (!confirmed && !(await ended)) this.#unconfirmed = true;
    }
    if (this.#links.length >= mostLinks)
      throw new HelsekontaktError(
        "amqp/overloaded",
        `expected to pass over at most ${mostLinks * perLink} messages of "${this.#queue}" in one run, found more`,
        { hint: "give a limit, or a filter that takes in more of the messages" },
      );
    this.#current = await HeldLink.open(
      this.#transport,
      this.#queue,
      queueAddress(this.#transport, this.#queue),
      this.#maxBytes,
      signal,
    );
    this.#links.push(this.#current);
  }
}
