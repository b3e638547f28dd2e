import { createCipheriv, createHmac, pbkdf2Sync, randomBytes, X509Certificate } from "node:crypto";
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { makeIdentity, makePki, type TestIdentity, type TestPki } from "../protection/_test-certificates.ts";
import { type Der, derBytes, integer, objectIdentifier, octetString, sequence, tlv } from "../protection/der-writer.ts";
import { oldPkcs12 } from "./_old-pkcs12.ts";
import { loadCertificates, loadIdentities, loadIdentity } from "./load-identity.ts";
import { pkcs12Key } from "./password-encryption.ts";

let pki: TestPki;
let encryption: TestIdentity;
beforeAll(async () => {
  pki = await makePki();
  encryption = await makeIdentity("Sender", { issuer: pki.issuing, usage: ["keyEncipherment"] });
});

const code = (value: string) => expect.objectContaining({ code: value });
const password = "hemmelig på norsk";
const pkcs8 = (identity: TestIdentity) => identity.key.export({ format: "der", type: "pkcs8" });

const PBE_3DES = "1.2.840.113549.1.12.1.3";

/** The old scheme, made here: key and initialisation vector by PKCS#12's own derivation. */
function oldForm(plain: Uint8Array, oid = PBE_3DES): { readonly algorithm: Der; readonly encrypted: Buffer } {
  const salt = randomBytes(8);
  const derive = (purpose: number, size: number) =>
    pkcs12Key({ hash: "sha1", purpose, password, salt, iterations: 2048, size });
  const cipher = createCipheriv("des-ede3-cbc", derive(1, 24), derive(2, 8));
  return {
    algorithm: sequence(objectIdentifier(oid), sequence(octetString(salt), integer(2048))),
    encrypted: Buffer.concat([cipher.update(plain), cipher.final()]),
  };
}

function newForm(plain: Uint8Array): { readonly algorithm: Der; readonly encrypted: Buffer } {
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-cbc", pbkdf2Sync(password, salt, 1000, 32, "sha256"), iv);
  const prf = sequence(objectIdentifier("1.2.840.113549.2.9"), Uint8Array.of(5, 0));
  const derivation = sequence(
    objectIdentifier("1.2.840.113549.1.5.12"),
    sequence(octetString(salt), integer(1000), integer(32), prf),
  );
  const encryption = sequence(objectIdentifier("2.16.840.1.101.3.4.1.42"), octetString(iv));
  return {
    algorithm: sequence(objectIdentifier("1.2.840.113549.1.5.13"), sequence(derivation, encryption)),
    encrypted: Buffer.concat([cipher.update(plain), cipher.final()]),
  };
}

interface FileOptions {
  readonly form?: typeof newForm;
  readonly mac?: "sha1" | "sha256" | "none";
  readonly identities: readonly TestIdentity[];
  readonly keyForm?: typeof newForm;
}

function pkcs12({ form = newForm, keyForm = form, mac = "sha256", identities }: FileOptions): Buffer {
  const data = objectIdentifier("1.2.840.113549.1.7.1");
  const certificates = [...identities.map((i) => i.certificate), pki.issuing.certificate, pki.root.certificate];
  const certificateBags = sequence(
    ...certificates.map((c) =>
      sequence(
        objectIdentifier("1.2.840.113549.1.12.10.1.3"),
        tlv(0xa0, sequence(objectIdentifier("1.2.840.113549.1.9.22.1"), tlv(0xa0, octetString(c.raw)))),
      ),
    ),
  );
  const hidden = form(derBytes(certificateBags));
  const keyBags = sequence(
    ...identities.map((identity) => {
      const { algorithm, encrypted } = keyForm(pkcs8(identity));
      return sequence(
        objectIdentifier("1.2.840.113549.1.12.10.1.2"),
        tlv(0xa0, sequence(algorithm, octetString(encrypted))),
      );
    }),
  );
  const safe = derBytes(
    sequence(
      sequence(
        objectIdentifier("1.2.840.113549.1.7.6"),
        tlv(0xa0, sequence(integer(0), sequence(data, hidden.algorithm, tlv(0x80, hidden.encrypted)))),
      ),
      sequence(data, tlv(0xa0, octetString(keyBags))),
    ),
  );
  const salt = randomBytes(8);
  const hash = mac === "none" ? "sha256" : mac;
  const key = pkcs12Key({ hash, purpose: 3, password, salt, iterations: 100, size: hash === "sha1" ? 20 : 32 });
  const oid = hash === "sha1" ? "1.3.14.3.2.26" : "2.16.840.1.101.3.4.2.1";
  const digestInfo = sequence(
    sequence(objectIdentifier(oid), Uint8Array.of(5, 0)),
    octetString(createHmac(hash, key).update(safe).digest()),
  );
  const macData = mac === "none" ? [] : [sequence(digestInfo, octetString(salt), integer(100))];
  return derBytes(sequence(integer(3), sequence(data, tlv(0xa0, octetString(safe))), ...macData));
}

describe("loadIdentity() reads PKCS#12", () => {
  it.each([
    ["new form", { form: newForm, mac: "sha256" }],
    ["old form", { form: oldForm, mac: "sha1" }],
    ["without MAC", { form: newForm, mac: "none" }],
  ] as const)("in %s", (_, options) => {
    const identity = loadIdentity({ pkcs12: pkcs12({ ...options, identities: [pki.sender] }), password });
    expect(identity.certificate.raw.equals(pki.sender.certificate.raw)).toBe(true);
    expect(pki.sender.key.equals(identity.key as never)).toBe(true);
    expect(identity.chain?.map((c) => c.subject)).toEqual([
      pki.issuing.certificate.subject,
      pki.root.certificate.subject,
    ]);
  });

  it("and picks from a pair by key usage", () => {
    const file = pkcs12({ identities: [encryption, pki.sender] });
    expect(loadIdentities({ pkcs12: file, password })).toHaveLength(2);
    const pick = (usage: "nonRepudiation" | "keyEncipherment" | "cRLSign") =>
      loadIdentity({ pkcs12: file, password }, { usage }).certificate.raw;
    expect(pick("nonRepudiation").equals(pki.sender.certificate.raw)).toBe(true);
    expect(pick("keyEncipherment").equals(encryption.certificate.raw)).toBe(true);
    expect(() => pick("cRLSign")).toThrow(code("protection/key-unreadable"));
  });

  it.each(["sha256", "none"] as const)("and refuses a wrong password (MAC: %s)", (mac) => {
    const file = pkcs12({ identities: [pki.sender], mac });
    for (const wrong of ["", "feil"]) {
      expect(() => loadIdentity({ pkcs12: file, password: wrong })).toThrow(code("protection/key-unreadable"));
    }
  });

  it("S15: an old file with triple DES opens; one with RC2 is refused by the algorithm's name", () => {
    const old = pkcs12({ identities: [pki.sender], form: oldForm, mac: "sha1" });
    expect(pki.sender.key.equals(loadIdentity({ pkcs12: old, password }).key as never)).toBe(true);
    expect(() => loadIdentity({ pkcs12: oldPkcs12, password: "gammel" })).toThrow(
      expect.objectContaining({
        code: "protection/key-unreadable",
        message: expect.stringContaining("pbeWithSHA1And40BitRC2-CBC") as unknown,
        hint: expect.stringContaining("openssl pkcs12 -legacy") as unknown,
      }),
    );
    expect(() => loadIdentity({ pkcs12: oldPkcs12, password: "feil" })).toThrow(/password/u);
  });

  it("S15: an old file with RC2 opens where node has OpenSSL's legacy provider", () => {
    const module = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const program = `
      import { loadIdentity } from ${module("./load-identity.ts")};
      import { oldPkcs12 } from ${module("./_old-pkcs12.ts")};
      console.log(loadIdentity({ pkcs12: oldPkcs12, password: "gammel" }).certificate.subject);`;
    const run = spawnSync(
      process.execPath,
      ["--conditions=helsekontakt-source", "--openssl-legacy-provider", "--input-type=module", "--eval", program],
      { encoding: "utf8" },
    );
    expect(run.stdout).toBe("C=NO\nCN=Old key file\n");
  });

  it("and refuses what is no PKCS#12, at any cut, with its own error and without the password", () => {
    const file = pkcs12({ identities: [pki.sender] });
    for (let size = 0; size < file.length; size += 97) {
      try {
        loadIdentity({ pkcs12: file.subarray(0, size), password });
        expect.unreachable();
      } catch (error) {
        expect(error).toEqual(code("protection/key-unreadable"));
        expect(JSON.stringify(error)).not.toContain(password);
      }
    }
  });
});

const key = (options: object) => pki.sender.key.export(options as never) as unknown as string | Buffer;

/** EncryptedPrivateKeyInfo as PEM. */
function encryptedPem({ algorithm, encrypted }: ReturnType<typeof newForm>): string {
  const text = derBytes(sequence(algorithm, octetString(encrypted))).toString("base64");
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${text.replaceAll(/.{64}/gu, "$&\n")}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
}

describe("loadIdentity() reads keys and certificates", () => {
  const encrypted = { cipher: "aes-256-cbc", passphrase: password };

  it.each([
    ["PKCS#8 in PEM", () => key({ format: "pem", type: "pkcs8" }), undefined],
    ["PKCS#1 in PEM", () => key({ format: "pem", type: "pkcs1" }), undefined],
    ["PKCS#8 in DER", () => key({ format: "der", type: "pkcs8" }), undefined],
    ["PKCS#1 in DER", () => key({ format: "der", type: "pkcs1" }), undefined],
    ["encrypted PKCS#8 in PEM", () => key({ format: "pem", type: "pkcs8", ...encrypted }), password],
    ["encrypted PKCS#8 in DER", () => key({ format: "der", type: "pkcs8", ...encrypted }), password],
    ["encrypted PKCS#1 in PEM", () => key({ format: "pem", type: "pkcs1", ...encrypted }), password],
    [
      "PKCS#8 in PEM under AES-128",
      () => key({ format: "pem", type: "pkcs8", ...encrypted, cipher: "aes-128-cbc" }),
      password,
    ],
    [
      "PKCS#8 in PEM under triple DES",
      () => key({ format: "pem", type: "pkcs8", ...encrypted, cipher: "des-ede3-cbc" }),
      password,
    ],
    [
      "PKCS#1 in PEM under triple DES",
      () => key({ format: "pem", type: "pkcs1", ...encrypted, cipher: "des-ede3-cbc" }),
      password,
    ],
    ["PKCS#8 in PEM under PKCS#12's triple DES", () => encryptedPem(oldForm(pkcs8(pki.sender))), password],
    ["PKCS#8 in PEM under AES with PBKDF2 by SHA-256", () => encryptedPem(newForm(pkcs8(pki.sender))), password],
  ])("%s", (_, make, secret) => {
    for (const certificate of [pki.sender.certificate.raw, pki.sender.certificate.toString(), pki.sender.certificate]) {
      const source = { key: make(), certificate, ...(secret === undefined ? {} : { password: secret }) };
      expect(pki.sender.key.equals(loadIdentity(source).key as never)).toBe(true);
      if (secret === undefined) continue;
      for (const wrong of [{}, { password: "feil" }]) {
        const refused = { key: make(), certificate, ...wrong };
        expect(() => loadIdentity(refused)).toThrow(code("protection/key-unreadable"));
      }
    }
  });

  it.each([
    [
      "pbeWithMD5AndDES-CBC",
      sequence(objectIdentifier("1.2.840.113549.1.5.3"), sequence(octetString(Buffer.alloc(8)), integer(1))),
    ],
    [
      "pbeWithSHA1And40BitRC2-CBC",
      sequence(objectIdentifier("1.2.840.113549.1.12.1.6"), sequence(octetString(Buffer.alloc(8)), integer(1))),
    ],
    [
      "DES-CBC",
      sequence(
        objectIdentifier("1.2.840.113549.1.5.13"),
        sequence(
          sequence(objectIdentifier("1.2.840.113549.1.5.12"), sequence(octetString(Buffer.alloc(8)), integer(1))),
          sequence(objectIdentifier("1.3.14.3.2.7"), octetString(Buffer.alloc(8))),
        ),
      ),
    ],
  ])("and refuses a key encrypted with %s by that name", (name, algorithm) => {
    const pem = encryptedPem({ algorithm, encrypted: randomBytes(64) });
    expect(() => loadIdentity({ key: pem, certificate: pki.sender.certificate, password })).toThrow(
      expect.objectContaining({ code: "protection/key-unreadable", context: { algorithm: name } }),
    );
  });

  it("in one PEM text, as text or bytes, in any order and with text between", () => {
    const pem = `Bag Attributes\n${pki.issuing.certificate}\nsubject=/CN=x\n${key({ format: "pem", type: "pkcs8" })}\n${pki.sender.certificate}`;
    for (const source of [pem, Buffer.from(pem), pem.replaceAll("\n", "\r\n")]) {
      const identity = loadIdentity({ pem: source });
      expect(identity.certificate.raw.equals(pki.sender.certificate.raw)).toBe(true);
      expect(identity.chain).toHaveLength(1);
    }
  });

  it("and keeps callbacks as they are", () => {
    const operations = { sign: () => Promise.resolve(new Uint8Array()) };
    const identity = loadIdentity({ key: operations, certificate: pki.sender.certificate });
    expect(identity.key).toBe(operations);
  });

  it("and refuses a key without its certificate, or no key at all", () => {
    const pem = key({ format: "pem", type: "pkcs8" }) as string;
    expect(() => loadIdentity({ key: pem, certificate: encryption.certificate })).toThrow(
      code("protection/key-unreadable"),
    );
    expect(() => loadIdentity({ pem: pki.sender.certificate.toString() })).toThrow(code("protection/key-unreadable"));
    expect(() => loadIdentity({ pem })).toThrow(code("protection/certificate-invalid"));
    expect(() => loadIdentity({ key: "x", certificate: encryption.certificate })).toThrow(
      code("protection/key-unreadable"),
    );
  });
});

describe("loadCertificates()", () => {
  it("reads several from PEM and one from DER", () => {
    const pem = `${pki.sender.certificate}${pki.issuing.certificate}`;
    expect(loadCertificates(pem).map((c) => c.subject)).toEqual([
      pki.sender.certificate.subject,
      pki.issuing.certificate.subject,
    ]);
    expect(loadCertificates(pki.sender.certificate.raw)[0]).toBeInstanceOf(X509Certificate);
  });

  it.each([
    ["no certificate", "x"],
    ["a broken one", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"],
  ])("refuses %s", (_, source) => {
    expect(() => loadCertificates(source)).toThrow(code("protection/certificate-invalid"));
    expect(() => loadCertificates(Buffer.from(source))).toThrow(code("protection/certificate-invalid"));
  });
});
