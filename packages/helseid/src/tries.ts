import {
  type Clock,
  HelsekontaktError,
  limitTime,
  type Logger,
  retryAfterMs,
  type TimeLimit,
} from "@helsekontakt/core";
import type { SeenAnswer } from "./http.ts";
import type { Token, TokenRequest } from "./options.ts";

const tries = 3;
const longestPause = 20_000;

/** What the tries of one token share. */
export interface TrySettings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  /** Milliseconds for one token with all tries. */
  readonly deadlineMs: number;
}

/** One token: up to three tries on faults that pass, with full jitter and `Retry-After`, within the deadline. */
export async function withTries(
  settings: TrySettings,
  request: TokenRequest,
  signal: AbortSignal,
  once: (signal: AbortSignal, seen: { last?: SeenAnswer }) => Promise<Token>,
): Promise<Token> {
  const deadline = limitTime(settings.deadlineMs, signal);
  try {
    return await within(settings, request, signal, deadline, once);
  } finally {
    deadline.end();
  }
}

async function within(
  { clock, logger, random }: TrySettings,
  request: TokenRequest,
  signal: AbortSignal,
  deadline: TimeLimit,
  once: (signal: AbortSignal, seen: { last?: SeenAnswer }) => Promise<Token>,
): Promise<Token> {
  for (let n = 1; ; n++) {
    const seen: { last?: SeenAnswer } = {};
    try {
      return await deadline.race(once(deadline.signal, seen));
    } catch (reason) {
      if (signal.aborted) throw cancelled(signal);
      const error = await explained(reason, seen.last, request);
      if (signal.aborted) throw cancelled(signal);
      if (n >= tries || !error.retryable || deadline.timedOut) throw error;
      const after = retryAfterMs(seen.last?.retryAfter ?? null, clock.now());
      const pause = Math.max(after, random() * Math.min(5_000, 250 * 2 ** (n - 1)));
      if (pause > longestPause) throw error;
      logger.warn("token request failed, trying again", { try: n, code: error.code });
      try {
        await clock.sleep(pause, deadline.signal);
      } catch {
        throw signal.aborted ? cancelled(signal) : error;
      }
    }
  }
}

/** What faults mean is loaded with the first one. */
async function explained(
  reason: unknown,
  seen: SeenAnswer | undefined,
  request: TokenRequest,
): Promise<HelsekontaktError> {
  if (reason instanceof HelsekontaktError) return reason;
  const { tokenError } = await import("./token-errors.ts");
  return tokenError(reason, seen, request);
}

function cancelled(signal: AbortSignal): HelsekontaktError {
  return new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal.reason });
}
