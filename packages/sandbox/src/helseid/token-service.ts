import { randomUUID } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import type { SandboxRequest, SandboxResponse } from "../http/server.ts";
import { checkAssertion, type Refusal } from "./assertion.ts";
import { ClientRegister, type RegisteredClient } from "./clients.ts";
import { type NoncePolicy, Nonces } from "./nonces.ts";
import { type Represented, representedBy } from "./organisation.ts";
import { readProof } from "./proof.ts";
import { ServiceFaults } from "./service-faults.ts";
import { UsedIds } from "./used-ids.ts";

/** How the token service behaves. */
export interface TokenServiceOptions {
  readonly clients: readonly RegisteredClient[];
  /** Seconds; HelseID's own tokens live 60 s to 600 s. Default 60. */
  readonly tokenLifetime?: number;
  /** Default `window`. */
  readonly nonces?: NoncePolicy;
  /** Milliseconds by which the service's clock is ahead of `now`. */
  readonly clockOffsetMs?: number;
  readonly now?: () => number;
}

/**
 * A token service that is as strict as HelseID: private_key_jwt with the current assertion type, single-use `jti`, DPoP
 * with nonces, tenancy, known scopes only.
 *
 * @see RFC 9449 sections 5 to 8; HelseID's requirements FK1-FK5
 */
export class TokenService {
  issuer = "";
  /** Clients and their keys. */
  readonly register: ClientRegister;
  readonly nonces: Nonces;
  readonly faults: { readonly token: ServiceFaults; readonly metadata: ServiceFaults } = {
    token: new ServiceFaults(),
    metadata: new ServiceFaults(),
  };
  /** Seconds. */
  tokenLifetime: number;
  clockOffsetMs: number;
  /** Token requests answered with a token; a client that caches well keeps this low. */
  issued = 0;
  /** Requests that came, whatever they were answered. */
  readonly asked = { token: 0, metadata: 0 };
  /** What was refused, in order: error code and description. At most the last thousand. */
  readonly refusals: Refusal[] = [];
  readonly #now: () => number;
  readonly #used: UsedIds;
  #key: { privateKey: Awaited<ReturnType<typeof generateKeyPair>>["privateKey"]; jwk: JWK } | undefined;

  constructor(options: TokenServiceOptions) {
    const now = options.now ?? Date.now;
    this.tokenLifetime = options.tokenLifetime ?? 60;
    this.clockOffsetMs = options.clockOffsetMs ?? 0;
    this.#now = () => now() + this.clockOffsetMs;
    this.#used = new UsedIds(this.#now);
    this.register = new ClientRegister(options.clients, this.#now);
    this.nonces = new Nonces(options.nonces ?? "window", this.#now);
  }

  /** The service's own time, in milliseconds since 1970-01-01 UTC. */
  now(): number {
    return this.#now();
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
    const endpoint = pathname === "/connect/token" ? "token" : "metadata";
    this.asked[endpoint]++;
    const answer = (await this.faults[endpoint].strike()) ?? (await this.#answer(request));
    return { ...answer, headers: { date: new Date(this.#now()).toUTCString(), ...answer.headers } };
  }

  async #answer(request: SandboxRequest): Promise<SandboxResponse> {
    const { pathname } = request.url;
    if (pathname === "/.well-known/openid-configuration") return { status: 200, body: this.#metadata() };
    if (pathname === "/.well-known/openid-configuration/jwks") return { status: 200, body: this.jwks };
    if (pathname !== "/connect/token") return { status: 404 };
    return this.#token(request);
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
    const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
    if (request.method !== "POST" || type !== "application/x-www-form-urlencoded")
      return this.#refuse({ error: "invalid_request" });
    // OAuth allows each parameter once; a second one is how two parsers are made to disagree.
    if (new Set(form.keys()).size !== [...form.keys()].length) return this.#refuse({ error: "invalid_request" });
    if (form.get("grant_type") !== "client_credentials") return this.#refuse({ error: "unsupported_grant_type" });
    const client = this.register.find(form.get("client_id"));
    if (client === undefined) return this.#refuse({ error: "invalid_client" });
    const assertion = await checkAssertion(form, client, {
      issuer: this.issuer,
      now: this.#now(),
      register: this.register,
      used: this.#used,
    });
    if ("error" in assertion) return this.#refuse(assertion);
    const bound = await this.#checkProof(request);
    if ("error" in bound) return this.#refuse(bound);
    const represented = representedBy(client, assertion.claims["assertion_details"]);
    if ("error" in represented) return this.#refuse(represented);

    const asked = [...new Set((form.get("scope") ?? "").split(" ").filter((s) => s !== ""))];
    const wanted = asked.length === 0 ? client.scopes : asked;
    if (wanted.some((s) => !client.scopes.includes(s))) return this.#refuse({ error: "invalid_scope" });
    const resource = form.get("resource");
    const scopes = resource === null ? wanted : wanted.filter((s) => audienceOf(s) === resource);
    if (scopes.length === 0) return this.#refuse({ error: resource === null ? "invalid_scope" : "invalid_target" });
    const rejected = scopes.filter((s) => client.termsMissing?.[represented.parent]?.includes(s));
    const granted = scopes.filter((s) => !rejected.includes(s));
    if (granted.length === 0) return this.#refuse({ error: "invalid_scope" });
    return this.#issue({ client, represented, granted, rejected, jkt: bound.jkt });
  }

  async #checkProof(request: SandboxRequest): Promise<Refusal | { readonly jkt: string | undefined }> {
    const header = request.headers["dpop"];
    if (header === undefined) return { jkt: undefined };
    const proof = await readProof(header, { method: "POST", url: `${this.issuer}/connect/token`, now: this.#now() });
    if ("error" in proof) return { error: "invalid_dpop_proof", description: proof.error };
    if (!this.#used.first(`proof:${proof.jkt}:${proof.jti}`, 300))
      return { error: "invalid_dpop_proof", description: "proof used before" };
    if (!this.nonces.accepts(proof.nonce)) return { error: "use_dpop_nonce", description: "a nonce is required" };
    return { jkt: proof.jkt };
  }

  #refuse(refusal: Refusal): SandboxResponse {
    this.refusals.push(refusal);
    if (this.refusals.length > 1_000) this.refusals.shift();
    const nonce = refusal.error === "use_dpop_nonce" ? this.nonces.next() : undefined;
    const { error, description } = refusal;
    return {
      status: 400,
      headers: { "cache-control": "no-store", ...(nonce === undefined ? {} : { "DPoP-Nonce": nonce }) },
      body: description === undefined ? { error } : { error, error_description: description },
    };
  }

  async #issue(grant: {
    readonly client: RegisteredClient;
    readonly represented: Represented;
    readonly granted: readonly string[];
    readonly rejected: readonly string[];
    readonly jkt: string | undefined;
  }): Promise<SandboxResponse> {
    const { client, represented, granted: scopes, rejected, jkt } = grant;
    const key = this.#key;
    if (key === undefined) return { status: 500 };
    const now = Math.floor(this.#now() / 1000);
    const audiences = [...new Set(scopes.map(audienceOf))];
    const { parent, child, supplier, sfmJournalId } = represented;
    const token = await new SignJWT({
      client_id: client.clientId,
      client_amr: "private_key_jwt",
      scope: [...scopes],
      "helseid://claims/client/client_tenancy": `${client.tenancy ?? "single"}-tenant`,
      ...(parent === "" ? {} : { "helseid://claims/client/claims/orgnr_parent": parent }),
      ...(child === undefined ? {} : { "helseid://claims/client/claims/orgnr_child": child }),
      ...(supplier === undefined ? {} : { "helseid://claims/client/claims/orgnr_supplier": supplier }),
      ...(sfmJournalId === undefined ? {} : { "nhn:sfm:journal_id": sfmJournalId }),
      ...(jkt === undefined ? {} : { cnf: { jkt } }),
    })
      .setProtectedHeader({ alg: "RS256", typ: "at+jwt", kid: key.jwk.kid ?? "" })
      .setIssuer(this.issuer)
      .setAudience(audiences.length === 1 ? (audiences[0] ?? "") : audiences)
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + this.tokenLifetime)
      .setJti(randomUUID())
      .sign(key.privateKey);
    this.issued++;
    const nonce = jkt === undefined ? undefined : this.nonces.next();
    return {
      status: 200,
      headers: { "cache-control": "no-store", ...(nonce === undefined ? {} : { "DPoP-Nonce": nonce }) },
      body: {
        access_token: token,
        expires_in: this.tokenLifetime,
        token_type: jkt === undefined ? "Bearer" : "DPoP",
        scope: scopes.join(" "),
        ...(rejected.length === 0 ? {} : { rejected_scope: rejected.join(" ") }),
      },
    };
  }
}

/** A scope is its API's audience, a slash and a name. */
function audienceOf(scope: string): string {
  return scope.slice(0, scope.lastIndexOf("/"));
}
