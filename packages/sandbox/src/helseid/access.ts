import { createLocalJWKSet, jwtVerify } from "jose";
import type { SandboxRequest, SandboxResponse } from "../http/server.ts";
import { readProof } from "./proof.ts";
import type { TokenService } from "./token-service.ts";

/** What one API demands. */
export interface AccessRule {
  readonly scope: string;
  /** `both`: DPoP-bound or Bearer tokens, as Helsenorge's external API was seen to do; `dpop`: bound tokens only. */
  readonly scheme: "both" | "dpop";
}

/**
 * What a resource server of Helsenorge checks before it answers: token signature, issuer, audience, time, scope, and the
 * proof when the token is bound. Answers a refusal, or nothing when access is granted.
 *
 * @see RFC 9449 §7, RFC 9068 §4
 */
export function createAccessCheck(
  service: TokenService,
  now: () => number,
): (request: SandboxRequest, rule: AccessRule) => Promise<SandboxResponse | undefined> {
  const usedProofs = new Map<string, number>();
  return async (request, rule) => {
    const [scheme = "", token = ""] = (request.headers["authorization"] ?? "").split(" ");
    if (token === "") return unauthorized();
    const audience = rule.scope.slice(0, rule.scope.lastIndexOf("/"));
    let claims: { scope?: unknown; cnf?: { jkt?: string } };
    try {
      const { payload } = await jwtVerify(token, createLocalJWKSet(service.jwks), {
        issuer: service.issuer,
        audience,
        typ: "at+jwt",
        currentDate: new Date(now()),
        clockTolerance: 2,
      });
      claims = payload as typeof claims;
    } catch {
      return unauthorized();
    }
    if (scheme.toLowerCase() === "dpop") {
      const proof = await readProof(request.headers["dpop"] ?? "", {
        method: request.method,
        url: `${request.url.origin}${request.url.pathname}`,
        now: now(),
        accessToken: token,
      });
      if ("error" in proof || proof.jkt !== claims.cnf?.jkt) return unauthorized();
      for (const [jti, until] of usedProofs) if (until < now()) usedProofs.delete(jti);
      if (usedProofs.has(proof.jti)) return unauthorized();
      usedProofs.set(proof.jti, now() + 60_000);
    } else if (rule.scheme === "dpop" || claims.cnf !== undefined) {
      return unauthorized();
    }
    if (!Array.isArray(claims.scope) || !claims.scope.includes(rule.scope))
      return { status: 403, body: { Code: "EHSEC-110001", Message: "No access", ErrorCategory: 1 } };
    return undefined;
  };
}

/** Helsenorge's own answer for every kind of bad token. */
function unauthorized(): SandboxResponse {
  return {
    status: 401,
    headers: { "www-authenticate": 'DPoP error="invalid_token"' },
    body: { Code: "EHSEC-110002", Message: "Token is expired or invalid", ErrorCategory: 1 },
  };
}
