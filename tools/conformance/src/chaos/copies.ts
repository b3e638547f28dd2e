import { createHash } from "node:crypto";
import rhea, { type Connection, type EventContext, type Sender } from "rhea";

// One message in a hundred is published a second time, as a sender would whose broker's answer got lost: the same bytes,
// the same message id. It works on copies that the broker's exchange makes of everything that is sent.

export class DuplicatePublisher {
  readonly #options: {
    readonly port: number;
    readonly namespace: string;
    readonly queues: readonly string[];
    readonly seed: number;
    readonly percent: number;
  };
  #connection: Connection | undefined;
  #again: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #seen = new Set<string>();
  /** Digests of the bodies that the broker took, by message id: a message may have been sent more than once. */
  readonly #digests = new Map<string, Set<string>>();
  published = 0;

  constructor(port: number, namespace: string, queues: readonly string[], seed: number, percent: number) {
    this.#options = { port, namespace, queues, seed, percent };
    this.#connect();
  }

  /** A broker that stops in order closes the connection, after which rhea would not connect again by itself. */
  #connect(): void {
    const { port, namespace, queues } = this.#options;
    const connection = rhea
      .create_container({ id: "chaos-duplicates" })
      .connect({ host: "127.0.0.1", port, username: "guest", password: "guest", reconnect: false });
    this.#connection = connection;
    const over = (): void => {
      if (this.#connection !== connection || this.#closed) return;
      this.#connection = undefined;
      if (connection.is_open()) connection.close();
      this.#again = setTimeout(() => this.#connect(), 300);
    };
    for (const name of ["connection_close", "connection_error", "session_close", "session_error", "disconnected"])
      connection.on(name, over);
    for (const name of ["error", "receiver_error", "sender_error"]) connection.on(name, () => {});
    for (const queue of queues) {
      const sender = connection.open_sender({
        target: { address: `/exchange/${namespace}/${queue}` },
        autosettle: true,
      });
      connection
        .open_receiver({ source: { address: `/amq/queue/${queue}_copy` }, credit_window: 100, autoaccept: true })
        .on("message", (context: EventContext) => this.#copy(sender, context));
    }
  }

  #copy(sender: Sender, { message }: EventContext): void {
    const id = message === undefined ? undefined : String(message.message_id);
    if (id === undefined || message === undefined) return;
    this.#remember(id, message.body);
    if (this.#seen.has(id)) return;
    const { seed, percent } = this.#options;
    const draw = createHash("sha256").update(`${seed} ${id}`).digest().readUInt16BE(0) % 100;
    if (draw >= percent) return;
    this.#seen.add(id);
    const { delivery_annotations: _delivery, message_annotations: _annotations, ...plain } = message;
    sender.send(plain);
    this.published++;
  }

  #remember(id: string, body: unknown): void {
    const { content } = (body ?? {}) as { readonly content?: unknown };
    if (!Buffer.isBuffer(content)) return;
    const digests = this.#digests.get(id) ?? new Set();
    this.#digests.set(id, digests.add(createHash("sha256").update(content).digest("hex")));
  }

  /** Whether the broker had a message with this id and this body. */
  had(id: string, digest: string): boolean {
    return this.#digests.get(id)?.has(digest) === true;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#again);
    this.#connection?.close();
  }
}
