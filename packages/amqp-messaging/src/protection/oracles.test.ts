import { createDecipheriv, webcrypto } from "node:crypto";
import { ContentInfo, EnvelopedData, SignedData } from "@peculiar/asn1-cms";
import { AsnConvert } from "@peculiar/asn1-schema";
import { beforeAll, describe, expect, it } from "vitest";
import { pkijs, type PkiCertificate } from "./_pkijs.ts";
import { makePki, openPkcs1, type TestPki } from "./_test-certificates.ts";
import { derBytes } from "./der-writer.ts";
import { protect, type ProtectOptions } from "./protect.ts";
import { signData } from "./sign-data.ts";
import { unprotect, verifySigned } from "./unprotect.ts";
import { readSigned } from "./verify-data.ts";

// Two independent implementations of CMS judge what we write and write what we read.

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

const text = Buffer.from("<Melding xmlns='urn:example'>hei</Melding>");
const forms: Omit<ProtectOptions, "signer" | "recipients">[] = [
  {},
  { signedAttributes: true, digest: "sha512" },
  { keyTransport: "oaep", contentEncryption: "aes128" },
  { keyTransport: "oaep", oaepHash: "sha256", signaturePadding: "pss" },
];

describe("@peculiar/asn1-cms", () => {
  it("reads our structures and writes them again to the same bytes", async () => {
    for (const form of forms) {
      const message = await protect(text, { signer: pki.sender, recipients: pki.receiver.certificate, ...form });
      const info = AsnConvert.parse(message, ContentInfo);
      const enveloped = AsnConvert.parse(info.content, EnvelopedData);
      info.content = AsnConvert.serialize(enveloped);
      expect(Buffer.from(AsnConvert.serialize(info)).equals(message)).toBe(true);

      const signed = derBytes(await signData(text, { signer: pki.sender, ...form }));
      const signedInfo = AsnConvert.parse(signed, ContentInfo);
      const data = AsnConvert.parse(signedInfo.content, SignedData);
      expect(bufferOf(data.encapContentInfo.eContent?.single?.buffer).equals(text)).toBe(true);
      expect(data.signerInfos).toHaveLength(1);
      expect(data.certificates).toHaveLength(2);
      signedInfo.content = AsnConvert.serialize(data);
      expect(Buffer.from(AsnConvert.serialize(signedInfo)).equals(signed)).toBe(true);
    }
  });

  it("finds what is needed to decrypt", async () => {
    const message = await protect(text, { signer: pki.sender, recipients: pki.receiver.certificate });
    const enveloped = AsnConvert.parse(AsnConvert.parse(message, ContentInfo).content, EnvelopedData);
    const recipient = enveloped.recipientInfos[0]?.ktri;
    const content = enveloped.encryptedContentInfo;
    const key = openPkcs1(pki.receiver.key, bufferOf(recipient?.encryptedKey.buffer));
    const iv = bufferOf(content.contentEncryptionAlgorithm.parameters).subarray(2);
    const decryption = createDecipheriv("aes-256-cbc", key, iv);
    const encrypted = bufferOf(content.encryptedContent?.value?.buffer);
    const signed = Buffer.concat([decryption.update(encrypted), decryption.final()]);
    await expect(verifySigned(signed, { expectedSigner: pki.sender.certificate })).resolves.toMatchObject({
      content: text,
    });
  });

  it("sees the same content wherever both read a damaged structure", async () => {
    const signed = derBytes(await signData(text, { signer: pki.sender, signedAttributes: true }));
    let both = 0;
    // The other reader takes milliseconds for each, so every third octet has to do.
    for (let at = 0; at < signed.length; at += 3) {
      const damaged = Buffer.from(signed);
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      const ours = attempt(() => readSigned(damaged).content);
      const theirs = attempt(() => {
        const data = AsnConvert.parse(AsnConvert.parse(damaged, ContentInfo).content, SignedData);
        return bufferOf(data.encapContentInfo.eContent?.single?.buffer);
      });
      if (ours === undefined || theirs === undefined) continue;
      both++;
      expect(ours.equals(theirs)).toBe(true);
    }
    expect(both).toBeGreaterThan(signed.length / 6);
  });
});

function bufferOf(bytes: ArrayBuffer | null | undefined): Buffer {
  return Buffer.from(bytes ?? new ArrayBuffer(0));
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

const exact = (bytes: Uint8Array): ArrayBuffer =>
  bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
const certificateOf = (raw: Buffer): PkiCertificate => pkijs.Certificate.fromBER(exact(raw));

describe("pkijs", () => {
  it("opens and verifies what we protect with OAEP", async () => {
    for (const form of forms.slice(2)) {
      const message = await protect(text, { signer: pki.sender, recipients: pki.receiver.certificate, ...form });
      const info = pkijs.ContentInfo.fromBER(exact(message));
      const enveloped = new pkijs.EnvelopedData({ schema: info.content });
      const signed = await enveloped.decrypt(0, {
        recipientCertificate: certificateOf(pki.receiver.certificate.raw),
        recipientPrivateKey: exact(pki.receiver.key.export({ format: "der", type: "pkcs8" })),
      });
      const data = new pkijs.SignedData({ schema: pkijs.ContentInfo.fromBER(signed).content });
      expect(await data.verify({ signer: 0 })).toBe(true);
      expect(bufferOf(data.encapContentInfo.eContent?.getValue()).equals(text)).toBe(true);
    }
  });

  it("makes messages that we open", async () => {
    for (const hash of ["SHA-256", "SHA-512"]) {
      const key = await webcrypto.subtle.importKey(
        "pkcs8",
        pki.sender.key.export({ format: "der", type: "pkcs8" }),
        { name: "RSASSA-PKCS1-v1_5", hash },
        false,
        ["sign"],
      );
      const signer = certificateOf(pki.sender.certificate.raw);
      const data = new pkijs.SignedData({
        version: 1,
        encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: pkijs.ContentInfo.DATA }),
        certificates: [signer],
        signerInfos: [
          new pkijs.SignerInfo({
            version: 1,
            sid: new pkijs.IssuerAndSerialNumber({ issuer: signer.issuer, serialNumber: signer.serialNumber }),
          }),
        ],
      });
      data.encapContentInfo.eContent = new (await octetStringOf())({ valueHex: exact(text) });
      await data.sign(key, 0, hash);
      const signedInfo = new pkijs.ContentInfo({
        contentType: pkijs.ContentInfo.SIGNED_DATA,
        content: data.toSchema(true),
      });
      const enveloped = new pkijs.EnvelopedData({ version: 0 });
      enveloped.addRecipientByCertificate(certificateOf(pki.receiver.certificate.raw), { oaepHashAlgorithm: hash });
      await enveloped.encrypt({ name: "AES-CBC", length: 256 }, signedInfo.toSchema().toBER());
      const message = new pkijs.ContentInfo({
        contentType: pkijs.ContentInfo.ENVELOPED_DATA,
        content: enveloped.toSchema(),
      });
      const opened = await unprotect(Buffer.from(message.toSchema().toBER()), {
        keys: [pki.receiver],
        expectedSigner: pki.sender.certificate,
      });
      expect(opened.content.equals(text)).toBe(true);
    }
  });
});

/** The OCTET STRING class that pkijs itself uses, without a dependency of our own on its parser. */
async function octetStringOf(): Promise<new (options: { valueHex: ArrayBuffer }) => never> {
  const info = pkijs.ContentInfo.fromBER(exact(derBytes(await signData(text, { signer: pki.sender }))));
  const data = new pkijs.SignedData({ schema: info.content });
  return data.encapContentInfo.eContent?.constructor as never;
}
