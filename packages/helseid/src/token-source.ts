import { HelsekontaktError, silentLogger, systemClock, throwIfAborted } from "@helsekontakt/core";
import type * as oauth from "oauth4webapi";
import { checkAddress } from "./address.ts";
import type { TokenRequest, TokenSource, TokenSourceOptions } from "./options.ts";
import { checkOrganisation } from "./organisation.ts";
import { createProofs, type Proofs, readNonce } from "./proofs.ts";
import { sendSigned, signRequest } from "./send.ts";
import { serviceTime } from "./service-time.ts";
import { createTokenCache } from "./token-cache.ts";
import type { GrantContext } from "./token-request.ts";

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
  let made: Promise<Proofs> | undefined;
  let proofs: Proofs | undefined;
  const client: oauth.Client = { client_id: options.clientId };
  const context: GrantContext = {
    options,
    issuer,
    client,
    clock,
    logger,
    fetch: inner,
    random: options.random ?? Math.random,
    metadata: undefined,
    proofs: () => binding(),
    skew: 0,
    signer: undefined,
  };
  const binding = async (): Promise<Proofs> => {
    made ??= createProofs(options.dpopKey, client, () => serviceTime(context));
    proofs ??= await made;
    return proofs;
  };
  const cache = createTokenCache({ clock, logger, maxEntries: options.maxCachedTokens ?? 1000 });
  const defaultBinding = options.binding ?? "dpop";
  let known: { readonly signer: GrantContext["signer"]; readonly kid: string } | undefined;
  const sign: TokenSource["sign"] = async (request, token, scheme) => {
    const dpop = scheme === "dpop" ? (await binding()).handle(request.url.origin, request.nonce) : undefined;
    return signRequest(request, token, scheme, loopback, dpop);
  };

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
        const { kid } = await (await grants()).currentSigner(context, neverAborted);
        known = { signer: context.signer, kid };
      }
      const bound = full.binding === "dpop" ? (proofs ?? (await binding())) : undefined;
      const key = cacheKey(options, known.kid, bound?.thumbprint ?? "", full);
      return cache.get(key, async (signal) => (await grants()).requestToken(context, full, signal), request.signal);
    },
    forget(token) {
      cache.forget(token);
    },
    sign,
    remember(url, nonce) {
      proofs?.remember(url.origin, nonce);
    },
    async send(request, token, scheme) {
      const proofUrl = request.proofUrl ?? request.url;
      const { method, nonce } = request;
      const headers = await sign({ method, url: proofUrl, ...(nonce === undefined ? {} : { nonce }) }, token, scheme);
      const response = await sendSigned(inner, request, headers, loopback);
      proofs?.remember(proofUrl.origin, readNonce(response.headers.get("dpop-nonce")));
      return response;
    },
  };
}

/** How tokens are asked for: loaded with the first one. Most calls use one that is kept. */
const grants = (): Promise<typeof import("./token-request.ts")> => import("./token-request.ts");

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
  const { scopes, organisation } = request;
  if (organisation !== undefined) checkOrganisation(organisation);
  // Flat, and without building what the assertion would hold: a kept token is looked up at each call.
  return JSON.stringify([
    options.issuer,
    options.clientId,
    kid,
    thumbprint,
    request.binding ?? "dpop",
    scopes.length < 2 ? scopes : [...new Set(scopes)].sort(),
    request.resource ?? null,
    request.acceptNarrowerScope === true,
    organisation === undefined ? null : organisation.tenancy,
    organisation?.tenancy === "multi" ? organisation.parent : null,
    organisation?.child ?? null,
    request.sfmJournalId ?? null,
    request.details ?? null,
  ]);
}

/** @throws {HelsekontaktError} `input/invalid` */
export function checkScopes(scopes: readonly string[]): void {
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
