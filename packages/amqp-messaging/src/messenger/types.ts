import type { X509Certificate } from "node:crypto";
import type { Clock, Logger, Telemetry, ValidationResult } from "@helsekontakt/core";
import type { AppRecView } from "../apprec/read-apprec.ts";
import type { AmqpConnection } from "../connection/connection.ts";
import type { BodyProtection } from "../envelope/content-type.ts";
import type { Envelope } from "../envelope/envelope.ts";
import type { ErrorQueueMessage } from "../envelope/error-report.ts";
import type { CheckedTrustOptions } from "../keys/check-trust.ts";
import type { Identity } from "../keys/identity.ts";
import type { KeySource } from "../keys/own-keys.ts";
import type { ContentEncryption, ProtectionPolicy } from "../protection/algorithms.ts";
import type { Refusal } from "./failures.ts";
import type { MessagingError } from "./messaging-error.ts";
import type { Party, PartyRegistry } from "./party.ts";
import type { ReportMemory } from "./receive-memory.ts";
import type { ReplyQueue } from "./reply-queue.ts";

export interface MessengerOptions {
  readonly connection: AmqpConnection;
  readonly registry: PartyRegistry;
  /** Own queues, short names: what goes out as reply-to. */
  readonly queues: {
    readonly async: string;
    readonly sync?: string;
    readonly error?: string;
    /** Where answers to synchronous calls come: a queue of this instance alone, see {@link ReplyQueue}. */
    readonly syncReply?: ReplyQueue;
  };
  /** Own signing identity; not needed to receive only. */
  readonly signer?: Identity;
  /** Own encryption identities, previous ones included; not needed to send only. */
  readonly decryptKeys?: readonly Identity[];
  /** Own keys, asked for each message, instead of the two above: certificates that change while everything runs. */
  readonly keys?: KeySource;
  /** Demands that trust anchors vouch for signers, besides the certificate in the sender's profile; asks for revocation. */
  readonly trust?: CheckedTrustOptions;
  /** The same for the certificates of receivers, which come without their authorities: give `intermediates`. */
  readonly recipientTrust?: CheckedTrustOptions;
  readonly policy?: ProtectionPolicy;
  readonly contentEncryption?: ContentEncryption;
  /** Functions that may come without protection; none by default. For tests. */
  readonly plainAllowed?: (messageFunction: string) => boolean;
  /** Functions that may be sent although the receiver's profile does not name them. */
  readonly alwaysAllowed?: readonly string[];
  /** What to do when the header's sender is not a sender in the payload. Default `refuse`. */
  readonly senderMismatch?: "refuse" | "warn" | "ignore";
  /**
   * Partners whose profile has no signature certificate and whose messages are taken all the same: the signature must
   * hold, but nothing says whose it is. None by default.
   */
  readonly unknownSignerFrom?: (herId: string) => boolean;
  /**
   * What to do when the signer's certificate names another organisation than the payload's sender does. Default `warn`
   * for a signer that the sender's profile vouches for, `refuse` for one that only a trust anchor vouches for. A payload
   * or certificate without an organisation number has nothing to compare.
   */
  readonly certificateOwner?: "refuse" | "warn" | "ignore";
  /** What has been reported to senders already. Default: the last 10,000 of this process. */
  readonly reports?: ReportMemory;
  /** Limit of a synchronous call, from the call to its answer. Default 15,000 ms, which is also its ttl. */
  readonly callTimeoutMs?: number;
  /** Told of an answer that nobody waits for any more; it is taken off the queue all the same. */
  readonly onLateReply?: (reply: LateReply) => void;
  /** Validates a payload; the result goes to the handler, which decides. */
  readonly validate?: (payload: Uint8Array) => ValidationResult;
  /** Put out the `X-…` facts of the payload. Default true. */
  readonly metadata?: boolean;
  readonly systemIdentifier?: string;
  /** Payload and CMS of a message larger than this are not opened. Default 50 MiB. */
  readonly maxBodyBytes?: number;
  /** Tries of a message whose handling fails, before it is dead-lettered. Default 10. */
  readonly maxTries?: number;
  /** Pauses between tries: doubling from `initial` to `max`. Default 200 and 30,000 ms. */
  readonly retryPauseMs?: { readonly initial: number; readonly max: number };
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Default: OpenTelemetry where `@opentelemetry/api` is installed. */
  readonly telemetry?: Telemetry | false;
  readonly onEvent?: (event: MessengerEvent) => void;
}

/** An answer that came after its call had ended, or to no call of this messenger. Its body is not opened. */
export interface LateReply {
  readonly correlationId: string | undefined;
  readonly messageId: string | undefined;
  readonly fromHerId: string | undefined;
  readonly function: string | undefined;
  /** `late`: the call has ended. `unknown`: no call of this id is remembered. */
  readonly kind: "late" | "unknown";
}

/** A message to send. */
export interface OutboundMessage {
  /** UUID; the same at every resend. */
  readonly messageId: string;
  /** Code system 8279. */
  readonly function: string;
  readonly fromHerId: string;
  readonly toHerId: string;
  /** XML, sent byte for byte. */
  readonly payload: Uint8Array;
  readonly correlationId?: string;
  readonly conversationId?: string;
  /** For a receipt: the function that it acknowledges, which is what the receiver's profile must name. */
  readonly acknowledges?: string;
  /** Default `async`. */
  readonly queue?: "async" | "sync";
  /** Default: none for `async`, 15,000 ms for `sync`. More than 49.7 days is cut to that, with a warning. */
  readonly ttlMs?: number;
  /** Default: the own queue of the same type; `none` sends no reply-to, as in a synchronous answer. */
  readonly replyTo?: string | "none";
  /** `plain` is for tests. Default `protected`. */
  readonly protection?: Exclude<BodyProtection, "soap">;
  /** Further application properties, for instance `traceparent`. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** A synchronous call. Its message id is also its correlation id unless it gives one. */
export type CallMessage = Omit<OutboundMessage, "queue" | "replyTo" | "acknowledges" | "ttlMs">;

/** What a synchronous call waits for. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds from the call to its answer; default from the messenger. Also the ttl of the request. */
  readonly timeoutMs?: number;
}

/** An answer to a message. */
export interface ReplyDocument {
  /** XML, sent byte for byte. */
  readonly payload: Uint8Array;
  /** Default: the function of the message that it answers. */
  readonly function?: string;
  /** UUID; default one that is the same however often the message comes again. */
  readonly messageId?: string;
  readonly conversationId?: string;
}

/** How a message went out. */
export interface SentMessage {
  readonly queue: string;
  readonly partyKind: Party["kind"];
  /** Of the body on the wire. */
  readonly bodyBytes: number;
}

/** A message that is opened and proved. */
export interface InboundMessage {
  readonly messageId: string;
  readonly function: string;
  readonly fromHerId: string;
  readonly toHerId: string;
  readonly envelope: Envelope;
  /** The XML, byte for byte as it was signed. */
  readonly payload: Uint8Array;
  /** Root element in Clark form. */
  readonly root: string;
  /** Facts of the payload itself, not of the header: message id and type, HER-ids of both levels, attachments. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Absent when the message was plain, which only `plainAllowed` lets through. */
  readonly signer?: X509Certificate;
  /** SHA-1 of the signer's certificate, lower-case hex. */
  readonly signerThumbprint?: string;
  readonly sender: Party;
  /** The broker has handed it out before. */
  readonly redelivered: boolean;
  readonly validation?: ValidationResult;
  readonly signal: AbortSignal;
}

/** A receipt that came on a queue for messages. */
export interface InboundReceipt extends InboundMessage {
  readonly receipt: AppRecView;
}

/**
 * What becomes of a message: taken; taken and answered; tried again later; set aside on the broker's dead-letter queue;
 * or refused, which tells the sender through its error queue. After `accept` the broker has it no more, so keep it first.
 * `accept()`, `reply()`, `rejectWith()`, `rejectFor()`, `retryLater()` and `deadLetter()` make them.
 */
export type HandlerResult =
  | "accept"
  | "retry"
  | "dead-letter"
  | { readonly reply: ReplyDocument }
  | { readonly refuse: Refusal }
  | { readonly retryInMs: number }
  | { readonly deadLetter: string };

/** What it throws means `retry`. */
export type MessageHandler = (message: InboundMessage) => Promise<HandlerResult>;
export type ReceiptHandler = (receipt: InboundReceipt) => Promise<HandlerResult>;
/** Nothing that comes on an error queue is answered; what it throws means `retry`. */
export type ErrorQueueHandler = (message: ErrorQueueMessage) => Promise<void>;

/** What happened to a message. Ids and codes only. */
export type MessengerEvent =
  /** A partner's message was opened with an algorithm that only policy lets through. */
  | { readonly kind: "weak-algorithm"; readonly fromHerId: string; readonly algorithm: "3des" | "sha1" | "sha224" }
  | {
      readonly kind: "sent";
      readonly messageId: string;
      readonly function: string;
      readonly toHerId: string;
      readonly partyKind: Party["kind"];
      readonly bodyBytes: number;
    }
  | {
      readonly kind: "accepted";
      readonly queue: string;
      readonly messageId: string | undefined;
      readonly function: string | undefined;
    }
  | {
      readonly kind: "refused";
      readonly queue: string;
      readonly messageId: string | undefined;
      readonly condition: string;
      readonly reported: boolean;
      readonly error: MessagingError;
    }
  | {
      readonly kind: "retry";
      readonly queue: string;
      readonly messageId: string | undefined;
      readonly tries: number;
      readonly error?: MessagingError;
    }
  | {
      readonly kind: "dead-letter";
      readonly queue: string;
      readonly messageId: string | undefined;
      readonly reason: string;
      readonly error?: MessagingError;
    }
  | { readonly kind: "late-reply"; readonly queue: string; readonly reply: LateReply }
  /** An answer that was refused; its call still waits for the right one. */
  | {
      readonly kind: "reply-refused";
      readonly queue: string;
      readonly messageId: string | undefined;
      readonly error: MessagingError;
    }
  | {
      readonly kind: "error-report";
      readonly queue: string;
      readonly condition: string;
      readonly originalMessageId: string | undefined;
    };
