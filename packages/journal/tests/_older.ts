import { createHash } from "node:crypto";
import type { Db, Engine } from "../src/store.ts";
import type { ApplicationState, InboxState, TransportState } from "../src/states.ts";

// Rows as a process of an older version left them: by the columns of that version, not by today's code. Without a key, so
// that what is stored can be read here.

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const json = (value: unknown): Uint8Array => text(JSON.stringify(value));
/** Of what is stored without a key. */
const hash = (label: string, value: string): string =>
  createHash("sha256").update(label).update("\0").update(value).digest("hex");

/** When the older process wrote, and an hour later its claims have run out. */
export const writtenAt = 1_800_000_000_000;
export const openedAt = writtenAt + 3_600_000;
export const person = "01818010083";

/** States that a message can be in. */
const pairs: readonly (readonly [TransportState, ApplicationState])[] = [
  ...(["queued", "sending", "sent", "failed", "dropped"] as const).flatMap((transport) => [
    [transport, "none"] as const,
    [transport, "awaiting"] as const,
  ]),
  ...(["accepted", "rejected", "overdue"] as const).flatMap((application) => [
    ["sent", application] as const,
    ["failed", application] as const,
  ]),
];
export const outboxRows = pairs.map(([transport, application]) => ({
  id: `${transport}-${application}`,
  transport,
  application,
}));
export const inboxStates: readonly InboxState[] = ["received", "handled", "quarantined", "dropped"];
export const payloadOf = (id: string): string => `payload of ${id}`;
/** The claim that the older process holds on what is `sending`, as its version numbered it. */
export const heldFence = 2;

/** Fills the tables of `version` with rows in every state. */
export async function fill(db: Db, version: number, engine: Engine): Promise<void> {
  // Small ones are in the row, under either name.
  const payload = version >= 7 && engine === "sqlite" ? "payload_inline" : "payload";
  for (const { id, transport, application } of outboxRows) {
    const gone = transport === "dropped";
    const held = transport === "sending";
    const sent = transport === "sent" || application !== "none";
    const row = {
      id,
      amqp_id: id,
      msg_id: `msg-${id}`,
      kind: "DIALOG_X",
      from_party: "100",
      to_party: "200",
      conversation: null,
      ordering_key: null,
      properties: json({ of: id }),
      [payload]: gone ? null : text(payloadOf(id)),
      digest: hash("outbox", payloadOf(id)),
      key_id: null,
      transport,
      application,
      attempts: transport === "queued" ? 0 : heldFence,
      resends: 0,
      owner: held ? "older" : null,
      lease_until: held ? writtenAt + 30_000 : null,
      next_at: 0,
      receipt_within: application === "none" ? null : 600_000,
      receipt_deadline: application === "none" || !sent ? null : writtenAt + 600_000,
      reason: transport === "failed" ? "amqp/rejected" : gone ? "operator/dropped" : null,
      created_at: writtenAt,
      sent_at: sent ? writtenAt : null,
      changed_at: writtenAt,
      ...(version < 4 ? {} : { fence: heldFence, takeovers: 0, failures: 0, escalations: 0, escalate_at: null }),
    };
    await db
      .insertInto("outbox")
      .values(row as never)
      .execute();
  }
  for (const state of inboxStates) {
    const row = {
      id: `in-${state}`,
      amqp_id: `in-${state}`,
      msg_id: `msg-in-${state}`,
      kind: "DIALOG_X",
      from_party: "200",
      to_party: "100",
      ordering_key: null,
      conversation: null,
      properties: json({ of: state }),
      [payload]: state === "dropped" ? null : text(payloadOf(`in-${state}`)),
      content_hash: hash("inbox", payloadOf(`in-${state}`)),
      key_id: null,
      state,
      tries: 1,
      owner: state === "received" ? "older" : null,
      lease_until: state === "received" ? writtenAt + 30_000 : null,
      next_at: 0,
      reason: state === "quarantined" ? "message/handler-failed" : null,
      received_at: writtenAt,
      changed_at: writtenAt,
      ...(version < 4 ? {} : { fence: 1 }),
    };
    await db
      .insertInto("inbox")
      .values(row as never)
      .execute();
  }
  const receipt = {
    id: "receipt",
    receipt_id: "receipt-of-rejected",
    from_party: "200",
    original_msg_id: "msg-sent-rejected",
    outbox_id: "sent-rejected",
    accepted: 0,
    outcome: "rejected",
    errors: json([{ code: "E10" }]),
    key_id: null,
    recorded_at: writtenAt,
  };
  await db
    .insertInto("receipt")
    .values(receipt as never)
    .execute();
  const thread = {
    dialog_id: "dialog",
    own_party: "100",
    other_party: "200",
    last_message_id: "msg-sent-none",
    state: "open",
    person: text(person),
    facts: json({ subject: "s" }),
    key_id: null,
    created_at: writtenAt,
    changed_at: writtenAt,
  };
  await db
    .insertInto("thread")
    .values(thread as never)
    .execute();
  for (const status of ["active", "inactive", "unknown"] as const) {
    const member = {
      id: `member-${status}`,
      person_hash: hash("member", `${person}-${status}`),
      person: text(`${person}-${status}`),
      key_id: null,
      organisation: "999999999",
      period_start: "2026-01-01",
      period_end: null,
      status,
      status_at: writtenAt,
      next_retry_at: status === "inactive" ? writtenAt : null,
      created_at: writtenAt,
      changed_at: writtenAt,
      ...(version < 3 ? {} : status === "active" ? { acked: "member", acked_start: "2026-01-01" } : { todo: "add" }),
    };
    await db
      .insertInto("member")
      .values(member as never)
      .execute();
  }
  if (version >= 2)
    await db
      .insertInto("offering_bundle")
      .values({ organisation: "999999999", content: json({ offers: 1 }), key_id: null, sent_at: writtenAt })
      .execute();
  if (version >= 5)
    await db
      .insertInto("error_report")
      .values({ key_hash: createHash("sha256").update("reported").digest("hex"), reported_at: writtenAt })
      .execute();
}
