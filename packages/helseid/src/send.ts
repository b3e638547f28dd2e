import { HelsekontaktError } from "@helsekontakt/core";
import * as oauth from "oauth4webapi";
import { isAllowed } from "./address.ts";
import type { FetchLike, OutgoingRequest, Token, TokenScheme } from "./options.ts";

/**
 * The headers that carry a token to an API. The base library makes them; nothing is sent here.
 *
 * @throws {HelsekontaktError} `auth/token-not-bound`, `config/invalid`
 */
export async function signRequest(
  request: { readonly method: string; readonly url: URL },
  token: Token,
  scheme: TokenScheme,
  loopback: boolean,
  dpop?: oauth.DPoPHandle,
): Promise<Record<string, string>> {
  checkScheme(token, scheme);
  checkTarget(request.url, loopback);
  let headers: Record<string, string> = {};
  try {
    await oauth.protectedResourceRequest(token.accessToken.reveal(), request.method, request.url, undefined, null, {
      ...(dpop === undefined ? {} : { DPoP: dpop }),
      [oauth.allowInsecureRequests]: loopback,
      [oauth.customFetch]: async (_url, init) => {
        headers = init.headers;
        return new Response(null);
      },
    });
  } catch {
    throw new HelsekontaktError("auth/key-invalid", "expected a key that signs a proof, found a fault in it");
  }
  const { authorization = "", dpop: proof } = headers;
  return { authorization, ...(proof === undefined ? {} : { dpop: proof }) };
}

/** One request on the wire, with nothing but the credentials given. Redirects are answers. */
export async function sendSigned(
  inner: FetchLike,
  request: OutgoingRequest,
  credentials: Readonly<Record<string, string>>,
  loopback: boolean,
): Promise<Response> {
  checkTarget(request.url, loopback);
  const headers = new Headers(request.headers);
  for (const name of ["authorization", "dpop"]) headers.delete(name);
  if (!headers.has("user-agent")) headers.set("user-agent", "helsekontakt");
  for (const [name, value] of Object.entries(credentials)) headers.set(name, value);
  try {
    return await inner(
      new Request(request.url, {
        // As the proof says it: fetch leaves "patch" as it is, and then the two would differ.
        method: request.method.toUpperCase(),
        headers,
        redirect: "manual",
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      }),
    );
  } catch (reason) {
    throw await sendError(reason, request.signal);
  }
}

async function sendError(reason: unknown, signal: AbortSignal | undefined): Promise<HelsekontaktError> {
  if (reason instanceof HelsekontaktError) return reason;
  const name = typeof reason === "object" && reason !== null ? (reason as { name?: unknown }).name : undefined;
  if (name === "TimeoutError" || (signal?.reason as { name?: unknown } | undefined)?.name === "TimeoutError")
    return new HelsekontaktError("rest/timeout", "expected an answer within the time limit, found none");
  if (signal?.aborted)
    return new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal.reason });
  const { connectionFault } = await import("./connection-fault.ts");
  return new HelsekontaktError(
    "rest/network",
    "expected an answer, found a failed connection",
    connectionFault(reason),
  );
}

function checkTarget(url: URL, loopback: boolean): void {
  if (isAllowed(url, loopback)) return;
  throw new HelsekontaktError("config/invalid", "expected an API address with https, found another protocol");
}

function checkScheme(token: Token, scheme: TokenScheme): void {
  if (scheme === "bearer" ? token.tokenType === "Bearer" : token.tokenType === "DPoP") return;
  throw new HelsekontaktError(
    "auth/token-not-bound",
    scheme === "bearer"
      ? "expected a bearer token, found a bound one, which is not sent as bearer unless asked for"
      : "expected a bound token, found a bearer token",
  );
}
