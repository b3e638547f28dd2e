import { createHmac, timingSafeEqual } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { digestSize, readAlgorithm, readDigest } from "../protection/algorithms.ts";
import { type BerElement, readBer, readObjectIdentifier } from "../protection/ber-reader.ts";
import {
  algorithmUnsupported,
  decryptWithPassword,
  hmacDigest,
  iterations,
  keyUnreadable,
  pkcs12Key,
  readPbkdf2,
} from "./password-encryption.ts";

/** What a PKCS#12 file holds. @internal */
export interface Pkcs12Content {
  /** PrivateKeyInfo in DER. */
  readonly keys: readonly Buffer[];
  /** X.509 in DER. */
  readonly certificates: readonly Buffer[];
}

const OID = {
  data: "1.2.840.113549.1.7.1",
  encryptedData: "1.2.840.113549.1.7.6",
  pbmac1: "1.2.840.113549.1.5.14",
  keyBag: "1.2.840.113549.1.12.10.1.1",
  shroudedKeyBag: "1.2.840.113549.1.12.10.1.2",
  certBag: "1.2.840.113549.1.12.10.1.3",
  safeContentsBag: "1.2.840.113549.1.12.10.1.6",
  x509Certificate: "1.2.840.113549.1.9.22.1",
} as const;

/**
 * Opens a PKCS#12 file, new form (PBES2 with AES, HMAC with SHA-2 or PBMAC1) or old (triple DES, HMAC with SHA-1).
 *
 * @internal
 * @throws {HelsekontaktError} `protection/key-unreadable`, naming an algorithm that is not supported.
 * @see RFC 7292
 */
export function readPkcs12(bytes: Uint8Array, password: string): Pkcs12Content {
  try {
    const file = readBer(bytes, { trailingZeros: true }).expect(0x30);
    const safe = contentOf(file.at(1));
    const mac = file.children[2];
    if (mac !== undefined && !macHolds(mac, safe, password)) {
      throw keyUnreadable("a PKCS#12 file that this password opens");
    }
    const keys: Buffer[] = [];
    const certificates: Buffer[] = [];
    for (const info of readBer(safe).expect(0x30).children) {
      collect(readBer(openSafe(info, password), { trailingZeros: true }), password, keys, certificates, 0);
    }
    return { keys, certificates };
  } catch (error) {
    // Faults of form come from the reader with its own code.
    if (error instanceof HelsekontaktError && error.code === "protection/key-unreadable") throw error;
    throw keyUnreadable("a PKCS#12 file", error);
  }
}

function contentOf(info: BerElement): Buffer {
  const type = readObjectIdentifier(info.expect(0x30).at(0));
  if (type !== OID.data) throw algorithmUnsupported(type);
  return info.at(1, 0).octets();
}

function macHolds(mac: BerElement, content: Buffer, password: string): boolean {
  const expected = mac.at(0, 1).octets();
  const { oid, parameters } = readAlgorithm(mac.at(0, 0));
  if (oid === OID.pbmac1) {
    if (parameters === undefined) throw keyUnreadable("parameters of PBMAC1");
    const hash = hmacDigest(parameters.at(1));
    const key = readPbkdf2(parameters.at(0)).derive(password, digestSize(hash));
    return sameBytes(createHmac(hash, key).update(content).digest(), expected);
  }
  const hash = readDigest(mac.at(0, 0));
  const key = pkcs12Key({
    hash,
    purpose: 3,
    password,
    salt: mac.at(1).octets(),
    iterations: mac.children[2] === undefined ? 1 : iterations(mac.children[2]),
    size: digestSize(hash),
  });
  return sameBytes(createHmac(hash, key).update(content).digest(), expected);
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** SafeContents of one ContentInfo, decrypted where it is encrypted. */
function openSafe(info: BerElement, password: string): Buffer {
  const type = readObjectIdentifier(info.expect(0x30).at(0));
  if (type === OID.data) return info.at(1, 0).octets();
  if (type !== OID.encryptedData) throw algorithmUnsupported(type);
  const content = info.at(1, 0, 1).expect(0x30);
  return decryptWithPassword(content.at(1), content.at(2).octets(0x80), password);
}

function collect(bags: BerElement, password: string, keys: Buffer[], certificates: Buffer[], depth: number): void {
  if (depth > 4) throw keyUnreadable("safe bags nested at most four deep");
  for (const bag of bags.expect(0x30).children) {
    const type = readObjectIdentifier(bag.at(0));
    const value = bag.at(1).expect(0xa0).at(0);
    if (type === OID.keyBag) keys.push(value.raw);
    else if (type === OID.shroudedKeyBag) {
      keys.push(decryptWithPassword(value.at(0), value.at(1).octets(), password));
    } else if (type === OID.certBag && readObjectIdentifier(value.at(0)) === OID.x509Certificate) {
      certificates.push(value.at(1).expect(0xa0).at(0).octets());
    } else if (type === OID.safeContentsBag) collect(value, password, keys, certificates, depth + 1);
  }
}
