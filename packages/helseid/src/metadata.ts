import { type Clock, HelsekontaktError, limitTime, type Logger } from "@helsekontakt/core";
import * as oauth from "oauth4webapi";
import { isAllowed } from "./address.ts";
import { type OAuthFetch } from "./http.ts";

const day = 24 * 60 * 60 * 1000;
/** After a failed refresh the old metadata serves on; the next try waits this long. */
const retryAfter = 60_000;

export interface MetadataOptions {
  readonly issuer: URL;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly allowInsecureLoopback: boolean;
  /** Milliseconds for one fetch. */
  readonly timeoutMs: number;
}

const neverAborted = new AbortController().signal;

/**
 * The issuer's metadata, kept for 24 hours. When a refresh fails, what was kept serves on. Grants that need it at the
 * same time share one fetch, which no single caller's abort ends: it has its own time limit.
 *
 * @see HelseID functional requirement FK2
 * @see OpenID Connect Discovery 1.0 section 4
 */
export function createMetadataCache(options: MetadataOptions): {
  get(fetch: OAuthFetch): Promise<oauth.AuthorizationServer>;
  expire(): void;
} {
  const { clock } = options;
  let kept: { readonly server: oauth.AuthorizationServer; until: number } | undefined;
  let flight: Promise<oauth.AuthorizationServer> | undefined;

  async function refresh(fetch: OAuthFetch): Promise<oauth.AuthorizationServer> {
    const limit = limitTime(options.timeoutMs, neverAborted);
    try {
      const server = await limit.race(load(options, fetch, limit.signal));
      kept = { server, until: clock.now() + day };
      return server;
    } catch (error) {
      // Metadata that names another issuer or host is an attack or a fault, never a reason to go on.
      const refused = error instanceof HelsekontaktError && error.code === "auth/metadata-invalid";
      if (kept === undefined || refused) throw error;
      options.logger.warn("metadata of the token service could not be refreshed, the old one serves on");
      kept.until = clock.now() + retryAfter;
      return kept.server;
    } finally {
      limit.end();
    }
  }

  return {
    async get(fetch) {
      if (kept !== undefined && clock.now() < kept.until) return kept.server;
      if (flight === undefined) {
        const started = refresh(fetch).finally(() => {
          if (flight === started) flight = undefined;
        });
        flight = started;
      }
      return flight;
    },
    expire() {
      if (kept !== undefined) kept.until = 0;
    },
  };
}

async function load(
  options: MetadataOptions,
  fetch: OAuthFetch,
  signal: AbortSignal,
): Promise<oauth.AuthorizationServer> {
  const response = await oauth.discoveryRequest(options.issuer, {
    signal,
    [oauth.customFetch]: fetch as never,
    [oauth.allowInsecureRequests]: options.allowInsecureLoopback,
  });
  if (response.status === 408 || response.status === 429 || response.status >= 500)
    throw new HelsekontaktError(
      "auth/token-unavailable",
      `expected the issuer's metadata, found HTTP status ${response.status}`,
      { context: { httpStatus: response.status } },
    );
  let server: oauth.AuthorizationServer;
  try {
    server = await oauth.processDiscoveryResponse(options.issuer, response);
  } catch {
    throw new HelsekontaktError(
      "auth/metadata-invalid",
      `expected metadata of the configured issuer, found HTTP status ${response.status} with none or another's`,
      {
        hint: "check the issuer address; it must equal the issuer in the metadata",
        context: { httpStatus: response.status },
      },
    );
  }
  const endpoint = typeof server.token_endpoint === "string" ? URL.parse(server.token_endpoint) : null;
  if (endpoint === null)
    throw new HelsekontaktError("auth/metadata-invalid", "expected a token endpoint in the metadata, found none");
  if (endpoint.origin !== options.issuer.origin || !isAllowed(endpoint, options.allowInsecureLoopback))
    throw new HelsekontaktError(
      "auth/metadata-invalid",
      "expected the token endpoint on the issuer's own host over https, found another place",
    );
  return server;
}
