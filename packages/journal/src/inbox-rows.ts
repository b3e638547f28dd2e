import { randomUUID } from "node:crypto";
import type { Insertable, Selectable } from "kysely";
import { fromJsonBytes, toJsonBytes } from "./cipher.ts";
import { plainOrNull, plainText } from "./faults.ts";
import { atOnce, checkPayload, type Parts } from "./parts.ts";
import { type LargePayload, largePayload, payloadValues } from "./payloads.ts";
import type { InboxTable } from "./schema.ts";
import type { InboxState } from "./states.ts";

/** A message that came in, decrypted and checked. Ids, parties and kind are stored in clear. */
export interface InboxMessage {
  /** AMQP message id. */
  readonly messageId: string;
  /** MsgHead MsgId. */
  readonly msgId?: string;
  readonly kind: string;
  /** HER-id of the sender; ids are unique per sender only. */
  readonly from: string;
  readonly to: string;
  readonly conversation?: string;
  /** Messages with the same key are handled in order, one at a time. */
  readonly key?: string;
  readonly properties?: Readonly<Record<string, string>>;
  readonly payload: Uint8Array;
}

/** An incoming message without its payload. */
export interface InboxEntry {
  readonly id: string;
  readonly messageId: string;
  readonly msgId?: string;
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  readonly conversation?: string;
  readonly key?: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly state: InboxState;
  /** How many times a handler has had it. */
  readonly tries: number;
  /** How often it was claimed in all. A claim's number never comes again, and whoever holds an older one is fenced off. */
  readonly fence: number;
  readonly reason?: string;
  /** Times are milliseconds since 1970 UTC. */
  readonly receivedAt: number;
  /** 0: at once. */
  readonly nextAt: number;
}

/** A message that one owner may handle until `leaseUntil`. */
export interface InboxClaim extends InboxEntry {
  readonly payload: Uint8Array;
  readonly owner: string;
  readonly leaseUntil: number;
}

/** Columns of {@link InboxEntry}: all but the payload. @internal */
export const inboxColumns = [
  "id",
  "amqp_id",
  "msg_id",
  "kind",
  "from_party",
  "to_party",
  "conversation",
  "ordering_key",
  "properties",
  "key_id",
  "state",
  "tries",
  "fence",
  "reason",
  "received_at",
  "next_at",
] as const;
/** @internal */
export type InboxRow = Pick<Selectable<InboxTable>, (typeof inboxColumns)[number]>;

/** @internal */
export function inboxPlace(id: string): string {
  return `inbox:properties:${id}`;
}

/** @internal */
export function inboxEntryFromRow(parts: Parts, row: InboxRow): InboxEntry {
  const place = inboxPlace(row.id);
  return {
    id: row.id,
    messageId: row.amqp_id,
    ...(row.msg_id === null ? {} : { msgId: row.msg_id }),
    kind: row.kind,
    from: row.from_party,
    to: row.to_party,
    ...(row.conversation === null ? {} : { conversation: row.conversation }),
    ...(row.ordering_key === null ? {} : { key: row.ordering_key }),
    properties: fromJsonBytes(parts.cipher.open(row.key_id, row.properties, place), place),
    state: row.state,
    tries: row.tries,
    fence: row.fence,
    ...(row.reason === null ? {} : { reason: row.reason }),
    receivedAt: row.received_at,
    nextAt: row.next_at,
  };
}

/** A message that is ready to be stored. @internal */
export interface InboxInsert {
  readonly row: Insertable<InboxTable>;
  readonly large: LargePayload | undefined;
}

/** Checks a message and makes its row. @throws {HelsekontaktError} `input/invalid`, `input/too-large` @internal */
export function insertFromInboxMessage(parts: Parts, message: InboxMessage, now: number): InboxInsert {
  const { cipher } = parts;
  checkPayload(parts, message.payload);
  const id = randomUUID();
  const { payload } = message;
  const large = largePayload(parts, "inbox", id, payload);
  const row = {
    id,
    amqp_id: plainText("messageId", message.messageId),
    msg_id: plainOrNull("msgId", message.msgId),
    kind: plainText("kind", message.kind),
    from_party: plainText("from", message.from),
    to_party: plainText("to", message.to),
    ordering_key: plainOrNull("key", message.key),
    conversation: plainOrNull("conversation", message.conversation),
    properties: cipher.seal(toJsonBytes(message.properties ?? {}), inboxPlace(id)),
    ...payloadValues(parts, "inbox", id, payload, large),
    content_hash: large === undefined ? cipher.hash("inbox", payload) : "",
    key_id: cipher.keyId,
    state: "received" as const,
    tries: 0,
    owner: null,
    lease_until: null,
    next_at: atOnce,
    reason: null,
    received_at: now,
    changed_at: now,
    fence: 0,
  };
  return { row, large };
}
