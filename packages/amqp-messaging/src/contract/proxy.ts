import { once } from "node:events";
import net from "node:net";

/** @internal A TCP proxy that can cut and freeze what runs through it. */
export interface TcpProxy {
  readonly port: number;
  /** Connections made so far. */
  readonly connections: number;
  /** Resets every connection at once. */
  cut(): void;
  /** Nothing passes any more, in either direction; connections stay up. */
  freeze(): void;
  thaw(): void;
  /** Bytes to the broker wait, those from it pass: it reads no more, and is not dead. */
  holdClient(held: boolean): void;
  /** Bytes from the broker are dropped, those to it pass: its answers are lost. */
  muteBroker(muted: boolean): void;
  close(): Promise<void>;
}

/** @internal */
export async function startTcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const pairs = new Set<readonly [net.Socket, net.Socket]>();
  let frozen = false;
  let muted = false;
  let connections = 0;
  const server = net.createServer((client) => {
    connections++;
    const broker = net.connect(target.port, target.host);
    const pair = [client, broker] as const;
    pairs.add(pair);
    client.on("data", (bytes) => broker.write(bytes));
    broker.on("data", (bytes) => {
      if (!muted) client.write(bytes);
    });
    for (const [from, to] of [pair, [broker, client] as const]) {
      from.on("error", () => {});
      from.on("close", () => {
        pairs.delete(pair);
        to.destroy();
      });
      if (frozen) from.pause();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const each = (f: (socket: net.Socket) => void): void => {
    for (const pair of pairs) pair.forEach(f);
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    get connections() {
      return connections;
    },
    cut: () => each((s) => s.resetAndDestroy()),
    freeze: () => {
      frozen = true;
      each((s) => s.pause());
    },
    thaw: () => {
      frozen = false;
      each((s) => s.resume());
    },
    holdClient: (held) => {
      for (const [client] of pairs)
        if (held) client.pause();
        else client.resume();
    },
    muteBroker: (value) => {
      muted = value;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        each((s) => s.destroy());
      }),
  };
}
