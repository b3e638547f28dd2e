export type {
  AssertionDetail,
  ClientKey,
  FetchLike,
  Organisation,
  OutgoingRequest,
  PrivateJwk,
  SigningAlgorithm,
  Token,
  TokenBinding,
  TokenRequest,
  TokenScheme,
  TokenSource,
  TokenSourceOptions,
} from "./options.ts";
export { createSigningFetch, type SigningFetchOptions } from "./signing-fetch.ts";
export { createTokenSource } from "./token-source.ts";
