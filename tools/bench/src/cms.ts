import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { createIdentity, protect, unprotect } from "@helsekontakt/amqp-messaging/protection";
import { compare, type Row } from "./measure.ts";

/** Sign-then-encrypt of 10 KB with RSA-2048, against the bare operations of node:crypto that it needs. */
export async function benchCms(): Promise<Row[]> {
  const dates = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 3_600_000) };
  const signer = await createIdentity({ subject: { commonName: "Signer" }, usage: ["nonRepudiation"], ...dates });
  const receiver = await createIdentity({ subject: { commonName: "Receiver" }, usage: ["keyEncipherment"], ...dates });
  const content = randomBytes(10 * 1024);
  // Getting a certificate's key costs as much as using it: both sides do it once.
  const signerKey = signer.certificate.publicKey;
  const rsa = { key: receiver.certificate.publicKey, padding: constants.RSA_PKCS1_PADDING };
  const bareProtect = (): { signature: Buffer; key: Buffer; iv: Buffer; wrapped: Buffer; box: Buffer } => {
    const signature = sign("sha256", content, signer.key);
    const key = randomBytes(32);
    const iv = randomBytes(16);
    const cipher = createCipheriv("aes-256-cbc", key, iv);
    const box = Buffer.concat([cipher.update(content), cipher.final()]);
    return { signature, key, iv, wrapped: publicEncrypt(rsa, key), box };
  };
  const sample = bareProtect();
  const bareUnprotect = (): boolean => {
    const key = privateDecrypt({ key: receiver.key, padding: constants.RSA_PKCS1_PADDING }, sample.wrapped);
    const decipher = createDecipheriv("aes-256-cbc", key, sample.iv);
    const plain = Buffer.concat([decipher.update(sample.box), decipher.final()]);
    createHash("sha256").update(plain).digest();
    return verify("sha256", plain, signerKey, sample.signature);
  };
  const cms = await protect(content, { signer, recipients: [receiver.certificate] });
  const options = { keys: [receiver], expectedSigner: signer.certificate };
  const out = await compare(bareProtect, () => protect(content, { signer, recipients: [receiver.certificate] }));
  const back = await compare(bareUnprotect, () => unprotect(cms, options));
  const bound = { kind: "at-most", value: 2 } as const;
  return [
    {
      name: "CMS sign + encrypt 10 KB RSA-2048, cost / bare node:crypto",
      ratio: out.ratio,
      bound,
      note: `${Math.round(out.bPerSecond)} against ${Math.round(out.aPerSecond)} a second`,
    },
    {
      name: "CMS decrypt + verify 10 KB RSA-2048, cost / bare node:crypto",
      ratio: back.ratio,
      bound,
      note: `${Math.round(back.bPerSecond)} against ${Math.round(back.aPerSecond)} a second`,
    },
  ];
}
