import { Personal } from "@helsekontakt/core";
import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import { createProofs, type Proofs, readNonce } from "../src/proofs.ts";
import { signRequest } from "../src/send.ts";

const token = {
  accessToken: new Personal("token"),
  tokenType: "DPoP" as const,
  scopes: [],
  rejectedScopes: [],
  expiresAt: undefined,
};

/** The claims of the next proof for an origin. */
async function proof(proofs: Proofs, origin: string, nonce?: string): Promise<Record<string, unknown>> {
  const request = { method: "GET", url: new URL(origin) };
  const { dpop } = await signRequest(request, token, "dpop", false, proofs.handle(origin, nonce));
  return decodeJwt(dpop ?? "");
}

const origin = (n: number): string => `https://api-${n}.example`;

describe("the memory of nonces", () => {
  it("holds those of 100 origins; the one that was heard of longest ago goes first", async () => {
    const proofs = await createProofs(undefined, { client_id: "c" }, () => 1);
    for (let n = 0; n < 100; n++) proofs.remember(origin(n), `nonce-${n}`);
    // Known origins take no room of others.
    proofs.remember(origin(99), "nonce-99b");
    expect((await proof(proofs, origin(0)))["nonce"]).toBe("nonce-0");
    expect((await proof(proofs, origin(99)))["nonce"]).toBe("nonce-99b");
    proofs.remember(origin(0), "nonce-0b");
    proofs.remember(origin(100), "nonce-100");
    expect((await proof(proofs, origin(1)))["nonce"]).toBeUndefined();
    expect((await proof(proofs, origin(0)))["nonce"]).toBe("nonce-0b");
    expect((await proof(proofs, origin(2)))["nonce"]).toBe("nonce-2");
    expect((await proof(proofs, origin(100)))["nonce"]).toBe("nonce-100");
  });

  it("keeps the last nonce when an answer has none, or none that may be repeated", async () => {
    const proofs = await createProofs(undefined, { client_id: "c" }, () => 1);
    proofs.remember(origin(1), "good");
    proofs.remember(origin(1), undefined);
    proofs.remember(origin(1), "with blank");
    expect((await proof(proofs, origin(1)))["nonce"]).toBe("good");
    expect((await proof(proofs, origin(2)))["nonce"]).toBeUndefined();
  });

  it("prefers the nonce of the challenge, and gives the time of the service", async () => {
    const proofs = await createProofs(undefined, { client_id: "c" }, () => 1_700_000_123);
    proofs.remember(origin(1), "remembered");
    expect(await proof(proofs, origin(1), "challenged")).toMatchObject({ nonce: "challenged", iat: 1_700_000_123 });
    expect(await proof(proofs, origin(1))).toMatchObject({ nonce: "remembered", iat: 1_700_000_123 });
  });
});

describe("what is read as a nonce", () => {
  it.each(["a", "!", "~", "#", "[", "]", "-._~+/=", "x".repeat(1024)])("is %j", (value) => {
    expect(readNonce(value)).toBe(value);
  });
  it.each([
    "",
    " ",
    "a b",
    'a"b',
    "a\\b",
    "a\nb",
    "\u007f",
    "å",
    "x".repeat(1025),
    " a",
    "a ",
    '"a',
    'a"',
    null,
    undefined,
  ])("is not %j", (value) => {
    expect(readNonce(value)).toBeUndefined();
  });
});

it("refuses what is no key pair, and says nothing of it", async () => {
  const pair = { privateKey: "SECRET", publicKey: "SECRET" } as never;
  const error = await createProofs(pair, { client_id: "c" }, () => 1).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "auth/key-invalid" });
  expect(String(error)).not.toContain("SECRET");
});
