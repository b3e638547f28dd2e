export { backoffMs } from "./backoff.ts";
export type { JournalKey, JournalKeys } from "./cipher.ts";
export type { Acceptance, Inbox } from "./inbox.ts";
export type { InboxClaim, InboxEntry, InboxMessage } from "./inbox-rows.ts";
export { type Journal, type JournalOptions, openJournal } from "./journal.ts";
export type { DigitalStatus, Member, Members, Membership } from "./members.ts";
export type { ErrorReports } from "./error-reports.ts";
export type { SentOfferings, SentOfferingsStore } from "./offerings.ts";
export type { Outbox, OutboxHold, RetryAt } from "./outbox-api.ts";
export type { OutboxClaim, OutboxEntry, OutboxMessage } from "./outbox-rows.ts";
export type {
  BatchMember,
  LedgerBatch,
  LedgerDue,
  LedgerEntry,
  LedgerEvent,
  LedgerReason,
  LedgerRun,
  LedgerRunHandle,
  LedgerStatus,
  MemberBatch,
  MemberLedger,
  MembershipChange,
  MembershipOutcome,
  MemberSettlement,
  Staged,
  StagedMember,
} from "./members-ledger-types.ts";
export type { Cancellable, Lease } from "./parts.ts";
export { type ReceiptRule, receiptRules, renderReceiptRules } from "./receipt-rules.ts";
export type { ReceiptError, ReceiptFacts, ReceiptRecord, Receipts, StoredReceipt } from "./receipts.ts";
export type { AsideEntry, AsideNotice, Box, SetAside } from "./set-aside.ts";
export { type SqliteStoreOptions, sqliteStore } from "./sqlite.ts";
export {
  type ApplicationEvent,
  type ApplicationState,
  applicationTable,
  type Cell,
  type InboxEvent,
  type InboxState,
  inboxTable,
  isSettled,
  type ReceiptOutcome,
  renderStateDiagram,
  type StateTable,
  stateTables,
  statesAllowing,
  type TransportEvent,
  type TransportState,
  transportTable,
} from "./states.ts";
export {
  type CallersTransaction,
  type Engine,
  JournalTransaction,
  type OpenStore,
  type PgClient,
  type Store,
} from "./store.ts";
export type { Thread, Threads, ThreadUpdate } from "./threads.ts";
export type { Pruned, Retention, Rotation } from "./upkeep.ts";
