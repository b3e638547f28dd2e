import {
  constants,
  createCipheriv,
  createHash,
  publicEncrypt,
  randomBytes,
  sign as cryptoSign,
  type X509Certificate,
} from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { certificateNames } from "../keys/certificate-names.ts";
import { certificateFacts } from "../keys/certificate-facts.ts";
import { createCertificate } from "../keys/create-certificate.ts";
import { makeIdentity, makePki, type TestIdentity, type TestPki } from "./_test-certificates.ts";
import { CONTENT_TYPE, ciphers, explicit, OID, oaepIdentifier, withNull } from "./algorithms.ts";
import { type Der, derBytes, integer, objectIdentifier, octetString, sequence, setOf, tlv } from "./der-writer.ts";
import { encryptData } from "./encrypt-data.ts";
import { signData } from "./sign-data.ts";
import { protect } from "./protect.ts";
import { unprotect, verifySigned } from "./unprotect.ts";

// One long file: every case bends the same hand-made structures, which stand first.

let pki: TestPki;
let other: TestIdentity;
beforeAll(async () => {
  pki = await makePki();
  other = await makeIdentity("Somebody else");
});

const code = (value: string) => expect.objectContaining({ code: value });
const text = Buffer.from("<Melding xmlns='urn:example'>hei</Melding>");
const der = (bytes: Uint8Array): Der => ({ size: bytes.length, parts: [bytes] });
const open = (message: Uint8Array) =>
  unprotect(message, { keys: [pki.receiver], expectedSigner: pki.sender.certificate });
const seal = async (inner: Der) => derBytes(await encryptData(inner, { recipients: pki.receiver.certificate }));

/** SignedData with every field under the test's control. */
function signedData(fields: {
  readonly content?: Uint8Array;
  readonly certificates?: readonly Uint8Array[];
  readonly signers: readonly Der[];
}): Der {
  const body = sequence(
    integer(1),
    setOf(withNull("2.16.840.1.101.3.4.2.1")),
    sequence(CONTENT_TYPE.data, explicit(0, octetString(fields.content ?? text))),
    ...(fields.certificates === undefined ? [] : [tlv(0xa0, ...fields.certificates)]),
    setOf(...fields.signers),
  );
  return sequence(CONTENT_TYPE.signedData, explicit(0, body));
}

function signerInfo(fields: {
  readonly identifier: Der;
  readonly digest?: Der;
  readonly attributes?: Der;
  readonly algorithm?: Der;
  readonly signature: Uint8Array;
}): Der {
  return sequence(
    integer(1),
    fields.identifier,
    fields.digest ?? withNull("2.16.840.1.101.3.4.2.1"),
    ...(fields.attributes === undefined ? [] : [fields.attributes]),
    fields.algorithm ?? withNull(OID.rsaEncryption),
    octetString(fields.signature),
  );
}

const byName = (identity: TestIdentity): Der => {
  const names = certificateNames(identity.certificate);
  return sequence(names.issuer, names.serialNumber);
};
const byKey = (identity: TestIdentity): Der =>
  tlv(0x80, certificateFacts(identity.certificate).subjectKeyIdentifier as Buffer);
const signature = (identity: TestIdentity, data: Uint8Array = text, digest = "sha256") =>
  cryptoSign(digest, data, identity.key);

describe("unprotect() binds the signer", () => {
  it("S1: a message signed by another key is refused though the expected certificate is attached", async () => {
    const signers = [signerInfo({ identifier: byName(other), signature: signature(other) })];
    const certificates = [pki.sender.certificate.raw, other.certificate.raw];
    await expect(open(await seal(signedData({ certificates, signers })))).rejects.toThrow(
      code("protection/signer-unexpected"),
    );
  });

  it("names another signer only when its signature holds: a damaged one tells nothing of what was decrypted", async () => {
    const certificates = [other.certificate.raw];
    const damaged = signature(other);
    damaged[0] = (damaged[0] as number) ^ 1;
    for (const signers of [
      [signerInfo({ identifier: byName(other), signature: damaged })],
      [signerInfo({ identifier: byKey(pki.issuing), signature: signature(other) })],
    ])
      await expect(open(await seal(signedData({ certificates, signers })))).rejects.toThrow(
        code("protection/signature-invalid"),
      );
  });

  it("S1: a forged certificate of the expected issuer and serial number is refused", async () => {
    const facts = certificateFacts(pki.sender.certificate);
    const twin = createCertificate({
      subject: { commonName: "Sender" },
      publicKey: other.key,
      // An authority that the attacker runs under the real one's name.
      issuer: { key: other.key, certificate: pki.issuing.certificate },
      usage: ["nonRepudiation"],
      notBefore: facts.notBefore,
      notAfter: facts.notAfter,
      serialNumber: Buffer.from(facts.serialNumber, "hex"),
    });
    const identity = { ...other, certificate: twin };
    expect(certificateNames(twin)).toEqual(certificateNames(pki.sender.certificate));
    const message = (certificates: readonly Uint8Array[]) =>
      seal(
        signedData({
          certificates,
          signers: [signerInfo({ identifier: byName(identity), signature: signature(identity) })],
        }),
      );
    await expect(open(await message([twin.raw]))).rejects.toThrow(code("protection/signer-unexpected"));
    await expect(open(await message([twin.raw, pki.sender.certificate.raw]))).rejects.toThrow(
      code("protection/signer-unexpected"),
    );
    await expect(open(await message([]))).rejects.toThrow(code("protection/signature-invalid"));
  });

  it("refuses a message that nobody signed", async () => {
    await expect(open(await seal(signedData({ signers: [] })))).rejects.toThrow(code("protection/signature-invalid"));
  });

  it("S2: without an expected certificate a message is refused, unless policy opts out", async () => {
    const message = await protect(text, { signer: pki.sender, recipients: pki.receiver.certificate });
    await expect(unprotect(message, { keys: [pki.receiver] })).rejects.toThrow(code("protection/signer-unexpected"));
    const anyone = await unprotect(message, { keys: [pki.receiver], policy: { unknownSigner: "accept" } });
    expect(anyone.vouchedBy).toBe("nobody");
    expect(anyone.signer.raw.equals(pki.sender.certificate.raw)).toBe(true);
  });

  it("S4: a self-signed certificate with right usage and dates is refused, though the profile names it", async () => {
    const selfSigned = await makeIdentity("Sender");
    const message = await protect(text, { signer: selfSigned, recipients: pki.receiver.certificate });
    const expected = { keys: [pki.receiver], expectedSigner: selfSigned.certificate };
    const trust = { anchors: pki.anchors, intermediates: [pki.issuing.certificate], at: pki.at };
    await expect(unprotect(message, { ...expected, trust })).rejects.toMatchObject({
      code: "protection/certificate-invalid",
      context: { reason: "untrusted" },
    });
    const genuine = await protect(text, { signer: pki.sender, recipients: pki.receiver.certificate });
    await expect(
      unprotect(genuine, { ...expected, expectedSigner: pki.sender.certificate, trust }),
    ).resolves.toBeDefined();
  });

  it("S4: a chain with a gap is refused, also when the message brings another authority along", async () => {
    const authority = await makeIdentity("Test Issuing", { usage: ["keyCertSign"], authority: true });
    const below = await makeIdentity("Sender", { issuer: authority });
    const message = await protect(text, { signer: below, recipients: pki.receiver.certificate });
    const options = { keys: [pki.receiver], expectedSigner: below.certificate };
    const trust = { anchors: pki.anchors, intermediates: [pki.issuing.certificate], at: pki.at };
    await expect(unprotect(message, { ...options, trust })).rejects.toMatchObject({ context: { reason: "untrusted" } });
    const genuine = await protect(text, {
      signer: pki.sender,
      recipients: pki.receiver.certificate,
      certificates: "signer",
    });
    await expect(
      unprotect(genuine, {
        keys: [pki.receiver],
        expectedSigner: pki.sender.certificate,
        trust: { anchors: pki.anchors, at: pki.at },
      }),
    ).rejects.toMatchObject({ context: { reason: "untrusted" } });
  });

  it("asks for revocation where trust says so", async () => {
    const message = await protect(text, { signer: pki.sender, recipients: pki.receiver.certificate });
    const asked: number[] = [];
    const revocation = {
      mode: "require" as const,
      check: (path: readonly X509Certificate[]) => {
        asked.push(path.length);
        return Promise.reject(new Error("revoked"));
      },
      status: () => Promise.reject(new Error("not asked")),
    };
    const trust = { anchors: pki.anchors, at: pki.at, revocation };
    const opened = unprotect(message, { keys: [pki.receiver], expectedSigner: pki.sender.certificate, trust });
    await expect(opened).rejects.toThrow("revoked");
    expect(asked).toEqual([3]);
  });

  it("takes any of the certificates that a sender may have while it changes", async () => {
    const message = await protect(text, { signer: pki.sender, recipients: pki.receiver.certificate });
    const expectedSigner = [other.certificate, pki.sender.certificate];
    await expect(unprotect(message, { keys: [pki.receiver], expectedSigner })).resolves.toBeDefined();
  });

  it("takes the expected signer among several, and without its certificate in the message", async () => {
    const signers = [
      signerInfo({ identifier: byName(other), signature: signature(other) }),
      signerInfo({ identifier: byKey(pki.sender), signature: signature(pki.sender) }),
    ];
    const opened = await open(await seal(signedData({ signers })));
    expect(opened.content.equals(text)).toBe(true);
  });

  it("refuses signed attributes of another message that are passed off as content", async () => {
    const attributes = setOf(
      sequence(objectIdentifier(OID.contentType), setOf(CONTENT_TYPE.data)),
      sequence(objectIdentifier(OID.messageDigest), setOf(octetString(createHash("sha256").update(text).digest()))),
    );
    const signers = [
      signerInfo({ identifier: byName(pki.sender), signature: signature(pki.sender, derBytes(attributes)) }),
    ];
    await expect(open(await seal(signedData({ content: derBytes(attributes), signers })))).rejects.toThrow(
      code("protection/signature-invalid"),
    );
  });
});

const digestOf = (data: Uint8Array) =>
  sequence(objectIdentifier(OID.messageDigest), setOf(octetString(createHash("sha256").update(data).digest())));

const sealed = (sent: Der, signed: Der) =>
  seal(
    signedData({
      signers: [
        signerInfo({
          identifier: byName(pki.sender),
          attributes: sent,
          signature: signature(pki.sender, derBytes(signed)),
        }),
      ],
    }),
  );

describe("unprotect() reads signed attributes", () => {
  const contentType = sequence(objectIdentifier(OID.contentType), setOf(CONTENT_TYPE.data));
  const time = sequence(objectIdentifier("1.2.840.113549.1.9.5"), setOf(tlv(0x17, Buffer.from("260101120000Z"))));

  it("signed in the order of DER although sent in another, or in indefinite lengths", async () => {
    const list = [digestOf(text), time, contentType];
    const indefinite = tlv(0xa0, ...list);
    const raw = derBytes(indefinite);
    const asIndefinite = Buffer.concat([Buffer.from([0xa0, 0x80]), raw.subarray(2), Buffer.from([0, 0])]);
    expect(raw[1]).toBeLessThan(128);
    for (const sent of [tlv(0xa0, ...list), der(asIndefinite)]) {
      await expect(open(await sealed(sent, setOf(...list)))).resolves.toBeDefined();
    }
    // Signed in the order sent, as some do.
    await expect(open(await sealed(tlv(0xa0, ...list), tlv(0x31, ...list)))).resolves.toBeDefined();
  });

  it.each([
    ["of other content", () => [contentType, digestOf(Buffer.from("y"))]],
    ["without digest", () => [contentType, time]],
    ["without content type", () => [digestOf(text), time]],
    ["with two digests", () => [contentType, digestOf(text), digestOf(text)]],
    [
      "of another content type",
      () => [sequence(objectIdentifier(OID.contentType), setOf(CONTENT_TYPE.signedData)), digestOf(text)],
    ],
  ])("and refuses those %s", async (_, list) => {
    await expect(open(await sealed(tlv(0xa0, ...list()), setOf(...list())))).rejects.toThrow(
      code("protection/signature-invalid"),
    );
  });
});

describe("unprotect() and algorithms", () => {
  it.each([
    ["MD5", withNull("1.2.840.113549.2.5"), "sha256"],
    ["SHA-1", withNull("1.3.14.3.2.26"), "sha1"],
  ])("S6: %s digests are refused", async (_, digest, hash) => {
    const signers = [
      signerInfo({ identifier: byName(pki.sender), digest, signature: signature(pki.sender, text, hash) }),
    ];
    await expect(open(await seal(signedData({ signers })))).rejects.toThrow(code("protection/algorithm-refused"));
  });

  it("takes SHA-1 by policy, and a signature algorithm that names another digest never", async () => {
    const digest = withNull("1.3.14.3.2.26");
    const info = (algorithm: string) =>
      signerInfo({
        identifier: byName(pki.sender),
        digest,
        algorithm: withNull(algorithm),
        signature: signature(pki.sender, text, "sha1"),
      });
    const policy = { digests: ["sha1", "sha256"] } as const;
    const options = { keys: [pki.receiver], expectedSigner: pki.sender.certificate, policy };
    const sha1 = await seal(signedData({ signers: [info("1.2.840.113549.1.1.5")] }));
    const mixed = await seal(signedData({ signers: [info("1.2.840.113549.1.1.11")] }));
    await expect(unprotect(sha1, options)).resolves.toMatchObject({ digest: "sha1" });
    await expect(unprotect(mixed, options)).rejects.toThrow(code("protection/algorithm-refused"));
  });

  it("takes algorithm identifiers without parameters", async () => {
    const signers = [
      signerInfo({
        identifier: byName(pki.sender),
        digest: sequence(objectIdentifier("2.16.840.1.101.3.4.2.1")),
        algorithm: sequence(objectIdentifier(OID.rsaEncryption)),
        signature: signature(pki.sender),
      }),
    ];
    await expect(open(await seal(signedData({ signers })))).resolves.toBeDefined();
  });

  it("S6: single DES is refused; triple DES is taken by policy only, and counted", async () => {
    const options = { signer: pki.sender, recipients: pki.receiver.certificate, contentEncryption: "3des" } as const;
    const message = await protect(text, options);
    await expect(open(message)).rejects.toThrow(code("protection/algorithm-refused"));
    const allowed = await unprotect(message, {
      keys: [pki.receiver],
      expectedSigner: pki.sender.certificate,
      policy: { contentEncryption: ["aes256", "3des"] },
    });
    expect(allowed).toMatchObject({ content: text, contentEncryption: "3des", keyTransport: "pkcs1" });
    const single = Buffer.from(message);
    const at = single.indexOf(objectIdentifier(ciphers["3des"].oid));
    objectIdentifier("1.2.840.113549.3.2").copy(single, at);
    await expect(open(single)).rejects.toThrow(code("protection/algorithm-refused"));
  });

  it("takes OAEP with different hashes and a label, as Java libraries send it", async () => {
    const label = Buffer.from("merkelapp");
    const message = await envelope(async (key) => ({
      algorithm: sequence(
        objectIdentifier(OID.rsaOaep),
        sequence(
          explicit(0, withNull("2.16.840.1.101.3.4.2.1")),
          explicit(1, sequence(objectIdentifier(OID.mgf1), withNull("2.16.840.1.101.3.4.2.1"))),
          explicit(2, sequence(objectIdentifier(OID.pSpecified), octetString(label))),
        ),
      ),
      encrypted: publicEncrypt(
        {
          key: pki.receiver.certificate.publicKey,
          padding: constants.RSA_PKCS1_OAEP_PADDING,
          oaepHash: "sha256",
          oaepLabel: label,
        },
        key,
      ),
    }));
    await expect(open(message)).resolves.toBeDefined();
  });
});

/** An envelope around a good signature whose recipient entry is under the test's control. */
async function envelope(
  recipient: (
    key: Buffer,
  ) => Promise<{ readonly algorithm: Der; readonly encrypted: Uint8Array; readonly identifier?: Der }>,
  inner?: Uint8Array,
  before: readonly Der[] = [],
): Promise<Buffer> {
  const key = randomBytes(32);
  const iv = randomBytes(16);
  const plain = inner ?? derBytes(await signData(text, { signer: pki.sender }));
  const cipher = createCipheriv("aes-256-cbc", key, iv);
  const { algorithm, encrypted, identifier = byName(pki.receiver) } = await recipient(key);
  const body = sequence(
    integer(0),
    tlv(0x31, ...before, sequence(integer(0), identifier, algorithm, octetString(encrypted))),
    sequence(
      CONTENT_TYPE.data,
      sequence(objectIdentifier(ciphers.aes256.oid), octetString(iv)),
      tlv(0x80, cipher.update(plain), cipher.final()),
    ),
  );
  return derBytes(sequence(CONTENT_TYPE.envelopedData, explicit(0, body)));
}

const pkcs1 = async (key: Buffer) => ({
  algorithm: withNull(OID.rsaEncryption),
  encrypted: publicEncrypt({ key: pki.receiver.certificate.publicKey, padding: constants.RSA_PKCS1_PADDING }, key),
});

describe("unprotect() reads what partners send", () => {
  it("recipients by subject key identifier", async () => {
    await expect(
      open(await envelope(async (key) => ({ ...(await pkcs1(key)), identifier: byKey(pki.receiver) }))),
    ).resolves.toBeDefined();
  });

  it("the extra OCTET STRING of older runtimes, and zero bytes after either structure", async () => {
    const signed = derBytes(await signData(text, { signer: pki.sender }));
    const wrapped = derBytes(octetString(signed));
    for (const inner of [wrapped, Buffer.concat([signed, Buffer.alloc(3)])]) {
      const message = Buffer.concat([await envelope(pkcs1, inner), Buffer.alloc(8)]);
      await expect(open(message)).resolves.toMatchObject({ content: text });
    }
  });

  it("a message for the previous certificate", async () => {
    const message = await protect(text, { signer: pki.sender, recipients: pki.previous.certificate });
    const opened = await unprotect(message, {
      keys: [pki.receiver, pki.previous],
      expectedSigner: pki.sender.certificate,
    });
    expect(opened.recipient).toBe(pki.previous);
  });

  it("S8: two recipients, ours second", async () => {
    for (const first of [[other.certificate], [other.certificate, pki.previous.certificate]]) {
      const message = await protect(text, { signer: pki.sender, recipients: [...first, pki.receiver.certificate] });
      await expect(open(message)).resolves.toMatchObject({ content: text, recipient: pki.receiver });
    }
  });

  it("S8: an entry that claims to be ours and does not open, or uses another algorithm, before ours", async () => {
    const algorithm = withNull(OID.rsaEncryption);
    const claims = {
      "a random key": sequence(integer(0), byName(pki.receiver), algorithm, octetString(randomBytes(256))),
      "another algorithm": sequence(
        integer(0),
        byName(pki.receiver),
        withNull("1.2.840.10040.4.1"),
        octetString(randomBytes(256)),
      ),
      "OAEP with a digest that is not in use": sequence(
        integer(0),
        byName(pki.receiver),
        sequence(objectIdentifier(OID.rsaOaep), sequence(explicit(0, withNull("1.2.840.113549.2.5")))),
        octetString(randomBytes(256)),
      ),
      "OAEP that says nothing readable": sequence(
        integer(0),
        byName(pki.receiver),
        sequence(objectIdentifier(OID.rsaOaep), octetString(text)),
        octetString(randomBytes(256)),
      ),
    };
    for (const [what, first] of Object.entries(claims)) {
      const message = await envelope(pkcs1, undefined, [first]);
      await expect(open(message), what).resolves.toMatchObject({ content: text });
    }
  });
});

describe("unprotect() gives one answer to every failure to decrypt", () => {
  it("S5: wrong key, bad padding and bad structure give one constant error", async () => {
    const good = await protect(text, { signer: pki.sender, recipients: pki.receiver.certificate });
    const algorithm = withNull(OID.rsaEncryption);
    const encrypt = (key: Uint8Array) =>
      publicEncrypt({ key: pki.receiver.certificate.publicKey, padding: constants.RSA_PKCS1_PADDING }, key);
    const lastByte = Buffer.from(good);
    lastByte[lastByte.length - 1] = (lastByte.at(-1) as number) ^ 1;
    const failures = {
      "not a recipient": await protect(text, { signer: pki.sender, recipients: other.certificate }),
      "content changed": lastByte,
      "wrong PKCS#1 padding": await envelope(async () => ({ algorithm, encrypted: randomBytes(256) })),
      "an encrypted key of wrong length": await envelope(async () => ({ algorithm, encrypted: randomBytes(255) })),
      "a content key of wrong length": await envelope(async () => ({ algorithm, encrypted: encrypt(randomBytes(16)) })),
      "wrong OAEP padding": await envelope(async () => ({
        algorithm: oaepIdentifier("sha1"),
        encrypted: randomBytes(256),
      })),
      "a wrong content key": await envelope(async () => ({ algorithm, encrypted: encrypt(randomBytes(32)) })),
      "content that is no CMS": await envelope(async (key) => ({ algorithm, encrypted: encrypt(key) }), text),
      "content that is another CMS": await envelope(async (key) => ({ algorithm, encrypted: encrypt(key) }), good),
      "a signed structure cut off": await seal(
        der(derBytes(await signData(text, { signer: pki.sender })).subarray(0, -9)),
      ),
    };
    const stages: string[] = [];
    const errors = await Promise.all(
      Object.entries(failures).map(async ([what, message]) => {
        const opened = unprotect(message, {
          keys: [pki.receiver],
          expectedSigner: pki.sender.certificate,
          onFailure: ({ stage }) => stages.push(stage),
        });
        const error = (await opened.then(
          () => new Error(`opened ${what}`),
          (reason: unknown) => reason,
        )) as { code: string; message: string; toJSON(): object; original(): unknown };
        expect(error.code, what).toBe("protection/decryption-failed");
        expect(error.original(), what).toBeUndefined();
        return JSON.stringify(error);
      }),
    );
    expect(new Set(errors).size).toBe(1);
    // The own side can tell more.
    expect(stages).toHaveLength(errors.length);
    expect(new Set(stages)).toEqual(new Set(["recipient", "content", "structure"]));
  });

  it("also when a key outside the process fails", async () => {
    const message = await protect(text, { signer: pki.sender, recipients: pki.receiver.certificate });
    const key = { decrypt: () => Promise.reject(new Error("token removed")) };
    const keys = [{ certificate: pki.receiver.certificate, key }];
    await expect(unprotect(message, { keys, expectedSigner: pki.sender.certificate })).rejects.toThrow(
      code("protection/decryption-failed"),
    );
  });
});

describe("unprotect() refuses what is not CMS", () => {
  it.each([
    ["nothing", ""],
    ["text", Buffer.from("<x/>").toString("hex")],
    ["an empty sequence", "3000"],
    ["nesting without end", "3080".repeat(1000)],
  ])("%s", async (_, hex) => {
    await expect(open(Buffer.from(hex, "hex"))).rejects.toThrow(code("protection/not-cms"));
  });

  it("SignedData without envelope", async () => {
    const signed = derBytes(await signData(text, { signer: pki.sender }));
    await expect(open(signed)).rejects.toThrow(code("protection/not-cms"));
    await expect(verifySigned(signed, { expectedSigner: pki.sender.certificate })).resolves.toMatchObject({
      content: text,
    });
  });

  it("more bytes than allowed", async () => {
    const options = { keys: [], policy: { maxBytes: 10 } };
    await expect(unprotect(Buffer.alloc(11), options)).rejects.toThrow(code("input/too-large"));
    await expect(verifySigned(Buffer.alloc(11), options)).rejects.toThrow(code("input/too-large"));
  });
});
