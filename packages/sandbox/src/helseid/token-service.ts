import { randomUUID } from "node:crypto";
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  type JWK,
  jwtVerify,
  SignJWT,
} from "jose";
import type { SandboxRequest, SandboxResponse } from "../http/server.ts";
import { NonceWindow } from "./nonce-window.ts";
import { readProof } from "./proof.ts";

/** A client as HelseID's self service would know it. */
export interface RegisteredClient {
  readonly clientId: string;
  /** Public keys, each with `kid` and `alg`. */
  readonly jwks: { readonly keys: readonly JWK[] };
  readonly scopes: readonly string[];
  readonly organisationNumber: string;
}

/** How the token service behaves. */
export interface TokenServiceOptions {
  readonly clients: readonly RegisteredClient[];
  /** Seconds; HelseID's own tokens live 60 s to 600 s. Default 60. */
  readonly tokenLifetime?: number;
  readonly now?: () => number;
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/**
 * A token service that is as strict as HelseID: private_key_jwt with the current assertion type, single-use `jti`, DPoP
 * with a nonce challenge, known scopes only.
 *
 * @see RFC 9449 §5-8; HelseID's requirements FK1-FK5
 */
export class TokenService {
  issuer = "";
  readonly #clients: readonly RegisteredClient[];
  readonly #lifetime: number;
  readonly #now: () => number;
  readonly #seen = new Map<string, number>();
  readonly nonces: NonceWindow;
  #key: { privateKey: Awaited<ReturnType<typeof generateKeyPair>>["privateKey"]; jwk: JWK } | undefined;
  /** Token requests answered with a token; a client that caches well keeps this low. */
  issued = 0;

  constructor(options: TokenServiceOptions) {
    this.#clients = options.clients;
    this.#lifetime = options.tokenLifetime ?? 60;
    this.#now = options.now ?? Date.now;
    this.nonces = new NonceWindow(this.#now);
  }

  async init(): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair("RS256", { modulusLength: 2048 });
    const jwk = await exportJWK(publicKey);
    this.#key = { privateKey, jwk: { ...jwk, alg: "RS256", use: "sig", kid: await calculateJwkThumbprint(jwk) } };
  }

  /** The keys with which a resource server checks tokens. */
  get jwks(): { keys: JWK[] } {
    return { keys: this.#key ? [this.#key.jwk] : [] };
  }

  handles(request: SandboxRequest): boolean {
    const { pathname } = request.url;
    return pathname.startsWith("/.well-known/") || pathname === "/connect/token";
  }

  async handle(request: SandboxRequest): Promise<SandboxResponse> {
    const { pathname } = request.url;
    if (pathname === "/.well-known/openid-configuration") return { status: 200, body: this.#metadata() };
    if (pathname === "/.well-known/openid-configuration/jwks") return { status: 200, body: this.jwks };
    if (pathname === "/connect/token" && request.method === "POST") return this.#token(request);
    return { status: 404 };
  }

  #metadata(): Record<string, unknown> {
    return {
      issuer: this.issuer,
      token_endpoint: `${this.issuer}/connect/token`,
      jwks_uri: `${this.issuer}/.well-known/openid-configuration/jwks`,
      grant_types_supported: ["client_credentials"],
      token_endpoint_auth_methods_supported: ["private_key_jwt"],
      dpop_signing_alg_values_supported: [
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES384",
        "ES512",
      ],
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
    };
  }

  async #token(request: SandboxRequest): Promise<SandboxResponse> {
    const form = new URLSearchParams(request.body.toString("utf8"));
    if (!(request.headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded"))
      return refuse("invalid_request", "form expected");
    if (form.get("grant_type") !== "client_credentials")
      return refuse("unsupported_grant_type", "client_credentials expected");
    const client = this.#clients.find((c) => c.clientId === form.get("client_id"));
    if (client === undefined) return refuse("invalid_client", "unknown client");
    const assertion = await this.#checkAssertion(form, client);
    if ("error" in assertion) return refuse("invalid_client", assertion.error);

    let jkt: string | undefined;
    const header = request.headers["dpop"];
    if (header !== undefined) {
      const proof = await readProof(header, { method: "POST", url: `${this.issuer}/connect/token`, now: this.#now() });
      if ("error" in proof) return refuse("invalid_dpop_proof", proof.error);
      if (proof.nonce === undefined || !this.nonces.accepts(proof.nonce)) {
        return refuse("use_dpop_nonce", "a nonce is required", { "DPoP-Nonce": this.nonces.current() });
      }
      if (!this.#firstUse(`proof:${proof.jti}`, 300)) return refuse("invalid_dpop_proof", "proof used before");
      jkt = proof.jkt;
    }

    const asked = (form.get("scope") ?? "").split(" ").filter((s) => s !== "");
    const scopes = asked.length === 0 ? client.scopes : asked;
    if (scopes.some((s) => !client.scopes.includes(s)))
      return refuse("invalid_scope", "a scope is not granted to this client");
    return this.#issue(client, scopes, jkt);
  }

  async #checkAssertion(form: URLSearchParams, client: RegisteredClient): Promise<{ error: string } | { ok: true }> {
    if (form.get("client_assertion_type") !== assertionType) return { error: "client assertion expected" };
    try {
      const { payload, protectedHeader } = await jwtVerify(
        form.get("client_assertion") ?? "",
        createLocalJWKSet({ keys: [...client.jwks.keys] }),
        {
          issuer: client.clientId,
          subject: client.clientId,
          audience: this.issuer,
          typ: "client-authentication+jwt",
          currentDate: new Date(this.#now()),
          clockTolerance: 5,
          requiredClaims: ["jti", "exp", "iat"],
        },
      );
      if (protectedHeader.kid === undefined) return { error: "kid expected" };
      if (Array.isArray(payload.aud)) return { error: "one audience expected" };
      if ((payload.exp ?? 0) - Math.floor(this.#now() / 1000) > 60) return { error: "exp at most 60 s ahead expected" };
      if (!this.#firstUse(`assertion:${payload.jti}`, 120)) return { error: "assertion used before" };
      return { ok: true };
    } catch {
      return { error: "assertion not accepted" };
    }
  }

  /** Remembers an id for `seconds`; false when it was seen before. */
  #firstUse(id: string, seconds: number): boolean {
    const now = this.#now();
    if (this.#seen.size > 10_000) for (const [key, until] of this.#seen) if (until < now) this.#seen.delete(key);
    if ((this.#seen.get(id) ?? 0) > now) return false;
    this.#seen.set(id, now + seconds * 1000);
    return true;
  }

  async #issue(client: RegisteredClient, scopes: readonly string[], jkt: string | undefined): Promise<SandboxResponse> {
    const key = this.#key;
    if (key === undefined) return { status: 500 };
    const now = Math.floor(this.#now() / 1000);
    const audiences = [...new Set(scopes.map((s) => s.slice(0, s.lastIndexOf("/"))))];
    const token = await new SignJWT({
      client_id: client.clientId,
      client_amr: "private_key_jwt",
      scope: [...scopes],
      "helseid://claims/client/claims/orgnr_parent": client.organisationNumber,
      ...(jkt === undefined ? {} : { cnf: { jkt } }),
    })
      .setProtectedHeader({ alg: "RS256", typ: "at+jwt", kid: key.jwk.kid ?? "" })
      .setIssuer(this.issuer)
      .setAudience(audiences.length === 1 ? (audiences[0] ?? "") : audiences)
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + this.#lifetime)
      .setJti(randomUUID())
      .sign(key.privateKey);
    this.issued++;
    return {
      status: 200,
      headers: { "cache-control": "no-store", ...(jkt === undefined ? {} : { "DPoP-Nonce": this.nonces.current() }) },
      body: {
        access_token: token,
        expires_in: this.#lifetime,
        token_type: jkt === undefined ? "Bearer" : "DPoP",
        scope: scopes.join(" "),
      },
    };
  }
}

function refuse(error: string, description: string, headers: Record<string, string> = {}): SandboxResponse {
  return {
    status: 400,
    headers: { "cache-control": "no-store", ...headers },
    body: { error, error_description: description },
  };
}
