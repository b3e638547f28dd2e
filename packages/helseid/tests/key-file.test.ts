import { createPrivateKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import type { JWK } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTokenSource, fileClientKey } from "../src/index.ts";
import { makeKey, type Sts, startSts } from "./_sts.ts";

let sts: Sts;
let dir: string;
let path: string;
let key: JWK & { kid: string; alg: string };
beforeEach(async () => {
  sts = await startSts();
  dir = mkdtempSync(join(tmpdir(), "helsekontakt-key-"));
  path = join(dir, "key");
  key = await makeKey("ES256");
  sts.register("client-1", key);
});
afterEach(async () => {
  await sts.close();
  rmSync(dir, { recursive: true });
});

const source = (facts?: Parameters<typeof fileClientKey>[1]) =>
  createTokenSource({
    issuer: sts.issuer,
    clientId: "client-1",
    key: fileClientKey(path, facts),
    allowInsecureLoopback: true,
  });
const pem = (jwk: JWK, more: object = {}): string =>
  createPrivateKey({ key: jwk as never, format: "jwk" }).export({ format: "pem", type: "pkcs8", ...more }) as string;

describe("a key in a file", () => {
  it("is a JWK, with or without key id and algorithm in it", async () => {
    writeFileSync(path, JSON.stringify(key));
    expect((await source().getToken({ scopes: ["a"] })).tokenType).toBe("DPoP");
    const { kid: _kid, alg: _alg, ...bare } = key;
    writeFileSync(path, JSON.stringify(bare));
    expect((await source({ kid: key.kid, alg: "ES256" }).getToken({ scopes: ["a"] })).tokenType).toBe("DPoP");
  });

  it("is PEM, encrypted too, also with a certificate before it", async () => {
    const certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    for (const [text, passphrase] of [
      [pem(key), undefined],
      [certificate + pem(key), undefined],
      [pem(key, { cipher: "aes-256-cbc", passphrase: "p" }), "p"],
    ] as const) {
      writeFileSync(path, text);
      const facts = { kid: key.kid, alg: "ES256" as const, ...(passphrase === undefined ? {} : { passphrase }) };
      expect((await source(facts).getToken({ scopes: ["a"] })).tokenType).toBe("DPoP");
    }
  });

  it("is read anew when HelseID no longer takes what was in it", async () => {
    writeFileSync(path, JSON.stringify(key));
    const s = source();
    await s.getToken({ scopes: ["a"] });
    const next = await makeKey("ES256", "key-2");
    sts.register("client-1", next);
    writeFileSync(path, JSON.stringify(next));
    await s.getToken({ scopes: ["b"] });
    expect(sts.tokenCalls.at(-1)?.header["kid"]).toBe("key-2");
  });

  it("is refused when it is missing, too large, no key, or PEM without its facts; nothing of it shows", async () => {
    const refused = async (): Promise<string> => {
      const error: unknown = await source()
        .getToken({ scopes: ["a"] })
        .catch((e: unknown) => e);
      expect(error).toMatchObject({ code: "auth/key-invalid" });
      return inspect(error, { depth: 9, showHidden: true });
    };
    expect(await refused()).not.toContain(dir);
    for (const text of ["x".repeat(100_001), "planted-secret", pem(key)]) {
      writeFileSync(path, text);
      expect(await refused()).not.toMatch(/planted-secret|PRIVATE KEY|xxx/);
    }
    expect(sts.count.token).toBe(0);
  });

  it("holds 100,000 characters at most", async () => {
    const ask = fileClientKey(path);
    const { signal } = new AbortController();
    writeFileSync(path, JSON.stringify(key).padEnd(100_000));
    expect(await ask({ signal })).toMatchObject({ jwk: expect.stringContaining("kid") as string });
    writeFileSync(path, JSON.stringify(key).padEnd(100_001));
    await expect(ask({ signal })).rejects.toMatchObject({
      code: "auth/key-invalid",
      message: expect.stringMatching(/larger file/) as string,
    });
  });

  it("is PEM with both of its facts; one that is missing may come later", async () => {
    const { signal } = new AbortController();
    await expect(fileClientKey(path)({ signal })).rejects.toMatchObject({ code: "auth/key-invalid", retryable: true });
    writeFileSync(path, pem(key));
    for (const facts of [{}, { kid: "k" }, { alg: "ES256" as const }])
      await expect(fileClientKey(path, facts)({ signal })).rejects.toMatchObject({
        message: expect.stringMatching(/kid and alg/) as string,
      });
    const facts = { kid: "k", alg: "ES256" as const, passphrase: "p" };
    expect(await fileClientKey(path, facts)({ signal })).toEqual({ pem: pem(key), ...facts });
    await expect(fileClientKey(path, facts)({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      retryable: true,
    });
  });
});
