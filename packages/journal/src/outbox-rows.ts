import { randomUUID } from "node:crypto";
import type { Insertable, Selectable } from "kysely";
import { fromJsonBytes, toJsonBytes } from "./cipher.ts";
import { once } from "./compiled.ts";
import { conflict, plainOrNull, plainText, wholeNumber } from "./faults.ts";
import { atOnce, checkPayload, type Parts } from "./parts.ts";
import { afterRow, beforeRow, type LargePayload, largePayload, payloadValues } from "./payloads.ts";
import type { OutboxTable } from "./schema.ts";
import type { ApplicationState, TransportState } from "./states.ts";
import type { Db } from "./store.ts";

/** A message to send. Ids, parties and kind are stored in clear: never a person's data in them. */
export interface OutboxMessage {
  /** AMQP message id; the same at every resend. Default: a new UUID. */
  readonly messageId?: string;
  /** MsgHead MsgId, which the AppRec will name. */
  readonly msgId?: string;
  /** Message function, e.g. `DIALOG_INNBYGGER_KOORDINERING`. */
  readonly kind: string;
  /** HER-id of the sender. */
  readonly from: string;
  /** HER-id of the receiver. */
  readonly to: string;
  /** RefToConversation. */
  readonly conversation?: string;
  /** Messages with the same key leave in the order they were queued, one at a time. */
  readonly key?: string;
  /** Small facts that the dispatcher needs; encrypted like the payload. */
  readonly properties?: Readonly<Record<string, string>>;
  /** The unprotected message, so that certificates may change while it waits. */
  readonly payload: Uint8Array;
  /** Default false. */
  readonly expectsReceipt?: boolean;
  /** Milliseconds from sending until the AppRec is overdue; default 96 hours. */
  readonly receiptWithinMs?: number;
  /** Milliseconds since 1970 UTC before which it is not sent. */
  readonly notBefore?: number;
}

/** An outgoing message without its payload. */
export interface OutboxEntry {
  /** Stable id in the journal: the first AMQP message id. */
  readonly id: string;
  /** AMQP message id of the present sending. */
  readonly messageId: string;
  readonly msgId?: string;
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  readonly conversation?: string;
  readonly key?: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly transport: TransportState;
  readonly application: ApplicationState;
  /** How many times it was claimed for sending. */
  readonly attempts: number;
  readonly resends: number;
  /** How often it was claimed in all. A claim's number never comes again, and whoever holds an older one is fenced off. */
  readonly fence: number;
  /** How often it was told that its AppRec is overdue. */
  readonly escalations: number;
  /** Error code or AMQP condition of the last failure. */
  readonly reason?: string;
  /** Times are milliseconds since 1970 UTC. */
  readonly createdAt: number;
  /** 0: at once. */
  readonly nextAt: number;
  readonly sentAt?: number;
  readonly receiptDeadline?: number;
}

/** A message that one owner may send until `leaseUntil`. */
export interface OutboxClaim extends OutboxEntry {
  readonly payload: Uint8Array;
  readonly owner: string;
  readonly leaseUntil: number;
}

const ninetySixHours = 96 * 3_600_000;
const tenYears = 10 * 366 * 86_400_000;

/** Columns of {@link OutboxEntry}: all but the payload. @internal */
export const entryColumns = [
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
  "transport",
  "application",
  "attempts",
  "resends",
  "fence",
  "escalations",
  "reason",
  "created_at",
  "next_at",
  "sent_at",
  "receipt_deadline",
] as const;

/** @internal */
export type EntryRow = Pick<Selectable<OutboxTable>, (typeof entryColumns)[number]>;

/** @internal */
export function outboxPlace(id: string): string {
  return `outbox:properties:${id}`;
}

/** @internal */
export function entryFromRow(parts: Parts, row: EntryRow): OutboxEntry {
  const place = outboxPlace(row.id);
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
    transport: row.transport,
    application: row.application,
    attempts: row.attempts,
    resends: row.resends,
    fence: row.fence,
    escalations: row.escalations,
    ...(row.reason === null ? {} : { reason: row.reason }),
    createdAt: row.created_at,
    nextAt: row.next_at,
    ...(row.sent_at === null ? {} : { sentAt: row.sent_at }),
    ...(row.receipt_deadline === null ? {} : { receiptDeadline: row.receipt_deadline }),
  };
}

/** A message that is ready to be stored. @internal */
export interface OutboxInsert {
  readonly row: Insertable<OutboxTable>;
  readonly payload: Uint8Array;
  readonly large: LargePayload | undefined;
}

/** Checks a message and makes its row. @throws {HelsekontaktError} `input/invalid`, `input/too-large` @internal */
export function insertFromMessage(parts: Parts, message: OutboxMessage, now: number): OutboxInsert {
  const id = plainText("messageId", message.messageId ?? randomUUID());
  checkPayload(parts, message.payload);
  const { cipher } = parts;
  const within = message.expectsReceipt
    ? wholeNumber("receiptWithinMs", message.receiptWithinMs ?? ninetySixHours, 1, tenYears)
    : null;
  const { payload } = message;
  const large = largePayload(parts, "outbox", id, payload);
  const row = {
    id,
    amqp_id: id,
    msg_id: plainOrNull("msgId", message.msgId),
    kind: plainText("kind", message.kind),
    from_party: plainText("from", message.from),
    to_party: plainText("to", message.to),
    conversation: plainOrNull("conversation", message.conversation),
    ordering_key: plainOrNull("key", message.key),
    properties: cipher.seal(toJsonBytes(message.properties ?? {}), outboxPlace(id)),
    ...payloadValues(parts, "outbox", id, payload, large),
    digest: large === undefined ? cipher.hash("outbox", payload) : "",
    key_id: cipher.keyId,
    transport: "queued" as const,
    application: message.expectsReceipt ? ("awaiting" as const) : ("none" as const),
    attempts: 0,
    resends: 0,
    owner: null,
    lease_until: null,
    next_at: message.notBefore ?? atOnce,
    receipt_within: within,
    receipt_deadline: null,
    reason: null,
    created_at: now,
    sent_at: null,
    changed_at: now,
    fence: 0,
    takeovers: 0,
    failures: 0,
    escalations: 0,
    escalate_at: null,
  };
  return { row, payload, large };
}

/** What of a large message takes turns of the event loop. @internal */
export async function digestLarge({ cipher }: Parts, { row, payload, large }: OutboxInsert): Promise<void> {
  if (large !== undefined) row.digest = await cipher.hashInTurns(cipher.keyId, "outbox", payload);
}

const insertRow = once<Insertable<OutboxTable>, { id: string }>((db, row) =>
  db
    .insertInto("outbox")
    .values(row)
    .onConflict((c) => c.doNothing())
    .returning("id"),
);

/** Tells a message that is there before its payload is written for nothing. Undefined for a new one. @internal */
export async function knownOutbox(parts: Parts, insert: OutboxInsert): Promise<Stored | undefined> {
  const present = await parts.store.read((db) => presentRow(db, insert.row.id));
  return present === undefined ? undefined : duplicateOf(parts, present, insert);
}

interface Stored {
  readonly id: string;
  readonly duplicate: boolean;
}

/**
 * Inserts the row; a second message of the same id and payload is the same message, told again by a caller that did not
 * hear the answer.
 *
 * @throws {HelsekontaktError} `journal/conflict` when the id is taken by another payload
 * @internal
 */
export async function insertOutbox(parts: Parts, db: Db, insert: OutboxInsert): Promise<Stored> {
  const { row, large } = insert;
  if (large !== undefined) await beforeRow(parts, db, large);
  const rows = await insertRow(parts, db, large === undefined ? row : { ...row, payload_ref: large.ref });
  if (rows.length > 0) {
    if (large !== undefined) await afterRow(parts, db, large);
    return { id: row.id, duplicate: false };
  }
  if (large !== undefined) large.unused = true;
  return duplicateOf(parts, await presentRow(db, row.id), insert);
}

function presentRow(db: Db, id: string) {
  return db
    .selectFrom("outbox")
    .select(["id", "digest", "key_id"])
    .where((e) => e.or([e("id", "=", id), e("amqp_id", "=", id)]))
    .executeTakeFirst();
}

async function duplicateOf(
  { cipher }: Parts,
  present: Pick<Selectable<OutboxTable>, "id" | "digest" | "key_id"> | undefined,
  { row: { id }, payload, large }: OutboxInsert,
): Promise<Stored> {
  const isSame =
    present?.id === id &&
    present.digest ===
      (large === undefined
        ? cipher.hashUnder(present.key_id, "outbox", payload)
        : await cipher.hashInTurns(present.key_id, "outbox", payload));
  if (!isSame) throw conflict("a message id that is free or of the same payload", "one of another payload", id);
  return { id, duplicate: true };
}
