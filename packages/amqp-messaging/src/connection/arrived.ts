import type { Delivery } from "rhea";
import { idKey } from "./remembered.ts";
import { decodeWireMessage, type ReceivedMessage } from "./wire-message.ts";

/** @internal One message in hand: arrived, not settled, its credit taken. */
export interface Item {
  readonly delivery: Delivery;
  /** Number of the link that it came on: only there can it be settled. */
  readonly link: number;
  readonly message: ReceivedMessage;
  /** Bytes of the whole message. */
  readonly size: number;
  /** Bytes of the body: the broker rewrites the header as it counts. */
  readonly bodySize: number;
  readonly id: string | undefined;
  readonly key: string | undefined;
  readonly function: string | undefined;
}

/**
 * @internal
 * @returns undefined for what is larger than the limit or not an AMQP 1.0 message
 */
export function readArrival(
  delivery: Delivery,
  bytes: Buffer,
  link: number,
  maxBytes: number,
  keyOf: (message: ReceivedMessage) => string | undefined,
): Item | undefined {
  const message = bytes.length > maxBytes ? undefined : decode(bytes);
  if (message === undefined) return undefined;
  return {
    delivery,
    link,
    message,
    size: bytes.length,
    bodySize: message.body.byteLength,
    id: idKey(message.messageId),
    key: keyOf(message),
    function: typeof message.subject === "string" ? message.subject : undefined,
  };
}

function decode(bytes: Buffer): ReceivedMessage | undefined {
  try {
    return decodeWireMessage(bytes);
  } catch {
    return undefined;
  }
}

/** @internal */
export function isRedelivered(message: ReceivedMessage): boolean {
  return message.firstAcquirer === false || message.deliveryCount > 0;
}
