import { createHash, randomUUID } from "node:crypto";
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from "jose";
import type { Sandbox } from "../src/index.ts";

type Key = Awaited<ReturnType<typeof generateKeyPair>>;

/** An answer of one of the sandbox's HTTP endpoints. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A bare client: every part of a request can be made wrong. */
export class BareClient {
  readonly sandbox: Sandbox;
  readonly #dpop: Key;
  readonly publicJwk: JWK;
  nonce: string | undefined;

  private constructor(sandbox: Sandbox, dpop: Key, publicJwk: JWK) {
    this.sandbox = sandbox;
    this.#dpop = dpop;
    this.publicJwk = publicJwk;
  }

  static async create(sandbox: Sandbox): Promise<BareClient> {
    const pair = await generateKeyPair("ES256", { extractable: true });
    return new BareClient(sandbox, pair, await exportJWK(pair.publicKey));
  }

  async assertion(claims: JWTPayload = {}, header: Record<string, unknown> = {}): Promise<string> {
    const { client, helseid } = this.sandbox;
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({
      iss: client.clientId,
      sub: client.clientId,
      aud: helseid.issuer,
      iat: now,
      nbf: now,
      exp: now + 10,
      jti: randomUUID(),
      ...claims,
    })
      .setProtectedHeader({
        alg: "ES256",
        typ: "client-authentication+jwt",
        kid: client.jwk.kid ?? "",
        ...header,
      })
      .sign(await importJWK(client.jwk, "ES256"));
  }

  async proof(
    claims: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
    key = this.#dpop.privateKey,
  ): Promise<string> {
    return new SignJWT({
      jti: randomUUID(),
      htm: "POST",
      htu: `${this.sandbox.helseid.issuer}/connect/token`,
      iat: Math.floor(Date.now() / 1000),
      ...(this.nonce === undefined ? {} : { nonce: this.nonce }),
      ...claims,
    })
      .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk: this.publicJwk, ...header } as never)
      .sign(key);
  }

  async token(
    options: {
      readonly form?: Record<string, string>;
      readonly assertion?: string;
      readonly dpop?: string | false;
    } = {},
  ): Promise<Answer> {
    const { client, helseid } = this.sandbox;
    const dpop = options.dpop ?? (await this.proof());
    return read(
      await fetch(`${helseid.issuer}/connect/token`, {
        method: "POST",
        ...(dpop === false ? {} : { headers: { dpop } }),
        body: new URLSearchParams({
          grant_type: "client_credentials",
          client_id: client.clientId,
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
          client_assertion: options.assertion ?? (await this.assertion()),
          scope: "nhn:helsenorge.eksternapi/helsenorgeaktivsjekken",
          ...options.form,
        }),
      }),
    );
  }

  /** Takes the nonce that a first request is answered with. */
  async challenge(): Promise<void> {
    const answer = await this.token();
    this.nonce = answer.headers.get("dpop-nonce") ?? undefined;
  }

  /** A DPoP-bound token. */
  async accessToken(scope = "nhn:helsenorge.eksternapi/helsenorgeaktivsjekken"): Promise<string> {
    if (this.nonce === undefined) await this.challenge();
    return String((await this.token({ form: { scope } })).body["access_token"]);
  }

  async check(
    token: string,
    options: { readonly scheme?: string; readonly proof?: string | false; readonly path?: string } = {},
  ): Promise<Answer> {
    const path = options.path ?? "/digitaltaktiv/helsenorgeaktivsjekken/v1";
    const dpop = options.proof ?? (await this.apiProof(token, {}, path));
    return read(
      await fetch(`${this.sandbox.rest.baseUrl}${path}`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          authorization: `${options.scheme ?? "DPoP"} ${token}`,
          ...(dpop === false ? {} : { dpop }),
        },
        body: JSON.stringify({ fnrListe: ["01818010083"], omraade: "Helsehjelp" }),
      }),
    );
  }

  apiProof(
    token: string,
    claims: Record<string, unknown> = {},
    path = "/digitaltaktiv/helsenorgeaktivsjekken/v1",
    header: Record<string, unknown> = {},
  ): Promise<string> {
    return this.proof(
      {
        htu: `${this.sandbox.rest.baseUrl}${path}`,
        ath: createHash("sha256").update(token).digest("base64url"),
        nonce: undefined,
        ...claims,
      },
      header,
    );
  }
}

async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  let body: Record<string, unknown> = {};
  try {
    body = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // Not every answer has a body.
  }
  return { status: response.status, headers: response.headers, body };
}
