import { type SandboxHelseid, startHelseid } from "@helsekontakt/sandbox";
import { createTokenSource, type FetchLike, type TokenSource, type TokenSourceOptions } from "../../src/index.ts";

/** One request as it went out, and every secret in it. */
export interface Wire {
  readonly requests: {
    readonly url: string;
    readonly method: string;
    readonly headers: Headers;
    readonly body: string;
  }[];
  readonly secrets: Set<string>;
  readonly fetch: FetchLike;
}

/** A fetch that notes what is sent and which secrets come and go. */
export function listen(inner: FetchLike = (request) => globalThis.fetch(request)): Wire {
  const requests: Wire["requests"] = [];
  const secrets = new Set<string>();
  return {
    requests,
    secrets,
    async fetch(request) {
      const body = await request.clone().text();
      requests.push({ url: request.url, method: request.method, headers: request.headers, body });
      const assertion = new URLSearchParams(body).get("client_assertion");
      const token = request.headers.get("authorization")?.split(" ")[1];
      for (const secret of [assertion, request.headers.get("dpop"), token]) if (secret) secrets.add(secret);
      return inner(request);
    },
  };
}

export type Helseid = SandboxHelseid;
export { startHelseid };

export function sourceOf(helseid: Helseid, options: Partial<TokenSourceOptions> = {}): TokenSource {
  return createTokenSource({
    issuer: helseid.issuer,
    clientId: helseid.client.clientId,
    key: { jwk: { ...helseid.client.jwk } },
    allowInsecureLoopback: true,
    random: () => 0,
    ...options,
  });
}

/** Header and claims of a JWT, unchecked. */
export function decode(jwt: string): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const [header = "", claims = ""] = jwt.split(".").map((part) => Buffer.from(part, "base64url").toString("utf8"));
  return {
    header: JSON.parse(header) as Record<string, unknown>,
    claims: JSON.parse(claims) as Record<string, unknown>,
  };
}
