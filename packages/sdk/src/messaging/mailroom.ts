import { randomUUID } from "node:crypto";
import { setImmediate as breathe } from "node:timers/promises";
import { buildMsgHead, type MessageParts } from "@helsekontakt/amqp-messaging/messages";
import { HelsekontaktError, type Issue, ValidationError } from "@helsekontakt/core";
import type { CallersTransaction, Journal } from "@helsekontakt/journal";
import { encodeXml } from "@helsekontakt/types/xml";
import { validateMessage } from "@helsekontakt/validators";
import type { PersonGuard } from "../person-guard.ts";
import { isLarge } from "./large-payload.ts";
import { awaitReceipt, type Receipt } from "./receipt.ts";
import { messageElements } from "./registry.ts";
import { ThreadOrder } from "./thread-order.ts";

/** How a message is posted. */
export interface SendOptions {
  readonly signal?: AbortSignal;
  /** The application's own transaction: a `pg` client that has begun one, or one of the journal's. Durable when it commits. */
  readonly transaction?: CallersTransaction;
}

/** A message that the journal holds: it will be sent, however often this process dies. */
export interface SentMessage {
  /** MsgHead MsgId, which the AppRec names. */
  readonly msgId: string;
  /** The journal's id, also the first AMQP message id. */
  readonly id: string;
  /** Of the thread; the message's own id when it opens one. */
  readonly conversationId: string;
  /** Bytes of the XML message. */
  readonly size: number;
  /** Rules that Helsenorge states but does not enforce, and that the message does not follow. */
  readonly warnings: readonly Issue[];
  /**
   * Resolves when the receiving application has answered, the deadline has passed, or the message cannot be delivered.
   *
   * @throws {HelsekontaktError} `abort/cancelled`, `journal/closed`
   */
  receipt(options?: { readonly signal?: AbortSignal }): Promise<Receipt>;
}

/** Root of every message but AppRecs, in Clark form. */
export const msgHeadName = "{http://www.kith.no/xmlstds/msghead/2006-05-24}MsgHead";

type Prepare = (msgId: string) => Promise<unknown>;
type Post = (parts: MessageParts) => Promise<SentMessage>;

/**
 * Takes a message from the flows: builds, validates, encodes, and commits it to the journal. Sending is the dispatcher's.
 */
export class Mailroom {
  readonly #journal: Journal;
  readonly #receiptWithinMs: number;
  readonly #guard: PersonGuard;
  readonly #order: ThreadOrder;

  constructor(journal: Journal, receiptWithinMs: number, guard: PersonGuard) {
    this.#journal = journal;
    this.#order = new ThreadOrder(() => journal.isInTransaction());
    this.#guard = guard;
    this.#receiptWithinMs = receiptWithinMs;
  }

  /**
   * Messages that name the same thread are stored in the order of the calls, see {@link ThreadOrder}.
   *
   * @param prepare - what must be in the journal before the message is; runs when the message is found valid.
   * @throws {ValidationError} `xml/not-valid` with every issue, when the message breaks a schema or profile
   * @throws {HelsekontaktError} `input/invalid`, `journal/*`, `abort/cancelled`
   */
  post(parts: MessageParts, options: SendOptions = {}, prepare?: Prepare): Promise<SentMessage> {
    const thread = parts.conversation?.conversation;
    // Nobody knows the thread of a message that opens one before the call has ended.
    if (thread === undefined) return this.#post(parts, options, prepare);
    return this.#order.run(thread, options, () => this.#post(parts, options, prepare));
  }

  /** {@link Mailroom.post} with what is read before it and written after it: all of it in the order of the calls. */
  postInTurn<T>(thread: string, options: SendOptions, work: (post: Post) => Promise<T>): Promise<T> {
    return this.#order.run(thread, options, () => work((parts) => this.#post(parts, options)));
  }

  async #post(parts: MessageParts, options: SendOptions, prepare?: Prepare): Promise<SentMessage> {
    if (parts.patient !== undefined) this.#guard(parts.patient.fnr, "patient.fnr");
    const msgId = parts.msgId ?? randomUUID();
    const payload = encodeXml(msgHeadName, buildMsgHead({ ...parts, msgId }), { registry: messageElements });
    if (isLarge(payload)) await breathe();
    // Which spelling of TjenesteOmråde Helsenorge takes is not confirmed: the other one is a warning, not a fault.
    const { valid, issues } = validateMessage(payload, { spelling: "both" });
    if (!valid) throw new ValidationError("xml/not-valid", issues, `the ${parts.function} message`);
    const conversationId = parts.conversation?.conversation ?? msgId;
    if (isLarge(payload)) await breathe();
    await prepare?.(msgId);
    const { id } = await this.#journal.outbox.enqueue(
      {
        msgId,
        kind: parts.function,
        from: parts.sender.service.herId,
        to: parts.receiver.service.herId,
        conversation: conversationId,
        // One thread keeps its order; threads do not wait for each other.
        key: conversationId,
        payload,
        expectsReceipt: true,
        receiptWithinMs: this.#receiptWithinMs,
      },
      {
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        ...(options.transaction === undefined ? {} : { transaction: options.transaction }),
      },
    );
    return {
      msgId,
      id,
      conversationId,
      size: payload.length,
      warnings: issues.filter((i) => i.level === "warning"),
      receipt: ({ signal } = {}) => awaitReceipt(this.#journal, id, signal),
    };
  }
}

/** What to say when a part of the SDK is used that the configuration does not set up. */
export function notConfigured(system: string, paths: readonly string[]): HelsekontaktError {
  return new HelsekontaktError(
    "config/missing",
    `expected ${paths.join(", ")} in the configuration for ${system}, found nothing`,
    {
      context: { paths: [...paths] },
      hint: "add the settings named, or do not use this system",
    },
  );
}
