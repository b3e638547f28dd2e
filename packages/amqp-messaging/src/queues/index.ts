export { type AuditEntry, auditFile, type AuditSink } from "./audit.ts";
export { exportFiles, exportLines } from "./export.ts";
export { openQueues, type Queues } from "./queues.ts";
export type {
  ActOptions,
  ActReport,
  ListOptions,
  MessageFate,
  MessageSink,
  MoveOptions,
  PurgeOptions,
  QueueCount,
  QueueEntry,
  QueueFilter,
  QueueProgress,
  QueuesOptions,
  RangeOptions,
} from "./types.ts";
export type { Route } from "./target.ts";
