import { HelsekontaktError } from "@helsekontakt/core";
import type { JWK } from "jose";
import { afterEach, beforeEach, expect } from "vitest";
import { createTokenSource, type TokenSource, type TokenSourceOptions } from "../../src/index.ts";
import { makeKey, type Sts, startSts } from "../_sts.ts";

/** A strict token service for each test of a file, and sources at it. */
export interface Service {
  readonly sts: Sts;
  readonly key: JWK & { kid: string; alg: string };
  source(options?: Partial<TokenSourceOptions>): TokenSource;
}

export function useService(): Service {
  let sts: Sts;
  let key: Service["key"];
  beforeEach(async () => {
    sts = await startSts();
    key = await makeKey("ES256");
    sts.register("client-1", key);
  });
  afterEach(() => sts.close());
  return {
    get sts() {
      return sts;
    },
    get key() {
      return key;
    },
    source: (options = {}) =>
      createTokenSource({
        issuer: sts.issuer,
        clientId: "client-1",
        key: { ...key },
        allowInsecureLoopback: true,
        random: () => 0,
        ...options,
      }),
  };
}

export async function failure(promise: Promise<unknown>): Promise<HelsekontaktError> {
  const reason = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(reason).toBeInstanceOf(HelsekontaktError);
  return reason as HelsekontaktError;
}
