import { randomUUID } from "node:crypto";
import {
  type AmqpConnection,
  buildEnvelope,
  buildErrorReport,
  connectAmqp,
  type Envelope,
  type ErrorCondition,
  payloadMetadata,
  readEnvelope,
  type Subscription,
  type WireMessage,
} from "@helsekontakt/amqp-messaging";
import type { Party } from "@helsekontakt/amqp-messaging/messages";
import { protect, unprotect } from "@helsekontakt/amqp-messaging/protection";
import { type ErrorCode, HelsekontaktError } from "@helsekontakt/core";
import type { Capture } from "../capture.ts";
import type { SandboxIdentities, SandboxParty } from "../parties.ts";

/** A message as Helsenorge's side opened it. */
export interface CounterpartMessage {
  readonly envelope: Envelope;
  readonly payload: Buffer;
}

/** What Helsenorge's end of the wire is made of. */
export interface CounterpartTransportOptions {
  readonly amqpUrl: string;
  readonly identities: SandboxIdentities;
  readonly parties: readonly SandboxParty[];
  readonly capture: Capture;
  readonly now: () => number;
}

/** What a sender is told of a message that cannot be opened. */
const conditions: Readonly<Partial<Record<ErrorCode, ErrorCondition>>> = {
  "protection/not-cms": "transport:invalid-cms-pkcs",
  "protection/signature-invalid": "transport:invalid-signature",
  "protection/signer-unexpected": "transport:invalid-certificate",
};

/** Helsenorge's end of the wire: opens what comes to its queue, protects what it sends. */
export class CounterpartTransport {
  readonly #options: CounterpartTransportOptions;
  #connection: AmqpConnection | undefined;
  readonly #subscriptions: Subscription[] = [];
  /** Messages that could not be opened, by error code: what Helsenorge would report on an error queue. */
  readonly refused: { readonly messageId: string | undefined; readonly code: string }[] = [];

  constructor(options: CounterpartTransportOptions) {
    this.#options = options;
  }

  async start(queue: string, handler: (message: CounterpartMessage) => Promise<void>): Promise<void> {
    const connection = await connectAmqp({ url: this.#options.amqpUrl, containerId: "helsenorge" });
    this.#connection = connection;
    const subscription = connection.receive(queue, async ({ message }) => {
      const envelope = readEnvelope(message);
      const content = await this.#open(envelope);
      if (content === undefined) return "accept";
      this.#options.capture.write(`to-helsenorge-${envelope.function ?? "unknown"}`, {
        xml: content,
        p7m: envelope.body,
      });
      try {
        await handler({ envelope, payload: content });
      } catch (error) {
        const { code, retryable } = HelsekontaktError.from(error);
        if (retryable) return "release";
        this.refused.push({ messageId: envelope.messageId, code });
      }
      return "accept";
    });
    this.#subscriptions.push(subscription);
    await subscription.attached;
  }

  /** Decrypts and verifies; what fails is reported on the sender's error queue. */
  async #open(envelope: Envelope): Promise<Buffer | undefined> {
    const { identities, parties, now } = this.#options;
    try {
      const { content } = await unprotect(envelope.body, {
        keys: [identities.helsenorge.encryption],
        expectedSigner: identities.provider.signing.certificate,
      });
      return content;
    } catch (error) {
      const { code } = HelsekontaktError.from(error);
      this.refused.push({ messageId: envelope.messageId, code });
      const to = parties.find((p) => p.herId === envelope.fromHerId)?.queues.error;
      if (to !== undefined)
        await this.#connection?.send(
          to,
          buildErrorReport({
            original: envelope,
            condition: conditions[code] ?? "transport:decryption-failed",
            messageId: randomUUID(),
            to,
            receivedAt: now(),
          }),
        );
      return undefined;
    }
  }

  /** Protects and sends one payload to a provider's party; the AMQP message id. */
  async send(input: {
    readonly function: string;
    readonly toHerId: string;
    readonly payload: Uint8Array;
    readonly messageId?: string;
    readonly fromHerId?: string;
  }): Promise<string> {
    const { identities, parties, capture, now } = this.#options;
    const receiver = parties.find((p) => p.herId === input.toHerId);
    const own = parties.find((p) => p.herId === (input.fromHerId ?? "100002"));
    if (receiver === undefined || own === undefined || this.#connection === undefined)
      throw new HelsekontaktError(
        "registry/party-unknown",
        "expected a party of the sandbox and a started counterpart",
      );
    const body = await protect(input.payload, {
      signer: identities.helsenorge.signing,
      recipients: [identities.provider.encryption.certificate],
    });
    const messageId = input.messageId ?? randomUUID();
    capture.write(`from-helsenorge-${input.function}`, { xml: input.payload, p7m: body });
    await this.sendRaw(
      receiver.queues.async,
      {
        function: input.function,
        messageId,
        fromHerId: own.herId,
        toHerId: receiver.herId,
        replyTo: own.queues.async,
        timestamp: now(),
        metadata: payloadMetadata(input.payload),
      },
      body,
    );
    return messageId;
  }

  /** Sends bytes as they are: for tampered, foreign or unreadable messages. */
  async sendRaw(
    queue: string,
    header: {
      readonly function: string;
      readonly messageId: string;
      readonly fromHerId: string;
      readonly toHerId: string;
      readonly replyTo?: string;
      readonly timestamp: number;
      readonly metadata?: Readonly<Record<string, string>>;
    },
    body: Uint8Array,
  ): Promise<void> {
    await this.publish(queue, buildEnvelope({ ...header, to: queue, protection: "protected" }, body));
  }

  /** Puts any message on any queue, as another party could. */
  async publish(queue: string, message: WireMessage): Promise<void> {
    await this.#connection?.send(queue, message);
  }

  /** A party on its two levels, as messages name it. */
  party(herId: string): Party {
    const found = this.#options.parties.find((p) => p.herId === herId);
    if (found === undefined)
      throw new HelsekontaktError("registry/party-unknown", "expected a party of the sandbox, found another HER-id");
    return {
      herId: found.parentHerId ?? found.herId,
      name: found.parentName ?? found.name,
      service: { herId: found.herId, name: found.name },
    };
  }

  async close(): Promise<void> {
    await this.#connection?.close({ drainMs: 1_000 });
    this.#connection = undefined;
  }
}
