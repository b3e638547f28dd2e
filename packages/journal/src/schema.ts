import type { Generated } from "kysely";
import type { ApplicationState, InboxState, ReceiptOutcome, TransportState } from "./states.ts";

/** Where a payload is, see payload-columns.ts. */
interface PayloadColumns {
  /** PostgreSQL: the sealed value. */
  payload: Uint8Array | null;
  /** SQLite: the sealed value of a small one. */
  payload_inline: Uint8Array | null;
  /** SQLite: names the parts of a large one. */
  payload_ref: string | null;
  /** SQLite: bytes of a large one before it was sealed. */
  payload_bytes: number | null;
}

/** SQLite: the sealed parts of large payloads, never changed. */
export interface PayloadPartTable {
  ref: string;
  part: number;
  content: Uint8Array;
}

/** SQLite: parts that no row names, yet or any more. */
export interface PayloadLooseTable {
  ref: string;
  /** The row that they are for. */
  box: "outbox" | "inbox";
  row_id: string;
  /** When the last of them was written. */
  touched_at: number;
  /** 0 while they are written; 1 when they go, unless their row is in the same commit. */
  doomed: number;
}

/** Times are milliseconds since 1970 UTC, in float columns so that both engines give numbers. */
export interface OutboxTable extends PayloadColumns {
  seq: Generated<number>;
  /** Stable id of the row; equal to the first AMQP message id. */
  id: string;
  amqp_id: string;
  msg_id: string | null;
  kind: string;
  from_party: string;
  to_party: string;
  conversation: string | null;
  ordering_key: string | null;
  properties: Uint8Array;
  digest: string;
  key_id: string | null;
  transport: TransportState;
  application: ApplicationState;
  attempts: number;
  resends: number;
  owner: string | null;
  lease_until: number | null;
  next_at: number;
  receipt_within: number | null;
  receipt_deadline: number | null;
  reason: string | null;
  created_at: number;
  sent_at: number | null;
  changed_at: number;
  /** How often it was claimed in all: the number of the newest claim, which never comes again. */
  fence: Generated<number>;
  /** Consecutive claims whose holder was never heard of again. */
  takeovers: Generated<number>;
  /** Consecutive failed tries. */
  failures: Generated<number>;
  /** How often it was told that the answer is overdue. */
  escalations: Generated<number>;
  /** When it is told next. */
  escalate_at: number | null;
}

/** One row per incoming message, kept after handling to recognise duplicates. */
export interface InboxTable extends PayloadColumns {
  seq: Generated<number>;
  id: string;
  amqp_id: string;
  msg_id: string | null;
  kind: string;
  from_party: string;
  to_party: string;
  ordering_key: string | null;
  conversation: string | null;
  properties: Uint8Array;
  content_hash: string;
  key_id: string | null;
  state: InboxState;
  tries: number;
  owner: string | null;
  lease_until: number | null;
  next_at: number;
  reason: string | null;
  received_at: number;
  changed_at: number;
  /** How often it was claimed in all: the number of the newest claim, which never comes again. */
  fence: Generated<number>;
}

/** Every AppRec that arrived, known or not. */
export interface ReceiptTable {
  seq: Generated<number>;
  id: string;
  receipt_id: string;
  from_party: string;
  original_msg_id: string;
  outbox_id: string | null;
  accepted: number;
  outcome: ReceiptOutcome;
  errors: Uint8Array;
  key_id: string | null;
  recorded_at: number;
}

/** One row per dialog. */
export interface ThreadTable {
  dialog_id: string;
  own_party: string;
  other_party: string;
  last_message_id: string | null;
  state: "open" | "closed";
  person: Uint8Array | null;
  facts: Uint8Array;
  key_id: string | null;
  created_at: number;
  changed_at: number;
}

/** One row per person and organisation. */
export interface MemberTable {
  seq: Generated<number>;
  id: string;
  person_hash: string;
  person: Uint8Array;
  key_id: string | null;
  organisation: string;
  period_start: string | null;
  period_end: string | null;
  status: "active" | "inactive" | "unknown";
  status_at: number | null;
  next_retry_at: number | null;
  created_at: number;
  changed_at: number;
  /** 1 while the person is to be a member, 0 when withdrawn. */
  wanted: Generated<number>;
  /** What Helsenorge has acknowledged; null for nothing. */
  acked: "member" | "withdrawn" | null;
  acked_start: string | null;
  acked_end: string | null;
  /** 1 when something was sent since and it is not known what became of it. */
  unsure: Generated<number>;
  /** What is to be told. */
  todo: "add" | "change" | "withdraw" | null;
  /** The run that found it; counts only once that run has read its whole input. */
  todo_run: number | null;
  outcome: "accepted" | "not-active" | "refused" | "unknown" | null;
  outcome_code: string | null;
  outcome_run: number | null;
  /** Consecutive times without `accepted`. */
  attempts: Generated<number>;
  /** The newest events, one JSON array a line. */
  history: string | null;
}

/** One row per run of the member register. */
export interface MemberRunTable {
  id: Generated<number>;
  kind: "reconcile" | "retry";
  state: "reading" | "sending" | "done" | "stopped" | "refused";
  started_at: number;
  finished_at: number | null;
}

/** One row per list of members that was sent or is about to be. */
export interface MemberBatchTable {
  id: Generated<number>;
  run: number;
  state: "open" | "answered" | "split" | "set-aside";
  /** Rows, changes and periods as JSON, while open; persons are in `member` alone. */
  content: string | null;
  size: number;
  tries: number;
  timeouts: number;
  ms: number;
  opened_at: number;
}

/** Who works on the register. */
export interface MemberLeaseTable {
  name: string;
  owner: string;
  lease_until: number;
}

/** One row per organisation: the offerings that were sent last. */
export interface OfferingBundleTable {
  organisation: string;
  content: Uint8Array;
  key_id: string | null;
  sent_at: number;
}

export interface MigrationTable {
  version: number;
  applied_at: number;
  /** The oldest version whose code may go on; null in the rows of versions before 6. */
  works_with: Generated<number | null>;
}

/** Reports to senders that went out, by a hash of what names the message. */
export interface ErrorReportTable {
  key_hash: string;
  reported_at: number;
}

export interface JournalSchema {
  outbox: OutboxTable;
  inbox: InboxTable;
  receipt: ReceiptTable;
  thread: ThreadTable;
  member: MemberTable;
  member_run: MemberRunTable;
  member_batch: MemberBatchTable;
  member_lease: MemberLeaseTable;
  offering_bundle: OfferingBundleTable;
  error_report: ErrorReportTable;
  payload_part: PayloadPartTable;
  payload_loose: PayloadLooseTable;
  journal_migration: MigrationTable;
}
