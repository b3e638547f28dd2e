import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import type { components, paths } from "@helsekontakt/types/openapi/selvbetjening";
import {
  type CallOptions,
  createPathClient,
  createTransport,
  invalidAnswer,
  type RestClientOptions,
  readAnswer,
} from "./call.ts";
import { operations } from "./gen/selvbetjening.ts";
import { isRecord } from "./http-error.ts";
import { checkLimits } from "./limits.ts";

/** A public key as it is registered. */
export type PublicClientJwk = Readonly<components["schemas"]["PublicJwk"]>;

/** A key that HelseID has for the client. */
export interface ClientSecret {
  readonly kid: string;
  /** RFC 7638 thumbprint, where the service tells it. */
  readonly thumbprint: string | undefined;
  /** Milliseconds since 1970-01-01 UTC; undefined when the key has no expiry. */
  readonly expiresAt: number | undefined;
  /** `Gui` or `Api`, where the service tells it. */
  readonly origin: string | undefined;
}

/** HelseID's self service for the keys of one's own client. Tokens need DPoP. */
export interface SelvbetjeningClient {
  /**
   * All keys of the client; several while they overlap.
   *
   * @throws {HelsekontaktError} `rest/*`, `auth/*`, `abort/cancelled`
   */
  listKeys(options?: CallOptions): Promise<readonly ClientSecret[]>;
  /**
   * Registers one more public key. Never repeated by itself: after a missing answer, list the keys.
   *
   * @returns when the key stops being accepted, where the service says so.
   * @throws {HelsekontaktError} `input/invalid` for a key with a private member, before anything is sent; `rest/*`,
   *   `auth/*`, `abort/cancelled`
   */
  registerKey(key: PublicClientJwk, options?: CallOptions): Promise<{ readonly expiresAt: number | undefined }>;
}

const publicMembers: readonly string[] = [
  "kty",
  "kid",
  "alg",
  "use",
  "n",
  "e",
  "crv",
  "x",
  "y",
] satisfies readonly (keyof PublicClientJwk)[];

/** @throws {HelsekontaktError} `config/invalid` */
export function createSelvbetjeningClient(options: RestClientOptions): SelvbetjeningClient {
  const client = createPathClient<paths>(options);
  const list = operations.listClientSecrets;
  const register = operations.registerClientSecret;
  const listFetch = createTransport(options, list);
  const registerFetch = createTransport(options, register);
  return {
    async listKeys({ signal } = {}) {
      throwIfAborted(signal);
      const { data } = await readAnswer(list, () =>
        client.GET(list.path, {
          headers: { accept: list.responseMediaTypes["200"].join(", ") },
          fetch: listFetch,
          ...(signal === undefined ? {} : { signal }),
        }),
      );
      if (!Array.isArray(data)) throw invalidAnswer(list, "a list of keys", "something else");
      return data.map((entry, index) => readKey(entry, index));
    },
    async registerKey(key, { signal } = {}) {
      throwIfAborted(signal);
      if (Object.keys(key).some((name) => !publicMembers.includes(name)))
        throw new HelsekontaktError("input/invalid", "expected a public JWK, found a member that none has", {
          hint: "a private member must never leave this machine",
        });
      checkLimits(key, register.limits);
      const { data } = await readAnswer(register, () =>
        client.POST(register.path, {
          body: key,
          headers: { accept: register.responseMediaTypes["200"].join(", ") },
          fetch: registerFetch,
          ...(signal === undefined ? {} : { signal }),
        }),
      );
      if (!isRecord(data)) throw invalidAnswer(register, "an object with expiration", "something else");
      return { expiresAt: readTime(data["expiration"], register) };
    },
  };
}

function readKey(entry: unknown, index: number): ClientSecret {
  const operation = operations.listClientSecrets;
  if (!isRecord(entry) || typeof entry["kid"] !== "string")
    throw invalidAnswer(operation, `a key with kid at ${index}`, "something else");
  const { kid, jwkThumbprint, origin } = entry;
  return {
    kid,
    thumbprint: typeof jwkThumbprint === "string" ? jwkThumbprint : undefined,
    expiresAt: readTime(entry["expiration"], operation),
    origin: typeof origin === "string" ? origin : undefined,
  };
}

function readTime(value: unknown, operation: { readonly operationId: string; readonly repeatable: boolean }) {
  if (value === null || value === undefined) return undefined;
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw invalidAnswer(operation, "a time in expiration", "another text");
  return time;
}
