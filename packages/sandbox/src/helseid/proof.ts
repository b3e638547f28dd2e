import { createHash } from "node:crypto";
import { calculateJwkThumbprint, decodeProtectedHeader, importJWK, type JWK, jwtVerify } from "jose";

/** What a valid proof says. */
export interface Proof {
  readonly jkt: string;
  readonly jti: string;
  readonly nonce?: string;
}

const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "k"];

/**
 * Checks one DPoP proof: form, signature by the key it carries, method, URL, age and, when a token is given, its hash.
 *
 * @see RFC 9449 §4.3
 */
export async function readProof(
  header: string,
  expected: { readonly method: string; readonly url: string; readonly now: number; readonly accessToken?: string },
): Promise<Proof | { readonly error: string }> {
  if (header.includes(",")) return { error: "one proof expected" };
  try {
    const { typ, alg, jwk } = decodeProtectedHeader(header) as { typ?: string; alg?: string; jwk?: JWK };
    if (typ !== "dpop+jwt") return { error: "typ dpop+jwt expected" };
    if (alg === undefined || !algorithms.includes(alg)) return { error: "asymmetric alg expected" };
    if (jwk === undefined) return { error: "jwk expected" };
    if (privateMembers.some((m) => m in jwk)) return { error: "public jwk expected" };
    const { payload } = await jwtVerify(header, await importJWK(jwk, alg), {
      typ: "dpop+jwt",
      currentDate: new Date(expected.now),
    });
    if (payload["htm"] !== expected.method) return { error: "htm does not match" };
    if (payload["htu"] !== expected.url) return { error: "htu does not match" };
    if (typeof payload.jti !== "string" || payload.jti === "") return { error: "jti expected" };
    if (typeof payload.iat !== "number" || Math.abs(payload.iat * 1000 - expected.now) > 15_000)
      return { error: "iat out of window" };
    if (expected.accessToken !== undefined) {
      const ath = createHash("sha256").update(expected.accessToken, "ascii").digest("base64url");
      if (payload["ath"] !== ath) return { error: "ath does not match" };
    }
    const { nonce } = payload as { nonce?: unknown };
    return {
      jkt: await calculateJwkThumbprint(jwk),
      jti: payload.jti,
      ...(typeof nonce === "string" ? { nonce } : {}),
    };
  } catch {
    return { error: "proof not readable or signature wrong" };
  }
}
