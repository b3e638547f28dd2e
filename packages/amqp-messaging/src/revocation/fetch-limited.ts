import { HelsekontaktError, limitTime } from "@helsekontakt/core";
import type { RevocationFetch } from "./types.ts";

/**
 * Fetches one body, within its time and size, whether or not what it is fetched with heeds a signal.
 *
 * @internal
 * @throws {HelsekontaktError} `protection/certificate-invalid`, retryable, with the kind of failure in `context.found`.
 */
export async function fetchLimited(
  fetch: RevocationFetch,
  url: string,
  body: Uint8Array<ArrayBuffer> | undefined,
  limits: { readonly timeoutMs: number; readonly maxBytes: number },
): Promise<Buffer> {
  const limit = limitTime(limits.timeoutMs);
  try {
    return await limit.race(read(fetch, url, body, limits.maxBytes, limit.signal));
  } catch (reason) {
    if (reason instanceof HelsekontaktError) throw reason;
    throw failed(limit.timedOut ? "no answer in time" : "no connection", reason);
  } finally {
    limit.end();
  }
}

function failed(found: string, original?: unknown): HelsekontaktError {
  return new HelsekontaktError(
    "protection/certificate-invalid",
    `expected a revocation source to answer, found ${found}`,
    {
      retryable: true,
      context: { reason: "revocation-offline", found },
      original,
    },
  );
}

async function read(
  fetch: RevocationFetch,
  url: string,
  body: Uint8Array<ArrayBuffer> | undefined,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const response = await fetch(url, {
    method: body === undefined ? "GET" : "POST",
    headers:
      body === undefined ? {} : { "content-type": "application/ocsp-request", accept: "application/ocsp-response" },
    ...(body === undefined ? {} : { body }),
    signal,
  });
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    if (!response.ok) throw failed(`status ${response.status}`);
    for await (const part of response.body ?? []) {
      size += part.length;
      if (size > maxBytes) throw failed(`more than ${maxBytes} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts, size);
  } catch (reason) {
    await response.body?.cancel().catch(() => {});
    throw reason;
  }
}
