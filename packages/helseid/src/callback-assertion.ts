import { HelsekontaktError } from "@helsekontakt/core";
import * as oauth from "oauth4webapi";
import type { Signer } from "./key.ts";

/**
 * A client assertion whose signature comes from the caller's `sign`. Loaded where there is one: the base library makes
 * the others.
 *
 * @throws {HelsekontaktError} `auth/key-invalid`, retryable, for a fault in the callback
 */
export async function signedByCallback(
  signer: Extract<Signer, { readonly sign: unknown }>,
  signal: AbortSignal,
  change: (header: Record<string, unknown>, payload: Record<string, unknown>) => void,
  issuer: string,
  clientId: string,
): Promise<string> {
  const header: Record<string, unknown> = { alg: signer.alg, kid: signer.kid };
  const payload: Record<string, unknown> = {
    jti: oauth.generateRandomState(),
    aud: issuer,
    iss: clientId,
    sub: clientId,
  };
  change(header, payload);
  const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(payload))}`;
  let signature: Uint8Array;
  try {
    signature = await signer.sign(new TextEncoder().encode(input), { signal });
  } catch (error) {
    throw new HelsekontaktError(
      "auth/key-invalid",
      "expected the sign callback to answer a signature, found a fault in it",
      { retryable: true, original: error },
    );
  }
  return `${input}.${Buffer.from(signature).toString("base64url")}`;
}

function base64url(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url");
}
