import { type Clock, HelsekontaktError, limitTime, retryAfterMs, systemClock } from "@helsekontakt/core";

/** `fetch` as the SDK passes it around: one Request in, one Response out. */
export type FetchLike = (request: Request) => Promise<Response>;

/** Settings of {@link withRetry}. */
export interface RetryOptions {
  /** Total tries, the first one included; default 3. */
  readonly tries?: number;
  /** Milliseconds: the first pause is at most this, the next twice as much; default 200. */
  readonly baseMs?: number;
  /** Milliseconds: longest pause, also for `Retry-After`; default 10 000. */
  readonly maxMs?: number;
  /** Milliseconds for one try, the answer's body included; default 15 000. */
  readonly timeoutMs?: number;
  readonly retryStatus?: ReadonlySet<number>;
  readonly clock?: Clock;
  /** Numbers from 0 to 1 for the jitter; default `Math.random`. */
  readonly random?: () => number;
}

const retryable: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);

/** Largest answer that is read, in bytes. */
const maxAnswerBytes = 32 * 1024 * 1024;

/**
 * Wraps fetch with a time limit for each try, and repeats with full jitter what may pass: 408, 425, 429, 502 to 504,
 * a broken connection, no answer in time. Put it above a signing fetch, so that each try has a proof of its own.
 *
 * The answer is read whole inside the try. Redirects are refused. Repeat only what is safe to repeat: `{ tries: 1 }`
 * keeps the time limit alone.
 *
 * @throws {HelsekontaktError} `rest/timeout`, `rest/network`, `rest/http-status` for a redirect,
 *   `rest/response-invalid` for an answer above 32 MiB, `abort/cancelled`, and what the inner fetch throws
 */
export function withRetry(inner: FetchLike, options: RetryOptions = {}): FetchLike {
  const { tries = 3, baseMs = 200, maxMs = 10_000, timeoutMs = 15_000, clock = systemClock } = options;
  const random = options.random ?? Math.random;
  const statuses = options.retryStatus ?? retryable;
  return async (request) => {
    const { signal } = request;
    if (signal.aborted) throw cancelled(signal);
    const body = request.body === null ? undefined : await request.arrayBuffer();
    for (let n = 1; ; n++) {
      const limit = limitTime(timeoutMs, signal);
      let pause = random() * Math.min(maxMs, baseMs * 2 ** (n - 1));
      try {
        const response = await limit.race(
          inner(
            new Request(request.url, {
              method: request.method,
              headers: request.headers,
              redirect: "manual",
              signal: limit.signal,
              ...(body === undefined ? {} : { body }),
            }),
          ).then(readWhole),
        );
        if (n >= tries || !statuses.has(response.status)) return response;
        const after = retryAfterMs(response.headers.get("retry-after"), clock.now());
        if (after > maxMs) return response;
        pause = Math.max(pause, after);
      } catch (reason) {
        const error = transportError(reason, signal, limit.timedOut);
        // Tokens have retries of their own below this.
        if (n >= tries || !error.retryable || !error.code.startsWith("rest/")) throw error;
      } finally {
        limit.end();
      }
      await clock.sleep(pause, signal);
    }
  };
}

async function readWhole(response: Response): Promise<Response> {
  if (response.status >= 300 && response.status < 400 && response.status !== 304) {
    await response.body?.cancel();
    throw new HelsekontaktError(
      "rest/http-status",
      `expected an answer, found a redirect (HTTP status ${response.status})`,
      {
        context: { httpStatus: response.status },
      },
    );
  }
  if (response.body === null) return response;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxAnswerBytes)
      throw new HelsekontaktError("rest/response-invalid", "expected an answer of at most 32 MiB, found a larger one");
    chunks.push(chunk);
  }
  const headers = new Headers(response.headers);
  // The body is decoded and whole by now: its length is another one, and its coding gone.
  for (const name of ["content-encoding", "transfer-encoding"]) headers.delete(name);
  headers.set("content-length", String(size));
  return new Response(Buffer.concat(chunks, size), { status: response.status, headers });
}

function transportError(reason: unknown, signal: AbortSignal, timedOut: boolean): HelsekontaktError {
  if (signal.aborted) return cancelled(signal);
  if (timedOut) return new HelsekontaktError("rest/timeout", "expected an answer within the time limit, found none");
  if (reason instanceof HelsekontaktError) return reason;
  return new HelsekontaktError("rest/network", "expected an answer, found a failed connection");
}

function cancelled(signal: AbortSignal): HelsekontaktError {
  return new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal.reason });
}
