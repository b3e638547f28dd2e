export { activeKeyExpiry, type KeyExpiry, watchKeyExpiry } from "./expiry.ts";
export { createFileKeyStore, type FileKeyStoreOptions } from "./file-store.ts";
export { createKeyRotation, type KeyRotation, storedClientKey } from "./rotation.ts";
export type {
  KeyFacts,
  KeyRegistry,
  KeyRotationOptions,
  KeyState,
  KeyStore,
  PublicJwk,
  RegisteredKey,
  RotationReport,
  RotationStep,
  StoredKey,
  StoredKeys,
} from "./types.ts";
