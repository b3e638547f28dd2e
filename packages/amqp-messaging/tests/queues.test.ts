import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import rhea, { type EventContext, type Sender } from "rhea";
import { afterEach, describe, expect, it } from "vitest";
import { type AmqpConnection, connectAmqp, openQueues } from "../src/index.ts";

interface Inner {
  credit: number;
  delivery_count: number;
  readonly session: { output(frame: object, payload?: Buffer): void; _write_flow(link: Sender): void };
}

let connection: AmqpConnection | undefined;
let server: Server | undefined;
afterEach(async () => {
  await connection?.close({ drainMs: 100 });
  server?.close();
  connection = undefined;
});

interface Peculiar {
  readonly messages: number;
  /** Messages beyond the credit that it sends each time. */
  readonly oversteps: number;
  /** Messages that it gives to one session, at most. */
  readonly perSession: number;
  /** It answers flows with the number that wait. */
  readonly answers: boolean;
}

/** A broker with one queue, and with peculiarities that brokers have. Nothing is ever removed. */
async function startBroker({ messages, oversteps, perSession, answers }: Peculiar): Promise<number> {
  const container = rhea.create_container({ id: "peculiar" });
  for (const event of ["error", "connection_error", "session_error", "disconnected", "connection_close"])
    container.on(event, () => {});
  container.sasl_server_mechanisms.enable_anonymous();
  let next = 0;
  const given = new WeakMap<object, number>();
  container.on("session_close", ({ session }: EventContext) => {
    if (session) next = Math.max(0, next - (given.get(session) ?? 0));
  });
  container.on("sender_open", ({ sender }: EventContext) => sender?.set_source({ address: sender.source.address }));
  container.on("sender_flow", ({ sender }: EventContext) => {
    if (!sender) return;
    const inner = sender as unknown as Inner;
    const asked = inner.credit;
    const taken = given.get(sender.session) ?? 0;
    const room = Math.min(asked === 0 ? 0 : asked + oversteps, perSession - taken, messages - next);
    inner.credit = Math.max(asked, room);
    for (let i = 0; i < room; i++)
      sender.send({ message_id: `m${next++}`, body: rhea.message.data_section(Buffer.from("x")) } as never);
    given.set(sender.session, taken + Math.max(0, room));
    if (!answers) return;
    const { session } = inner;
    const output = session.output.bind(session);
    session.output = (frame, payload) => output(Object.assign(frame, { available: messages - next }), payload);
    session._write_flow(sender);
    session.output = output;
  });
  server = container.listen({ port: 0, host: "127.0.0.1" }) as unknown as Server;
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function listed(peculiar: Peculiar): Promise<(string | undefined)[]> {
  const port = await startBroker(peculiar);
  connection = await connectAmqp({ host: "127.0.0.1", port, transport: "tcp" });
  const ids: (string | undefined)[] = [];
  for await (const entry of openQueues(connection).list("q")) ids.push(entry.messageId);
  return ids;
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `m${i}`);

describe("openQueues() at brokers with peculiarities", () => {
  it("lists what a broker sends beyond the credit, once and in order", async () => {
    expect(await listed({ messages: 60, oversteps: 3, perSession: 1_000, answers: true })).toEqual(names(60));
  });

  it("D11: goes on in another session where one is full, with what was sent beyond the credit", async () => {
    expect(await listed({ messages: 50, oversteps: 3, perSession: 30, answers: true })).toEqual(names(50));
  }, 60_000);

  it("D11: counts one by one where the broker tells no number, and lists as many", async () => {
    expect(await listed({ messages: 12, oversteps: 0, perSession: 1_000, answers: false })).toEqual(names(12));
  }, 90_000);
});
