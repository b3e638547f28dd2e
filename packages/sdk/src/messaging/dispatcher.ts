import { HelsekontaktError, type Logger } from "@helsekontakt/core";
import type { Journal, OutboxClaim, OutboxHold } from "@helsekontakt/journal";
import { runClaims, type StopSignals } from "./claim-loop.ts";
import type { EventSink } from "./events.ts";

/**
 * What the dispatcher needs of a transport: one message out, settled when the broker has taken it. It asks `hold` before
 * every write: a process that was paused may have lost the message to another.
 */
export type SendOne = (
  claim: OutboxClaim,
  options: { readonly signal: AbortSignal; readonly hold: OutboxHold },
) => Promise<void>;

/** What the dispatcher works with. */
export interface DispatcherOptions {
  readonly journal: Journal;
  readonly send: SendOne;
  readonly owner: string;
  readonly logger: Logger;
  readonly emit: EventSink;
  /** Messages on their way at the same time. Default 8. */
  readonly concurrency?: number;
  /** Milliseconds until another process may take over what this one is sending. Default 30,000. */
  readonly leaseMs?: number;
}

const defaultLeaseMs = 30_000;

/**
 * Sends what the outbox holds until `stopping` fires; resolves when nothing is on its way. An ambiguous outcome is never guessed: the message goes out again
 * under the same message id, and receivers know ids that they have seen.
 */
export function runDispatcher(options: DispatcherOptions, signals: StopSignals): Promise<void> {
  const { outbox } = options.journal;
  return runClaims(
    {
      limit: options.concurrency ?? 8,
      claim: (limit, signal) =>
        outbox.claim({ owner: options.owner, leaseMs: options.leaseMs ?? defaultLeaseMs, limit, signal }),
      work: (claim, signal) => dispatch(options, claim, signal),
      changed: (wait) => outbox.waitForWork(wait),
      unreadable: (code) => options.logger.warn("the outbox cannot be read, trying again", { code }),
    },
    signals,
  );
}

async function dispatch(options: DispatcherOptions, claim: OutboxClaim, signal: AbortSignal): Promise<void> {
  const { journal, emit } = options;
  const named = {
    function: claim.kind,
    id: claim.id,
    ...(claim.msgId === undefined ? {} : { msgId: claim.msgId }),
    attempt: claim.attempts,
  };
  const hold = journal.outbox.hold(claim, { leaseMs: options.leaseMs ?? defaultLeaseMs });
  const given = new AbortController();
  const give = (): void => given.abort();
  for (const source of [signal, hold.lost]) source.addEventListener("abort", give, { once: true });
  if (signal.aborted) give();
  try {
    await options.send(claim, { signal: given.signal, hold });
  } catch (reason) {
    const error = HelsekontaktError.from(reason);
    // The broker may have it already: the try counts, so that an AppRec for it finds its message before the next one.
    if (error.code === "abort/cancelled")
      return noted(options, claim, () => journal.outbox.markFailed(claim, { reason: error.code, retry: 0 }));
    // Another process has taken over, or the AppRec is here already: its outcome counts.
    if (error.code === "journal/conflict") return;
    emit({ type: "send-failed", ...named, code: error.code, willRetry: error.retryable });
    const retry = error.retryable ? "backoff" : "never";
    return noted(options, claim, () => journal.outbox.markFailed(claim, { reason: error.code, retry }));
  } finally {
    hold.end();
    signal.removeEventListener("abort", give);
  }
  emit({ type: "sent", ...named });
  await noted(options, claim, () => journal.outbox.markSent(claim));
}

/**
 * Notes an outcome. A conflict means that it is done elsewhere: the AppRec was faster, or another process has taken over.
 * On any other fault the lease runs out and the message goes out again: nothing is lost.
 */
async function noted(options: DispatcherOptions, claim: OutboxClaim, note: () => Promise<unknown>): Promise<void> {
  try {
    await note();
  } catch (reason) {
    const { code } = HelsekontaktError.from(reason);
    if (code === "journal/conflict") return;
    options.logger.warn("the outcome of a send could not be noted", { code, id: claim.id });
  }
}
