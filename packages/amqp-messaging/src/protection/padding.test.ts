import { constants, privateDecrypt, publicEncrypt, randomBytes } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { makeIdentity, type TestIdentity } from "./_test-certificates.ts";
import { removeOaep, removePkcs1 } from "./padding.ts";

let identity: TestIdentity;
beforeAll(async () => {
  identity = await makeIdentity("Receiver");
});

const raw = (encrypted: Uint8Array) =>
  privateDecrypt({ key: identity.key, padding: constants.RSA_NO_PADDING }, encrypted);

describe("removeOaep()", () => {
  const scheme = { hash: "sha256", mask: "sha256", label: Buffer.from("a") } as const;
  const encrypt = (message: Uint8Array) =>
    publicEncrypt(
      {
        key: identity.certificate.publicKey,
        padding: constants.RSA_PKCS1_OAEP_PADDING,
        oaepHash: "sha256",
        oaepLabel: scheme.label,
      },
      message,
    );

  it.each([0, 1, 32, 190])("gives back a message of %i octets", (size) => {
    const message = randomBytes(size);
    expect(removeOaep(raw(encrypt(message)), scheme)?.equals(message)).toBe(true);
  });

  it("gives nothing for another label, another hash, a changed block, a short block", () => {
    const block = raw(encrypt(randomBytes(32)));
    expect(removeOaep(block, { ...scheme, label: Buffer.from("b") })).toBeUndefined();
    expect(removeOaep(block, { ...scheme, mask: "sha1" })).toBeUndefined();
    expect(removeOaep(block.subarray(0, 65), scheme)).toBeUndefined();
    for (const at of [0, 1, 40, 255]) {
      const changed = Buffer.from(block);
      changed[at] = (changed[at] as number) ^ 1;
      expect(removeOaep(changed, scheme)).toBeUndefined();
    }
  });
});

const encryptPkcs1 = (message: Uint8Array) =>
  publicEncrypt({ key: identity.certificate.publicKey, padding: constants.RSA_PKCS1_PADDING }, message);

describe("removePkcs1()", () => {
  it("gives back a message of the length expected and no other", () => {
    const message = randomBytes(32);
    const block = raw(encryptPkcs1(message));
    expect(removePkcs1(block, 32)?.equals(message)).toBe(true);
    expect(removePkcs1(block, 31)).toBeUndefined();
    expect(removePkcs1(block, 33)).toBeUndefined();
    expect(removePkcs1(block, 250)).toBeUndefined();
  });

  it("gives nothing when any octet of the padding is wrong", () => {
    const block = raw(encryptPkcs1(Buffer.alloc(32, 7)));
    for (const [at, value] of [
      [0, 1],
      [1, 1],
      [50, 0],
      [222, 0],
      [223, 1],
    ] as const) {
      const changed = Buffer.from(block);
      changed[at] = value;
      expect(removePkcs1(changed, 32)).toBeUndefined();
    }
  });
});
