import { constants, type KeyObject, privateDecrypt, type X509Certificate } from "node:crypto";
import { createIdentity, type IdentityOptions } from "../keys/create-certificate.ts";
import type { Identity } from "../keys/identity.ts";

/** An identity whose key is at hand. */
export type TestIdentity = Identity & { readonly key: KeyObject };

const dates = { notBefore: new Date("2024-01-01T00:00:00Z"), notAfter: new Date("2034-01-01T00:00:00Z") };

/** Makes an identity that is valid from 2024 to 2033. */
export function makeIdentity(
  commonName: string,
  options: Partial<Omit<IdentityOptions, "subject">> = {},
): Promise<TestIdentity> {
  return createIdentity({ subject: { commonName }, usage: ["nonRepudiation"], ...dates, ...options });
}

/** Opens RSA PKCS#1 v1.5 on every runtime: early builds of Node 22 refuse to, and the raw block is always to be had. */
export function openPkcs1(key: KeyObject, encrypted: Uint8Array): Buffer {
  const block = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, encrypted);
  return block.subarray(block.indexOf(0, 2) + 1);
}

/** A small PKI: root, issuing authority, and one sender and two receivers below it. */
export interface TestPki {
  readonly root: TestIdentity;
  readonly issuing: TestIdentity;
  readonly sender: TestIdentity;
  readonly receiver: TestIdentity;
  readonly previous: TestIdentity;
  readonly anchors: readonly X509Certificate[];
  /** A moment at which all certificates are valid. */
  readonly at: Date;
}

export async function makePki(): Promise<TestPki> {
  const root = await makeIdentity("Test Root", { usage: ["keyCertSign", "cRLSign"], authority: true });
  const issuing = await makeIdentity("Test Issuing", {
    usage: ["keyCertSign", "cRLSign"],
    authority: { pathLength: 0 },
    issuer: root,
  });
  const [sender, receiver, previous] = await Promise.all([
    makeIdentity("Sender", { issuer: issuing }),
    makeIdentity("Receiver", { issuer: issuing, usage: ["keyEncipherment"] }),
    makeIdentity("Receiver", { issuer: issuing, usage: ["keyEncipherment"] }),
  ]);
  return {
    root,
    issuing,
    sender,
    receiver,
    previous,
    anchors: [root.certificate],
    at: new Date("2026-06-01T00:00:00Z"),
  };
}
