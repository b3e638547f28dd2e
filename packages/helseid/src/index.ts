export { fileClientKey } from "./key-file.ts";
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
export {
  activeKeyExpiry,
  createFileKeyStore,
  createKeyRotation,
  type FileKeyStoreOptions,
  type KeyExpiry,
  type KeyFacts,
  type KeyRegistry,
  type KeyRotation,
  type KeyRotationOptions,
  type KeyState,
  type KeyStore,
  type PublicJwk,
  type RegisteredKey,
  type RotationReport,
  type RotationStep,
  type StoredKey,
  type StoredKeys,
  storedClientKey,
  watchKeyExpiry,
} from "./rotation/index.ts";
export {
  type AnswerFacts,
  type CallFacts,
  createRequestSigner,
  type SignedCall,
  type SigningOptions,
} from "./signed-call.ts";
export { createSigningFetch, type SigningFetchOptions } from "./signing-fetch.ts";
export { faults as helseidFaults } from "./gen/helseid-faults.ts";
export { explainFault } from "./token-errors.ts";
export { createTokenSource } from "./token-source.ts";
