import { HelsekontaktError, throwIfAborted, waitFor } from "@helsekontakt/core";
import type { FetchLike, OutgoingRequest, Token, TokenSource } from "./options.ts";
import { beginCall, type CallState, type SigningOptions } from "./signed-call.ts";

/** A body is kept in memory so that it can be sent again after a challenge. */
const maxBodyBytes = 50 * 1024 * 1024;

/** Settings of {@link createSigningFetch}. */
export type SigningFetchOptions = SigningOptions;

/**
 * A `fetch` that puts a token on each request, and a fresh DPoP proof made right before it is sent.
 *
 * A nonce challenge (401 `use_dpop_nonce`) is answered twice at most, with the same token. Another 401 drops the token,
 * asks for one new token and repeats once; what comes then is the caller's. Redirects are never followed. Put retries and
 * throttling above it, so that each try has its own proof.
 *
 * @throws {HelsekontaktError} what `getToken` throws; `rest/network`, `rest/timeout`, `rest/http-status` for a
 *   redirect, `rest/unauthorized` for an API that never has enough of nonces, `input/too-large` for a body above 50 MiB, `abort/cancelled`
 * @see RFC 9449 sections 7 to 9
 */
export function createSigningFetch(source: TokenSource, options: SigningFetchOptions): FetchLike {
  const signAndSend = async (request: Request): Promise<Response> => {
    const outgoing = await readRequest(request);
    const call = beginCall(source, options, outgoing.url, request.signal);
    for (;;) {
      const token = await askToken(call, request.signal);
      const response = await source.send(
        { ...outgoing, proofUrl: call.proofUrl, ...call.challenge() },
        token,
        call.scheme,
      );
      if (response.status >= 300 && response.status < 400 && response.status !== 304) {
        await discard(response);
        throw new HelsekontaktError(
          "rest/http-status",
          `expected an answer, found a redirect (HTTP status ${response.status})`,
          {
            context: { httpStatus: response.status },
          },
        );
      }
      let again: boolean;
      try {
        again = call.repeat(response);
      } catch (error) {
        await discard(response);
        throw error;
      }
      if (!again) return response;
      await discard(response);
    }
  };
  return async (request) => {
    throwIfAborted(request.signal);
    try {
      return await waitFor(signAndSend(request), request.signal);
    } catch (error) {
      // Only a request that somebody holds hears its caller's signal: after a garbage collection it would stay silent.
      // This last look at it holds it until the answer is there.
      const timedOut = isTimeout(request.signal);
      if (timedOut && error instanceof HelsekontaktError && error.code === "abort/cancelled")
        throw new HelsekontaktError("rest/timeout", "expected an answer within the time limit, found none");
      throw error;
    }
  };
}

function isTimeout(signal: AbortSignal): boolean {
  return (signal.reason as { name?: unknown } | undefined)?.name === "TimeoutError";
}

/** A time limit that runs out while the token is asked for is a time limit, not a caller's abort. */
async function askToken(call: CallState, signal: AbortSignal): Promise<Token> {
  try {
    return await call.token();
  } catch (error) {
    if (!isTimeout(signal)) throw error;
    throw new HelsekontaktError("rest/timeout", "expected a token within the time limit, found none");
  }
}

async function readRequest(request: Request): Promise<OutgoingRequest> {
  let body: Uint8Array<ArrayBuffer> | undefined;
  if (request.body !== null) {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of request.body) {
      size += chunk.byteLength;
      if (size > maxBodyBytes)
        throw new HelsekontaktError("input/too-large", "expected a request body of at most 50 MiB, found a larger one");
      chunks.push(chunk);
    }
    body = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      body.set(chunk, at);
      at += chunk.byteLength;
    }
  }
  return { method: request.method, url: new URL(request.url), headers: request.headers, body, signal: request.signal };
}

async function discard(response: Response): Promise<void> {
  try {
    await response.body?.cancel();
  } catch {
    // The connection is gone; nothing to free.
  }
}
