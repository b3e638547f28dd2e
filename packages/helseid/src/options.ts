import type { webcrypto } from "node:crypto";
import type { Clock, Logger, Personal } from "@helsekontakt/core";

/** `fetch` as the SDK passes it around: one Request in, one Response out. */
export type FetchLike = (request: Request) => Promise<Response>;

/** The nine algorithms that HelseID takes. FAPI 2.0 itself allows only PS256 and ES256 of them. */
export type SigningAlgorithm = "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "ES512";

/** A private JSON Web Key. `kid` and `alg` must be in it, or be given beside it. */
export type PrivateJwk = Readonly<Record<string, unknown>>;

/**
 * A client key, in any of the forms that systems keep it:
 *
 * - a JWK as JSON text or object;
 * - PEM: PKCS#8, PKCS#1, SEC1, also encrypted (`passphrase`);
 * - a `CryptoKey` for signing, extractable or not;
 * - an async `sign` callback for a key that never leaves its HSM. It gets the bytes to sign and answers the JWS
 *   signature: PKCS#1 v1.5 or PSS (salt as long as the hash) for RSA, `r || s` for EC.
 */
export type ClientKey =
  | string
  | PrivateJwk
  | { readonly jwk: string | PrivateJwk; readonly kid?: string; readonly alg?: SigningAlgorithm }
  | { readonly pem: string; readonly kid: string; readonly alg: SigningAlgorithm; readonly passphrase?: string }
  | { readonly cryptoKey: webcrypto.CryptoKey; readonly kid: string; readonly alg?: SigningAlgorithm }
  | {
      readonly sign: (data: Uint8Array, options: { readonly signal: AbortSignal }) => Promise<Uint8Array>;
      readonly kid: string;
      readonly alg: SigningAlgorithm;
    };

/**
 * On whose behalf a token is asked for.
 *
 * `single`: the client's own organisation; `child` names a unit below it. `multi`: a supplier's client that acts for
 * `parent`, by delegation in Altinn. Organisation numbers are nine digits without blanks.
 */
export type Organisation =
  | { readonly tenancy: "single"; readonly child: string }
  | { readonly tenancy: "multi"; readonly parent: string; readonly child?: string };

/** A further entry of `assertion_details`, sent as it is: `type` and whatever that type asks for. */
export type AssertionDetail = Readonly<Record<string, unknown>> & { readonly type: string };

/** `dpop`: the token is bound to a key of this process. `bearer`: it is not. */
export type TokenBinding = "dpop" | "bearer";

/** How a token travels to an API. `bound-as-bearer`: a bound token for an API that does not know DPoP. */
export type TokenScheme = "dpop" | "bearer" | "bound-as-bearer";

/** What one token is for. */
export interface TokenRequest {
  /** Scopes, without order. */
  readonly scopes: readonly string[];
  /** Default: the source's. */
  readonly organisation?: Organisation;
  /** Narrows the token to one API's audience. */
  readonly resource?: string;
  /** Journal id of SFM, for multi-tenant use of it. */
  readonly sfmJournalId?: string;
  readonly details?: readonly AssertionDetail[];
  /** Default: the source's. */
  readonly binding?: TokenBinding;
  /** Take a token that holds fewer scopes than asked for (`rejected_scope`). Default false: that is an error. */
  readonly acceptNarrowerScope?: boolean;
  readonly signal?: AbortSignal;
}

/** An access token. Its value prints as a keyed hash; `accessToken.reveal()` gives it. */
export interface Token {
  readonly accessToken: Personal;
  readonly tokenType: "DPoP" | "Bearer";
  /** Scopes granted, as far as the answer says; those asked for otherwise. */
  readonly scopes: readonly string[];
  /** Scopes refused, e.g. because the organisation has not signed an API's terms. */
  readonly rejectedScopes: readonly string[];
  /** Milliseconds since 1970-01-01 UTC; undefined when the answer gave no lifetime (then it is not cached). */
  readonly expiresAt: number | undefined;
}

/** Settings of {@link createTokenSource}. */
export interface TokenSourceOptions {
  /** The issuer, exactly as in its metadata; it may have a path. */
  readonly issuer: string;
  /** Client id from Selvbetjening. */
  readonly clientId: string;
  /** The client's key, or a function that gives it: asked again once after `invalid_client`, so a key may rotate. */
  readonly key: ClientKey | ((options: { readonly signal: AbortSignal }) => ClientKey | Promise<ClientKey>);
  /** Default `dpop`. */
  readonly binding?: TokenBinding;
  /** Default for token requests that name none. */
  readonly organisation?: Organisation;
  /** Key pair for proofs. Default: an ES256 pair made for this source, in memory only. */
  readonly dpopKey?: webcrypto.CryptoKeyPair;
  readonly fetch?: FetchLike;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Numbers from 0 to 1 for back-off; default `Math.random`. */
  readonly random?: () => number;
  /** Milliseconds for one HTTP request, default 10 000. */
  readonly timeoutMs?: number;
  /** Milliseconds for one token with all retries, default 30 000. */
  readonly deadlineMs?: number;
  /** Seconds that a client assertion is valid, at most 60; default 30. */
  readonly assertionSeconds?: number;
  /** Tokens kept at most, default 1000; the one unused longest goes first. */
  readonly maxCachedTokens?: number;
  /** Allows `http://127.0.0.1`, for tests and the sandbox. Default false. */
  readonly allowInsecureLoopback?: boolean;
}

/** Gives tokens, and what a signing fetch needs besides. */
export interface TokenSource {
  readonly binding: TokenBinding;
  /**
   * A valid token: from the cache, or asked for. Callers with the same needs share one request.
   *
   * @throws {HelsekontaktError} `auth/token-rejected`, `auth/token-unavailable`, `auth/token-not-bound`,
   *   `auth/scope-rejected`, `auth/metadata-invalid`, `auth/key-invalid`, `input/invalid`, `abort/cancelled`
   */
  getToken(request: TokenRequest): Promise<Token>;
  /** Drops a token from the cache, after an API refused it; others who hold it are not disturbed. */
  forget(token: Token): void;
  /**
   * The headers that one request needs to carry the token: `authorization`, and for `dpop` a proof for this method and
   * address, made now. With the nonce of a challenge, or else the last one of the address's origin.
   *
   * @throws {HelsekontaktError} `auth/token-not-bound`, `config/invalid` for an address without https
   */
  sign(
    request: { readonly method: string; readonly url: URL; readonly nonce?: string },
    token: Token,
    scheme: TokenScheme,
  ): Promise<Readonly<Record<string, string>>>;
  /** Keeps the nonce that an answer brought, for later proofs to its origin. */
  remember(url: URL, nonce: string | undefined): void;
  /** Sends one request with the token, in the given scheme: a new proof each time. The answer is the caller's to judge. */
  send(request: OutgoingRequest, token: Token, scheme: TokenScheme): Promise<Response>;
}

/** A request whose body can be sent again. */
export interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  readonly signal: AbortSignal | undefined;
  /** The address that the proof names; default `url`. */
  readonly proofUrl?: URL;
  /** Of the challenge that this call was answered with. */
  readonly nonce?: string;
}
