import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import rhea, { type Delivery, type EventContext, type Sender } from "rhea";

/** What a receiver said of one message. */
export type Settlement = "accepted" | "released" | "rejected" | "modified";

/** A broker that hands out any bytes as a message and keeps what it is sent, for messages that no true broker would carry. */
export interface RawPeer {
  readonly port: number;
  /** What clients have sent, in order; `queue` is the routing key. */
  readonly sent: readonly { readonly queue: string; readonly bytes: Buffer }[];
  /** Every settlement so far; a message that is settled twice is here twice. */
  readonly settled: readonly Settlement[];
  offer(queue: string, bytes: Buffer): void;
  close(): Promise<void>;
}

/** Starts on a free port of the loopback address; user and password are `guest`. */
export async function startRawPeer(): Promise<RawPeer> {
  const container = rhea.create_container({
    id: "raw-peer",
    receiver_options: { credit_window: 0, autoaccept: false },
  });
  container.sasl_server_mechanisms.enable_plain((user: string, word: string) => user === "guest" && word === "guest");
  const sockets = new Set<Socket>();
  const consumers = new Map<string, Sender[]>();
  const waiting = new Map<string, Buffer[]>();
  const sent: { queue: string; bytes: Buffer }[] = [];
  const settled: Settlement[] = [];

  const pump = (queue: string): void => {
    const messages = waiting.get(queue) ?? [];
    for (const sender of consumers.get(queue) ?? [])
      while (messages.length > 0 && sender.is_open() && sender.sendable())
        sender.send(messages.shift() as Buffer, undefined, 0);
  };
  container.on("connection_open", ({ connection }: EventContext) => {
    const { socket } = connection as unknown as { socket: Socket };
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  container.on("sender_open", ({ sender }: EventContext) => {
    if (sender === undefined) return;
    const queue = lastPart(sender.source.address);
    sender.set_source({ address: sender.source.address });
    consumers.set(queue, [...(consumers.get(queue) ?? []).filter((s) => s.is_open()), sender]);
  });
  container.on("sendable", ({ sender }: EventContext) => pump(lastPart(sender?.source.address)));
  container.on("receiver_open", ({ receiver }: EventContext) => {
    if (receiver === undefined) return;
    receiver.set_target({ address: receiver.target.address });
    receiver.add_credit(1_000);
    // Bytes as they came.
    const inner = receiver.session as unknown as {
      on_transfer(frame: { performative: { message_format: number } }): void;
    };
    const original = inner.on_transfer.bind(receiver.session);
    inner.on_transfer = (frame) => {
      frame.performative.message_format = 7;
      original(frame);
    };
  });
  container.on("message", ({ receiver, delivery, message }: EventContext) => {
    sent.push({ queue: lastPart(receiver?.target.address), bytes: message as unknown as Buffer });
    delivery?.accept();
    receiver?.add_credit(1);
  });
  for (const outcome of ["accepted", "released", "rejected", "modified"] as const)
    container.on(outcome, ({ delivery }: { delivery?: Delivery }) => {
      if (delivery !== undefined) settled.push(outcome);
    });
  for (const name of ["error", "connection_error", "session_error", "protocol_error", "disconnected"])
    container.on(name, () => {});
  const server = container.listen({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    sent,
    settled,
    offer(queue, bytes) {
      waiting.set(queue, [...(waiting.get(queue) ?? []), bytes]);
      pump(queue);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function lastPart(address: string | undefined): string {
  return address?.slice(address.lastIndexOf("/") + 1) ?? "";
}
