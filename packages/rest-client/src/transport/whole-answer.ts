import { HelsekontaktError } from "@helsekontakt/core";
import type { Middleware } from "./pipeline.ts";

/** Bytes: largest answer that is read without a setting. */
export const defaultMaxAnswerBytes: number = 32 * 1024 * 1024;

/**
 * Reads the answer whole, up to `maxBytes` after decompression, and refuses redirects: a token must not follow one.
 * The answer is read inside the try, so that a body that ends early is a failed try and not a broken result.
 *
 * @throws {HelsekontaktError} `rest/http-status` for a redirect, `rest/response-invalid` above the limit
 *   and for a status that is none
 */
export function readsWhole(maxBytes: number = defaultMaxAnswerBytes): Middleware {
  return (next) => async (call) => {
    const response = await next(call);
    const { status } = response;
    if ((status >= 300 && status < 400 && status !== 304) || response.type === "opaqueredirect") {
      await discard(response);
      throw new HelsekontaktError("rest/http-status", `expected an answer, found a redirect (HTTP status ${status})`, {
        hint: "check the base address: redirects are never followed, since they would carry the token along",
        context: { httpStatus: status },
      });
    }
    if (status > 599) {
      await discard(response);
      throw new HelsekontaktError(
        "rest/response-invalid",
        "expected an answer, found a status that HTTP does not have",
        {
          context: { httpStatus: status },
        },
      );
    }
    if (response.body === null) return response;
    const stated = Number(response.headers.get("content-length") ?? 0);
    if (stated > maxBytes) {
      await discard(response);
      throw tooLarge(maxBytes);
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
    const drop = (): void => void reader.cancel().catch(() => {});
    // The request is nobody's by now, and may no longer hear its signal; the connection must not stay open for that.
    call.signal.addEventListener("abort", drop, { once: true });
    try {
      for (;;) {
        const { value } = await reader.read();
        if (call.signal.aborted) throw call.signal.reason;
        if (value === undefined) break;
        size += value.byteLength;
        if (size > maxBytes) throw tooLarge(maxBytes);
        chunks.push(value);
      }
    } catch (error) {
      drop();
      throw error;
    } finally {
      call.signal.removeEventListener("abort", drop);
    }
    const headers = new Headers(response.headers);
    // The body is decoded and whole by now: its length is another one, and its coding gone.
    for (const name of ["content-encoding", "transfer-encoding"]) headers.delete(name);
    headers.set("content-length", String(size));
    return new Response(Buffer.concat(chunks, size), { status, headers });
  };
}

async function discard(response: Response): Promise<void> {
  try {
    await response.body?.cancel();
  } catch {
    // What breaks while it is thrown away does not matter.
  }
}

function tooLarge(maxBytes: number): HelsekontaktError {
  return new HelsekontaktError(
    "rest/response-invalid",
    `expected an answer of at most ${maxBytes} bytes, found a larger one`,
    { hint: "ask for less at once, or raise maxAnswerBytes" },
  );
}
