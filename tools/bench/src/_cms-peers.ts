import { spawnSync } from "node:child_process";
import {
  constants,
  createCipheriv,
  createDecipheriv,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  sign,
  verify,
  webcrypto,
  type X509Certificate,
} from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as cms from "@peculiar/asn1-cms";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier, Certificate } from "@peculiar/asn1-x509";

/** A certificate with its key. */
export interface Party {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** Another way to do the same: SHA-256, RSA, AES-256-CBC, no signed attributes where it can do without. */
export interface Peer {
  readonly name: string;
  /** What it does not do of what we do. */
  readonly lacks?: string;
  protect(content: Buffer): Promise<Buffer> | Buffer;
  unprotect(message: Buffer): Promise<void> | void;
  end?(): void;
}

const exact = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

/** The structures of @peculiar/asn1-cms around node:crypto. */
export function asn1CmsPeer(signer: Party, receiver: Party): Peer {
  const parsed = (party: Party) => AsnConvert.parse(exact(party.certificate.raw), Certificate);
  const [signerCertificate, receiverCertificate] = [parsed(signer), parsed(receiver)];
  const named = ({ tbsCertificate }: Certificate) =>
    new cms.IssuerAndSerialNumber({ issuer: tbsCertificate.issuer, serialNumber: tbsCertificate.serialNumber });
  const sha256 = new AlgorithmIdentifier({ algorithm: "2.16.840.1.101.3.4.2.1", parameters: null });
  const rsa = new AlgorithmIdentifier({ algorithm: "1.2.840.113549.1.1.1", parameters: null });
  const info = (contentType: string, content: unknown): Buffer =>
    Buffer.from(AsnConvert.serialize(new cms.ContentInfo({ contentType, content: AsnConvert.serialize(content) })));
  return {
    name: "@peculiar/asn1-cms over node:crypto",
    protect(content) {
      const signed = new cms.SignedData({
        version: 1,
        digestAlgorithms: new cms.DigestAlgorithmIdentifiers([sha256]),
        encapContentInfo: new cms.EncapsulatedContentInfo({
          eContentType: cms.id_data,
          eContent: new cms.EncapsulatedContent({ single: new OctetString(exact(content)) }),
        }),
        certificates: new cms.CertificateSet([new cms.CertificateChoices({ certificate: signerCertificate })]),
        signerInfos: new cms.SignerInfos([
          new cms.SignerInfo({
            version: 1,
            sid: new cms.SignerIdentifier({ issuerAndSerialNumber: named(signerCertificate) }),
            digestAlgorithm: sha256,
            signatureAlgorithm: rsa,
            signature: new OctetString(exact(sign("sha256", content, signer.key))),
          }),
        ]),
      });
      const key = randomBytes(32);
      const iv = randomBytes(16);
      const cipher = createCipheriv("aes-256-cbc", key, iv);
      const box = Buffer.concat([cipher.update(info(cms.id_signedData, signed)), cipher.final()]);
      const wrapped = publicEncrypt({ key: receiver.certificate.publicKey, padding: constants.RSA_PKCS1_PADDING }, key);
      const enveloped = new cms.EnvelopedData({
        version: 0,
        recipientInfos: new cms.RecipientInfos([
          new cms.RecipientInfo({
            ktri: new cms.KeyTransRecipientInfo({
              version: 0,
              rid: new cms.RecipientIdentifier({ issuerAndSerialNumber: named(receiverCertificate) }),
              keyEncryptionAlgorithm: rsa,
              encryptedKey: new OctetString(exact(wrapped)),
            }),
          }),
        ]),
        encryptedContentInfo: new cms.EncryptedContentInfo({
          contentType: cms.id_data,
          contentEncryptionAlgorithm: new AlgorithmIdentifier({
            algorithm: "2.16.840.1.101.3.4.1.42",
            parameters: AsnConvert.serialize(new OctetString(exact(iv))),
          }),
          encryptedContent: new cms.EncryptedContent({ value: new OctetString(exact(box)) }),
        }),
      });
      return info(cms.id_envelopedData, enveloped);
    },
    unprotect(message) {
      const enveloped = AsnConvert.parse(AsnConvert.parse(message, cms.ContentInfo).content, cms.EnvelopedData);
      const { encryptedKey } = enveloped.recipientInfos[0]?.ktri ?? fail();
      const key = privateDecrypt(
        { key: receiver.key, padding: constants.RSA_PKCS1_PADDING },
        Buffer.from(encryptedKey.buffer),
      );
      const content = enveloped.encryptedContentInfo;
      const iv = Buffer.from(content.contentEncryptionAlgorithm.parameters ?? fail()).subarray(2);
      const decipher = createDecipheriv("aes-256-cbc", key, iv);
      const box = Buffer.from(content.encryptedContent?.value?.buffer ?? fail());
      const plain = Buffer.concat([decipher.update(box), decipher.final()]);
      const signed = AsnConvert.parse(AsnConvert.parse(plain, cms.ContentInfo).content, cms.SignedData);
      const text = Buffer.from(signed.encapContentInfo.eContent?.single?.buffer ?? fail());
      const signature = Buffer.from((signed.signerInfos[0] ?? fail()).signature.buffer);
      if (!verify("sha256", text, signer.certificate.publicKey, signature)) fail();
    },
  };
}

function fail(): never {
  throw new Error("the peer cannot read its own message");
}

/** The `openssl cms` command, with files: two processes for each message. Nothing where it is not installed. */
export function opensslPeer(signer: Party, receiver: Party): Peer | undefined {
  if (spawnSync("openssl", ["version"]).status !== 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "bench-cms-"));
  const at = (name: string): string => join(folder, name);
  for (const [name, party] of Object.entries({ signer, receiver })) {
    writeFileSync(at(`${name}.pem`), party.certificate.toString());
    writeFileSync(at(`${name}.key`), party.key.export({ format: "pem", type: "pkcs8" }));
  }
  const run = (...args: readonly string[]): void => {
    const { status, stderr } = spawnSync("openssl", ["cms", ...args], { cwd: folder, maxBuffer: 2 ** 28 });
    if (status !== 0) throw new Error(`openssl: ${stderr}`);
  };
  const der = ["-binary", "-inform", "DER", "-outform", "DER"];
  return {
    name: "openssl command",
    lacks: "process start and files are in it",
    protect(content) {
      writeFileSync(at("plain"), content);
      run(
        "-sign",
        "-binary",
        "-nodetach",
        "-noattr",
        "-outform",
        "DER",
        "-in",
        "plain",
        "-out",
        "s",
        "-signer",
        "signer.pem",
        "-inkey",
        "signer.key",
      );
      run("-encrypt", "-binary", "-aes-256-cbc", "-outform", "DER", "-in", "s", "-out", "m", "-recip", "receiver.pem");
      return readFileSync(at("m"));
    },
    unprotect(message) {
      writeFileSync(at("in"), message);
      run("-decrypt", ...der, "-in", "in", "-out", "t", "-recip", "receiver.pem", "-inkey", "receiver.key");
      run("-verify", "-noverify", ...der, "-in", "t", "-out", "u", "-certfile", "signer.pem");
    },
    end: () => rmSync(folder, { recursive: true, force: true }),
  };
}

// Its declarations are a package of their own; only this much of it is used.
interface Forge {
  readonly util: { createBuffer(bytes: string): object };
  readonly pki: {
    certificateFromPem(pem: string): object;
    privateKeyFromPem(pem: string): object;
    readonly oids: { readonly sha256: string };
  };
  readonly asn1: { toDer(asn1: object): { getBytes(): string }; fromDer(bytes: string): object };
  readonly pkcs7: {
    createSignedData(): {
      content: object;
      addCertificate(certificate: object): void;
      addSigner(signer: object): void;
      sign(): void;
      toAsn1(): object;
    };
    createEnvelopedData(): {
      content: object;
      addRecipient(certificate: object): void;
      encrypt(): void;
      toAsn1(): object;
    };
    messageFromAsn1(asn1: object): {
      readonly recipients: readonly object[];
      readonly content: { getBytes(): string };
      decrypt(recipient: object, key: object): void;
    };
  };
}

export async function forgePeer(signer: Party, receiver: Party): Promise<Peer> {
  const specifier: string = "node-forge";
  const { default: forge } = (await import(specifier)) as { default: Forge };
  const certificate = ({ certificate: c }: Party) => forge.pki.certificateFromPem(c.toString());
  const key = ({ key: k }: Party) => forge.pki.privateKeyFromPem(k.export({ format: "pem", type: "pkcs1" }) as string);
  const [signerCertificate, receiverCertificate] = [certificate(signer), certificate(receiver)];
  const [signerKey, receiverKey] = [key(signer), key(receiver)];
  return {
    name: "node-forge",
    lacks: "cannot verify CMS: its way back is decryption alone",
    protect(content) {
      const signed = forge.pkcs7.createSignedData();
      signed.content = forge.util.createBuffer(content.toString("latin1"));
      signed.addCertificate(signerCertificate);
      signed.addSigner({ key: signerKey, certificate: signerCertificate, digestAlgorithm: forge.pki.oids.sha256 });
      signed.sign();
      const enveloped = forge.pkcs7.createEnvelopedData();
      enveloped.addRecipient(receiverCertificate);
      enveloped.content = forge.util.createBuffer(forge.asn1.toDer(signed.toAsn1()).getBytes());
      enveloped.encrypt();
      return Buffer.from(forge.asn1.toDer(enveloped.toAsn1()).getBytes(), "latin1");
    },
    unprotect(message) {
      const enveloped = forge.pkcs7.messageFromAsn1(forge.asn1.fromDer(message.toString("latin1")));
      enveloped.decrypt(enveloped.recipients[0] ?? fail(), receiverKey);
      forge.pkcs7.messageFromAsn1(forge.asn1.fromDer(enveloped.content.getBytes()));
    },
  };
}

// Its declarations need the types of a browser.
interface Pkijs {
  readonly Certificate: { fromBER(bytes: ArrayBuffer): { readonly issuer: object; readonly serialNumber: object } };
  readonly ContentInfo: (new (
    fields: object,
  ) => { toSchema(): { toBER(): ArrayBuffer } }) & {
    readonly DATA: string;
    readonly SIGNED_DATA: string;
    readonly ENVELOPED_DATA: string;
    fromBER(bytes: ArrayBuffer): { readonly content: unknown };
  };
  readonly EncapsulatedContentInfo: new (fields: object) => object;
  readonly IssuerAndSerialNumber: new (fields: object) => object;
  readonly SignerInfo: new (fields: object) => object;
  readonly SignedData: new (
    fields: object,
  ) => {
    sign(key: unknown, signer: number, hash: string): Promise<void>;
    verify(options: { readonly signer: number }): Promise<boolean>;
    toSchema(encode: boolean): unknown;
  };
  readonly EnvelopedData: new (
    fields: object,
  ) => {
    addRecipientByCertificate(certificate: object, options: object): boolean;
    encrypt(algorithm: object, content: ArrayBuffer): Promise<unknown>;
    decrypt(recipient: number, keys: object): Promise<ArrayBuffer>;
    toSchema(): unknown;
  };
}

export async function pkijsPeer(signer: Party, receiver: Party): Promise<Peer> {
  const [pkijsName, asn1Name]: string[] = ["pkijs", "asn1js"];
  const pkijs = (await import(pkijsName ?? "")) as Pkijs;
  const { OctetString: Octets } = (await import(asn1Name ?? "")) as { OctetString: new (fields: object) => object };
  const pkcs8 = ({ key }: Party) => exact(key.export({ format: "der", type: "pkcs8" }));
  const signerCertificate = pkijs.Certificate.fromBER(exact(signer.certificate.raw));
  const receiverCertificate = pkijs.Certificate.fromBER(exact(receiver.certificate.raw));
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const signerKey = await webcrypto.subtle.importKey("pkcs8", pkcs8(signer), algorithm, false, ["sign"]);
  const receiverKey = pkcs8(receiver);
  return {
    name: "pkijs",
    lacks: "OAEP key transport: it does not know the padding in use",
    async protect(content) {
      const signed = new pkijs.SignedData({
        version: 1,
        encapContentInfo: new pkijs.EncapsulatedContentInfo({
          eContentType: pkijs.ContentInfo.DATA,
          eContent: new Octets({ valueHex: exact(content) }),
        }),
        certificates: [signerCertificate],
        signerInfos: [
          new pkijs.SignerInfo({ version: 1, sid: new pkijs.IssuerAndSerialNumber({ ...namesOf(signerCertificate) }) }),
        ],
      });
      await signed.sign(signerKey, 0, "SHA-256");
      const inner = new pkijs.ContentInfo({
        contentType: pkijs.ContentInfo.SIGNED_DATA,
        content: signed.toSchema(true),
      });
      const enveloped = new pkijs.EnvelopedData({ version: 0 });
      enveloped.addRecipientByCertificate(receiverCertificate, { oaepHashAlgorithm: "SHA-256" });
      await enveloped.encrypt({ name: "AES-CBC", length: 256 }, inner.toSchema().toBER());
      const outer = new pkijs.ContentInfo({
        contentType: pkijs.ContentInfo.ENVELOPED_DATA,
        content: enveloped.toSchema(),
      });
      return Buffer.from(outer.toSchema().toBER());
    },
    async unprotect(message) {
      const enveloped = new pkijs.EnvelopedData({ schema: pkijs.ContentInfo.fromBER(exact(message)).content });
      const plain = await enveloped.decrypt(0, {
        recipientCertificate: receiverCertificate,
        recipientPrivateKey: receiverKey,
      });
      const signed = new pkijs.SignedData({ schema: pkijs.ContentInfo.fromBER(plain).content });
      if (!(await signed.verify({ signer: 0 }))) fail();
    },
  };
}

function namesOf({ issuer, serialNumber }: { readonly issuer: object; readonly serialNumber: object }): object {
  return { issuer, serialNumber };
}
