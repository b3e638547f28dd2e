import { HelsekontaktError } from "@helsekontakt/core";
import rhea from "rhea";
import { checkEncoding } from "./check-encoding.ts";
import { PartedBytes, partedFrom } from "./parted-bytes.ts";
import { readUsualMessage, type UsualMessage } from "./usual-message.ts";

/** A message as it is sent. Every name and value goes out as an AMQP string, the content type as a symbol. */
export interface WireMessage {
  readonly messageId: string;
  readonly correlationId?: string;
  /** The receiver's short queue name. */
  readonly to: string;
  /** The message function, code system 8279. */
  readonly subject: string;
  readonly replyTo?: string;
  readonly contentType?: string;
  /** Milliseconds; at most 4,294,967,295 (49.7 days). */
  readonly ttlMs?: number;
  readonly applicationProperties: Readonly<Record<string, string>>;
  /** Goes out as one data section, also when empty. Leave it as it is until the send has ended: a large one is not copied. */
  readonly body: Uint8Array;
}

/** A message as it came, before any rule has been applied. Values keep the kind that they had on the wire. */
export interface ReceivedMessage {
  readonly messageId: unknown;
  readonly correlationId: unknown;
  readonly to: unknown;
  readonly subject: unknown;
  readonly replyTo: unknown;
  readonly contentType: unknown;
  readonly ttlMs: number | undefined;
  readonly durable: boolean;
  /** False marks a redelivery by the broker; absent when the broker does not say. */
  readonly firstAcquirer: boolean | undefined;
  /** Earlier failed deliveries as the broker counts them; RabbitMQ 3 does not. */
  readonly deliveryCount: number;
  readonly applicationProperties: ReadonlyMap<string, unknown>;
  readonly annotations: ReadonlyMap<string, unknown>;
  /** `data`: one or several data sections, joined. `none`: no body section. The other kinds are not of this protocol. */
  readonly bodyKind: "data" | "value" | "sequence" | "none";
  /** Empty unless `bodyKind` is `data`. */
  readonly body: Uint8Array;
}

const maxTtlMs = 0xffff_ffff;
// 00 53 75 a0 00: a described vbin8 of length 0, which is what an empty data section ends the message with.
const emptyData = Buffer.from([0x00, 0x53, 0x75, 0xa0, 0x00]);

/**
 * The bytes of a message: header (durable, ttl), properties, application properties, one data section.
 *
 * @throws {HelsekontaktError} `input/invalid` when a required value is empty or ttl is out of range
 * @see AMQP 1.0, part 3, section 3.2 Message format
 */
export function encodeWireMessage(message: WireMessage): Buffer {
  return Buffer.concat([encodeHead(message), message.body]);
}

/**
 * @internal The same for a sender: a large body stays where it is.
 *
 * @throws {HelsekontaktError} as {@link encodeWireMessage}
 */
export function encodeForSending(message: WireMessage): Buffer | PartedBytes {
  const head = encodeHead(message);
  const { body } = message;
  return body.byteLength < partedFrom ? Buffer.concat([head, body]) : new PartedBytes(head, body);
}

/** All but the body itself. */
function encodeHead(message: WireMessage): Buffer {
  for (const field of ["messageId", "to", "subject"] as const)
    if (message[field] === "")
      throw new HelsekontaktError("input/invalid", `expected ${field} to have a value, found an empty one`);
  if (message.ttlMs !== undefined && !(message.ttlMs > 0 && message.ttlMs <= maxTtlMs))
    throw new HelsekontaktError("input/invalid", `expected ttlMs from 1 to ${maxTtlMs} (49.7 days)`);
  const head = rhea.message.encode({
    durable: true,
    ...(message.ttlMs === undefined ? {} : { ttl: Math.ceil(message.ttlMs) }),
    message_id: message.messageId,
    to: message.to,
    subject: message.subject,
    ...(message.replyTo === undefined ? {} : { reply_to: message.replyTo }),
    ...(message.correlationId === undefined ? {} : { correlation_id: message.correlationId }),
    ...(message.contentType === undefined ? {} : { content_type: message.contentType }),
    application_properties: message.applicationProperties,
    body: rhea.message.data_section(Buffer.alloc(0)),
  });
  if (!head.subarray(-emptyData.length).equals(emptyData))
    throw new HelsekontaktError("internal/unknown", "expected an empty data section at the end of the encoded header");
  // rhea grows and copies its buffer as it writes; with the body appended here it is copied once.
  const size = message.body.byteLength;
  const start = Buffer.from(size < 256 ? [0x00, 0x53, 0x75, 0xa0, size] : [0x00, 0x53, 0x75, 0xb0, 0, 0, 0, 0]);
  if (size >= 256) start.writeUInt32BE(size, 4);
  return Buffer.concat([head.subarray(0, -emptyData.length), start]);
}

/**
 * Reads the bytes of a message, with every section optional.
 *
 * @throws {HelsekontaktError} `amqp/header-invalid` when they are not an AMQP 1.0 message
 */
export function decodeWireMessage(bytes: Uint8Array): ReceivedMessage {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const usual = readUsualMessage(buffer);
  return usual === undefined ? decodeAnyMessage(buffer) : fromUsual(usual);
}

/** @internal By rhea, after a check. */
export function decodeAnyMessage(buffer: Buffer): ReceivedMessage {
  let raw: Record<string, unknown>;
  try {
    checkEncoding(buffer);
    raw = rhea.message.decode(buffer) as Record<string, unknown>;
  } catch (error) {
    throw new HelsekontaktError("amqp/header-invalid", "expected the sections of an AMQP 1.0 message", {
      original: error,
    });
  }
  const [bodyKind, body] = readBody(raw["body"]);
  return {
    messageId: raw["message_id"],
    correlationId: raw["correlation_id"],
    to: raw["to"],
    subject: raw["subject"],
    replyTo: raw["reply_to"],
    contentType: raw["content_type"],
    ttlMs: typeof raw["ttl"] === "number" ? raw["ttl"] : undefined,
    durable: raw["durable"] === true,
    firstAcquirer: typeof raw["first_acquirer"] === "boolean" ? raw["first_acquirer"] : undefined,
    deliveryCount: typeof raw["delivery_count"] === "number" ? raw["delivery_count"] : 0,
    applicationProperties: entries(raw["application_properties"]),
    annotations: entries(raw["message_annotations"]),
    bodyKind,
    body,
  };
}

/** The fields by their places in the header and the properties. */
function fromUsual({ header, properties, annotations, applicationProperties, body }: UsualMessage): ReceivedMessage {
  const [durable, , ttl, firstAcquirer, deliveryCount] = header;
  return {
    messageId: properties[0] ?? undefined,
    correlationId: properties[5] ?? undefined,
    to: properties[2] ?? undefined,
    subject: properties[3] ?? undefined,
    replyTo: properties[4] ?? undefined,
    contentType: properties[6] ?? undefined,
    ttlMs: typeof ttl === "number" ? ttl : undefined,
    durable: durable === true,
    firstAcquirer: typeof firstAcquirer === "boolean" ? firstAcquirer : undefined,
    deliveryCount: typeof deliveryCount === "number" ? deliveryCount : 0,
    applicationProperties,
    annotations,
    bodyKind: body === undefined ? "none" : "data",
    body: body ?? noBody,
  };
}

const noBody = Buffer.alloc(0);

function entries(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

function readBody(body: unknown): [ReceivedMessage["bodyKind"], Uint8Array] {
  const none = Buffer.alloc(0);
  if (body === undefined) return ["none", none];
  const section = body as { typecode?: unknown; content?: unknown; multiple?: unknown };
  if (typeof body !== "object" || body === null || typeof section.typecode !== "number") return ["value", none];
  if (section.typecode === 0x76) return ["sequence", none];
  const parts: unknown[] = section.multiple === true ? (section.content as unknown[]) : [section.content];
  if (section.typecode !== 0x75 || !parts.every((p) => Buffer.isBuffer(p))) return ["value", none];
  const [only = none] = parts;
  return ["data", parts.length === 1 ? only : Buffer.concat(parts)];
}
