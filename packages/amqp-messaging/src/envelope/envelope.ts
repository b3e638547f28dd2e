import type { ReceivedMessage, WireMessage } from "../connection/wire-message.ts";
import { packageName, packageVersion } from "../package-facts.ts";
import { type BodyProtection, bodyProtection, contentTypeOf } from "./content-type.ts";
import { fieldText, guidText, herIdText, idText, instant, isoInstant } from "./values.ts";

/** What a message says about itself outside its body. */
export interface EnvelopeInput {
  /** UUID, unique per AMQP message and the same at every resend of it. */
  readonly messageId: string;
  /** Default: the message id. */
  readonly correlationId?: string;
  /** The receiver's short queue name. */
  readonly to: string;
  /** Message function, code system 8279. */
  readonly function: string;
  /** The sender's own queue of the same type; absent on a synchronous reply. */
  readonly replyTo?: string;
  readonly protection: BodyProtection;
  /** Milliseconds; none by default. */
  readonly ttlMs?: number;
  readonly fromHerId: string;
  readonly toHerId: string;
  /** When the message was made, milliseconds since 1970. */
  readonly timestamp: number;
  /** Only when the profile used is an agreement. */
  readonly cpaId?: string;
  readonly conversationId?: string;
  /** Put out as `X-SystemIdentifier`. */
  readonly systemIdentifier?: string;
  /** From `payloadMetadata`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Further application properties; they win over all others. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** The longest time to live that AMQP can say, in milliseconds: 49.7 days. */
export const longestTtlMs = 0xffff_ffff;

/** The message as it goes on the wire; `enqueuedTimeUtc` says `timestamp`, so build it just before sending. */
export function buildEnvelope(input: EnvelopeInput, body: Uint8Array): WireMessage {
  const timestamp = isoInstant(input.timestamp);
  return {
    messageId: input.messageId,
    correlationId: input.correlationId ?? input.messageId,
    to: input.to,
    subject: input.function,
    ...(input.replyTo === undefined ? {} : { replyTo: input.replyTo }),
    contentType: contentTypeOf(input.protection),
    ...(input.ttlMs === undefined ? {} : { ttlMs: input.ttlMs }),
    applicationProperties: {
      fromHerId: input.fromHerId,
      toHerId: input.toHerId,
      applicationTimeStamp: timestamp,
      ...(input.cpaId === undefined ? {} : { cpaId: input.cpaId.toLowerCase() }),
      ...(input.conversationId === undefined ? {} : { ConversationId: input.conversationId }),
      enqueuedTimeUtc: timestamp.slice(0, -1),
      "X-ExecutingAssembly": packageName,
      "X-ExecutingAssemblyVersion": packageVersion,
      "X-TargetFramework": `node ${process.versions.node}`,
      ...(input.systemIdentifier === undefined ? {} : { "X-SystemIdentifier": input.systemIdentifier }),
      ...input.metadata,
      ...input.properties,
    },
    body,
  };
}

/** What was read of a received message. A field that is missing or unreadable is absent, and named in `missing` if it is required. */
export interface Envelope {
  readonly messageId: string | undefined;
  readonly correlationId: string | undefined;
  readonly to: string | undefined;
  readonly function: string | undefined;
  readonly replyTo: string | undefined;
  readonly contentType: string | undefined;
  /** Of the content type; `protected` when there is none. */
  readonly protection: BodyProtection;
  readonly fromHerId: string | undefined;
  readonly toHerId: string | undefined;
  readonly timestamp: Date | undefined;
  /** When it was put on the queue; the official library sets it since version 5. */
  readonly enqueued: Date | undefined;
  /** A GUID in lower case; another text names no agreement. */
  readonly cpaId: string | undefined;
  readonly conversationId: string | undefined;
  readonly ttlMs: number | undefined;
  /** Every application property that is text or has an obvious text. */
  readonly properties: ReadonlyMap<string, string>;
  /** Required fields without a usable value, by the official library's names, in its order. */
  readonly missing: readonly EnvelopeField[];
  /** `none` and an empty `data` are the same to a handler; `value` and `sequence` are not of this protocol. */
  readonly bodyKind: ReceivedMessage["bodyKind"];
  readonly body: Uint8Array;
}

/** Names of required fields as error reports state them. */
export type EnvelopeField = "toHerId" | "fromHerId" | "Label" | "applicationTimeStamp" | "ContentType";

/**
 * Reads a received message tolerantly: ids as text, uuid, ulong or binary; HER-ids as text or integer; time stamps in
 * every form that is in use. It never throws: what is missing is listed.
 */
export function readEnvelope(message: ReceivedMessage): Envelope {
  const raw = message.applicationProperties;
  const envelope = {
    messageId: idText(message.messageId),
    correlationId: idText(message.correlationId),
    to: fieldText(message.to),
    function: fieldText(message.subject),
    replyTo: fieldText(message.replyTo),
    contentType: fieldText(message.contentType),
    fromHerId: herIdText(raw.get("fromHerId")),
    toHerId: herIdText(raw.get("toHerId")),
    timestamp: instant(raw.get("applicationTimeStamp")),
    enqueued: instant(raw.get("enqueuedTimeUtc")),
    cpaId: guidText(raw.get("cpaId")),
    conversationId: fieldText(raw.get("ConversationId")),
    ttlMs: message.ttlMs,
    properties: textProperties(raw),
    bodyKind: message.bodyKind,
    body: message.body,
  };
  const required: readonly (readonly [EnvelopeField, unknown])[] = [
    ["toHerId", envelope.toHerId],
    ["fromHerId", envelope.fromHerId],
    ["Label", envelope.function],
    ["applicationTimeStamp", envelope.timestamp],
    ["ContentType", envelope.contentType],
  ];
  return {
    ...envelope,
    protection: bodyProtection(envelope.contentType ?? ""),
    missing: required.filter(([, value]) => value === undefined).map(([name]) => name),
  };
}

function textProperties(raw: ReadonlyMap<string, unknown>): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  for (const [name, value] of raw) {
    const text =
      value instanceof Date
        ? instant(value)?.toISOString()
        : value instanceof Uint8Array
          ? idText(value)
          : fieldText(value);
    if (text !== undefined) out.set(name, text);
  }
  return out;
}
