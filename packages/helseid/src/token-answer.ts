import { HelsekontaktError, Personal } from "@helsekontakt/core";
import type * as oauth from "oauth4webapi";
import type { Token, TokenBinding, TokenRequest } from "./options.ts";

/**
 * The token of an answer that the base library has read.
 *
 * @throws {HelsekontaktError} `auth/token-not-bound`, `auth/token-rejected` for the other kind, `auth/scope-rejected`
 */
export function toToken(
  answer: oauth.TokenEndpointResponse,
  request: TokenRequest,
  binding: TokenBinding,
  sentAt: number,
): Token {
  // The base library takes either kind, whatever was asked for.
  if (answer.token_type !== binding)
    throw new HelsekontaktError(
      binding === "dpop" ? "auth/token-not-bound" : "auth/token-rejected",
      `expected a token of kind "${binding}", found the other kind`,
      binding === "dpop" ? { hint: "the token was dropped: without a bound key anyone could use it" } : {},
    );
  const granted = answer.scope === undefined ? request.scopes : answer.scope.split(" ").filter((s) => s !== "");
  const rejected = readScopes(answer["rejected_scope"]);
  const missing = request.scopes.filter((s) => !granted.includes(s));
  if (request.acceptNarrowerScope !== true && (missing.length > 0 || rejected.length > 0))
    throw new HelsekontaktError("auth/scope-rejected", "expected a token with all scopes asked for, found fewer", {
      hint: "the organisation may not have accepted the API's terms; acceptNarrowerScope takes such tokens",
      context: { missing: request.scopes.filter((s) => missing.includes(s) || rejected.includes(s)) },
    });
  return {
    accessToken: new Personal(answer.access_token),
    tokenType: binding === "dpop" ? "DPoP" : "Bearer",
    scopes: granted,
    rejectedScopes: [...new Set([...rejected, ...missing])],
    expiresAt: answer.expires_in === undefined ? undefined : sentAt + answer.expires_in * 1000,
  };
}

function readScopes(value: unknown): string[] {
  const list = typeof value === "string" ? value.split(" ") : Array.isArray(value) ? value : [];
  return list.filter((s): s is string => typeof s === "string" && s !== "");
}
