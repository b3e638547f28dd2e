import { createHash } from "node:crypto";
import rhea, { type Connection, type EventContext } from "rhea";

// One message in a hundred is published a second time, as a sender would whose broker's answer got lost: the same bytes,
// the same message id. It works on copies that the broker's exchange makes of everything that is sent.

export class DuplicatePublisher {
  readonly #connection: Connection;
  readonly #seen = new Set<string>();
  /** Digests of the bodies that the broker took, by message id: a message may have been sent more than once. */
  readonly #digests = new Map<string, Set<string>>();
  published = 0;

  constructor(port: number, namespace: string, queues: readonly string[], seed: number, percent: number) {
    const container = rhea.create_container({ id: "chaos-duplicates" });
    this.#connection = container.connect({
      host: "127.0.0.1",
      port,
      username: "guest",
      password: "guest",
      reconnect: true,
      initial_reconnect_delay: 200,
      max_reconnect_delay: 1_000,
    });
    // The broker is killed and restarted; rhea connects again.
    for (const name of ["error", "connection_error", "session_error", "receiver_error", "sender_error", "disconnected"])
      this.#connection.on(name, () => {});
    for (const queue of queues) {
      const sender = this.#connection.open_sender({
        target: { address: `/exchange/${namespace}/${queue}` },
        autosettle: true,
      });
      this.#connection
        .open_receiver({ source: { address: `/amq/queue/${queue}_copy` }, credit_window: 100, autoaccept: true })
        .on("message", ({ message }: EventContext) => {
          const id = message === undefined ? undefined : String(message.message_id);
          if (id === undefined || message === undefined) return;
          this.#remember(id, message.body);
          if (this.#seen.has(id)) return;
          const draw = createHash("sha256").update(`${seed} ${id}`).digest().readUInt16BE(0) % 100;
          if (draw >= percent) return;
          this.#seen.add(id);
          const { delivery_annotations: _delivery, message_annotations: _annotations, ...plain } = message;
          sender.send(plain);
          this.published++;
        });
    }
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
    this.#connection.close();
  }
}
