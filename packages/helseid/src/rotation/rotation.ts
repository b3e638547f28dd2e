import { type Clock, HelsekontaktError, systemClock, throwIfAborted } from "@helsekontakt/core";
import type { ClientKey, PrivateJwk } from "../options.ts";
import { createSigningFetch } from "../signing-fetch.ts";
import { createTokenSource } from "../token-source.ts";
import { describeKey, generateKey, publicJwk } from "./jwk.ts";
import type {
  KeyFacts,
  KeyRegistry,
  KeyRotationOptions,
  KeyStore,
  PublicJwk,
  RegisteredKey,
  RotationReport,
  RotationStep,
  StoredKey,
} from "./types.ts";

const day = 24 * 60 * 60 * 1000;

/** Rotation of one client's key. */
export interface KeyRotation {
  /**
   * Puts the key that is in use today into a store that has no active one.
   *
   * @throws {HelsekontaktError} `auth/key-store` when the store has an active key already; `auth/key-invalid`
   */
  adopt(jwk: PrivateJwk): Promise<KeyFacts>;
  /**
   * Makes and stores the next key, or gives the one that waits, for its public part to be registered by hand: the very
   * first key, or when no key at HelseID is left that could register another.
   *
   * @throws {HelsekontaktError} `auth/key-store`
   */
  prepare(): Promise<PublicJwk>;
  /**
   * All keys of the store, and with `remote` those that HelseID lists; their expiry is then remembered.
   *
   * @throws {HelsekontaktError} `auth/*`, `rest/*`
   */
  list(options?: { readonly remote?: boolean; readonly signal?: AbortSignal }): Promise<readonly KeyFacts[]>;
  /**
   * Makes the next key the active one: generate, store, register, verify with a token, switch, forget old ones.
   * Interrupted anywhere, also by a crash, the next call goes on with the same key.
   *
   * @throws {HelsekontaktError} `auth/*`, `rest/*`, `config/missing` when the store has no key, `abort/cancelled`
   */
  rotate(options?: { readonly signal?: AbortSignal }): Promise<RotationReport>;
}

/** @throws {HelsekontaktError} `config/invalid` */
export function createKeyRotation(options: KeyRotationOptions): KeyRotation {
  const { store } = options;
  const clock = options.clock ?? systemClock;
  const run = new Rotation(options, clock);
  return {
    adopt: (jwk) =>
      store.exclusive(async () => {
        const { keys } = await store.load();
        const key: StoredKey = { ...describeKey(jwk, clock.now()), state: "active" };
        if (keys.some((k) => k.state === "active" || k.kid === key.kid))
          throw new HelsekontaktError("auth/key-store", "expected a key store without an active key, found one");
        await store.save({ keys: [...keys, key] });
        return facts(key, undefined);
      }),
    prepare: () => store.exclusive(async () => publicJwk(await run.pendingKey())),
    async list({ remote = false, signal } = {}) {
      if (!remote) return (await store.load()).keys.map((k) => facts(k, undefined));
      return store.exclusive(async () => {
        const listed = await run.registry(await run.activeKey()).listKeys(signal === undefined ? {} : { signal });
        await run.remember(listed);
        return merge((await store.load()).keys, listed);
      });
    },
    rotate: ({ signal } = {}) => store.exclusive(() => run.rotate(signal)),
  };
}

/**
 * The active key of a store, as the `key` of a token source: asked again after `invalid_client`, so that running
 * processes move to the new key when HelseID no longer takes the old one.
 *
 * @throws {HelsekontaktError} `auth/key-store`, `config/missing`
 */
export function storedClientKey(store: KeyStore): () => Promise<ClientKey> {
  return async () => {
    const active = (await store.load()).keys.find((k) => k.state === "active");
    if (active === undefined) throw noKey();
    return { jwk: active.jwk };
  };
}

class Rotation {
  readonly #options: KeyRotationOptions;
  readonly #clock: Clock;

  constructor(options: KeyRotationOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  async rotate(signal: AbortSignal | undefined): Promise<RotationReport> {
    const steps: RotationStep[] = [];
    const step = (name: RotationStep): void => {
      throwIfAborted(signal);
      steps.push(name);
      this.#options.onStep?.(name);
    };
    const keys = (await this.#options.store.load()).keys;
    const previous = keys.find((k) => k.state === "active");
    const waiting = waitingKey(keys);
    if (previous === undefined && waiting === undefined) throw noKey();
    let next = waiting ?? (await this.#create(step));
    // Without a key that HelseID takes nothing can be registered from here: then it was done by hand, or must be.
    if (next.state === "created" && previous !== undefined) next = await this.#register(next, previous, step, signal);
    step("verify");
    await this.#verify(next, signal);
    step("switch");
    await this.#switch(next);
    step("forget");
    const forgotten = await this.#forget();
    return { steps, active: next.kid, previous: previous?.kid, forgotten, resumed: waiting !== undefined };
  }

  async pendingKey(): Promise<StoredKey> {
    return waitingKey((await this.#options.store.load()).keys) ?? this.#create(() => undefined);
  }

  async activeKey(): Promise<StoredKey> {
    const active = (await this.#options.store.load()).keys.find((k) => k.state === "active");
    if (active === undefined) throw noKey();
    return active;
  }

  registry(key: StoredKey): KeyRegistry {
    return this.#options.registry(createSigningFetch(this.#source(key), { scopes: this.#scopes(), scheme: "dpop" }));
  }

  /** Notes when HelseID stops taking the keys that it lists. */
  async remember(listed: readonly RegisteredKey[]): Promise<void> {
    const { keys } = await this.#options.store.load();
    const next = keys.map((key) => {
      const found = listed.find((l) => l.kid === key.kid);
      if (found === undefined) return key;
      const { expiresAt: _old, ...rest } = key;
      return { ...rest, ...(found.expiresAt === undefined ? {} : { expiresAt: found.expiresAt }) };
    });
    if (JSON.stringify(next) !== JSON.stringify(keys)) await this.#options.store.save({ keys: next });
  }

  async #create(step: (name: RotationStep) => void): Promise<StoredKey> {
    step("generate");
    const key = await generateKey(this.#options.algorithm ?? "PS256", this.#clock.now());
    step("store");
    const { keys } = await this.#options.store.load();
    // Before anybody else hears of it: a registered key whose private half is lost locks the client out.
    await this.#options.store.save({ keys: [...keys, key] });
    return key;
  }

  async #register(
    key: StoredKey,
    active: StoredKey,
    step: (name: RotationStep) => void,
    signal: AbortSignal | undefined,
  ): Promise<StoredKey> {
    const registry = this.registry(active);
    const options = signal === undefined ? {} : { signal };
    step("list");
    let listed: readonly RegisteredKey[];
    try {
      listed = await registry.listKeys(options);
    } catch (error) {
      if (!isRejectedClient(error)) throw error;
      this.#options.logger?.warn("HelseID no longer takes the active key; trying whether the next one is registered");
      return key;
    }
    await this.remember(listed);
    const known = findListed(listed, key);
    if (known !== undefined) return this.#update(key, { state: "registered", expiresAt: known.expiresAt });
    step("register");
    try {
      const { expiresAt } = await registry.registerKey(publicJwk(key), options);
      return await this.#update(key, { state: "registered", expiresAt });
    } catch (error) {
      throwIfAborted(signal);
      // The answer may have been lost on its way, not the request: only the list knows.
      const after = await registry.listKeys(options).catch(() => []);
      const there = findListed(after, key);
      if (there === undefined) throw error;
      return this.#update(key, { state: "registered", expiresAt: there.expiresAt });
    }
  }

  /** A token, signed for with the new key. HelseID may take a moment before it knows the key everywhere. */
  async #verify(key: StoredKey, signal: AbortSignal | undefined): Promise<void> {
    const tries = this.#options.verifyTries ?? 5;
    for (let n = 1; ; n++) {
      try {
        await this.#source(key).getToken({ scopes: this.#scopes(), ...(signal === undefined ? {} : { signal }) });
        return;
      } catch (error) {
        if (!isRejectedClient(error)) throw error;
        if (n >= tries)
          throw new HelsekontaktError("auth/token-rejected", "expected HelseID to take the new key, found it refused", {
            hint: "nothing was switched; register the public part that `prepare` gives, or run the rotation again",
            original: error,
          });
        await this.#clock.sleep(1_000 * 2 ** (n - 1), signal);
      }
    }
  }

  async #switch(next: StoredKey): Promise<void> {
    const { keys } = await this.#options.store.load();
    const forgetAt = this.#clock.now() + (this.#options.overlapMs ?? day);
    // Old and new change places in one write: there is never a moment without an active key.
    await this.#options.store.save({
      keys: keys.map((key) =>
        key.kid === next.kid
          ? { ...key, state: "active" as const }
          : key.state === "active"
            ? { ...key, state: "retiring" as const, forgetAt }
            : key,
      ),
    });
  }

  async #forget(): Promise<readonly string[]> {
    const { keys } = await this.#options.store.load();
    const now = this.#clock.now();
    const old = keys.filter((k) => k.state === "retiring" && (k.forgetAt ?? 0) <= now);
    if (old.length > 0) await this.#options.store.save({ keys: keys.filter((k) => !old.includes(k)) });
    return old.map((k) => k.kid);
  }

  async #update(key: StoredKey, change: { state: "registered"; expiresAt: number | undefined }): Promise<StoredKey> {
    const { expiresAt: _old, ...rest } = key;
    const { expiresAt } = change;
    const next: StoredKey = { ...rest, state: change.state, ...(expiresAt === undefined ? {} : { expiresAt }) };
    const { keys } = await this.#options.store.load();
    await this.#options.store.save({ keys: keys.map((k) => (k.kid === key.kid ? next : k)) });
    return next;
  }

  #source(key: StoredKey) {
    return createTokenSource({ ...this.#options.source, key: { jwk: key.jwk } });
  }

  #scopes(): readonly string[] {
    return this.#options.scopes ?? ["nhn:selvbetjening/client"];
  }
}

function waitingKey(keys: readonly StoredKey[]): StoredKey | undefined {
  return keys.find((k) => k.state === "registered") ?? keys.find((k) => k.state === "created");
}

/** @throws {HelsekontaktError} `auth/key-store` when HelseID has another key under the same id */
function findListed(listed: readonly RegisteredKey[], key: StoredKey): RegisteredKey | undefined {
  const found = listed.find((l) => l.kid === key.kid);
  if (found?.thumbprint !== undefined && found.thumbprint !== key.thumbprint)
    throw new HelsekontaktError("auth/key-store", "expected HelseID's key of this id to be ours, found another key", {
      hint: "the store is of another client or older than the registration; take it from its backup",
    });
  return found;
}

function isRejectedClient(error: unknown): boolean {
  return (
    error instanceof HelsekontaktError && error.code === "auth/token-rejected" && error.remoteCode === "invalid_client"
  );
}

function noKey(): HelsekontaktError {
  return new HelsekontaktError("config/missing", "expected a key in the key store, found none", {
    hint: "adopt the key in use today, or make the first one and register its public part by hand",
  });
}

function facts(key: StoredKey, listed: boolean | undefined): KeyFacts {
  const { kid, alg, state, createdAt, expiresAt } = key;
  return { kid, alg, state, createdAt, expiresAt, listed };
}

function merge(keys: readonly StoredKey[], listed: readonly RegisteredKey[]): KeyFacts[] {
  const ours = keys.map((key) =>
    facts(
      key,
      listed.some((l) => l.kid === key.kid),
    ),
  );
  const foreign = listed
    .filter((l) => !keys.some((k) => k.kid === l.kid))
    .map(
      ({ kid, expiresAt }): KeyFacts => ({
        kid,
        alg: undefined,
        state: "foreign",
        createdAt: undefined,
        expiresAt,
        listed: true,
      }),
    );
  return [...ours, ...foreign];
}
