import { decodeProtectedHeader, importJWK, type JWTPayload, jwtVerify } from "jose";
import type { ClientRegister, RegisteredClient } from "./clients.ts";
import type { UsedIds } from "./used-ids.ts";

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/** Seconds. Duende's own leeway; that HelseID has kept it is inferred. */
const leeway = 5;
const maxLife = 60;

/** What the token service answers in place of a token. */
export interface Refusal {
  readonly error: string;
  readonly description?: string;
}

/**
 * Checks a client assertion by HelseID's rules: signed by a registered key whose id and algorithm it names, current
 * type, `iss` and `sub` the client, `aud` the issuer alone, a life of at most a minute, numeric times, `jti` once.
 *
 * @see RFC 7523 section 3
 */
export async function checkAssertion(
  form: URLSearchParams,
  client: RegisteredClient,
  facts: {
    readonly issuer: string;
    readonly now: number;
    readonly register: ClientRegister;
    readonly used: UsedIds;
  },
): Promise<Refusal | { readonly claims: JWTPayload }> {
  if (form.get("client_assertion_type") !== assertionType || form.has("client_secret"))
    return { error: "invalid_client" };
  const raw = form.get("client_assertion") ?? "";
  let claims: JWTPayload;
  try {
    const header = decodeProtectedHeader(raw);
    const key = facts.register.keys(client.clientId).find((k) => k.jwk.kid === header.kid);
    // No word on why: who does not hold the key is not to learn what is registered.
    if (key === undefined || header.kid === undefined || key.jwk.alg === undefined || header.alg !== key.jwk.alg)
      return { error: "invalid_client" };
    if (header.typ !== "client-authentication+jwt") return broken("typ client-authentication+jwt expected");
    const verified = await jwtVerify(raw, await importJWK(key.jwk, key.jwk.alg), {
      issuer: client.clientId,
      subject: client.clientId,
      algorithms: [key.jwk.alg],
      currentDate: new Date(facts.now),
      clockTolerance: leeway,
      requiredClaims: ["jti", "exp", "iat", "nbf"],
    });
    claims = verified.payload;
  } catch {
    return { error: "invalid_client" };
  }
  if (claims.aud !== facts.issuer) return broken("aud must be the issuer, alone and exactly");
  const seconds = facts.now / 1000;
  const { exp = 0, iat = 0, jti } = claims;
  if (exp - seconds > maxLife + leeway || exp - iat > maxLife) return broken("exp at most 60 s ahead expected");
  if (iat - seconds > leeway) return broken("iat is in the future");
  if (typeof jti !== "string" || jti === "") return broken("jti expected");
  if (!facts.used.first(`assertion:${client.clientId}:${jti}`, maxLife + 2 * leeway))
    return { error: "invalid_client" };
  return { claims };
}

function broken(why: string): Refusal {
  return { error: "invalid_client", description: `HID-1007: ${why}` };
}
