import { connectionFault, HelsekontaktError, limitTime } from "@helsekontakt/core";
import type { Middleware } from "./pipeline.ts";

/** Milliseconds for one try where no document says otherwise. */
export const defaultTryMs = 15_000;

/** A call that was cancelled before it began takes no place and no try. */
export const refusesAborted: Middleware = (next) => async (call) => {
  if (call.signal.aborted) throw cancelled(call.signal);
  return next(call);
};

/**
 * Ends whatever is below after `ms` milliseconds, and turns a connection's faults into typed errors.
 *
 * One stands above the retries (the deadline of the call, pauses and queues included), one below them (the try).
 *
 * @throws {HelsekontaktError} `rest/timeout`, `rest/network`, `abort/cancelled`
 */
export function limitsTime(ms: number, of: "call" | "try"): Middleware {
  return (next) => async (call) => {
    if (call.signal.aborted) throw cancelled(call.signal);
    const limit = limitTime(ms, call.signal);
    try {
      return await limit.race(
        next({
          ...call,
          signal: limit.signal,
          ...(of === "call" ? { pastDeadline: () => limit.timedOut } : {}),
        }),
      );
    } catch (reason) {
      if (call.signal.aborted) throw cancelled(call.signal);
      if (limit.timedOut)
        throw new HelsekontaktError("rest/timeout", `expected an answer within ${ms} ms, found none`, {
          context: { timeoutMs: ms, limitOf: of },
        });
      if (reason instanceof HelsekontaktError) throw reason;
      throw new HelsekontaktError(
        "rest/network",
        "expected an answer, found a failed connection",
        connectionFault(reason),
      );
    } finally {
      limit.end();
    }
  };
}

export function cancelled(signal: AbortSignal): HelsekontaktError {
  return new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal.reason });
}
