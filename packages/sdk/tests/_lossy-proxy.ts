import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to the broker that can lose its answers. */
export interface LossyProxy {
  readonly port: number;
  /** How often an answer was dropped. */
  readonly dropped: number;
  /** The next message reaches the broker whole; what the broker says from then on does not come back, and the way ends. */
  dropNextAnswer(): void;
  close(): Promise<void>;
}

/** A message has more bytes than frames that steer the connection. */
const leastMessage = 2_000;

export async function openLossyProxy(target: number): Promise<LossyProxy> {
  let armed = false;
  let dropped = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const broker = connect(target, "127.0.0.1");
    let deaf = false;
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        broker.destroy();
      });
    }
    broker.on("data", (chunk) => {
      if (!deaf) return void client.write(chunk);
      dropped++;
      client.destroy();
    });
    client.on("data", (chunk) => {
      if (armed && chunk.length >= leastMessage) {
        armed = false;
        deaf = true;
      }
      broker.write(chunk);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get dropped() {
      return dropped;
    },
    dropNextAnswer() {
      armed = true;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
