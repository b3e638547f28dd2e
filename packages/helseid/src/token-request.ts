import { type Clock, HelsekontaktError, limitTime, type Logger } from "@helsekontakt/core";
import * as oauth from "oauth4webapi";
import { assertionDetails, clientAuthentication } from "./assertion.ts";
import { boundedFetch, type SeenAnswer } from "./http.ts";
import { loadSigner, type Signer } from "./key.ts";
import { createMetadataCache } from "./metadata.ts";
import type { ClientKey, Token, TokenRequest, TokenSourceOptions } from "./options.ts";
import type { Proofs } from "./proofs.ts";
import { serviceTime } from "./service-time.ts";
import { toToken } from "./token-answer.ts";
import { withTries } from "./tries.ts";

const nonceRetries = 2;
/** Seconds of clock difference below which a refusal is not blamed on the clock. */
const clockTolerance = 5;

/** The parts of a token source that a grant works with. */
export interface GrantContext {
  readonly options: TokenSourceOptions;
  readonly issuer: URL;
  readonly client: oauth.Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly random: () => number;
  /** Made with the first grant. */
  metadata: ReturnType<typeof createMetadataCache> | undefined;
  readonly proofs: () => Promise<Proofs>;
  /** Seconds by which the service's clock is ahead of ours. */
  skew: number;
  signer: Promise<Signer> | undefined;
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
    if (original instanceof HelsekontaktError && original.code === "auth/key-invalid") throw original;
    throw new HelsekontaktError("auth/key-invalid", "expected the key provider to answer a key, found a fault in it", {
      retryable: true,
      original,
    });
  }
}

function metadataOf(context: GrantContext): ReturnType<typeof createMetadataCache> {
  const { issuer, clock, logger, options } = context;
  context.metadata ??= createMetadataCache({
    issuer,
    clock,
    logger,
    allowInsecureLoopback: options.allowInsecureLoopback === true,
    timeoutMs: options.timeoutMs ?? 10_000,
  });
  return context.metadata;
}

/** One token from the token endpoint, each try with new assertions and proofs. */
export function requestToken(context: GrantContext, request: TokenRequest, signal: AbortSignal): Promise<Token> {
  const { clock, logger, random, options } = context;
  const settings = { clock, logger, random, deadlineMs: options.deadlineMs ?? 30_000 };
  return withTries(settings, request, signal, (limited, seen) => oneGrant(context, request, limited, seen));
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
      return await attempt(context, request, signal, seen, nonce);
    } catch (reason) {
      if (signal.aborted || reason instanceof HelsekontaktError || seen.last === undefined) throw reason;
      const { error, status, date, nonce: offered } = seen.last;
      // It may serve once only: another fault's repetition asks for a new one.
      nonce = undefined;
      if (error === "use_dpop_nonce" && offered !== undefined && challenges < nonceRetries) {
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
        metadataOf(context).expire();
      } else throw reason;
    }
  }
}

async function attempt(
  context: GrantContext,
  request: TokenRequest,
  signal: AbortSignal,
  seen: { last?: SeenAnswer },
  nonce: string | undefined,
): Promise<Token> {
  const limit = limitTime(context.options.timeoutMs ?? 10_000, signal);
  try {
    return await limit.race(attemptWithin(context, request, limit.signal, seen, nonce));
  } finally {
    limit.end();
  }
}

async function attemptWithin(
  context: GrantContext,
  request: TokenRequest,
  limited: AbortSignal,
  seen: { last?: SeenAnswer },
  nonce: string | undefined,
): Promise<Token> {
  const { client, options } = context;
  const binding = request.binding ?? options.binding ?? "dpop";
  const signer = await currentSigner(context, limited);
  const server = await metadataOf(context).get(boundedFetch(context.fetch, () => undefined));
  const parameters = new URLSearchParams();
  if (request.scopes.length > 0) parameters.set("scope", [...new Set(request.scopes)].join(" "));
  if (request.resource !== undefined) parameters.set("resource", request.resource);
  const proofs = binding === "dpop" ? await context.proofs() : undefined;
  const { origin } = context.issuer;
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
        proofs?.remember(origin, answer.nonce);
      }) as never,
      [oauth.allowInsecureRequests]: options.allowInsecureLoopback === true,
      ...(proofs === undefined ? {} : { DPoP: proofs.handle(origin, nonce) }),
    },
  );
  const answer = await oauth.processClientCredentialsResponse(server, client, response);
  return toToken(answer, request, binding, sentAt);
}

/** Takes the time of the answer's `Date` header when it differs enough to explain the refusal. */
function correctClock(context: GrantContext, date: string | null): boolean {
  // A leap second is read as the second before it: Date.parse takes it for the first of its minute.
  const server = date === null ? Number.NaN : Date.parse(date.replace(/:60\b/, ":59"));
  if (Number.isNaN(server)) return false;
  const skew = Math.round((server - context.clock.now()) / 1000);
  if (Math.abs(skew - context.skew) <= clockTolerance) return false;
  context.skew = skew;
  context.logger.warn("the token service's clock differs from this machine's, using its time", { seconds: skew });
  return true;
}
