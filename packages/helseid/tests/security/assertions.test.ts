import { generateKeyPairSync } from "node:crypto";
import { exportJWK, type JWK } from "jose";
import { describe, expect, it } from "vitest";
import { startSts, type TokenCall } from "../_sts.ts";
import { makeKey } from "../_sts.ts";
import { failure, useService } from "./_service.ts";

// What a strict service refuses is proven in the sandbox's tests of row 01; here: ours are never of that kind.

const at = useService();
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" }) as JWK;
const ecKeys: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

async function sent(options: Parameters<typeof at.source>[0] = {}): Promise<TokenCall> {
  await at.source(options).getToken({ scopes: ["a"] });
  return at.sts.tokenCalls.at(-1) as TokenCall;
}

describe("row 01: client assertions that we send", () => {
  it.each(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"])(
    "row 01: a strict service accepts one signed by %s",
    async (alg) => {
      const namedCurve = ecKeys[alg];
      const pair = namedCurve === undefined ? undefined : generateKeyPairSync("ec", { namedCurve });
      const jwk = { ...(pair === undefined ? rsa : await exportJWK(pair.privateKey)), alg, kid: `k-${alg}` };
      at.sts.register("client-1", jwk);
      expect((await sent({ key: jwk })).header).toEqual({ alg, kid: `k-${alg}`, typ: "client-authentication+jwt" });
    },
  );

  it("row 01: aud is the issuer, one text, as it stands in the metadata", async () => {
    expect((await sent()).claims.aud).toBe(at.sts.issuer);
  });

  it("row 01: aud of an issuer with a path has the path and no slash after it", async () => {
    const other = await startSts("/session-1");
    try {
      other.register("client-1", at.key);
      await at.source({ issuer: other.issuer }).getToken({ scopes: ["a"] });
      expect(other.tokenCalls.at(-1)?.claims.aud).toBe(other.issuer);
      expect(other.issuer.endsWith("/session-1")).toBe(true);
    } finally {
      await other.close();
    }
  });

  it("row 01: an issuer written with a slash too many does not reach an assertion", async () => {
    const written = at.source({ issuer: `${at.sts.issuer}/session/` });
    expect((await failure(written.getToken({ scopes: ["a"] }))).code).toBe("auth/metadata-invalid");
    expect(at.sts.count.token).toBe(0);
  });

  it("row 01: iss and sub are the client id", async () => {
    const { claims } = await sent();
    expect([claims.iss, claims.sub]).toEqual(["client-1", "client-1"]);
  });

  it.each([1, 30, 60])("row 01: exp is %i seconds ahead when that is asked for", async (assertionSeconds) => {
    const { claims } = await sent({ assertionSeconds });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(assertionSeconds);
  });

  it.each([0, 61, 3600, -1, 1.5, Number.NaN])("row 01: a life of %d seconds is refused", (assertionSeconds) => {
    expect(() => at.source({ assertionSeconds })).toThrow("assertionSeconds");
  });

  it("row 01: iat, nbf and exp are whole numbers", async () => {
    const { claims } = await sent();
    expect([claims.iat, claims.nbf, claims.exp].every((time) => Number.isInteger(time))).toBe(true);
    expect(claims.nbf).toBe(claims.iat);
  });

  it("row 01: jti is new in each, and long enough to be so", async () => {
    const ids = [(await sent()).claims.jti, (await sent()).claims.jti];
    expect(new Set(ids).size).toBe(2);
    expect(ids.every((id) => typeof id === "string" && id.length >= 20)).toBe(true);
  });

  it("row 01: the callback's signature makes the same form", async () => {
    const key = await makeKey("ES256", "hsm");
    at.sts.register("client-1", key);
    const cryptoKey = await crypto.subtle.importKey("jwk", key, { name: "ECDSA", namedCurve: "P-256" }, false, [
      "sign",
    ]);
    const { header, claims } = await sent({
      key: {
        kid: "hsm",
        alg: "ES256",
        sign: async (data) =>
          new Uint8Array(
            await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, cryptoKey, data as Uint8Array<ArrayBuffer>),
          ),
      },
    });
    expect(header).toEqual({ alg: "ES256", kid: "hsm", typ: "client-authentication+jwt" });
    expect(Object.keys(claims).sort()).toEqual(["aud", "exp", "iat", "iss", "jti", "nbf", "sub"]);
  });

  it("row 01: client_id and assertion type go with it, and no secret", async () => {
    const { form } = await sent();
    expect([...form.keys()].sort()).toEqual([
      "client_assertion",
      "client_assertion_type",
      "client_id",
      "grant_type",
      "scope",
    ]);
  });
});
