import { open } from "node:fs/promises";
import { HelsekontaktError } from "@helsekontakt/core";
import type { MessageFate, QueueFilter } from "./types.ts";

/**
 * One line of the audit trail: the begin of an act, a batch of messages right before it is removed from its queue, the end.
 * Codes, counts and message ids; an id that holds something like a national number is blotted out.
 */
export interface AuditEntry {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly run: string;
  readonly by: string;
  readonly act: "export" | "move" | "republish" | "purge";
  readonly phase: "begin" | "batch" | "end";
  readonly queue: string;
  readonly dryRun: boolean;
  /** Of `begin`. */
  readonly to?: string;
  readonly filter?: QueueFilter;
  readonly limit?: number;
  readonly snapshot?: number;
  /** Of `batch`: ids by the queue that the copies are in, or `""` where there are none. A message without an id is `?`. */
  readonly ids?: Readonly<Record<string, readonly string[]>>;
  /** Of `end`. */
  readonly seen?: number;
  readonly matched?: number;
  readonly fates?: Readonly<Record<MessageFate, number>>;
  /** Error code. */
  readonly stopped?: string;
  readonly confirmed?: boolean;
}

/** Keeps entries. */
export type AuditSink = (entry: AuditEntry) => void | Promise<void>;

/**
 * An audit trail in a file that is only added to: one JSON object a line, readable by its owner alone, on the disk before
 * the promise resolves.
 *
 * The sink throws `input/invalid` when the file cannot be written.
 */
export function auditFile(path: string): AuditSink {
  return async (entry) => {
    try {
      const file = await open(path, "a", 0o600);
      try {
        await file.appendFile(`${JSON.stringify(entry)}\n`);
        await file.datasync();
      } finally {
        await file.close();
      }
    } catch (error) {
      throw new HelsekontaktError("input/invalid", "expected an audit file that can be added to", {
        context: { reason: String((error as NodeJS.ErrnoException).code ?? "unknown") },
        hint: "without the audit trail nothing is done",
        original: error,
      });
    }
  };
}
