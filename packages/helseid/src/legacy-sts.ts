import { HelsekontaktError, type Logger, limitTime, silentLogger, systemClock, type Clock } from "@helsekontakt/core";
import * as oauth from "oauth4webapi";
import { checkAddress } from "./address.ts";
import { boundedFetch, type SeenAnswer } from "./http.ts";
import type { FetchLike, Token, TokenRequest, TokenSource } from "./options.ts";
import { sendSigned, signRequest } from "./send.ts";
import { toToken } from "./token-answer.ts";
import { createTokenCache } from "./token-cache.ts";
import { checkScopes } from "./token-source.ts";
import { withTries } from "./tries.ts";

/** Settings of {@link createLegacySts}. */
export interface LegacyStsOptions {
  /** Address of the token endpoint, e.g. `https://…/sts/Token`: one for each of Helsenorge's environments. */
  readonly tokenEndpoint: string;
  readonly clientId: string;
  /** Shared secret from NHN. */
  readonly clientSecret: string;
  readonly fetch?: FetchLike;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Numbers from 0 to 1 for back-off; default `Math.random`. */
  readonly random?: () => number;
  /** Milliseconds for one HTTP request, default 10 000. */
  readonly timeoutMs?: number;
  /** Milliseconds for one token with all retries, default 30 000. */
  readonly deadlineMs?: number;
  /** Allows `http://127.0.0.1`, for tests. Default false. */
  readonly allowInsecureLoopback?: boolean;
}

/**
 * Helsenorge's own token service of before HelseID, as a token source: `client_id` and `client_secret` in a form, bearer
 * tokens, no proofs. Nothing uses it unless it is given to a signing fetch in HelseID's place. Cache, single flight,
 * renewal and retries are those of HelseID's source.
 *
 * Inferred, from an old page and never run against the service: the names of the answer's members (those of RFC 6749),
 * that the form is taken, and that scopes may be sent. That an expired token is answered with 403 is on that page; the
 * signing fetch knows it.
 *
 * @throws {HelsekontaktError} `config/invalid`
 * @see RFC 6749 section 4.4
 */
export function createLegacySts(options: LegacyStsOptions): TokenSource {
  const loopback = options.allowInsecureLoopback === true;
  const endpoint = checkAddress(options.tokenEndpoint, "tokenEndpoint", loopback);
  for (const setting of ["clientId", "clientSecret"] as const)
    if (typeof options[setting] !== "string" || options[setting] === "")
      throw new HelsekontaktError("config/invalid", `expected "${setting}" to be a text, found another value`, {
        context: { setting },
      });
  const clock = options.clock ?? systemClock;
  const logger = options.logger ?? silentLogger;
  const inner = options.fetch ?? ((request: Request) => globalThis.fetch(request));
  const cache = createTokenCache({ clock, logger, maxEntries: 100 });
  const tries = {
    clock,
    logger,
    random: options.random ?? Math.random,
    deadlineMs: options.deadlineMs ?? 30_000,
  };
  const server: oauth.AuthorizationServer = { issuer: endpoint.origin, token_endpoint: endpoint.href };
  const client: oauth.Client = { client_id: options.clientId };

  async function once(request: TokenRequest, signal: AbortSignal, seen: { last?: SeenAnswer }): Promise<Token> {
    delete seen.last;
    const limit = limitTime(options.timeoutMs ?? 10_000, signal);
    const work = async (): Promise<Token> => {
      const parameters = new URLSearchParams();
      if (request.scopes.length > 0) parameters.set("scope", [...new Set(request.scopes)].join(" "));
      const sentAt = clock.now();
      const response = await oauth.clientCredentialsGrantRequest(
        server,
        client,
        oauth.ClientSecretPost(options.clientSecret),
        parameters,
        {
          signal: limit.signal,
          [oauth.customFetch]: boundedFetch(inner, (answer) => {
            seen.last = answer;
          }) as never,
          [oauth.allowInsecureRequests]: loopback,
        },
      );
      const answer = await oauth.processClientCredentialsResponse(server, client, response);
      return toToken(answer, request, "bearer", sentAt);
    };
    try {
      return await limit.race(work());
    } finally {
      limit.end();
    }
  }

  const sign: TokenSource["sign"] = (request, token, scheme) => signRequest(request, token, scheme, loopback);
  return {
    binding: "bearer",
    async getToken(request) {
      checkScopes(request.scopes);
      checkRequest(request);
      const key = JSON.stringify([[...new Set(request.scopes)].sort(), request.acceptNarrowerScope === true]);
      const load = (signal: AbortSignal): Promise<Token> =>
        withTries(tries, request, signal, (limited, seen) => once(request, limited, seen));
      return cache.get(key, load, request.signal);
    },
    forget(token) {
      cache.forget(token);
    },
    sign,
    remember() {
      // No proofs, no nonces.
    },
    async send(request, token, scheme) {
      return sendSigned(inner, request, await sign(request, token, scheme), loopback);
    },
  };
}

/** What only HelseID can do is refused, never left out in silence. */
function checkRequest(request: TokenRequest): void {
  const set = (["organisation", "resource", "sfmJournalId", "details"] as const).find((n) => request[n] !== undefined);
  if (set === undefined && request.binding !== "dpop") return;
  throw new HelsekontaktError(
    "input/invalid",
    `expected a request that the older token service can serve, found "${set ?? "binding"}" in it`,
    { hint: "use HelseID's token source" },
  );
}
