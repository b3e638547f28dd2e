import type { X509Certificate } from "node:crypto";
import type { Clock, HelsekontaktError, Logger, ValidationResult } from "@helsekontakt/core";
import type { AppRecView } from "../apprec/read-apprec.ts";
import type { AmqpConnection } from "../connection/connection.ts";
import type { BodyProtection } from "../envelope/content-type.ts";
import type { Envelope } from "../envelope/envelope.ts";
import type { ErrorQueueMessage } from "../envelope/error-report.ts";
import type { Identity } from "../keys/identity.ts";
import type { TrustOptions } from "../keys/verify-trust.ts";
import type { ContentEncryption, ProtectionPolicy } from "../protection/algorithms.ts";
import type { Refusal } from "./failures.ts";
import type { Party, PartyRegistry } from "./party.ts";

export interface MessengerOptions {
  readonly connection: AmqpConnection;
  readonly registry: PartyRegistry;
  /** Own queues, short names: what goes out as reply-to. */
  readonly queues: { readonly async: string; readonly sync?: string; readonly error?: string };
  /** Own signing identity; not needed to receive only. */
  readonly signer?: Identity;
  /** Own encryption identities, previous ones included; not needed to send only. */
  readonly decryptKeys?: readonly Identity[];
  /** Demands that trust anchors vouch for signers, besides the certificate in the sender's profile. */
  readonly trust?: TrustOptions;
  readonly policy?: ProtectionPolicy;
  readonly contentEncryption?: ContentEncryption;
  /** Functions that may come without protection; none by default. For tests. */
  readonly plainAllowed?: (messageFunction: string) => boolean;
  /** Functions that may be sent although the receiver's profile does not name them. */
  readonly alwaysAllowed?: readonly string[];
  /** What to do when the header's sender is not a sender in the payload. Default `refuse`. */
  readonly senderMismatch?: "refuse" | "warn" | "ignore";
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
  readonly onEvent?: (event: MessengerEvent) => void;
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
  /** Default: none for `async`, 15,000 ms for `sync`. */
  readonly ttlMs?: number;
  /** Default: the own queue of the same type. */
  readonly replyTo?: string;
  /** `plain` is for tests. Default `protected`. */
  readonly protection?: Exclude<BodyProtection, "soap">;
  /** Further application properties, for instance `traceparent`. */
  readonly properties?: Readonly<Record<string, string>>;
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
 * What becomes of a message: taken; tried again later; set aside on the broker's dead-letter queue; or refused, which
 * tells the sender through its error queue. After `accept` the broker has it no more, so keep it first.
 */
export type HandlerResult = "accept" | "retry" | "dead-letter" | { readonly refuse: Refusal };

/** What it throws means `retry`. */
export type MessageHandler = (message: InboundMessage) => Promise<HandlerResult>;
export type ReceiptHandler = (receipt: InboundReceipt) => Promise<HandlerResult>;
/** Nothing that comes on an error queue is answered; what it throws means `retry`. */
export type ErrorQueueHandler = (message: ErrorQueueMessage) => Promise<void>;

/** What happened to a message. Ids and codes only. */
export type MessengerEvent =
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
      readonly error: HelsekontaktError;
    }
  | {
      readonly kind: "retry";
      readonly queue: string;
      readonly messageId: string | undefined;
      readonly tries: number;
      readonly error?: HelsekontaktError;
    }
  | {
      readonly kind: "dead-letter";
      readonly queue: string;
      readonly messageId: string | undefined;
      readonly reason: string;
    }
  | {
      readonly kind: "error-report";
      readonly queue: string;
      readonly condition: string;
      readonly originalMessageId: string | undefined;
    };
