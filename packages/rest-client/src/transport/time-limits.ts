import { HelsekontaktError, limitTime } from "@helsekontakt/core";
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
      return await limit.race(next({ ...call, signal: limit.signal }));
    } catch (reason) {
      if (call.signal.aborted) throw cancelled(call.signal);
      if (limit.timedOut)
        throw new HelsekontaktError("rest/timeout", `expected an answer within ${ms} ms, found none`, {
          context: { timeoutMs: ms, limitOf: of },
        });
      if (reason instanceof HelsekontaktError) throw reason;
      throw new HelsekontaktError("rest/network", "expected an answer, found a failed connection", {
        ...networkFacts(reason),
      });
    } finally {
      limit.end();
    }
  };
}

/** System error codes say what to do; messages beside them hold addresses. */
const hints: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens at this address: check host, port and proxy",
  ENOTFOUND: "the host has no address: check its name, and the proxy",
  EAI_AGAIN: "the name service does not answer",
  DEPTH_ZERO_SELF_SIGNED_CERT: "give the certificate of the own authority as ca",
  SELF_SIGNED_CERT_IN_CHAIN: "give the certificate of the own authority as ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "give the certificate of the issuing authority as ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "give the certificate of the issuing authority as ca",
  CERT_HAS_EXPIRED: "the server's certificate has expired: its owner must renew it",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another host: check the base address",
};

function networkFacts(reason: unknown): { context?: { cause: string }; hint?: string } {
  for (let at: unknown = reason, depth = 0; depth < 5 && typeof at === "object" && at !== null; depth++) {
    const { code, cause } = at as { code?: unknown; cause?: unknown };
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(code) && !/\d{6}/.test(code)) {
      const hint = Object.hasOwn(hints, code) ? hints[code] : undefined;
      return { context: { cause: code }, ...(hint === undefined ? {} : { hint }) };
    }
    at = cause;
  }
  return {};
}

export function cancelled(signal: AbortSignal): HelsekontaktError {
  return new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal.reason });
}
