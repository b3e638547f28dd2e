import { validateBody } from "@helsekontakt/validators/openapi";
import { bodies } from "@helsekontakt/validators/openapi/selvbetjening";
import { calculateJwkThumbprint, decodeJwt, type JWK } from "jose";
import type { SandboxRequest, SandboxResponse } from "../http/server.ts";
import type { ClientRegister } from "./clients.ts";

export const selfServicePath = "/v1/client-secret";
export const selfServiceScope = "nhn:selvbetjening/client";

/** How the self service behaves. */
export interface SelfServiceBehaviour {
  /** Milliseconds for which a key is taken that is registered here. Default one year; HelseID's own span is not known. */
  keyLifeMs: number;
  /** The next registrations are done, but their answers are lost: the connection breaks. */
  loseAnswers: number;
}

/**
 * HelseID's self service for keys of the calling client: list them, register one more. Keys overlap until they expire.
 *
 * The caller has checked the token already; whose client it is, the token says.
 */
export async function answerSelfService(
  request: SandboxRequest,
  register: ClientRegister,
  behaviour: SelfServiceBehaviour,
  now: number,
): Promise<SandboxResponse> {
  if (request.url.pathname !== selfServicePath) return problem(404, "Not Found");
  const token = (request.headers["authorization"] ?? "").split(" ")[1] ?? "";
  const clientId = String(decodeJwt(token)["client_id"]);
  if (request.method === "GET") return { status: 200, body: await list(register, clientId) };
  if (request.method !== "POST") return problem(405, "Method Not Allowed");
  const key = readKey(request);
  if (typeof key === "string") return problem(400, key);
  const expiresAt = now + behaviour.keyLifeMs;
  if (!register.addKey(clientId, { jwk: key, expiresAt, origin: "Api" })) return problem(400, "The key is registered");
  if (behaviour.loseAnswers > 0) {
    behaviour.loseAnswers--;
    return { status: 500, drop: true };
  }
  return { status: 200, body: { expiration: new Date(expiresAt).toISOString() } };
}

async function list(register: ClientRegister, clientId: string): Promise<readonly object[]> {
  return Promise.all(
    register.keys(clientId).map(async ({ jwk, expiresAt, origin }) => ({
      expiration: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
      kid: jwk.kid,
      jwkThumbprint: await calculateJwkThumbprint(jwk),
      origin,
      publicJwk: null,
    })),
  );
}

function readKey(request: SandboxRequest): JWK | string {
  if (!(request.headers["content-type"] ?? "").startsWith("application/json")) return "JSON expected";
  let value: unknown;
  try {
    value = JSON.parse(request.body.toString("utf8"));
  } catch {
    return "JSON expected";
  }
  const checked = validateBody(bodies, { operationId: "registerClientSecret" }, value);
  if (checked === undefined || !checked.valid) return "A public JWK expected";
  const jwk = value as JWK;
  if (jwk.kty === "RSA" && Buffer.from(jwk.n ?? "", "base64url").length < 256)
    return "RSA of 2048 bits or more expected";
  if (jwk.kty === "EC" && (jwk.crv === undefined || jwk.x === undefined || jwk.y === undefined))
    return "An EC key expected";
  return jwk;
}

function problem(status: number, title: string): SandboxResponse {
  return {
    status,
    headers: { "content-type": "application/problem+json" },
    body: JSON.stringify({ type: "about:blank", title, status }),
  };
}
