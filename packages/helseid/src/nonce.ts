import { AsyncLocalStorage } from "node:async_hooks";

/**
 * The nonce of the challenge that a call was just answered with. The base library remembers one nonce per origin for
 * all calls; where a nonce serves once, parallel calls would take each other's. A call that was challenged goes on
 * with its own.
 *
 * @see RFC 9449 sections 8 and 9
 */
export const challengeNonce = new AsyncLocalStorage<string>();

/** A nonce as RFC 9449 writes it (NQCHAR): anything else is not repeated to the service. */
export function readNonce(headers: Headers): string | undefined {
  const value = headers.get("dpop-nonce");
  return value !== null && /^[\x21\x23-\x5B\x5D-\x7E]{1,1024}$/.test(value) ? value : undefined;
}
