import type { Clock, Logger } from "@helsekontakt/core";
import type { FetchLike, PrivateJwk, SigningAlgorithm, TokenSourceOptions } from "../options.ts";

/**
 * Where a key stands.
 *
 * - `created`: stored here, not yet known to be registered at HelseID;
 * - `registered`: HelseID lists it, nothing has been signed with it;
 * - `active`: signs; there is at most one;
 * - `retiring`: signed before; kept until tokens that it got have expired everywhere.
 */
export type KeyState = "created" | "registered" | "active" | "retiring";

/** One client key with its private part. */
export interface StoredKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly jwk: PrivateJwk;
  /** RFC 7638. */
  readonly thumbprint: string;
  readonly state: KeyState;
  /** Milliseconds since 1970-01-01 UTC, as all times here. */
  readonly createdAt: number;
  /** When HelseID stops taking it, as far as it has said so. */
  readonly expiresAt?: number;
  /** When a `retiring` key is forgotten here. */
  readonly forgetAt?: number;
}

/** What a key store keeps. */
export interface StoredKeys {
  readonly keys: readonly StoredKey[];
}

/** Keeps keys between processes. Other kinds than files (a vault, a database) implement it. */
export interface KeyStore {
  /**
   * What is kept; no keys when there is nothing yet.
   *
   * @throws {HelsekontaktError} `auth/key-store`
   */
  load(): Promise<StoredKeys>;
  /**
   * Replaces it as a whole, durably: when this answers, neither a crash nor a power failure loses it.
   *
   * @throws {HelsekontaktError} `auth/key-store`
   */
  save(keys: StoredKeys): Promise<void>;
  /**
   * Keeps other processes from changing it while `work` runs. What a process that was killed held is free again.
   *
   * @throws {HelsekontaktError} `auth/key-store`, retryable, when another process holds it
   */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
}

/** The public part of a key, as HelseID registers it. Never has a private member. */
export interface PublicJwk {
  readonly kty: "RSA" | "EC";
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly use: "sig";
  readonly n?: string;
  readonly e?: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
}

/** A key as HelseID lists it. */
export interface RegisteredKey {
  readonly kid: string;
  readonly thumbprint?: string | undefined;
  readonly expiresAt?: number | undefined;
  readonly origin?: string | undefined;
}

/** HelseID's self service; `createSelvbetjeningClient` of `@helsekontakt/rest-client` is one. */
export interface KeyRegistry {
  listKeys(options?: { readonly signal?: AbortSignal }): Promise<readonly RegisteredKey[]>;
  registerKey(
    key: PublicJwk,
    options?: { readonly signal?: AbortSignal },
  ): Promise<{ readonly expiresAt?: number | undefined }>;
}

/** Settings of {@link createKeyRotation}. */
export interface KeyRotationOptions {
  readonly store: KeyStore;
  /** Makes the self-service client on a fetch that signs with the active key. */
  readonly registry: (fetch: FetchLike) => KeyRegistry;
  /** The client at HelseID. */
  readonly source: Omit<TokenSourceOptions, "key">;
  /** Scopes of the self service. Default `nhn:selvbetjening/client`. */
  readonly scopes?: readonly string[];
  /** Of new keys. Default PS256 with RSA 4096. ES256 is quicker; that HelseID registers it is inferred. */
  readonly algorithm?: SigningAlgorithm;
  /** Milliseconds for which the key before is kept here after a switch; default 24 hours. */
  readonly overlapMs?: number;
  /** How often a new key is tried before it is given up for now; default 5, with pauses that double from 1 s. */
  readonly verifyTries?: number;
  /** Told before each step. */
  readonly onStep?: (step: RotationStep) => void;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** What a rotation does, in order. */
export type RotationStep = "generate" | "store" | "list" | "register" | "verify" | "switch" | "forget";

/** A key without its secret, for people. */
export interface KeyFacts {
  readonly kid: string;
  readonly alg: SigningAlgorithm | undefined;
  /** `foreign`: HelseID lists it, but it is not in this store. */
  readonly state: KeyState | "foreign";
  readonly createdAt: number | undefined;
  readonly expiresAt: number | undefined;
  /** Whether HelseID lists it; undefined when it was not asked. */
  readonly listed: boolean | undefined;
}

/** What a rotation did. */
export interface RotationReport {
  readonly steps: readonly RotationStep[];
  /** The key that signs now. */
  readonly active: string;
  readonly previous: string | undefined;
  readonly forgotten: readonly string[];
  /** True when it went on where an earlier run had stopped. */
  readonly resumed: boolean;
}
