import { type ErrorCode, HelsekontaktError } from "@helsekontakt/core";

/** When a loop takes no more work, and when it gives up what is under way. */
export interface StopSignals {
  readonly stopping: AbortSignal;
  readonly aborting: AbortSignal;
}

/** A queue of the journal, and what is done with what it holds. */
export interface ClaimLoopOptions<T> {
  /** How many are worked on at the same time. */
  readonly limit: number;
  claim(limit: number, signal: AbortSignal): Promise<readonly T[]>;
  /** Never rejects. */
  work(claim: T, signal: AbortSignal): Promise<void>;
  /** Resolves when the queue has changed in this process, or when it is time to look for the work of others. */
  changed(options: { readonly signal: AbortSignal; readonly timeoutMs: number }): Promise<void>;
  unreadable(code: ErrorCode): void;
}

const lookEveryMs = 500;
/** A reason of its own: without one each firing makes an exception with its stack, and each look ends with a firing. */
const looked = "looked";

/** Works off a queue until `stopping` fires; resolves when nothing is under way. */
export async function runClaims<T>(options: ClaimLoopOptions<T>, { stopping, aborting }: StopSignals): Promise<void> {
  const underway = new Set<Promise<void>>();
  while (!stopping.aborted) {
    if (underway.size >= options.limit) {
      await Promise.race(underway);
      continue;
    }
    // Listens before it looks: what comes in between is not missed.
    const listening = new AbortController();
    const wake = (): void => listening.abort(looked);
    stopping.addEventListener("abort", wake, { once: true });
    const change = options.changed({ signal: listening.signal, timeoutMs: lookEveryMs }).catch(() => {});
    let claims: readonly T[] = [];
    try {
      claims = await options.claim(options.limit - underway.size, stopping);
    } catch (reason) {
      if (!stopping.aborted) options.unreadable(HelsekontaktError.from(reason).code);
    }
    for (const claim of claims) {
      const job: Promise<void> = options.work(claim, aborting).finally(() => underway.delete(job));
      underway.add(job);
    }
    if (claims.length === 0) await change;
    stopping.removeEventListener("abort", wake);
    wake();
  }
  await Promise.allSettled(underway);
}
