import type { webcrypto } from "node:crypto";
import { HelsekontaktError, silentLogger, systemClock, throwIfAborted } from "@helsekontakt/core";
import * as oauth from "oauth4webapi";
import { assertionDetails } from "./assertion.ts";
import { checkAddress, isAllowed } from "./http.ts";
import { createMetadataCache } from "./metadata.ts";
import { challengeNonce } from "./nonce.ts";
import type { OutgoingRequest, Token, TokenRequest, TokenScheme, TokenSource, TokenSourceOptions } from "./options.ts";
import { createTokenCache } from "./token-cache.ts";
import { createDpopKey, currentSigner, type GrantContext, requestToken, serviceTime } from "./token-request.ts";

/**
 * Builds a token source for one client at one issuer.
 *
 * It discovers the endpoints, signs client assertions, binds tokens to an in-memory key, answers nonce challenges,
 * caches, renews in the background, and lets callers share requests. Nothing is sent before the first token is asked for.
 *
 * @throws {HelsekontaktError} `config/invalid`
 * @see RFC 6749 section 4.4, RFC 7523, RFC 9449
 */
export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const loopback = options.allowInsecureLoopback === true;
  const issuer = checkAddress(options.issuer, "issuer", loopback);
  checkSettings(options);
  const clock = options.clock ?? systemClock;
  const logger = options.logger ?? silentLogger;
  const inner = options.fetch ?? ((request: Request) => globalThis.fetch(request));
  let handle: Promise<{ dpop: oauth.DPoPHandle; thumbprint: string }> | undefined;
  const client: oauth.Client = { client_id: options.clientId };
  const context: GrantContext = {
    options,
    issuer,
    client,
    clock,
    logger,
    fetch: inner,
    random: options.random ?? Math.random,
    metadata: createMetadataCache({
      issuer,
      clock,
      logger,
      allowInsecureLoopback: loopback,
      timeoutMs: options.timeoutMs ?? 10_000,
    }),
    dpop: async () => (await binding()).dpop,
    skew: 0,
    signer: undefined,
  };
  const binding = (): Promise<{ dpop: oauth.DPoPHandle; thumbprint: string }> => {
    handle ??= createHandle(options.dpopKey, client, () => serviceTime(context));
    return handle;
  };
  const cache = createTokenCache({ clock, logger, maxEntries: options.maxCachedTokens ?? 1000 });
  const defaultBinding = options.binding ?? "dpop";
  let known: { readonly signer: GrantContext["signer"]; readonly kid: string } | undefined;
  let thumbprint: string | undefined;

  return {
    binding: defaultBinding,
    async getToken(request) {
      const full: TokenRequest = {
        ...request,
        binding: request.binding ?? defaultBinding,
        ...(request.organisation === undefined && options.organisation !== undefined
          ? { organisation: options.organisation }
          : {}),
      };
      checkScopes(full.scopes);
      throwIfAborted(request.signal);
      // A cached token costs microseconds; waiting for what is long known would double that.
      if (known === undefined || known.signer !== context.signer) {
        // The key is everyone's: one caller's abort must not fail its loading.
        const { kid } = await currentSigner(context, neverAborted);
        known = { signer: context.signer, kid };
      }
      if (full.binding === "dpop") thumbprint ??= (await binding()).thumbprint;
      const key = cacheKey(options, known.kid, full.binding === "dpop" ? (thumbprint ?? "") : "", full);
      return cache.get(key, (signal) => requestToken(context, full, signal), request.signal);
    },
    forget(token) {
      cache.forget(token);
    },
    async send(request, token, scheme) {
      checkScheme(token, scheme);
      if (!isAllowed(request.url, loopback))
        throw new HelsekontaktError("config/invalid", "expected an API address with https, found another protocol");
      return send(inner, request, token, loopback, scheme === "dpop" ? (await binding()).dpop : undefined);
    },
  };
}

const neverAborted = new AbortController().signal;

/**
 * Everything that tells one token from another, without ambiguity: a JSON list, scopes sorted and unique.
 *
 * @throws {HelsekontaktError} `input/invalid` for a malformed organisation number
 */
export function cacheKey(
  options: Pick<TokenSourceOptions, "issuer" | "clientId">,
  kid: string,
  thumbprint: string,
  request: TokenRequest,
): string {
  return JSON.stringify([
    options.issuer,
    options.clientId,
    kid,
    thumbprint,
    request.binding ?? "dpop",
    [...new Set(request.scopes)].sort(),
    request.resource ?? null,
    request.acceptNarrowerScope === true,
    assertionDetails(request) ?? null,
  ]);
}

async function createHandle(
  pair: webcrypto.CryptoKeyPair | undefined,
  client: oauth.Client,
  now: () => number,
): Promise<{ dpop: oauth.DPoPHandle; thumbprint: string }> {
  try {
    const dpop = oauth.DPoP(client, (pair ?? (await createDpopKey())) as oauth.CryptoKeyPair, {
      [oauth.modifyAssertion]: (_header, payload) => {
        payload["iat"] = now();
        const nonce = challengeNonce.getStore();
        if (nonce !== undefined) payload["nonce"] = nonce;
      },
    });
    return { dpop, thumbprint: await dpop.calculateThumbprint() };
  } catch {
    throw new HelsekontaktError(
      "auth/key-invalid",
      "expected a key pair for DPoP with an extractable public key, found another",
    );
  }
}

/** One request on the wire. oauth4webapi makes header and proof and remembers the nonce; the answer is ours to judge. */
async function send(
  inner: (request: Request) => Promise<Response>,
  request: OutgoingRequest,
  token: Token,
  loopback: boolean,
  dpop: oauth.DPoPHandle | undefined,
): Promise<Response> {
  const headers = new Headers(request.headers);
  for (const name of ["authorization", "dpop"]) headers.delete(name);
  if (!headers.has("user-agent")) headers.set("user-agent", "helsekontakt");
  let answer: Response | undefined;
  try {
    await oauth.protectedResourceRequest(
      token.accessToken.reveal(),
      request.method,
      request.url,
      headers,
      request.body,
      {
        ...(dpop === undefined ? {} : { DPoP: dpop }),
        [oauth.allowInsecureRequests]: loopback,
        [oauth.customFetch]: async (url: string, init: { headers: Record<string, string> }) => {
          answer = await inner(
            new Request(url, {
              // As the proof says it: fetch leaves "patch" as it is, and then the two would differ.
              method: request.method.toUpperCase(),
              headers: init.headers,
              redirect: "manual",
              ...(request.body === undefined ? {} : { body: request.body }),
              ...(request.signal === undefined ? {} : { signal: request.signal }),
            }),
          );
          return answer;
        },
      } as oauth.ProtectedResourceRequestOptions,
    );
  } catch (reason) {
    // A challenge in WWW-Authenticate is thrown by the library, with the answer in it.
    if (answer === undefined) throw sendError(reason, request.signal);
  }
  return answer as Response;
}

function sendError(reason: unknown, signal: AbortSignal | undefined): HelsekontaktError {
  if (reason instanceof HelsekontaktError) return reason;
  const name = typeof reason === "object" && reason !== null ? (reason as { name?: unknown }).name : undefined;
  if (name === "TimeoutError" || (signal?.reason as { name?: unknown } | undefined)?.name === "TimeoutError")
    return new HelsekontaktError("rest/timeout", "expected an answer within the time limit, found none");
  if (signal?.aborted)
    return new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal.reason });
  return new HelsekontaktError("rest/network", "expected an answer, found a failed connection");
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

function checkScopes(scopes: readonly string[]): void {
  // The alphabet of RFC 6749 appendix A.4: nothing that could break out of the parameter.
  if (scopes.every((s) => typeof s === "string" && /^[\x21\x23-\x5B\x5D-\x7E]+$/.test(s))) return;
  throw new HelsekontaktError("input/invalid", "expected scopes of visible ASCII characters, found another text");
}

function checkSettings(options: TokenSourceOptions): void {
  if (typeof options.clientId !== "string" || options.clientId === "") throw settingFault("clientId", "a text");
  const seconds = options.assertionSeconds ?? 30;
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 60) throw settingFault("assertionSeconds", "from 1 to 60");
  for (const name of ["timeoutMs", "deadlineMs", "maxCachedTokens"] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value > 0))
      throw settingFault(name, "a whole number above 0");
  }
}

function settingFault(setting: string, expected: string): HelsekontaktError {
  return new HelsekontaktError("config/invalid", `expected "${setting}" to be ${expected}, found another value`, {
    context: { setting },
  });
}
