import { readFile } from "node:fs/promises";
import { HelsekontaktError } from "@helsekontakt/core";
import type { ClientKey, SigningAlgorithm } from "./options.ts";

/** Largest key file that is read, bytes; the longest RSA key in PEM with its certificates is far below. */
const maxBytes = 100_000;

/**
 * A client key in a file, JWK or PEM, as the `key` of a token source. It is read anew when HelseID no longer takes the
 * key that was in it, so that a file replaced by another program takes effect without a restart.
 *
 * `kid` and `alg` are needed for PEM, and for a JWK without them.
 *
 * The function it gives @throws {HelsekontaktError} `auth/key-invalid`; neither path nor content is in it
 */
export function fileClientKey(
  path: string,
  facts: { readonly kid?: string; readonly alg?: SigningAlgorithm; readonly passphrase?: string } = {},
): (options: { readonly signal: AbortSignal }) => Promise<ClientKey> {
  return async ({ signal }) => {
    let text: string;
    try {
      text = await readFile(path, { encoding: "utf8", signal });
    } catch (original) {
      throw new HelsekontaktError("auth/key-invalid", "expected a file with the client's key, found none to read", {
        retryable: true,
        hint: "check path and access rights",
        original,
      });
    }
    if (text.length > maxBytes)
      throw new HelsekontaktError("auth/key-invalid", "expected a file with one key, found a larger file");
    const { kid, alg, passphrase } = facts;
    if (!text.includes("-----BEGIN"))
      return { jwk: text, ...(kid === undefined ? {} : { kid }), ...(alg === undefined ? {} : { alg }) };
    if (kid === undefined || alg === undefined)
      throw new HelsekontaktError("auth/key-invalid", "expected kid and alg beside a PEM file, found neither or one");
    return { pem: text, kid, alg, ...(passphrase === undefined ? {} : { passphrase }) };
  };
}
