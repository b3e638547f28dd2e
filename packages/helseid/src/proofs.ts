import type { webcrypto } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import * as oauth from "oauth4webapi";

/** Origins whose nonces are kept at most; the one unused longest goes first. */
const maxOrigins = 100;

/** The key that tokens are bound to, and the nonces that services gave for it. */
export interface Proofs {
  /** RFC 7638. */
  readonly thumbprint: string;
  /**
   * What the base library makes one request's proof with. `nonce`: of the challenge that this very call was answered
   * with; where nonces serve once, parallel calls would take each other's. Default: the last one of the origin.
   */
  handle(origin: string, nonce?: string): oauth.DPoPHandle;
  /** Keeps the nonce of an answer for the next request to its origin. */
  remember(origin: string, nonce: string | undefined): void;
}

/**
 * Reads the key pair for proofs; makes one when there is none: ES256, in memory, its private half not extractable.
 *
 * @throws {HelsekontaktError} `auth/key-invalid`
 * @see RFC 9449 sections 4, 8 and 9
 */
export async function createProofs(
  pair: webcrypto.CryptoKeyPair | undefined,
  client: oauth.Client,
  now: () => number,
): Promise<Proofs> {
  const nonces = new Map<string, string>();
  try {
    const keys = (pair ?? (await oauth.generateKeyPair("ES256"))) as oauth.CryptoKeyPair;
    // The library's own memory of nonces lives in the handle: one handle for each request keeps that to what is meant.
    const handle = (nonce: string | undefined): oauth.DPoPHandle =>
      oauth.DPoP(client, keys, {
        [oauth.modifyAssertion]: (_header, payload) => {
          payload["iat"] = now();
          if (nonce !== undefined) payload["nonce"] = nonce;
        },
      });
    const thumbprint = await handle(undefined).calculateThumbprint();
    return {
      thumbprint,
      handle: (origin, nonce) => handle(nonce ?? nonces.get(origin)),
      remember(origin, given) {
        const nonce = readNonce(given);
        if (nonce === undefined) return;
        nonces.delete(origin);
        if (nonces.size >= maxOrigins) nonces.delete(nonces.keys().next().value as string);
        nonces.set(origin, nonce);
      },
    };
  } catch {
    throw new HelsekontaktError(
      "auth/key-invalid",
      "expected a key pair for DPoP with an extractable public key, found another",
    );
  }
}

/** A nonce as RFC 9449 writes it (NQCHAR): anything else is not repeated to the service. */
export function readNonce(value: string | null | undefined): string | undefined {
  return typeof value === "string" && /^[\x21\x23-\x5B\x5D-\x7E]{1,1024}$/.test(value) ? value : undefined;
}
