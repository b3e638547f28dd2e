import type { AddressInfo, Server } from "node:net";
import { HelsekontaktError } from "@helsekontakt/core";
import rhea, {
  type Connection,
  type Container,
  type Delivery,
  type EventContext,
  type Sender,
  type Session,
} from "rhea";
import { asRedelivered } from "./redelivery.ts";

/** What the sandbox's broker says about itself while it works. */
export interface BrokerCounts {
  readonly published: number;
  readonly unroutable: number;
  readonly delivered: number;
  readonly accepted: number;
  readonly released: number;
  readonly rejected: number;
}

/** How the broker is reached. */
export interface BrokerOptions {
  readonly username: string;
  readonly password: string;
  /** The exchange ("namespace") of sender addresses `/exchange/{namespace}/{queue}`. */
  readonly namespace: string;
  /** Port on the loopback address; 0 for any free one. */
  readonly port?: number;
}

interface Stored {
  readonly raw: Buffer;
  readonly redelivered: boolean;
  readonly tries: number;
}

interface Queue {
  readonly name: string;
  readonly messages: Stored[];
  readonly consumers: Sender[];
  readonly holds: number;
  turn: number;
}

/** How often a message comes back before it goes to the dead-letter queue: NHN's setting. */
const maxTries = 10;

/**
 * An AMQP 1.0 broker in this process, in memory, that behaves like the RabbitMQ that NHN runs where a client can notice:
 * addresses `/exchange/NS/QUEUE` and `/amq/queue/QUEUE`, queues that exist only when declared, refused links that end the
 * session, `accepted` for messages that no queue takes, `modified` ends the session, redelivery when a session dies.
 *
 * @see AMQP 1.0 part 2 and 3; docs of the rabbitmq_amqp1_0 plugin
 */
export class Broker {
  readonly #options: BrokerOptions;
  readonly #queues = new Map<string, Queue>();
  readonly #inFlight = new Map<Delivery, { queue: Queue; stored: Stored; session: Session }>();
  readonly #connections = new Set<Connection>();
  readonly #container: Container;
  readonly #watchers = new Set<() => void>();
  /** Messages handed to rhea for each consumer: it lowers the credit only when it writes. */
  readonly #handed = new WeakMap<Sender, number>();
  #server: Server | undefined;
  #counts = { published: 0, unroutable: 0, delivered: 0, accepted: 0, released: 0, rejected: 0 };
  port = 0;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#container = rhea.create_container({
      id: "helsekontakt-sandbox",
      receiver_options: { autoaccept: false, credit_window: 500 },
    });
    const mechanisms = this.#container.sasl_server_mechanisms as unknown as {
      enable_plain(check: (user: string, password: string) => boolean): void;
    };
    mechanisms.enable_plain((user, password) => user === options.username && password === options.password);
    this.#listen();
  }

  get counts(): BrokerCounts {
    return { ...this.#counts };
  }

  /**
   * Makes a queue; one that exists stays as it is.
   *
   * @param options.holds - messages that may wait in it; more are rejected. Default: any number.
   */
  declare(name: string, { holds = Number.POSITIVE_INFINITY }: { readonly holds?: number } = {}): void {
    if (!this.#queues.has(name)) this.#queues.set(name, { name, messages: [], consumers: [], holds, turn: 0 });
  }

  /** Messages waiting in a queue, those in the hands of consumers not counted. */
  depth(name: string): number {
    return this.#queues.get(name)?.messages.length ?? 0;
  }

  /** Throws away what waits in a queue; how many messages it was. */
  purge(name: string): number {
    return this.#queues.get(name)?.messages.splice(0).length ?? 0;
  }

  async start(): Promise<void> {
    const server = this.#container.listen({ host: "127.0.0.1", port: this.#options.port ?? 0 }) as unknown as Server;
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("listening", resolve);
      server.once("error", (error) =>
        reject(
          new HelsekontaktError(
            "config/invalid",
            `expected port ${this.#options.port ?? 0} to be free on the loopback address`,
            {
              original: error,
              hint: "choose another port, or 0 for any free one",
            },
          ),
        ),
      );
    });
    this.port = (server.address() as AddressInfo).port;
  }

  /** Cuts every connection without a farewell, as a network fault would; clients may come back at once. */
  cutConnections(): void {
    for (const connection of this.#connections) {
      (connection as unknown as { socket?: { destroy(error: Error): void } }).socket?.destroy(new Error("cut"));
    }
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const connection of this.#connections) {
      connection.close();
      (connection as unknown as { socket?: { destroySoon(): void } }).socket?.destroySoon();
    }
    await closed;
    for (const watcher of this.#watchers) watcher();
  }

  #listen(): void {
    const container = this.#container;
    container.on("connection_open", ({ connection }: EventContext) => {
      this.#connections.add(connection);
    });
    for (const event of ["disconnected", "connection_close"]) {
      container.on(event, ({ connection }: EventContext) => {
        this.#connections.delete(connection);
        this.#forget((s) => s.connection === connection);
      });
    }
    container.on("session_close", ({ session }: EventContext) => {
      if (session) this.#forget((s) => s === session);
    });
    // Peers' protocol faults end their own connection; without listeners they would end the process.
    for (const event of [
      "error",
      "connection_error",
      "session_error",
      "sender_error",
      "receiver_error",
      "protocol_error",
    ])
      container.on(event, () => {});

    container.on("receiver_open", ({ receiver, session }: EventContext) => {
      if (!receiver) return;
      const address = receiver.target.address ?? "";
      const queue = this.#targetQueue(address);
      if (queue === undefined) return refuse(session, `no exchange or queue for the address ${address}`);
      receiver.set_target({ address });
      if (session) keepBytes(session);
    });
    container.on("message", (context: EventContext) => this.#published(context));
    container.on("sender_open", ({ sender, session }: EventContext) => {
      if (!sender) return;
      const address = sender.source.address ?? "";
      const queue = this.#queues.get(address.startsWith("/amq/queue/") ? address.slice("/amq/queue/".length) : address);
      if (queue === undefined) return refuse(session, `no queue for the address ${address}`);
      sender.set_source({ address });
      queue.consumers.push(sender);
    });
    container.on("sender_flow", ({ sender }: EventContext) => {
      const queue = [...this.#queues.values()].find((q) => sender !== undefined && q.consumers.includes(sender));
      if (sender && queue) answerFlow(sender, queue.messages.length);
    });
    container.on("sendable", ({ sender }: EventContext) => {
      const queue = [...this.#queues.values()].find((q) => sender !== undefined && q.consumers.includes(sender));
      if (queue) this.#pump(queue);
    });
    container.on("sender_close", ({ sender }: EventContext) => {
      for (const queue of this.#queues.values()) remove(queue.consumers, sender);
    });
    container.on("accepted", ({ delivery }: EventContext) => this.#settled(delivery, "accepted"));
    container.on("released", ({ delivery }: EventContext) => this.#settled(delivery, "released"));
    container.on("rejected", ({ delivery }: EventContext) => this.#settled(delivery, "rejected"));
    container.on("modified", ({ session, delivery }: EventContext) => {
      this.#settled(delivery, "released");
      refuse(session, "Unrecognised state");
    });
  }

  /** The queue that a sender's address leads to; `null` where the exchange takes and drops it. */
  #targetQueue(address: string): Queue | null | undefined {
    const exchange = `/exchange/${this.#options.namespace}/`;
    if (address.startsWith(exchange)) return this.#queues.get(address.slice(exchange.length)) ?? null;
    if (address.startsWith("/amq/queue/")) return this.#queues.get(address.slice("/amq/queue/".length)) ?? null;
    return this.#queues.get(address);
  }

  #published({ receiver, delivery, message }: EventContext): void {
    if (!receiver || !delivery || !message) return;
    this.#counts.published++;
    const queue = this.#targetQueue(receiver.target.address ?? "");
    if (queue && queue.messages.length >= queue.holds) {
      // In a turn of its own: rhea takes the second outcome of a turn for the same as the first.
      setImmediate(() =>
        delivery.reject({ condition: "amqp:resource-limit-exceeded", description: "the queue is full" }),
      );
      return;
    }
    // Like the real broker: an exchange without a matching queue still says accepted.
    if (queue) queue.messages.push({ raw: message as unknown as Buffer, redelivered: false, tries: 0 });
    else this.#counts.unroutable++;
    delivery.accept();
    if (queue) this.#pump(queue);
  }

  #pump(queue: Queue): void {
    while (queue.messages.length > 0) {
      const order = queue.consumers.map((_, i) => (queue.turn + i) % queue.consumers.length);
      const index = order.find((i) => this.#hasRoom(queue.consumers[i]));
      const sender = index === undefined ? undefined : queue.consumers[index];
      if (index === undefined || sender === undefined) return;
      queue.turn = (index + 1) % queue.consumers.length;
      const stored = queue.messages.shift();
      if (stored === undefined) return;
      this.#counts.delivered++;
      const delivery = sender.send(stored.raw, undefined, 0);
      this.#handed.set(sender, (this.#handed.get(sender) ?? 0) + 1);
      this.#inFlight.set(delivery, { queue, stored, session: sender.session });
    }
  }

  #hasRoom(sender: Sender | undefined): boolean {
    if (sender?.sendable() !== true) return false;
    const { credit, delivery_count: written } = sender as unknown as { credit: number; delivery_count: number };
    return credit > (this.#handed.get(sender) ?? 0) - written;
  }

  #settled(delivery: Delivery | undefined, outcome: "accepted" | "released" | "rejected"): void {
    const entry = delivery && this.#inFlight.get(delivery);
    if (!delivery || !entry) return;
    this.#inFlight.delete(delivery);
    this.#counts[outcome]++;
    if (outcome === "released") this.#giveBack(entry);
    if (outcome === "rejected") this.#deadLetter(entry);
  }

  #giveBack({ queue, stored }: { queue: Queue; stored: Stored }): void {
    // The last stop has no limit of tries: what is looked at there stays there.
    const tries = queue.name.endsWith("_dl") ? 0 : stored.tries + 1;
    const raw = stored.redelivered ? stored.raw : asRedelivered(stored.raw);
    const again = { raw, redelivered: true, tries };
    if (again.tries >= maxTries) this.#deadLetter({ queue, stored: again });
    else queue.messages.unshift(again);
    this.#pump(queue);
  }

  #deadLetter({ queue, stored }: { queue: Queue; stored: Stored }): void {
    const name = queue.name.replace(/_[a-z]+$/, "_dl");
    this.declare(name);
    const target = this.#queues.get(name);
    target?.messages.push({ ...stored, tries: 0 });
    if (target) this.#pump(target);
  }

  #forget(matches: (session: Session) => boolean): void {
    for (const queue of this.#queues.values()) {
      const kept = queue.consumers.filter((consumer) => !matches(consumer.session));
      queue.consumers.splice(0, queue.consumers.length, ...kept);
    }
    // The last first, so that those that go back to the head of the queue are in their old order.
    for (const [delivery, entry] of [...this.#inFlight].toReversed()) {
      if (!matches(entry.session)) continue;
      this.#inFlight.delete(delivery);
      // rhea tells the end of a session before the outcomes that came in the same read.
      const outcome = outcomeOf(delivery);
      if (outcome === "accepted" || outcome === "rejected") this.#counts[outcome]++;
      if (outcome === "rejected") this.#deadLetter(entry);
      else if (outcome !== "accepted") this.#giveBack(entry);
    }
  }
}

function remove<T>(list: T[], item: T | undefined): void {
  const index = item === undefined ? -1 : list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}

/** This kind of broker ends the session for a link that it does not want. */
function refuse(session: Session | undefined, description: string): void {
  session?.close({ condition: "amqp:not-found", description });
}

function outcomeOf({ remote_state: state }: Delivery): string | undefined {
  return (state as { constructor?: { composite_type?: string } } | undefined)?.constructor?.composite_type;
}

/** Messages stay the bytes that they came as: decoded and encoded again, they would lose the types of their values. */
function keepBytes(session: Session): void {
  const inner = session as unknown as { on_transfer(frame: { performative: { message_format: number } }): void };
  if (Object.hasOwn(inner, "on_transfer")) return;
  const original = inner.on_transfer.bind(session);
  inner.on_transfer = (frame) => {
    // rhea does not decode a format that it does not know.
    frame.performative.message_format = 1;
    original(frame);
  };
}

/** As RabbitMQ does, every flow of a reader is answered with the number of messages that wait. */
function answerFlow(sender: Sender, available: number): void {
  const session = sender.session as unknown as {
    output(frame: { available?: number }, payload?: Buffer): void;
    _write_flow(link: Sender): void;
  };
  const output = session.output.bind(session);
  session.output = (frame, payload) => {
    frame.available = available;
    output(frame, payload);
  };
  session._write_flow(sender);
  session.output = output;
}
