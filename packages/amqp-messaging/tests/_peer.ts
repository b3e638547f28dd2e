import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import rhea, { type Connection, type Delivery, type EventContext, type Receiver, type Sender } from "rhea";

interface Item {
  readonly bytes: Buffer;
  readonly deliveries: number;
  /** Those that the reader said had failed: what the header counts. */
  readonly failures: number;
}

interface Queue {
  messages: Item[];
  consumers: Sender[];
  readonly dead: Buffer[];
  /** The reasons that came with rejected messages, by what the peer reads on the wire. */
  readonly reasons: { readonly condition: string | undefined; readonly description: string | undefined }[];
}

/**
 * `rabbitmq-3`: first address form, ends the session on `modified`, accepts and drops what no queue takes.
 * `rabbitmq-4`: second address form only, takes `modified`, counts deliveries, releases what no queue takes.
 * `silent`: as `rabbitmq-3`, and says nothing of itself or of its outcomes.
 */
export type PeerKind = "rabbitmq-3" | "rabbitmq-4" | "silent";

/** A small AMQP 1.0 broker: declared queues in memory, first in first out, dead letters in `{queue}_dl`, plain SASL. */
export interface Peer {
  readonly port: number;
  declare(name: string): void;
  queue(name: string): Queue;
  /** Puts bytes on a queue as they are, past everything that a client would check. */
  put(name: string, bytes: Buffer): void;
  /** What clients said of themselves, in the order of their arrival. */
  readonly opens: readonly Connection[];
  /** Messages as they came, in the order of their arrival. */
  readonly published: readonly Buffer[];
  /** Accepts nothing of what is sent from now on, and gives its outcomes when it is let go. */
  hold(held: boolean): void;
  /** Ends the session, as with a fault of its own, whenever a message with this id comes. */
  stumbleOn(messageId: string): void;
  /** Refuses the next links to send on, one for each condition. */
  refuseSenders(...conditions: readonly string[]): void;
  close(): Promise<void>;
}

export const exchange = "NHNTESTServiceBus";

/** What a client of the peer sets. */
export function settingsFor({ port }: Pick<Peer, "port">) {
  return {
    host: "127.0.0.1",
    port,
    transport: "tcp" as const,
    username: "guest",
    password: "guest",
    namespace: exchange,
  };
}

export async function startPeer(kind: PeerKind = "rabbitmq-3"): Promise<Peer> {
  const v4 = kind === "rabbitmq-4";
  const container = rhea.create_container({
    id: "test-peer",
    receiver_options: { credit_window: 0, autoaccept: false },
    sender_options: { treat_modified_as_released: false },
  });
  container.sasl_server_mechanisms.enable_plain(
    (user: string, password: string) => user === "guest" && password === "guest",
  );
  const queues = new Map<string, Queue>();
  const refusals: string[] = [];
  const opens: Connection[] = [];
  const published: Buffer[] = [];
  const held: (() => void)[] = [];
  let holding = false;
  let stumbling: string | undefined;
  const sockets = new Set<Socket>();
  const sources = new WeakMap<Sender, Queue>();
  const targets = new WeakMap<Receiver, Queue | undefined>();
  const inFlight = new Map<Delivery, Item & { readonly queue: Queue }>();

  /** What the broker still may write on a link: rhea lowers the credit only when it writes. */
  const room = (sender: Sender): boolean =>
    sender.is_open() &&
    (sender as unknown as { credit: number }).credit >
      [...inFlight.keys()].filter((d) => d.link === sender && !written(d)).length;
  const pump = (queue: Queue): void => {
    for (;;) {
      const consumer = queue.consumers.find(room);
      const item = consumer === undefined ? undefined : queue.messages.shift();
      if (consumer === undefined || item === undefined) return;
      const delivery = consumer.send(mark(item, v4), undefined, 0);
      inFlight.set(delivery, { ...item, queue, deliveries: item.deliveries + 1 });
    }
  };
  const giveBack = (gone: (delivery: Delivery) => boolean): void => {
    const returned = [...inFlight].filter(([delivery]) => gone(delivery));
    for (const [delivery, item] of returned.toReversed()) {
      inFlight.delete(delivery);
      // rhea tells the end of a session before the outcomes that came in the same read.
      if (isOutcome(delivery, "accepted")) continue;
      if (isOutcome(delivery, "rejected")) bury(item);
      else item.queue.messages.unshift(item);
    }
    for (const queue of new Set(returned.map(([, item]) => item.queue))) pump(queue);
  };

  container.on("connection_open", ({ connection }: EventContext) => {
    opens.push(connection);
    const { socket } = connection as unknown as { socket: Socket };
    sockets.add(socket);
    // rhea does not listen to "close"
    socket.on("close", () => {
      sockets.delete(socket);
      ended(connection);
    });
  });
  const ended = (connection: Connection): void => {
    for (const queue of queues.values()) queue.consumers = queue.consumers.filter((s) => s.connection !== connection);
    giveBack((d) => d.link.connection === connection);
  };
  container.on("sender_open", ({ sender }: EventContext) => {
    if (sender === undefined) return;
    const address = sender.source.address ?? "";
    if (v4 && address.startsWith("/amq/")) return refuse(sender, "amqp:not-implemented", v1Refused);
    const name = address.replace(v4 ? /^\/queues\// : /^\/amq\/queue\//, "");
    const queue = queues.get(v4 ? decodeURIComponent(name) : name);
    if (queue === undefined) return refuse(sender);
    const outcomes = ["accepted", "rejected", "released", ...(v4 ? ["modified"] : [])].map((o) => `amqp:${o}:list`);
    sender.set_source({ address, ...(kind === "silent" ? {} : { outcomes: outcomes as never }) });
    sources.set(sender, queue);
    queue.consumers.push(sender);
  });
  container.on("sender_flow", ({ sender }: EventContext) => {
    const queue = sender && sources.get(sender);
    if (queue !== undefined) pump(queue);
  });
  container.on("receiver_open", ({ receiver }: EventContext) => {
    if (receiver === undefined) return;
    const condition = refusals.shift();
    if (condition !== undefined) return refuse(receiver, condition);
    const [, root, namespace, name] = receiver.target.address?.split("/") ?? [];
    if (v4 && root === "exchange") return refuse(receiver, "amqp:not-implemented", v1Refused);
    if (root !== (v4 ? "exchanges" : "exchange") || namespace !== exchange) return refuse(receiver);
    receiver.set_target({ address: receiver.target.address });
    targets.set(receiver, queues.get(v4 ? decodeURIComponent(name ?? "") : (name ?? "")));
    receiver.add_credit(500);
    const { session } = receiver;
    // bytes as they came: no decoding and encoding again
    const inner = session as unknown as { on_transfer(frame: { performative: { message_format: number } }): void };
    const original = inner.on_transfer.bind(session);
    inner.on_transfer = (frame) => {
      frame.performative.message_format = 7;
      original(frame);
    };
  });
  container.on("message", ({ receiver, delivery, message }: EventContext) => {
    if (receiver === undefined || delivery === undefined) return;
    const queue = targets.get(receiver);
    const bytes = message as unknown as Buffer;
    if (stumbling !== undefined && rhea.message.decode(bytes).message_id === stumbling)
      return refuse(receiver, "amqp:internal-error", "crash");
    const take = (): void => {
      published.push(bytes);
      queue?.messages.push({ bytes, deliveries: 0, failures: 0 });
      if (v4 && queue === undefined) delivery.release();
      else delivery.accept();
      receiver.add_credit(1);
      if (queue !== undefined) pump(queue);
    };
    if (holding) held.push(take);
    else take();
  });
  const outcome =
    (finish: (item: Item & { readonly queue: Queue }) => void) =>
    ({ delivery }: EventContext) => {
      const item = delivery && inFlight.get(delivery);
      if (delivery === undefined || item === undefined) return;
      inFlight.delete(delivery);
      finish(item);
      pump(item.queue);
    };
  container.on(
    "accepted",
    outcome(() => {}),
  );
  container.on(
    "released",
    outcome((item) => item.queue.messages.unshift(item)),
  );
  const bury = (item: Item & { readonly queue: Queue }): void => {
    const name = [...queues].find(([, queue]) => queue === item.queue)?.[0] ?? "";
    item.queue.dead.push(item.bytes);
    const dead = declare(`${name}_dl`);
    dead.messages.push({ bytes: item.bytes, deliveries: 0, failures: 0 });
    pump(dead);
  };
  container.on("rejected", (context: EventContext) => {
    const error = (context.delivery?.remote_state as { error?: { value?: { value?: unknown }[] } } | undefined)?.error;
    outcome((item) => {
      const [condition, description] = error?.value ?? [];
      item.queue.reasons.push({
        condition: condition?.value as string | undefined,
        description: description?.value as string | undefined,
      });
      bury(item);
    })(context);
  });
  container.on("modified", (context: EventContext) => {
    if (!v4) return context.session?.close({ condition: "amqp:internal-error", description: "Unrecognised state" });
    const state: unknown = context.delivery?.remote_state;
    const { undeliverable_here: never, delivery_failed: failed } = (state ?? {}) as Record<string, unknown>;
    outcome((item) => {
      if (never === true) bury(item);
      else item.queue.messages.unshift({ ...item, failures: item.failures + (failed === true ? 1 : 0) });
    })(context);
  });
  container.on("session_close", ({ session }: EventContext) => {
    for (const queue of queues.values()) queue.consumers = queue.consumers.filter((s) => s.session !== session);
    giveBack((d) => d.link.session === session);
  });
  for (const name of [
    "error",
    "connection_error",
    "session_error",
    "protocol_error",
    "disconnected",
    "connection_close",
  ])
    container.on(name, () => {});
  const server = container.listen({
    port: 0,
    host: "127.0.0.1",
    ...(kind === "silent" ? {} : { properties: { product: "RabbitMQ", version: v4 ? "4.1.2" : "3.10.8" } }),
  } as never);
  await once(server, "listening");

  const queue = (name: string): Queue => {
    const found = queues.get(name);
    if (found === undefined) throw new Error(`no queue ${name}`);
    return found;
  };
  const declare = (name: string): Queue => {
    const found = queues.get(name) ?? { messages: [], consumers: [], dead: [], reasons: [] };
    queues.set(name, found);
    return found;
  };
  return {
    opens,
    published,
    hold: (on) => {
      holding = on;
      if (!on) for (const take of held.splice(0)) take();
    },
    port: (server.address() as AddressInfo).port,
    declare: (name) => void declare(name),
    put: (name, bytes) => {
      queue(name).messages.push({ bytes, deliveries: 0, failures: 0 });
      pump(queue(name));
    },
    queue,
    stumbleOn: (messageId) => {
      stumbling = messageId;
    },
    refuseSenders: (...conditions) => void refusals.push(...conditions),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy(new Error("peer closed"));
      }),
  };
}

/** RabbitMQ says of a redelivery that this is not the first acquirer, and of a first delivery that it is. */
function mark(item: Item, counts: boolean): Buffer {
  let message: Record<string, unknown>;
  if (item.bytes.length === 0) return item.bytes;
  try {
    message = rhea.message.decode(item.bytes) as never;
  } catch {
    // Bytes that are no message go out as they are.
    return item.bytes;
  }
  message["first_acquirer"] = item.deliveries === 0;
  if (counts) message["delivery_count"] = item.failures;
  const header = rhea.message.encode({
    ...pick(message, ["durable", "ttl", "first_acquirer", "delivery_count"]),
    body: rhea.message.data_section(Buffer.alloc(0)),
  });
  const firstSection = sectionEnd(header, 0);
  const old = item.bytes[2] === 0x70 ? sectionEnd(item.bytes, 0) : 0;
  return Buffer.concat([header.subarray(0, firstSection), item.bytes.subarray(old)]);
}

function pick(from: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((n) => from[n] !== undefined).map((n) => [n, from[n]]));
}

/** End of a described list section that starts at `at`: 00 53 code, then list0, list8 or list32. */
function sectionEnd(bytes: Buffer, at: number): number {
  const type = bytes[at + 3];
  if (type === 0x45) return at + 4;
  return type === 0xc0 ? at + 5 + bytes.readUInt8(at + 4) : at + 8 + bytes.readUInt32BE(at + 4);
}

function isOutcome(delivery: Delivery, name: "accepted" | "rejected"): boolean {
  const state = delivery.remote_state as { constructor: { composite_type?: string } } | undefined;
  return state?.constructor.composite_type === name;
}

function written(delivery: Delivery): boolean {
  const outgoing = (delivery.link.session as unknown as { outgoing: { next_pending_delivery: number } }).outgoing;
  return delivery.id < outgoing.next_pending_delivery;
}

const v1Refused = "amqp_address_v1_not_permitted";

function refuse(link: Sender | Receiver, condition = "amqp:not-found", description = "refused"): void {
  link.session.close({ condition, description } as never);
}
