import { HelsekontaktError, type Logger } from "@helsekontakt/core";
import type { Journal, OutboxClaim } from "@helsekontakt/journal";
import type { EventSink } from "./events.ts";

/** What the dispatcher needs of a transport: one message out, settled when the broker has taken it. */
export type SendOne = (claim: OutboxClaim, options: { readonly signal: AbortSignal }) => Promise<void>;

export interface DispatcherOptions {
  readonly journal: Journal;
  readonly send: SendOne;
  readonly owner: string;
  readonly logger: Logger;
  readonly emit: EventSink;
  /** Messages on their way at the same time. Default 8. */
  readonly concurrency?: number;
}

const leaseMs = 120_000;

/**
 * Sends what the outbox holds until the signal fires. An ambiguous outcome is never guessed: the message goes out again
 * under the same message id, and receivers know ids that they have seen.
 */
export async function runDispatcher(options: DispatcherOptions, signal: AbortSignal): Promise<void> {
  const { journal, logger } = options;
  const limit = options.concurrency ?? 8;
  const underway = new Set<Promise<void>>();
  while (!signal.aborted) {
    let claims: readonly OutboxClaim[] = [];
    try {
      claims =
        underway.size >= limit
          ? []
          : await journal.outbox.claim({ owner: options.owner, leaseMs, limit: limit - underway.size, signal });
    } catch (error) {
      if (signal.aborted) break;
      logger.warn("the outbox cannot be read, trying again", { code: HelsekontaktError.from(error).code });
      await pause(journal, signal);
      continue;
    }
    for (const claim of claims) {
      const job: Promise<void> = dispatch(options, claim, signal).finally(() => underway.delete(job));
      underway.add(job);
    }
    if (claims.length === 0) await (underway.size >= limit ? Promise.race(underway) : pause(journal, signal));
  }
  await Promise.allSettled(underway);
}

async function dispatch(options: DispatcherOptions, claim: OutboxClaim, signal: AbortSignal): Promise<void> {
  const { journal, logger, emit } = options;
  try {
    await options.send(claim, { signal });
    await journal.outbox.markSent(claim);
    emit({
      type: "sent",
      function: claim.kind,
      id: claim.id,
      ...(claim.msgId === undefined ? {} : { msgId: claim.msgId }),
      attempt: claim.attempts,
    });
  } catch (reason) {
    const error = HelsekontaktError.from(reason);
    try {
      if (error.code === "journal/conflict") return; // another process has taken over: its outcome counts
      if (error.code === "abort/cancelled") await journal.outbox.release(claim);
      else await journal.outbox.markFailed(claim, { reason: error.code, retry: error.retryable ? "backoff" : "never" });
    } catch (second) {
      // The lease runs out and the message goes out again: nothing is lost.
      logger.warn("the outcome of a send could not be noted", {
        code: HelsekontaktError.from(second).code,
        id: claim.id,
      });
    }
    if (error.code !== "abort/cancelled")
      emit({
        type: "send-failed",
        function: claim.kind,
        id: claim.id,
        code: error.code,
        willRetry: error.retryable,
        attempt: claim.attempts,
      });
  }
}

async function pause(journal: Journal, signal: AbortSignal): Promise<void> {
  await journal.outbox.waitForWork({ signal, timeoutMs: 500 }).catch(() => {});
}
