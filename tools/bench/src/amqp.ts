import { once } from "node:events";
import { connectAmqp, type AmqpConnection, type WireMessage } from "@helsekontakt/amqp-messaging";
import rhea, { type Connection, type Sender } from "rhea";
import { prepareRabbitMq, type RabbitMq } from "../../conformance/src/_rabbitmq.ts";
import { median, type Row } from "./measure.ts";

const window = 100;
const rounds = 9;

/** What one round moves: enough to be long beside the starting, little enough for the queue to stay in memory. */
const sizes: readonly { readonly bytes: number; readonly messages: number }[] = [
  { bytes: 5_000, messages: 3_000 },
  { bytes: 300_000, messages: 250 },
];

/**
 * The AMQP layer alone, without protection and journal, beside bare rhea: the same messages, durable, the same window, the
 * same queue of a RabbitMQ. The layer resends what is unsettled at a cut and keeps its promises; bare rhea does neither.
 */
export async function benchAmqp(): Promise<Row[]> {
  const broker = await prepareRabbitMq();
  const { host, port, username, password, namespace } = broker;
  const rows: Row[] = [];
  const connection = await connectAmqp({
    host,
    port,
    username,
    password,
    namespace,
    transport: "tcp",
    sendWindow: { messages: window, bytes: 64 * 1024 * 1024 },
  });
  const container = rhea.create_container();
  const bare = container.connect({ host, port, username, password, reconnect: false, tcp_no_delay: true } as never);
  await once(bare, "connection_open");
  try {
    for (const { bytes, messages } of sizes) {
      const queue = await broker.makeQueue();
      const peers = new Peers(connection, bare, namespace, queue, bytes, messages);
      rows.push(...(await peers.compare(broker)));
    }
  } finally {
    bare.close();
    await connection.close();
    await broker.clean();
  }
  return rows;
}

class Peers {
  readonly #connection: AmqpConnection;
  readonly #bare: Connection;
  readonly #sender: Sender;
  readonly #queue: string;
  readonly #bytes: number;
  readonly #messages: number;
  readonly #body: Buffer;
  #ids = 0;

  constructor(
    connection: AmqpConnection,
    bare: Connection,
    namespace: string,
    queue: string,
    bytes: number,
    messages: number,
  ) {
    this.#connection = connection;
    this.#bare = bare;
    this.#sender = bare.open_sender({ target: `/exchange/${namespace}/${queue}`, autosettle: true });
    this.#queue = queue;
    this.#bytes = bytes;
    this.#messages = messages;
    this.#body = Buffer.alloc(bytes, "<a>0123456789</a>");
  }

  async compare(broker: RabbitMq): Promise<Row[]> {
    const sent: number[] = [];
    const received: number[] = [];
    const freely: number[] = [];
    const figures: Record<string, number[]> = { ours: [], bare: [], oursIn: [], bareIn: [], freeIn: [] };
    for (let round = -1; round < rounds; round++) {
      // Each in turn goes first; what was sent is received by the same peer.
      const order = round % 2 === 0 ? ([true, false] as const) : ([false, true] as const);
      const out = new Map<boolean, number>();
      const back = new Map<boolean, number>();
      for (const ours of order) {
        out.set(ours, await this.#timed(() => (ours ? this.#sendOurs() : this.#sendBare())));
        await until(async () => (await broker.ready(this.#queue)) === this.#messages);
        back.set(ours, await this.#timedReceive(() => (ours ? this.#receiveOurs() : this.#receiveBare(true))));
      }
      await this.#sendOurs();
      await until(async () => (await broker.ready(this.#queue)) === this.#messages);
      const free = await this.#timedReceive(() => this.#receiveBare(false));
      // The first round warms up.
      if (round < 0) continue;
      sent.push((out.get(true) ?? 0) / (out.get(false) ?? 0));
      received.push((back.get(true) ?? 0) / (back.get(false) ?? 0));
      freely.push((back.get(true) ?? 0) / free);
      figures["freeIn"]?.push(free);
      figures["ours"]?.push(out.get(true) ?? 0);
      figures["bare"]?.push(out.get(false) ?? 0);
      figures["oursIn"]?.push(back.get(true) ?? 0);
      figures["bareIn"]?.push(back.get(false) ?? 0);
    }
    const rate = (name: string): string => Math.round(median(figures[name] ?? [])).toString();
    const size = `${this.#bytes / 1_000} KB`;
    const bound = { kind: "at-least", value: 0.9 } as const;
    return [
      {
        name: `AMQP layer, send ${size} durable with resend, window ${window}, messages a second / bare rhea`,
        ratio: median(sent),
        bound,
        note: `${rate("ours")} against ${rate("bare")} a second`,
      },
      {
        name: `AMQP layer, receive and accept ${size}, credit ${window} kept, messages a second / bare rhea`,
        ratio: median(received),
        bound,
        note: `${rate("oursIn")} against ${rate("bareIn")} a second`,
      },
      {
        name: `the same beside bare rhea with credit_window ${window}, which this broker oversteps`,
        ratio: median(freely),
        note: `${rate("oursIn")} against ${rate("freeIn")} a second`,
      },
    ];
  }

  /** Messages a second. */
  async #timed(work: () => Promise<void>): Promise<number> {
    const start = performance.now();
    await work();
    return (this.#messages * 1_000) / (performance.now() - start);
  }

  /**
   * Both sides' clocks stop when the last message has been taken and its acceptance written. What comes after that is not
   * the same work: the layer waits for the broker's answer to the end of its session, bare rhea does not.
   */
  async #timedReceive(work: () => Promise<() => Promise<void>>): Promise<number> {
    let end = (): Promise<void> => Promise.resolve();
    const rate = await this.#timed(async () => {
      end = await work();
      await new Promise((resolve) => setImmediate(resolve));
    });
    await end();
    return rate;
  }

  #message(): WireMessage {
    const messageId = `m-${this.#ids++}`;
    return {
      messageId,
      correlationId: messageId,
      to: this.#queue,
      subject: "DIALOG_INNBYGGER_EKONTAKT",
      replyTo: this.#queue,
      contentType: "application/pkcs7-mime; smime-type=signed-and-enveloped-data",
      applicationProperties: { fromHerId: "93252", toHerId: "93238", applicationTimeStamp: "2025-01-02T03:04:05Z" },
      body: this.#body,
    };
  }

  async #sendOurs(): Promise<void> {
    let left = this.#messages;
    const worker = async (): Promise<void> => {
      while (left-- > 0) await this.#connection.send(this.#queue, this.#message());
    };
    await Promise.all(Array.from({ length: window }, worker));
  }

  async #sendBare(): Promise<void> {
    const sender = this.#sender;
    if (!sender.is_open() || !sender.sendable()) await once(sender, "sendable");
    let left = this.#messages;
    let inFlight = 0;
    await new Promise<void>((resolve) => {
      const pump = (): void => {
        while (left > 0 && inFlight < window && sender.sendable()) {
          left--;
          inFlight++;
          const m = this.#message();
          sender.send({
            durable: true,
            message_id: m.messageId,
            correlation_id: m.messageId,
            to: m.to,
            subject: m.subject,
            reply_to: m.to,
            content_type: m.contentType,
            application_properties: m.applicationProperties,
            body: rhea.message.data_section(this.#body),
          } as never);
        }
      };
      const accepted = (): void => {
        inFlight--;
        if (left === 0 && inFlight === 0) {
          sender.removeListener("accepted", accepted);
          sender.removeListener("sendable", pump);
          resolve();
        } else pump();
      };
      sender.on("accepted", accepted);
      sender.on("sendable", pump);
      pump();
    });
  }

  async #receiveOurs(): Promise<() => Promise<void>> {
    let left = this.#messages;
    return await new Promise((resolve) => {
      const subscription = this.#connection.receive(
        this.#queue,
        () => {
          if (--left === 0) resolve(() => subscription.stop());
          return Promise.resolve("accept");
        },
        { concurrency: window },
      );
    });
  }

  /**
   * Bare rhea accepts by itself as each message comes, and does nothing else with it.
   *
   * @param kept - credit in whole batches, so that no more than the window is unsettled: rhea's own way oversteps it. The
   *   next batch is asked for in the turn in which the last one was accepted, which is the soonest that keeps the window.
   */
  async #receiveBare(kept: boolean): Promise<() => Promise<void>> {
    let left = this.#messages;
    const session = this.#bare.create_session();
    session.open();
    const receiver = session.open_receiver({
      source: `/amq/queue/${this.#queue}`,
      autoaccept: true,
      credit_window: kept ? 0 : window,
    });
    let granted = window;
    if (kept) receiver.on("receiver_open", () => receiver.add_credit(window));
    return await new Promise((resolve) => {
      receiver.on("message", () => {
        if (kept && --granted === 0) {
          granted = window;
          receiver.add_credit(window);
        }
        if (--left > 0) return;
        // No credit may follow the end: rhea would write it, and RabbitMQ 3.10 takes such a flow for a session without a
        // beginning, and ends the connection.
        resolve(async () => {
          receiver.set_credit_window(0);
          receiver.close();
          await once(receiver, "receiver_close");
          session.close();
        });
      });
    });
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}
