import { type ReceivedMessage, decodeWireMessage } from "../connection/wire-message.ts";
import { queueNameFromAddress } from "../connection/address.ts";
import { readEnvelope } from "../envelope/envelope.ts";
import { fieldText, idText, instant } from "../envelope/values.ts";
import type { Held } from "./held-link.ts";
import { movedCount, movedFrom } from "./marker.ts";
import type { QueueEntry } from "./types.ts";
import { shown } from "./shown.ts";

/** @internal A message with its entry; `message` is absent when its bytes cannot be read. */
export interface Opened {
  readonly held: Held;
  readonly message: ReceivedMessage | undefined;
  readonly entry: QueueEntry;
  /** As they came; the entry has them in the form that may be shown. */
  readonly raw: { readonly messageId?: string; readonly diedAt?: string };
}

/** @internal Never throws: what cannot be read is an entry that says so. */
export function openHeld(queue: string, position: number, held: Held): Opened {
  const { bytes, size } = held;
  let message: ReceivedMessage | undefined;
  try {
    message = bytes === undefined ? undefined : decodeWireMessage(bytes);
  } catch {
    // Told by the entry.
  }
  const base = { queue, position, bytes: size };
  if (message === undefined)
    return {
      held,
      message,
      raw: {},
      entry: {
        ...base,
        readable: false,
        movedTimes: 0,
        movedFrom: [],
        redelivered: false,
        properties: new Map(),
        annotations: new Map(),
      },
    };
  return { held, message, ...entryOf(message, base) };
}

function entryOf(
  message: ReceivedMessage,
  base: Pick<QueueEntry, "queue" | "position" | "bytes">,
): Pick<Opened, "entry" | "raw"> {
  const envelope = readEnvelope(message);
  const { annotations, applicationProperties } = message;
  const death = deathOf(message);
  const at =
    instant(annotations.get("x-opt-enqueued-time")) ?? envelope.enqueued ?? envelope.timestamp ?? death.at ?? undefined;
  const cause = fieldText(applicationProperties.get("errorCondition")) ?? death.reason;
  const diedAt = death.queue ?? (envelope.to === undefined ? undefined : queueNameFromAddress(envelope.to));
  const { messageId } = envelope;
  const { correlationId, to, replyTo, contentType, fromHerId, toHerId } = envelope;
  const text = { messageId, correlationId, to, function: envelope.function, replyTo, contentType, fromHerId, toHerId };
  const entry: QueueEntry = {
    ...base,
    readable: true,
    movedTimes: movedCount(message),
    movedFrom: movedFrom(message).map(shown),
    redelivered: message.firstAcquirer === false || message.deliveryCount > 0,
    properties: texts(applicationProperties),
    annotations: texts(annotations),
    ...(at === undefined ? {} : { at }),
    ...shownFields({ ...text, cause, diedAt }),
  };
  return {
    entry,
    raw: { ...(messageId === undefined ? {} : { messageId }), ...(diedAt === undefined ? {} : { diedAt }) },
  };
}

/**
 * What the broker says of a message's death: annotations of RabbitMQ 4, headers of messages that came over AMQP 0.9.1,
 * properties of Service Bus. RabbitMQ 3.10 says nothing over AMQP 1.0 (measured).
 */
function deathOf({ annotations, applicationProperties }: ReceivedMessage): {
  readonly queue: string | undefined;
  readonly reason: string | undefined;
  readonly at: Date | undefined;
} {
  const look = (name: string): unknown => annotations.get(name) ?? applicationProperties.get(name);
  const [first] = list(look("x-opt-deaths") ?? look("x-death"));
  const of = (name: string): unknown =>
    typeof first === "object" && first !== null ? fieldOf(first, name) : undefined;
  return {
    queue: fieldText(look("x-last-death-queue")) ?? fieldText(of("queue")) ?? fieldText(look("x-first-death-queue")),
    reason:
      fieldText(look("x-last-death-reason")) ??
      fieldText(of("reason")) ??
      fieldText(look("x-first-death-reason")) ??
      fieldText(look("DeadLetterReason")),
    at: instant(of("last-time")) ?? instant(of("time")),
  };
}

function list(value: unknown): readonly unknown[] {
  const inner =
    typeof value === "object" && value !== null && "value" in value ? (value as { value: unknown }).value : value;
  return Array.isArray(inner) ? inner : [];
}

function fieldOf(item: object, name: string): unknown {
  const inner = "value" in item && typeof item.value === "object" && item.value !== null ? item.value : item;
  return inner instanceof Map ? inner.get(name) : (inner as Record<string, unknown>)[name];
}

/** Values of every kind as text that may be shown; a table or list says only that it is one. */
function texts(values: ReadonlyMap<string, unknown>): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  for (const [name, value] of values) out.set(shown(name), textOf(value));
  return out;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (value instanceof Date) return instant(value)?.toISOString() ?? "(no time)";
  if (value instanceof Uint8Array) return value.length === 16 ? shown(idText(value) ?? "") : `(${value.length} bytes)`;
  return typeof value === "object" ? "(structure)" : shown(String(value));
}

function shownFields<K extends string>(values: Record<K, string | undefined>): { [P in K]?: string } {
  const out: { [P in K]?: string } = {};
  for (const [name, value] of Object.entries(values) as [K, string | undefined][])
    if (value !== undefined) out[name] = shown(value);
  return out;
}
