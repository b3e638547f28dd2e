import { constants, createCipheriv, publicEncrypt, randomBytes, type X509Certificate } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { certificateNames } from "../keys/certificate-names.ts";
import { rsaBits } from "../keys/rsa-bits.ts";
import {
  CONTENT_TYPE,
  ciphers,
  type ContentEncryption,
  type Digest,
  explicit,
  type KeyTransport,
  OID,
  oaepIdentifier,
  withNull,
} from "./algorithms.ts";
import { type Der, derBytes, integer, objectIdentifier, octetString, sequence, setOf, tlv } from "./der-writer.ts";
import { inSlices } from "./slices.ts";

const JOIN_UP_TO = 256 * 1024;

/** How content is encrypted; the defaults are what Helsenorge's own library sends. */
export interface EncryptOptions {
  /** Encryption certificates of the receivers; each can open the message. */
  readonly recipients: X509Certificate | readonly X509Certificate[];
  /** Default `aes256`. */
  readonly contentEncryption?: ContentEncryption;
  /** Default `pkcs1`. */
  readonly keyTransport?: KeyTransport;
  /** Hash of OAEP and its mask, default `sha1`, which every reader knows. */
  readonly oaepHash?: Digest;
  readonly signal?: AbortSignal;
}

/**
 * EnvelopedData around `content`, as ContentInfo.
 *
 * @internal
 * @see RFC 5652, section 6
 */
export async function encryptData(content: Der, options: EncryptOptions): Promise<Der> {
  const recipients = Array.isArray(options.recipients)
    ? (options.recipients as X509Certificate[])
    : [options.recipients as X509Certificate];
  if (recipients.length === 0)
    throw new HelsekontaktError("input/invalid", "expected at least one recipient certificate");
  const cipher = ciphers[options.contentEncryption ?? "aes256"];
  const key = randomBytes(cipher.keyBytes);
  const iv = randomBytes(cipher.ivBytes);
  const infos = recipients.map((recipient) => recipientInfo(recipient, key, options));
  const encryption = createCipheriv(cipher.name, key, iv);
  const encryptedSize = content.size + cipher.ivBytes - (content.size % cipher.ivBytes);
  const info = sequence(CONTENT_TYPE.data, sequence(objectIdentifier(cipher.oid), octetString(iv)), gap(encryptedSize));
  const whole = sequence(CONTENT_TYPE.envelopedData, explicit(0, sequence(integer(0), setOf(...infos), info)));
  // The encrypted content ends the structure. There is room for all of it, filled as it comes: no second copy, and no
  // moment at which a large one is joined.
  const bytes = Buffer.allocUnsafeSlow(whole.size);
  let end = 0;
  for (const part of whole.parts) {
    bytes.set(part, end);
    end += part.length;
  }
  end = whole.size - encryptedSize;
  // One call for a small message: each costs more than a copy of some kilobytes.
  const parts = content.size <= JOIN_UP_TO ? [derBytes(content)] : content.parts;
  await inSlices(parts, (slice) => void (end += encryption.update(slice).copy(bytes, end)), options.signal);
  encryption.final().copy(bytes, end);
  key.fill(0);
  return { size: bytes.length, parts: [bytes] };
}

/** The head of an implicitly tagged OCTET STRING whose contents come later. */
function gap(size: number): Der {
  return tlv(0x80, { size, parts: [] });
}

function recipientInfo(recipient: X509Certificate, contentKey: Buffer, options: EncryptOptions): Der {
  const { publicKey } = recipient;
  if (rsaBits(publicKey) === 0) {
    throw new HelsekontaktError("protection/certificate-invalid", "expected a recipient certificate with an RSA key");
  }
  const names = certificateNames(recipient);
  const oaepHash = options.oaepHash ?? "sha1";
  const oaep = options.keyTransport === "oaep";
  const encryptedKey = publicEncrypt(
    oaep
      ? { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }
      : { key: publicKey, padding: constants.RSA_PKCS1_PADDING },
    contentKey,
  );
  return sequence(
    integer(0),
    sequence(names.issuer, names.serialNumber),
    oaep ? oaepIdentifier(oaepHash) : withNull(OID.rsaEncryption),
    octetString(encryptedKey),
  );
}
