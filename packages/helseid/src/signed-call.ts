import { type Clock, HelsekontaktError, systemClock, throwIfAborted } from "@helsekontakt/core";
import type { Token, TokenRequest, TokenScheme, TokenSource } from "./options.ts";
import { readNonce } from "./proofs.ts";

const nonceRetries = 2;

/** What the tokens of calls are for, and how they travel. */
export interface SigningOptions extends Omit<TokenRequest, "signal" | "binding"> {
  /** Default: the source's binding. */
  readonly scheme?: TokenScheme;
  /**
   * The address as the API itself sees it, where a proxy rewrites it: proofs name that one. Default: the request's own.
   */
  readonly proofUrl?: (url: URL) => URL;
  readonly clock?: Clock;
}

/** One call to an API that is signed here and sent by any HTTP library. */
export interface SignedCall {
  /**
   * `authorization`, and `dpop` with a new proof where the scheme asks for one. Ask right before each time it is sent.
   *
   * @throws {HelsekontaktError} what `getToken` throws; `config/invalid` for an address without https
   */
  headers(): Promise<Readonly<Record<string, string>>>;
  /**
   * Judges an answer: true when the call is to be sent again, with new {@link headers}. A nonce challenge is answered
   * twice at most, a refused token is replaced once; nonces are kept for later calls.
   *
   * @throws {HelsekontaktError} `rest/unauthorized` when the API asks for a nonce again and again, or without giving one
   */
  repeat(answer: AnswerFacts): boolean;
}

/** Status and headers of an answer, as `Headers` or as Node's plain object. */
export interface AnswerFacts {
  readonly status: number;
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What one call is; its body is the HTTP library's business. */
export interface CallFacts {
  readonly method: string;
  readonly url: string | URL;
  readonly signal?: AbortSignal;
}

/**
 * Signs calls for any HTTP library: headers out, answers in. Let that library follow no redirects: the token would go
 * with it, and a proof names one address.
 *
 * ```ts
 * const begin = createRequestSigner(source, { scopes });
 * const call = begin({ method: "GET", url });
 * let answer;
 * do answer = await undici.request(url, { headers: await call.headers() });
 * while (call.repeat({ status: answer.statusCode, headers: answer.headers }));
 * ```
 *
 * @see RFC 9449 sections 7 to 9
 */
export function createRequestSigner(source: TokenSource, options: SigningOptions): (call: CallFacts) => SignedCall {
  return ({ method, url, signal }) => {
    const target = new URL(url);
    const state = beginCall(source, options, target, signal);
    return {
      async headers() {
        const token = await state.token();
        return source.sign({ method, url: state.proofUrl, ...state.challenge() }, token, state.scheme);
      },
      repeat: (answer) => state.repeat(answer),
    };
  };
}

/** Where a call stands: its token, the challenges it has had. */
export interface CallState {
  readonly scheme: TokenScheme;
  readonly proofUrl: URL;
  token(): Promise<Token>;
  challenge(): { readonly nonce?: string };
  repeat(answer: AnswerFacts): boolean;
}

export function beginCall(
  source: TokenSource,
  options: SigningOptions,
  url: URL,
  signal: AbortSignal | undefined,
): CallState {
  const { scheme = source.binding, clock = systemClock, proofUrl, ...wanted } = options;
  const seenAs = proofUrl?.(url) ?? url;
  let challenges = 0;
  let nonce: string | undefined;
  let renewed = false;
  let token: Token | undefined;
  return {
    scheme,
    proofUrl: seenAs,
    async token() {
      throwIfAborted(signal);
      token ??= await source.getToken({
        ...wanted,
        binding: scheme === "bearer" ? "bearer" : "dpop",
        ...(signal === undefined ? {} : { signal }),
      });
      return token;
    },
    challenge: () => (nonce === undefined ? {} : { nonce }),
    repeat({ status, headers }) {
      const offered = readNonce(headerOf(headers, "dpop-nonce"));
      if (scheme === "dpop") source.remember(seenAs, offered);
      if (token === undefined || (status !== 401 && status !== 403)) return false;
      nonce = undefined;
      const challenge = headerOf(headers, "www-authenticate");
      const problem = (scheme === "dpop" ? dpopError(challenge) : undefined) ?? anyError(challenge);
      if (status === 401 && scheme === "dpop" && problem === "use_dpop_nonce") {
        if (++challenges > nonceRetries || offered === undefined) throw endless(challenges);
        nonce = offered;
        return true;
      }
      const refused = status === 401 && (problem === undefined || problem === "invalid_token");
      // Helsenorge's older gateway answers 403 for an expired token: believed only when the token is expired.
      const expired = status === 403 && token.expiresAt !== undefined && clock.now() >= token.expiresAt;
      if (renewed || !(refused || expired)) return false;
      renewed = true;
      source.forget(token);
      token = undefined;
      return true;
    },
  };
}

function endless(challenges: number): HelsekontaktError {
  return new HelsekontaktError(
    "rest/unauthorized",
    challenges > nonceRetries
      ? `expected an answer to a proof with the API's own nonce, found ${challenges} challenges in a row`
      : "expected a nonce with the API's challenge, found none",
    { remoteCode: "use_dpop_nonce", hint: "tell those who run the API; nothing in the request can satisfy it" },
  );
}

function headerOf(headers: AnswerFacts["headers"], name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const found = Object.keys(headers).find((key) => key.toLowerCase() === name);
  const value = found === undefined ? undefined : headers[found];
  return typeof value === "string" ? value : value?.join(", ");
}

/** The `error` parameter of the DPoP challenge. */
function dpopError(challenge: string | undefined): string | undefined {
  const at = challenge?.search(/(?:^|[\s,])dpop\b/i) ?? -1;
  return at < 0 ? undefined : anyError(challenge?.slice(at));
}

function anyError(challenge: string | undefined): string | undefined {
  return /\berror="?([a-z_]+)"?/i.exec(challenge ?? "")?.[1];
}
