import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import rhea, { type Connection, type Delivery, type EventContext, type Receiver, type Sender } from "rhea";

interface Item {
  readonly bytes: Buffer;
  readonly deliveries: number;
}

interface Queue {
  messages: Item[];
  consumers: Sender[];
  readonly dead: Buffer[];
}

/** A small AMQP 1.0 broker: declared queues in memory, first in first out, RabbitMQ's first address form, plain SASL. */
export interface Peer {
  readonly port: number;
  declare(name: string): void;
  queue(name: string): Queue;
  /** Refuses the next links to send on, one for each condition. */
  refuseSenders(...conditions: readonly string[]): void;
  close(): Promise<void>;
}

export const exchange = "NHNTESTServiceBus";

export async function startPeer(): Promise<Peer> {
  const container = rhea.create_container({ id: "test-peer", receiver_options: { credit_window: 0 } });
  container.sasl_server_mechanisms.enable_plain(
    (user: string, password: string) => user === "guest" && password === "guest",
  );
  const queues = new Map<string, Queue>();
  const refusals: string[] = [];
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
      const delivery = consumer.send(mark(item), undefined, 0);
      inFlight.set(delivery, { queue, bytes: item.bytes, deliveries: item.deliveries + 1 });
    }
  };
  const giveBack = (gone: (delivery: Delivery) => boolean): void => {
    const returned = [...inFlight].filter(([delivery]) => gone(delivery));
    for (const [delivery, item] of returned.toReversed()) {
      inFlight.delete(delivery);
      // rhea tells the end of a session before the outcomes that came in the same read.
      if (isAccepted(delivery)) continue;
      item.queue.messages.unshift(item);
    }
    for (const queue of new Set(returned.map(([, item]) => item.queue))) pump(queue);
  };

  container.on("connection_open", ({ connection }: EventContext) => {
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
    const queue = queues.get(sender.source.address?.replace(/^\/amq\/queue\//, "") ?? "");
    if (queue === undefined) return refuse(sender);
    sender.set_source({ address: sender.source.address });
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
    if (root !== "exchange" || namespace !== exchange) return refuse(receiver);
    receiver.set_target({ address: receiver.target.address });
    targets.set(receiver, queues.get(name ?? ""));
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
    queue?.messages.push({ bytes: message as unknown as Buffer, deliveries: 0 });
    delivery.accept();
    receiver.add_credit(1);
    if (queue !== undefined) pump(queue);
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
  container.on(
    "rejected",
    outcome((item) => item.queue.dead.push(item.bytes)),
  );
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
  const server = container.listen({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");

  const queue = (name: string): Queue => {
    const found = queues.get(name);
    if (found === undefined) throw new Error(`no queue ${name}`);
    return found;
  };
  return {
    port: (server.address() as AddressInfo).port,
    declare: (name) => void queues.set(name, { messages: [], consumers: [], dead: [] }),
    queue,
    refuseSenders: (...conditions) => void refusals.push(...conditions),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy(new Error("peer closed"));
      }),
  };
}

/** RabbitMQ says of a redelivery that this is not the first acquirer, and of a first delivery that it is. */
function mark(item: Item): Buffer {
  const message = rhea.message.decode(item.bytes);
  message["first_acquirer"] = item.deliveries === 0;
  const header = rhea.message.encode({
    ...pick(message, ["durable", "ttl", "first_acquirer"]),
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

function isAccepted(delivery: Delivery): boolean {
  const state = delivery.remote_state as { constructor: { composite_type?: string } } | undefined;
  return state?.constructor.composite_type === "accepted";
}

function written(delivery: Delivery): boolean {
  const outgoing = (delivery.link.session as unknown as { outgoing: { next_pending_delivery: number } }).outgoing;
  return delivery.id < outgoing.next_pending_delivery;
}

function refuse(link: Sender | Receiver, condition = "amqp:not-found"): void {
  link.session.close({ condition, description: "refused" } as never);
}
