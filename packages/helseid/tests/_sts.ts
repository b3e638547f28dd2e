import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  calculateJwkThumbprint,
  decodeProtectedHeader,
  EmbeddedJWK,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from "jose";

/** One scripted answer: it is given instead of the service's own. */
export interface Scripted {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Drop the connection instead. */
  readonly drop?: boolean;
  /** Never answer. */
  readonly hang?: boolean;
}

export interface StsRules {
  /** Nonces of the token endpoint: none, one for all, a new one per request, or never satisfied. */
  nonce: "none" | "window" | "single-use" | "endless";
  apiNonce: boolean;
  lifetime: number | undefined;
  tokenType: string;
  /** Grants this instead of what was asked for. */
  scope: string | undefined;
  rejectedScope: string | readonly string[] | undefined;
  /** Seconds by which the service's clock is ahead. */
  clockAhead: number;
  /** Members merged into the token response. */
  extra: Record<string, unknown>;
  /** Members merged into the metadata. */
  metadata: Record<string, unknown>;
  tokenScript: Scripted[];
  metadataScript: Scripted[];
  apiScript: Scripted[];
}

export interface TokenCall {
  readonly header: Record<string, unknown>;
  readonly claims: JWTPayload;
  readonly proof: { header: Record<string, unknown>; claims: JWTPayload } | undefined;
  readonly form: URLSearchParams;
}

export interface ApiCall {
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  readonly proof: JWTPayload | undefined;
  readonly body: string;
  readonly tokenClaims: JWTPayload;
}

export interface Sts {
  readonly issuer: string;
  readonly api: string;
  readonly rules: StsRules;
  readonly tokenCalls: TokenCall[];
  readonly apiCalls: ApiCall[];
  readonly count: { metadata: number; token: number; api: number };
  /** Every secret that went over the wire: tokens, assertions, proofs. */
  readonly secrets: Set<string>;
  register(clientId: string, jwk: JWK): void;
  revokeAll(): void;
  close(): Promise<void>;
}

class Refusal extends Error {
  readonly code: string;
  constructor(code: string, why: string) {
    super(why);
    this.code = code;
  }
}

/** One RSA key for all services of a process: making it takes longer than most tests. Tokens name their issuer. */
let signingKey: ReturnType<typeof generateKeyPair> | undefined;

/** HelseID's token endpoint and a DPoP API over loopback HTTP, as strict as the reference says they are. */
export async function startSts(path = ""): Promise<Sts> {
  signingKey ??= generateKeyPair("RS256");
  const signing = await signingKey;
  const clients = new Map<string, JWK>();
  const usedIds = new Set<string>();
  const singleUse = new Set<string>();
  const revoked = { before: 0, serial: 0 };
  const rules: StsRules = {
    nonce: "window",
    apiNonce: false,
    lifetime: 60,
    tokenType: "DPoP",
    scope: undefined,
    rejectedScope: undefined,
    clockAhead: 0,
    extra: {},
    metadata: {},
    tokenScript: [],
    metadataScript: [],
    apiScript: [],
  };
  const tokenCalls: TokenCall[] = [];
  const apiCalls: ApiCall[] = [];
  const count = { metadata: 0, token: 0, api: 0 };
  const secrets = new Set<string>();
  let issuer = "";
  let origin = "";
  const now = (): number => Math.floor(Date.now() / 1000) + rules.clockAhead;
  const at = (): { currentDate: Date; clockTolerance: number } => ({
    currentDate: new Date(now() * 1000),
    clockTolerance: 5,
  });

  async function checkProof(request: IncomingMessage, htm: string, htu: string, token?: string) {
    const raw = request.headers["dpop"];
    if (raw === undefined) return undefined;
    if (Array.isArray(raw) || raw.includes(",")) throw new Refusal("invalid_dpop_proof", "several proofs");
    secrets.add(raw);
    const header = decodeProtectedHeader(raw);
    if (header.jwk !== undefined && "d" in header.jwk) throw new Refusal("invalid_dpop_proof", "private key");
    let claims: JWTPayload;
    try {
      claims = (
        await jwtVerify(raw, EmbeddedJWK, {
          typ: "dpop+jwt",
          algorithms: ["ES256", "ES384", "ES512", "PS256", "RS256"],
          requiredClaims: ["jti", "iat", "htm", "htu"],
          ...at(),
        })
      ).payload;
    } catch {
      throw new Refusal("invalid_dpop_proof", "signature or claims");
    }
    if (claims["htm"] !== htm || claims["htu"] !== htu) throw new Refusal("invalid_dpop_proof", "htm or htu");
    if (Math.abs((claims.iat as number) - now()) > 10) throw new Refusal("invalid_dpop_proof", "iat");
    if (usedIds.has(claims.jti as string)) throw new Refusal("invalid_dpop_proof", "replay");
    usedIds.add(claims.jti as string);
    if (token !== undefined && claims["ath"] !== createHash("sha256").update(token).digest("base64url"))
      throw new Refusal("invalid_dpop_proof", "ath");
    return { header: header as Record<string, unknown>, claims, jkt: await calculateJwkThumbprint(header.jwk as JWK) };
  }

  function nonceHeader(response: ServerResponse): void {
    if (rules.nonce === "none") return;
    const nonce = rules.nonce === "window" ? "window-nonce" : randomUUID();
    singleUse.add(nonce);
    response.setHeader("DPoP-Nonce", nonce);
  }

  function nonceAccepted(nonce: unknown): boolean {
    if (rules.nonce === "none") return true;
    if (rules.nonce === "endless") return false;
    if (rules.nonce === "window") return nonce === "window-nonce";
    return typeof nonce === "string" && singleUse.delete(nonce);
  }

  async function token(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
    const form = new URLSearchParams(body);
    const assertion = form.get("client_assertion") ?? "";
    secrets.add(assertion);
    if (request.method !== "POST" || form.get("grant_type") !== "client_credentials")
      throw new Refusal("invalid_request", "grant");
    if (form.get("client_assertion_type") !== "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
      throw new Refusal("invalid_client", "assertion type");
    const clientId = form.get("client_id") ?? "";
    const jwk = clients.get(clientId);
    let header: Record<string, unknown>;
    let claims: JWTPayload;
    try {
      header = decodeProtectedHeader(assertion) as Record<string, unknown>;
      if (jwk === undefined || header["kid"] !== jwk.kid || header["alg"] !== jwk.alg) throw new Error("key");
      claims = (
        await jwtVerify(assertion, jwk, {
          typ: "client-authentication+jwt",
          issuer: clientId,
          subject: clientId,
          requiredClaims: ["exp", "iat", "nbf", "jti"],
          ...at(),
        })
      ).payload;
      if (claims.aud !== issuer) throw new Error("aud");
      if ((claims.exp as number) > now() + 65 || (claims.exp as number) - (claims.iat as number) > 60)
        throw new Error("exp");
      if (usedIds.has(claims.jti as string)) throw new Error("jti");
      usedIds.add(claims.jti as string);
    } catch (error) {
      throw new Refusal("invalid_client", (error as Error).message);
    }
    const proof = await checkProof(request, "POST", `${issuer}/connect/token`);
    tokenCalls.push({ header, claims, proof, form });
    nonceHeader(response);
    if (proof !== undefined && !nonceAccepted(proof.claims["nonce"])) throw new Refusal("use_dpop_nonce", "nonce");
    const detail = claims["assertion_details"] as
      | { practitioner_role?: { organization?: { identifier?: { value?: string } } } }
      | undefined;
    const value = await new SignJWT({
      client_id: clientId,
      scope: (form.get("scope") ?? "").split(" "),
      serial: ++revoked.serial,
      orgnr: detail?.practitioner_role?.organization?.identifier?.value ?? "",
      ...(proof === undefined ? {} : { cnf: { jkt: proof.jkt } }),
    })
      .setProtectedHeader({ alg: "RS256", typ: "at+jwt" })
      .setIssuer(issuer)
      .setJti(randomUUID())
      .setExpirationTime(Math.floor(Date.now() / 1000) + 3600)
      .sign(signing.privateKey);
    secrets.add(value);
    json(response, 200, {
      access_token: value,
      token_type: proof === undefined && rules.tokenType === "DPoP" ? "Bearer" : rules.tokenType,
      scope: rules.scope ?? form.get("scope"),
      ...(rules.lifetime === undefined ? {} : { expires_in: rules.lifetime }),
      ...(rules.rejectedScope === undefined ? {} : { rejected_scope: rules.rejectedScope }),
      ...rules.extra,
    });
  }

  async function api(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
    const [scheme = "", value = ""] = (request.headers.authorization ?? "").split(" ");
    const url = new URL(request.url ?? "/", origin);
    const unauthorized = (error: string): void => {
      response.setHeader("WWW-Authenticate", `${scheme === "Bearer" ? "Bearer" : "DPoP"} error="${error}"`);
      json(response, 401, { Code: "EHSEC-110002", Message: "Token is expired or invalid" });
    };
    let claims: JWTPayload;
    try {
      claims = (await jwtVerify(value, signing.publicKey, { issuer, typ: "at+jwt" })).payload;
    } catch {
      return unauthorized("invalid_token");
    }
    if ((claims["serial"] as number) <= revoked.before) return unauthorized("invalid_token");
    let proof: Awaited<ReturnType<typeof checkProof>>;
    try {
      proof = await checkProof(request, request.method ?? "", `${origin}${url.pathname}`, value);
      const bound = (claims["cnf"] as { jkt?: string } | undefined)?.jkt;
      if (scheme === "DPoP" && (proof === undefined || proof.jkt !== bound))
        throw new Refusal("invalid_dpop_proof", "binding");
      if (scheme === "Bearer" && proof !== undefined) throw new Refusal("invalid_request", "proof with bearer");
    } catch (error) {
      return unauthorized((error as Refusal).code);
    }
    if (rules.apiNonce && scheme === "DPoP" && proof?.claims["nonce"] !== "api-nonce") {
      response.setHeader("DPoP-Nonce", "api-nonce");
      return unauthorized("use_dpop_nonce");
    }
    apiCalls.push({
      method: request.method ?? "",
      path: request.url ?? "",
      scheme,
      proof: proof?.claims,
      body,
      tokenClaims: claims,
    });
    json(response, 200, { ok: true, orgnr: claims["orgnr"] });
  }

  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (c: Buffer) => chunks.push(c));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const url = request.url ?? "";
      const kind = url.startsWith(`${path}/.well-known`)
        ? "metadata"
        : url.startsWith(`${path}/connect/token`)
          ? "token"
          : "api";
      count[kind]++;
      response.setHeader("Date", new Date(now() * 1000).toUTCString());
      const scripted = rules[`${kind}Script`].shift();
      if (scripted !== undefined) {
        const assertion = new URLSearchParams(body).get("client_assertion");
        if (assertion !== null) secrets.add(assertion);
        if (scripted.hang) return;
        if (scripted.drop) return void request.socket.destroy();
        response.writeHead(scripted.status, { "content-type": "application/json", ...scripted.headers });
        return void response.end(scripted.body ?? "");
      }
      void (async () => {
        try {
          if (kind === "metadata")
            return json(response, 200, {
              issuer,
              token_endpoint: `${issuer}/connect/token`,
              jwks_uri: `${issuer}/.well-known/openid-configuration/jwks`,
              token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
              ...rules.metadata,
            });
          await (kind === "token" ? token(request, response, body) : api(request, response, body));
        } catch (error) {
          const code = error instanceof Refusal ? error.code : "server_error";
          json(response, error instanceof Refusal ? 400 : 500, { error: code, error_description: `refused ${body}` });
        }
      })();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  issuer = `${origin}${path}`;
  return {
    issuer,
    api: `${origin}/api`,
    rules,
    tokenCalls,
    apiCalls,
    count,
    secrets,
    register(clientId, jwk) {
      const { kty, n, e, crv, x, y, kid, alg } = jwk as JWK & Record<string, string>;
      clients.set(
        clientId,
        Object.fromEntries(
          Object.entries({ kty, n, e, crv, x, y, kid, alg }).filter(([, v]) => v !== undefined),
        ) as unknown as JWK,
      );
    },
    revokeAll() {
      revoked.before = revoked.serial;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** A private JWK with its key id and algorithm, as NHN's generator writes them. */
export async function makeKey(alg: string, kid = "key-1"): Promise<JWK & { kid: string; alg: string }> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg };
}

/** A clock that stands still until told to move; sleeping moves it. */
export function manualClock(start = Date.now()): {
  now(): number;
  sleep(ms: number): Promise<void>;
  move(ms: number): void;
  slept: number[];
} {
  let at = start;
  const slept: number[] = [];
  return {
    now: () => at,
    async sleep(ms) {
      slept.push(ms);
      at += ms;
    },
    move(ms) {
      at += ms;
    },
    slept,
  };
}
