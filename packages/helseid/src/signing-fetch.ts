import { type Clock, HelsekontaktError, systemClock, throwIfAborted, waitFor } from "@helsekontakt/core";
import { challengeNonce, readNonce } from "./nonce.ts";
import type { FetchLike, OutgoingRequest, Token, TokenRequest, TokenScheme, TokenSource } from "./options.ts";

/** A body is kept in memory so that it can be sent again after a challenge. */
const maxBodyBytes = 50 * 1024 * 1024;

/** Settings of {@link createSigningFetch}: what the tokens are for, and how they travel. */
export interface SigningFetchOptions extends Omit<TokenRequest, "signal" | "binding"> {
  /** Default: the source's binding. */
  readonly scheme?: TokenScheme;
  readonly clock?: Clock;
}

/**
 * A `fetch` that puts a token on each request, and a fresh DPoP proof made right before it is sent.
 *
 * A nonce challenge (401 `use_dpop_nonce`) is answered once with the same token. Another 401 drops the token, asks
 * for one new token and repeats once; what comes then is the caller's. Redirects are never followed. Put retries and
 * throttling above it, so that each try has its own proof.
 *
 * @throws {HelsekontaktError} what `getToken` throws; `rest/network`, `rest/timeout`, `rest/http-status` for a
 *   redirect, `input/too-large` for a body above 50 MiB, `abort/cancelled`
 * @see RFC 9449 sections 7 to 9
 */
export function createSigningFetch(source: TokenSource, options: SigningFetchOptions): FetchLike {
  const { scheme = source.binding, clock = systemClock, ...wanted } = options;
  const binding = scheme === "bearer" ? "bearer" : "dpop";
  const signAndSend = async (request: Request): Promise<Response> => {
    const outgoing = await readRequest(request);
    let challenged = false;
    let nonce: string | undefined;
    let renewed = false;
    const ask = (): Promise<Token> => askToken(source, { ...wanted, binding, signal: request.signal });
    let token = await ask();
    for (;;) {
      const send = (): Promise<Response> => source.send(outgoing, token, scheme);
      const response = await (nonce === undefined ? send() : challengeNonce.run(nonce, send));
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
      const problem = scheme === "dpop" ? challengeError(response) : bearerError(response);
      if (response.status === 401 && scheme === "dpop" && problem === "use_dpop_nonce" && !challenged) {
        challenged = true;
        nonce = readNonce(response.headers);
        await discard(response);
        continue;
      }
      const refused = response.status === 401 && (problem === undefined || problem === "invalid_token");
      // Helsenorge's older gateway answers 403 for an expired token: believed only when the token is expired.
      const expired = response.status === 403 && token.expiresAt !== undefined && clock.now() >= token.expiresAt;
      if ((refused || expired) && !renewed) {
        renewed = true;
        nonce = undefined;
        await discard(response);
        source.forget(token);
        token = await ask();
        continue;
      }
      return response;
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
async function askToken(source: TokenSource, wanted: TokenRequest & { readonly signal: AbortSignal }): Promise<Token> {
  try {
    return await source.getToken(wanted);
  } catch (error) {
    if (!isTimeout(wanted.signal)) throw error;
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

/** The `error` parameter of the DPoP challenge, or of the only challenge there is. */
function challengeError(response: Response): string | undefined {
  const header = response.headers.get("www-authenticate");
  if (header === null) return undefined;
  return /(?:^|[\s,])dpop\b[^]*?\berror="?([a-z_]+)"?/i.exec(header)?.[1] ?? bearerError(response);
}

function bearerError(response: Response): string | undefined {
  return /\berror="?([a-z_]+)"?/i.exec(response.headers.get("www-authenticate") ?? "")?.[1];
}

async function discard(response: Response): Promise<void> {
  try {
    await response.body?.cancel();
  } catch {
    // The connection is gone; nothing to free.
  }
}
