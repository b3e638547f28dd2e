import { HelsekontaktError } from "@helsekontakt/core";

/**
 * What a registry says to a question. Only `not-found` is a statement about the party: a refusal (credentials, access,
 * arguments) and a registry that does not answer say nothing of it.
 */
export type LookUp<T> =
  | { readonly kind: "found"; readonly value: T }
  | { readonly kind: "not-found" }
  | { readonly kind: "refused"; readonly error: HelsekontaktError }
  | { readonly kind: "unavailable"; readonly error: HelsekontaktError };

/** What every look-up takes. */
export interface LookUpOptions {
  readonly signal?: AbortSignal;
}

/** Codes of a request that the registry, or the way to it, will not have: the same one fails again. */
const refusing: readonly string[] = [
  "rest/unauthorized",
  "rest/forbidden",
  "rest/not-found",
  "rest/http-status",
  "input/invalid",
  "input/too-large",
];

/**
 * The look-up of a client that answers with a value, with `undefined` for "there is none", or throws: the REST clients.
 *
 * @throws {HelsekontaktError} `abort/cancelled`
 */
export async function lookUpOf<T>(ask: () => Promise<T | undefined>): Promise<LookUp<T>> {
  try {
    const value = await ask();
    return value === undefined ? { kind: "not-found" } : { kind: "found", value };
  } catch (reason) {
    return failedLookUp(reason);
  }
}

/**
 * A failure as a look-up.
 *
 * @throws {HelsekontaktError} `abort/cancelled`
 */
export function failedLookUp(reason: unknown): {
  readonly kind: "refused" | "unavailable";
  readonly error: HelsekontaktError;
} {
  const error = HelsekontaktError.from(reason, "registry/unavailable", "expected the registry to answer");
  if (error.code === "abort/cancelled") throw error;
  const refused =
    refusing.includes(error.code) ||
    (!error.retryable && (error.code.startsWith("auth/") || error.code.startsWith("config/")));
  return { kind: refused ? "refused" : "unavailable", error };
}

/** A found value as something else; all other answers as they are. @internal */
export function mapLookUp<T, U>(answer: LookUp<T>, map: (value: T) => LookUp<U>): LookUp<U> {
  return answer.kind === "found" ? map(answer.value) : answer;
}
