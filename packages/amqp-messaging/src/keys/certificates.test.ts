import { beforeAll, describe, expect, it } from "vitest";
import { makeIdentity, makePki, type TestPki } from "../protection/_test-certificates.ts";
import { certificateFacts, certificateFaults } from "./certificate-facts.ts";
import { createCertificate, createIdentity } from "./create-certificate.ts";
import { verifyTrust } from "./verify-trust.ts";

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

const code = (value: string) => expect.objectContaining({ code: value });
const reason = (value: string) =>
  expect.objectContaining({ code: "protection/certificate-invalid", context: { reason: value } });

describe("createCertificate()", () => {
  it("writes what certificateFacts() reads", async () => {
    const identity = await createIdentity({
      subject: {
        commonName: "Eksempel Ærlig AS",
        organizationName: "Eksempel",
        organizationIdentifier: "NTRNO-999999999",
      },
      usage: ["digitalSignature", "keyEncipherment", "dataEncipherment"],
      notBefore: new Date("2024-01-02T03:04:05Z"),
      notAfter: new Date("2051-01-02T03:04:05Z"),
      serialNumber: Buffer.from("0102030405060708", "hex"),
      issuer: pki.issuing,
    });
    const facts = certificateFacts(identity.certificate);
    expect(facts).toMatchObject({
      serialNumber: "0102030405060708",
      subject: "C=NO, O=Eksempel, organizationIdentifier=NTRNO-999999999, CN=Eksempel Ærlig AS",
      issuer: "C=NO, CN=Test Issuing",
      notBefore: new Date("2024-01-02T03:04:05Z"),
      notAfter: new Date("2051-01-02T03:04:05Z"),
      keyUsage: ["digitalSignature", "keyEncipherment", "dataEncipherment"],
      authority: false,
      organisationNumber: "999999999",
    });
    expect(facts.thumbprint).toMatch(/^[0-9a-f]{40}$/u);
    expect(facts.thumbprint256).toMatch(/^[0-9a-f]{64}$/u);
    expect(certificateFacts(pki.issuing.certificate)).toMatchObject({ authority: true, pathLength: 0 });
  });

  it("refuses dates in reverse, long serial numbers and keys elsewhere", async () => {
    const base = {
      subject: { commonName: "x" },
      publicKey: pki.sender.key,
      issuer: { key: pki.sender.key },
      usage: [],
      notBefore: new Date("2024-01-01T00:00:00Z"),
      notAfter: new Date("2034-01-01T00:00:00Z"),
    } as const;
    const swapped = { ...base, notBefore: base.notAfter, notAfter: base.notBefore };
    expect(() => createCertificate(swapped)).toThrow(code("input/invalid"));
    expect(() => createCertificate({ ...base, serialNumber: Buffer.alloc(21) })).toThrow(code("input/invalid"));
    const issuer = { certificate: pki.issuing.certificate, key: {} };
    await expect(makeIdentity("x", { issuer })).rejects.toThrow(code("input/invalid"));
  });
});

describe("certificateFaults()", () => {
  it.each([
    ["2023-12-31T23:59:59Z", "nonRepudiation", ["not-yet-valid"]],
    ["2026-01-01T00:00:00Z", "nonRepudiation", []],
    ["2034-01-01T00:00:01Z", "nonRepudiation", ["expired"]],
    ["2034-01-01T00:00:01Z", "keyEncipherment", ["expired", "wrong-usage"]],
  ] as const)("at %s for %s", (at, usage, want) => {
    expect(certificateFaults(pki.sender.certificate, { at: new Date(at), usage })).toEqual(want);
  });

  it("finds the usage wrong when the certificate states none", async () => {
    const { certificate } = await makeIdentity("x", { usage: [] });
    expect(certificateFaults(certificate, { at: pki.at, usage: "nonRepudiation" })).toEqual(["wrong-usage"]);
  });
});

describe("verifyTrust()", () => {
  it("finds the path to an anchor", () => {
    const path = verifyTrust(pki.sender.certificate, {
      anchors: pki.anchors,
      intermediates: [pki.receiver.certificate, pki.issuing.certificate],
      at: pki.at,
    });
    expect(path.map((c) => c.subject)).toEqual(["C=NO\nCN=Sender", "C=NO\nCN=Test Issuing", "C=NO\nCN=Test Root"]);
    const direct = { anchors: [pki.issuing.certificate], at: pki.at };
    expect(verifyTrust(pki.sender.certificate, direct)).toHaveLength(2);
    expect(verifyTrust(pki.sender.certificate, { anchors: [pki.sender.certificate], at: pki.at })).toHaveLength(1);
  });

  it("refuses a stranger, a gap in the path, and a certificate out of its time", async () => {
    const stranger = await makeIdentity("Sender");
    const trust = { anchors: pki.anchors, intermediates: [pki.issuing.certificate], at: pki.at };
    expect(() => verifyTrust(stranger.certificate, trust)).toThrow(reason("untrusted"));
    expect(() => verifyTrust(pki.sender.certificate, { ...trust, intermediates: [] })).toThrow(reason("untrusted"));
    const late = { ...trust, at: new Date("2040-01-01T00:00:00Z") };
    expect(() => verifyTrust(pki.sender.certificate, late)).toThrow(reason("expired"));
    const early = { ...trust, at: new Date("2020-01-01T00:00:00Z") };
    expect(() => verifyTrust(pki.sender.certificate, early)).toThrow(reason("not-yet-valid"));
  });

  it("gives up on a thicket of authorities that vouch for each other, as somebody may attach to a message", async () => {
    const first = await makeIdentity("Thicket", { usage: ["keyCertSign"], authority: true });
    const thicket = Array.from({ length: 16 }, () =>
      createCertificate({
        subject: { commonName: "Thicket" },
        publicKey: first.key,
        issuer: { key: first.key, certificate: first.certificate },
        usage: ["keyCertSign"],
        authority: true,
        notBefore: first.certificate.validFromDate,
        notAfter: first.certificate.validToDate,
      }),
    );
    const leaf = await makeIdentity("Leaf", { issuer: first });
    const trust = { anchors: pki.anchors, intermediates: thicket, at: pki.at };
    expect(() => verifyTrust(leaf.certificate, trust)).toThrow(reason("untrusted"));
  });

  it("refuses issuers that may not issue, or not so deep", async () => {
    const pretender = await makeIdentity("Below a sender", { issuer: pki.sender });
    const deep = await makeIdentity("Too deep", {
      issuer: pki.issuing,
      usage: ["keyCertSign"],
      authority: true,
    });
    const leaf = await makeIdentity("Leaf", { issuer: deep });
    const trust = {
      anchors: pki.anchors,
      intermediates: [pki.sender.certificate, pki.issuing.certificate, deep.certificate],
      at: pki.at,
    };
    expect(() => verifyTrust(pretender.certificate, trust)).toThrow(reason("untrusted"));
    expect(() => verifyTrust(leaf.certificate, trust)).toThrow(reason("untrusted"));
  });
});
