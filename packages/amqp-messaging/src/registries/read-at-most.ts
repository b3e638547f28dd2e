import { HelsekontaktError } from "@helsekontakt/core";

/**
 * Reads a body whole, up to a limit. The signal ends the reading and closes the connection.
 *
 * @throws {HelsekontaktError} `rest/response-invalid` above it; then the rest is not read
 * @internal
 */
export async function readAtMost(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  const drop = (): void => void reader.cancel().catch(() => {});
  // The request is nobody's by now, and may no longer hear its signal.
  signal.addEventListener("abort", drop, { once: true });
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (signal.aborted) throw signal.reason;
      if (done) return Buffer.concat(chunks, size);
      size += value.byteLength;
      if (size > maxBytes) {
        drop();
        throw new HelsekontaktError(
          "rest/response-invalid",
          `expected an answer of at most ${maxBytes} bytes, found a larger one`,
        );
      }
      chunks.push(value);
    }
  } finally {
    signal.removeEventListener("abort", drop);
  }
}
