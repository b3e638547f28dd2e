import type { webcrypto } from "node:crypto";
import {
  type Clock,
  HelsekontaktError,
  limitTime,
  type Logger,
  Personal,
  retryAfterMs,
  type TimeLimit,
} from "@helsekontakt/core";
import * as oauth from "oauth4webapi";
import { assertionDetails, clientAuthentication } from "./assertion.ts";
import { boundedFetch, type SeenAnswer } from "./http.ts";
import { loadSigner, type Signer } from "./key.ts";
import { createMetadataCache } from "./metadata.ts";
import { challengeNonce } from "./nonce.ts";
import type { ClientKey, Token, TokenBinding, TokenRequest, TokenSourceOptions } from "./options.ts";
import { tokenError } from "./token-errors.ts";

const tries = 3;
const nonceRetries = 2;
/** Seconds of clock difference below which a refusal is not blamed on the clock. */
const clockTolerance = 5;
const longestPause = 20_000;

/** The parts of a token source that a grant works with. */
export interface GrantContext {
  readonly options: TokenSourceOptions;
  readonly issuer: URL;
  readonly client: oauth.Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly random: () => number;
  readonly metadata: ReturnType<typeof createMetadataCache>;
  readonly dpop: () => Promise<oauth.DPoPHandle>;
  /** Seconds by which the service's clock is ahead of ours. */
  skew: number;
  signer: Promise<Signer> | undefined;
}

/** Seconds since 1970 by the service's clock, as far as we know it. */
export function serviceTime(context: Pick<GrantContext, "clock" | "skew">): number {
  return Math.floor(context.clock.now() / 1000) + context.skew;
}

/** The client's key, loaded once; `reload` asks the provider again. */
export function currentSigner(context: GrantContext, signal: AbortSignal, reload = false): Promise<Signer> {
  if (context.signer !== undefined && !reload) return context.signer;
  const loading = giveKey(context.options.key, signal).then(loadSigner);
  context.signer = loading;
  loading.catch(() => {
    // A provider that failed is asked again next time.
    if (context.signer === loading) context.signer = undefined;
  });
  return loading;
}

/** @throws {HelsekontaktError} `auth/key-invalid`, retryable, when the provider fails: what it says may hold secrets */
async function giveKey(key: TokenSourceOptions["key"], signal: AbortSignal): Promise<ClientKey> {
  if (typeof key !== "function") return key;
  try {
    return await key({ signal });
  } catch (original) {
    throw new HelsekontaktError("auth/key-invalid", "expected the key provider to answer a key, found a fault in it", {
      retryable: true,
      original,
    });
  }
}

/** One token from the token endpoint: up to three tries on faults that pass, each with new assertions and proofs. */
export async function requestToken(context: GrantContext, request: TokenRequest, signal: AbortSignal): Promise<Token> {
  const deadline = limitTime(context.options.deadlineMs ?? 30_000, signal);
  try {
    return await grantWithin(context, request, signal, deadline);
  } finally {
    deadline.end();
  }
}

async function grantWithin(
  context: GrantContext,
  request: TokenRequest,
  signal: AbortSignal,
  deadline: TimeLimit,
): Promise<Token> {
  for (let n = 1; ; n++) {
    const seen: { last?: SeenAnswer } = {};
    try {
      return await deadline.race(oneGrant(context, request, deadline.signal, seen));
    } catch (reason) {
      if (signal.aborted) throw cancelled(signal);
      const error = tokenError(reason, seen.last, request);
      if (n >= tries || !error.retryable || deadline.timedOut) throw error;
      const after = retryAfterMs(seen.last?.retryAfter ?? null, context.clock.now());
      const pause = Math.max(after, context.random() * Math.min(5_000, 250 * 2 ** (n - 1)));
      if (pause > longestPause) throw error;
      context.logger.warn("token request failed, trying again", { try: n, code: error.code });
      try {
        await context.clock.sleep(pause, deadline.signal);
      } catch {
        throw signal.aborted ? cancelled(signal) : error;
      }
    }
  }
}

function cancelled(signal: AbortSignal): HelsekontaktError {
  return new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: signal.reason });
}

/** One grant with the answers that are no faults: nonce challenges, a clock that is off, a key or address that moved. */
async function oneGrant(
  context: GrantContext,
  request: TokenRequest,
  signal: AbortSignal,
  seen: { last?: SeenAnswer },
): Promise<Token> {
  let challenges = 0;
  let clockCorrected = false;
  let keyReloaded = false;
  let moved = false;
  let nonce: string | undefined;
  for (;;) {
    delete seen.last;
    try {
      const go = (): Promise<Token> => attempt(context, request, signal, seen);
      return await (nonce === undefined ? go() : challengeNonce.run(nonce, go));
    } catch (reason) {
      if (signal.aborted || reason instanceof HelsekontaktError || seen.last === undefined) throw reason;
      const { error, status, date, nonce: offered } = seen.last;
      // It may serve once only: another fault's repetition asks for a new one.
      nonce = undefined;
      if (error === "use_dpop_nonce" && challenges < nonceRetries) {
        challenges++;
        nonce = offered;
      } else if (
        (error === "invalid_client" || error === "invalid_dpop_proof") &&
        !clockCorrected &&
        correctClock(context, date)
      ) {
        clockCorrected = true;
      } else if (error === "invalid_client" && !keyReloaded && typeof context.options.key === "function") {
        keyReloaded = true;
        await currentSigner(context, signal, true);
      } else if ((status === 404 || status === 405) && !moved) {
        moved = true;
        context.metadata.expire();
      } else throw reason;
    }
  }
}

async function attempt(
  context: GrantContext,
  request: TokenRequest,
  signal: AbortSignal,
  seen: { last?: SeenAnswer },
): Promise<Token> {
  const limit = limitTime(context.options.timeoutMs ?? 10_000, signal);
  try {
    return await limit.race(attemptWithin(context, request, limit.signal, seen));
  } finally {
    limit.end();
  }
}

async function attemptWithin(
  context: GrantContext,
  request: TokenRequest,
  limited: AbortSignal,
  seen: { last?: SeenAnswer },
): Promise<Token> {
  const { client, options } = context;
  const binding = request.binding ?? options.binding ?? "dpop";
  const signer = await currentSigner(context, limited);
  const server = await context.metadata.get(boundedFetch(context.fetch, () => undefined));
  const parameters = new URLSearchParams();
  if (request.scopes.length > 0) parameters.set("scope", [...new Set(request.scopes)].join(" "));
  if (request.resource !== undefined) parameters.set("resource", request.resource);
  const sentAt = context.clock.now();
  const response = await oauth.clientCredentialsGrantRequest(
    server,
    client,
    clientAuthentication({
      signer,
      details: assertionDetails(request),
      seconds: options.assertionSeconds ?? 30,
      now: () => serviceTime(context),
      signal: limited,
    }),
    parameters,
    {
      signal: limited,
      [oauth.customFetch]: boundedFetch(context.fetch, (answer) => {
        seen.last = answer;
      }) as never,
      [oauth.allowInsecureRequests]: options.allowInsecureLoopback === true,
      ...(binding === "dpop" ? { DPoP: await context.dpop() } : {}),
    },
  );
  const answer = await oauth.processClientCredentialsResponse(server, client, response);
  return toToken(answer, request, binding, sentAt);
}

function toToken(
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

/** Takes the time of the answer's `Date` header when it differs enough to explain the refusal. */
function correctClock(context: GrantContext, date: string | null): boolean {
  const server = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(server)) return false;
  const skew = Math.round((server - context.clock.now()) / 1000);
  if (Math.abs(skew - context.skew) <= clockTolerance) return false;
  context.skew = skew;
  context.logger.warn("the token service's clock differs from this machine's, using its time", { seconds: skew });
  return true;
}

/** The default key pair for proofs: ES256, in memory, its private half not extractable. */
export function createDpopKey(): Promise<webcrypto.CryptoKeyPair> {
  return oauth.generateKeyPair("ES256") as Promise<webcrypto.CryptoKeyPair>;
}
