import { createHash } from "node:crypto";

const remembered = 10_000;

/**
 * Which messages have been reported to their senders. Report and settlement are two steps: what died between them comes
 * again, and must be settled without a second report. Keep it where it outlives the process to know it after a crash as
 * well; the report's message id is the same either way.
 */
export interface ReportMemory {
  /** @param key - made of the sender's HER-id and the original's message id. */
  isReported(key: string): boolean | Promise<boolean>;
  reported(key: string): void | Promise<void>;
}

/** Remembers the last 10,000 reports of this process. */
export function createReportMemory(): ReportMemory {
  const keys = new Set<string>();
  return {
    isReported: (key) => keys.has(key),
    reported(key) {
      keys.add(key);
      const [oldest] = keys;
      if (keys.size > remembered && oldest !== undefined) keys.delete(oldest);
    },
  };
}

/** @internal A UUID that is the same for the same text: what is made of one message again keeps its id. */
export function stableUuid(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  // Version 8 and the variant of RFC 9562: made by a rule of our own.
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
