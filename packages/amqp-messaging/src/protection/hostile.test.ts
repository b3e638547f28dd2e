import { createCipheriv, publicEncrypt, randomBytes, sign as cryptoSign, constants } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { certificateNames } from "../keys/certificate-names.ts";
import { makeIdentity, makePki, type TestPki } from "./_test-certificates.ts";
import { CONTENT_TYPE, ciphers, explicit, OID, withNull } from "./algorithms.ts";
import { type Der, derBytes, integer, objectIdentifier, octetString, sequence, setOf, tlv } from "./der-writer.ts";
import { protect } from "./protect.ts";
import { signData } from "./sign-data.ts";
import { unprotect } from "./unprotect.ts";

// What somebody sends who wants to harm: every answer is an error of the closed list, and takes time in proportion.

let pki: TestPki;
let good: Buffer;
let signed: Buffer;
const text = Buffer.from("<Melding xmlns='urn:example'>hei</Melding>");
beforeAll(async () => {
  pki = await makePki();
  good = await protect(text, { signer: pki.sender, recipients: pki.receiver.certificate });
  signed = derBytes(await signData(text, { signer: pki.sender }));
});

const codes = [
  "protection/not-cms",
  "protection/decryption-failed",
  "protection/signature-invalid",
  "protection/signer-unexpected",
  "protection/algorithm-refused",
  "input/too-large",
];

/** The code with which a message is refused; `opened` when it is not. */
async function refusal(message: Uint8Array): Promise<string> {
  try {
    const { content } = await unprotect(message, { keys: [pki.receiver], expectedSigner: pki.sender.certificate });
    return content.equals(text) ? "opened" : "opened with other content";
  } catch (error) {
    return error instanceof HelsekontaktError ? error.code : `a foreign error: ${String(error)}`;
  }
}

/** Indefinite lengths all the way, as a streaming sender writes. */
const indefinite = (tag: number, ...contents: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Uint8Array.of(tag, 0x80), ...contents, Uint8Array.of(0, 0)]);

/** An envelope around any inner bytes, under the right key, with parts that a test bends. */
function envelope(
  inner: Uint8Array,
  bend: { readonly cipher?: Der; readonly recipients?: readonly Der[]; readonly segments?: number } = {},
): Buffer {
  const key = randomBytes(32);
  const iv = randomBytes(16);
  const encryption = createCipheriv("aes-256-cbc", key, iv);
  const encrypted = Buffer.concat([encryption.update(inner), encryption.final()]);
  const names = certificateNames(pki.receiver.certificate);
  const rsa = { key: pki.receiver.certificate.publicKey, padding: constants.RSA_PKCS1_PADDING };
  const ours = sequence(
    integer(0),
    sequence(names.issuer, names.serialNumber),
    withNull(OID.rsaEncryption),
    octetString(publicEncrypt(rsa, key)),
  );
  const segments = bend.segments;
  const box =
    segments === undefined
      ? tlv(0x80, encrypted)
      : tlv(
          0xa0,
          ...Array.from({ length: Math.ceil(encrypted.length / segments) }, (_, i) =>
            octetString(encrypted.subarray(i * segments, (i + 1) * segments)),
          ),
        );
  const body = sequence(
    integer(0),
    tlv(0x31, ...(bend.recipients ?? [ours])),
    sequence(CONTENT_TYPE.data, bend.cipher ?? sequence(objectIdentifier(ciphers.aes256.oid), octetString(iv)), box),
  );
  return derBytes(sequence(CONTENT_TYPE.envelopedData, explicit(0, body)));
}

describe("hostile CMS", () => {
  it("nested without end, in either form of length, outside and inside", async () => {
    let definite: Der = tlv(0x05);
    for (let i = 0; i < 2_000; i++) definite = sequence(definite);
    const open = Buffer.alloc(4_000_000, Buffer.from([0x30, 0x80]));
    const segments = Buffer.concat([Buffer.alloc(200_000, Buffer.from([0x24, 0x80])), Buffer.alloc(200_000)]);
    for (const nested of [derBytes(definite), open, segments, indefinite(0x30, CONTENT_TYPE.envelopedData, segments)]) {
      expect(await refusal(nested)).toBe("protection/not-cms");
      expect(await refusal(envelope(nested))).toBe("protection/decryption-failed");
    }
    // An envelope in an envelope in an envelope.
    expect(await refusal(envelope(envelope(envelope(signed))))).toBe("protection/decryption-failed");
  });

  it("of a size beyond the limit, said or sent", async () => {
    const claims = Buffer.from("30847fffffff", "hex");
    expect(await refusal(claims)).toBe("protection/not-cms");
    expect(await refusal(Buffer.alloc(64 * 1024 * 1024 + 1))).toBe("input/too-large");
  });

  it("in millions of tiny elements: refused before they hold up the loop", async () => {
    const many = indefinite(0x24, Buffer.alloc(12_000_000, Buffer.from([0x04, 0x01, 0x00])));
    const sets = indefinite(0x31, Buffer.alloc(12_000_000, Buffer.from([0x05, 0x00])));
    const info = (content: Uint8Array) =>
      indefinite(0x30, CONTENT_TYPE.envelopedData, indefinite(0xa0, indefinite(0x30, integerBytes, content)));
    for (const message of [many, sets, info(sets), info(many)]) {
      await expect(unprotect(message, { keys: [pki.receiver] })).rejects.toMatchObject({
        code: "protection/not-cms",
        message: expect.stringContaining("more than 500000 elements") as unknown,
      });
    }
    // Segments of a sensible size are no attack.
    expect(await refusal(envelope(signed, { segments: 16 }))).toBe("opened");
  });

  it("cut at every length", async () => {
    for (let size = 0; size < good.length; size += 7) {
      expect(await refusal(good.subarray(0, size)), `cut at ${size}`).toBe("protection/not-cms");
    }
    for (let size = 0; size < signed.length; size += 23) {
      expect(await refusal(envelope(signed.subarray(0, size))), `inside, cut at ${size}`).toBe(
        "protection/decryption-failed",
      );
    }
  });

  it("with algorithms confused", async () => {
    const digest = withNull("2.16.840.1.101.3.4.2.1");
    const names = certificateNames(pki.sender.certificate);
    const signedWith = (algorithm: Der, digestAlgorithm: Der = digest, hash = "sha256") => {
      const info = sequence(
        integer(1),
        sequence(names.issuer, names.serialNumber),
        digestAlgorithm,
        algorithm,
        octetString(cryptoSign(hash, text, pki.sender.key)),
      );
      const body = sequence(
        integer(1),
        setOf(digest),
        sequence(CONTENT_TYPE.data, explicit(0, octetString(text))),
        setOf(info),
      );
      return envelope(derBytes(sequence(CONTENT_TYPE.signedData, explicit(0, body))));
    };
    const cases: [string, Buffer, string][] = [
      ["the control", signedWith(withNull(OID.rsaEncryption)), "opened"],
      ["a cipher as signature", signedWith(withNull(ciphers.aes256.oid)), "protection/algorithm-refused"],
      ["ECDSA by an RSA key", signedWith(withNull("1.2.840.10045.4.3.2")), "protection/algorithm-refused"],
      [
        "a digest that is a cipher",
        signedWith(withNull(OID.rsaEncryption), withNull(ciphers.aes256.oid)),
        "protection/algorithm-refused",
      ],
      [
        "SHA-512 said, SHA-256 done",
        signedWith(withNull(OID.rsaEncryption), withNull("2.16.840.1.101.3.4.2.3")),
        "protection/signature-invalid",
      ],
      [
        "PSS said, PKCS#1 done",
        signedWith(
          sequence(
            objectIdentifier(OID.rsaPss),
            sequence(
              explicit(0, digest),
              explicit(1, sequence(objectIdentifier(OID.mgf1), digest)),
              explicit(2, integer(32)),
            ),
          ),
        ),
        "protection/signature-invalid",
      ],
      [
        "PSS with SHA-1 by default",
        signedWith(sequence(objectIdentifier(OID.rsaPss), sequence())),
        "protection/algorithm-refused",
      ],
      [
        "a digest as content encryption",
        envelope(signed, { cipher: withNull("2.16.840.1.101.3.4.2.1") }),
        "protection/algorithm-refused",
      ],
      [
        "AES in GCM",
        envelope(signed, {
          cipher: sequence(objectIdentifier("2.16.840.1.101.3.4.1.46"), octetString(randomBytes(16))),
        }),
        "protection/algorithm-refused",
      ],
      [
        "AES-128 said, AES-256 done",
        envelope(signed, { cipher: sequence(objectIdentifier(ciphers.aes128.oid), octetString(randomBytes(16))) }),
        "protection/decryption-failed",
      ],
      [
        "no initialisation vector",
        envelope(signed, { cipher: sequence(objectIdentifier(ciphers.aes256.oid)) }),
        "protection/not-cms",
      ],
      [
        "one of a wrong length",
        envelope(signed, { cipher: sequence(objectIdentifier(ciphers.aes256.oid), octetString(randomBytes(8))) }),
        "protection/not-cms",
      ],
    ];
    for (const [what, message, expected] of cases) expect(await refusal(message), what).toBe(expected);
  });

  it("of a signer without certificate, known or unknown", async () => {
    const bare = (identity: TestPki["sender"]) => {
      const names = certificateNames(identity.certificate);
      const info = sequence(
        integer(1),
        sequence(names.issuer, names.serialNumber),
        withNull("2.16.840.1.101.3.4.2.1"),
        withNull(OID.rsaEncryption),
        octetString(cryptoSign("sha256", text, identity.key)),
      );
      const body = sequence(
        integer(1),
        setOf(withNull("2.16.840.1.101.3.4.2.1")),
        sequence(CONTENT_TYPE.data, explicit(0, octetString(text))),
        setOf(info),
      );
      return envelope(derBytes(sequence(CONTENT_TYPE.signedData, explicit(0, body))));
    };
    expect(await refusal(bare(pki.sender))).toBe("opened");
    expect(await refusal(bare(pki.issuing))).toBe("protection/signature-invalid");
    const anyone = { keys: [pki.receiver], policy: { unknownSigner: "accept" } } as const;
    const trust = { anchors: pki.anchors, at: pki.at };
    for (const options of [anyone, { keys: [pki.receiver], trust }])
      await expect(unprotect(bare(pki.sender), options)).rejects.toMatchObject({
        code: "protection/signature-invalid",
      });
  });

  it("with hundreds of entries that claim to be ours: a bounded number is tried", async () => {
    const names = certificateNames(pki.receiver.certificate);
    const claim = sequence(
      integer(0),
      sequence(names.issuer, names.serialNumber),
      withNull(OID.rsaEncryption),
      octetString(randomBytes(256)),
    );
    const tried: number[] = [];
    const message = envelope(signed, { recipients: Array.from({ length: 1_000 }, () => claim) });
    const opened = unprotect(message, {
      keys: [pki.receiver],
      expectedSigner: pki.sender.certificate,
      onFailure: (failure) => tried.push(failure.tried),
    });
    await expect(opened).rejects.toMatchObject({ code: "protection/decryption-failed" });
    expect(tried).toEqual([16]);
  });

  it("with hundreds of certificates and signers that match each other: a bounded number is tried", async () => {
    const content = randomBytes(2_000_000);
    const twin = await makeIdentity("Twin");
    const names = certificateNames(twin.certificate);
    const info = sequence(
      integer(1),
      sequence(names.issuer, names.serialNumber),
      withNull("2.16.840.1.101.3.4.2.1"),
      withNull(OID.rsaEncryption),
      octetString(randomBytes(256)),
    );
    const body = sequence(
      integer(1),
      setOf(withNull("2.16.840.1.101.3.4.2.1")),
      sequence(CONTENT_TYPE.data, explicit(0, octetString(content))),
      tlv(0xa0, ...Array.from({ length: 1_000 }, () => twin.certificate.raw)),
      tlv(0x31, ...Array.from({ length: 16 }, () => info)),
    );
    const message = envelope(derBytes(sequence(CONTENT_TYPE.signedData, explicit(0, body))));
    // Sixteen thousand signatures over two megabytes would take a minute.
    const trust = { anchors: pki.anchors, at: pki.at };
    for (const options of [{ expectedSigner: pki.sender.certificate }, { trust }])
      await expect(unprotect(message, { keys: [pki.receiver], ...options })).rejects.toMatchObject({
        code: "protection/signature-invalid",
      });
  });

  it("damaged anywhere, in any way: an error of the list, or the content that was signed", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
        async (inside, changes) => {
          const bytes = Buffer.from(inside ? signed : good);
          for (const [at, mask] of changes) bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ mask;
          const outcome = await refusal(inside ? envelope(bytes) : bytes);
          expect([...codes, "opened"]).toContain(outcome);
        },
      ),
      { numRuns: 600 },
    );
  });
});

const integerBytes = derBytes(integer(0));
