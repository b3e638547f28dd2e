import { createDecipheriv, createHash, hash as hashOnce, pbkdf2Sync } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { ciphers, type Digest, digestSize, readAlgorithm } from "../protection/algorithms.ts";
import { type BerElement, readObjectIdentifier } from "../protection/ber-reader.ts";

/** Iterations above this are taken for an attack on this process's time. */
const MAX_ITERATIONS = 10_000_000;

const PKCS12_PBE = "1.2.840.113549.1.12.1.";
const names: Readonly<Record<string, string>> = {
  [`${PKCS12_PBE}1`]: "pbeWithSHA1And128BitRC4",
  [`${PKCS12_PBE}2`]: "pbeWithSHA1And40BitRC4",
  [`${PKCS12_PBE}3`]: "pbeWithSHA1And3-KeyTripleDES-CBC",
  [`${PKCS12_PBE}4`]: "pbeWithSHA1And2-KeyTripleDES-CBC",
  [`${PKCS12_PBE}5`]: "pbeWithSHA1And128BitRC2-CBC",
  [`${PKCS12_PBE}6`]: "pbeWithSHA1And40BitRC2-CBC",
  "1.2.840.113549.1.5.3": "pbeWithMD5AndDES-CBC",
  "1.2.840.113549.1.5.10": "pbeWithSHA1AndDES-CBC",
  "1.3.6.1.4.1.11591.4.11": "scrypt",
  "1.3.14.3.2.7": "DES-CBC",
  "1.2.840.113549.3.2": "RC2-CBC",
};
const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const hmacs: Readonly<Record<string, Digest>> = {
  "1.2.840.113549.2.7": "sha1",
  "1.2.840.113549.2.8": "sha224",
  "1.2.840.113549.2.9": "sha256",
  "1.2.840.113549.2.10": "sha384",
  "1.2.840.113549.2.11": "sha512",
};

/** @internal */
export function keyUnreadable(expected: string, original?: unknown): HelsekontaktError {
  return new HelsekontaktError("protection/key-unreadable", `expected ${expected}`, { original });
}

/** @internal */
export function algorithmUnsupported(oid: string): HelsekontaktError {
  const name = names[oid] ?? oid;
  return new HelsekontaktError(
    "protection/key-unreadable",
    `expected a key file encrypted with AES or three-key DES, found ${name}`,
    {
      context: { algorithm: name },
      hint: "convert it: openssl pkcs12 -legacy -in old.p12 -nodes | openssl pkcs12 -export -out new.p12; or start node with --openssl-legacy-provider",
    },
  );
}

/**
 * Decrypts what a password protects in a key file: PBES2 with PBKDF2 and AES or triple DES, and the PKCS#12 schemes with
 * SHA-1 and triple DES, or RC2 where node was started with OpenSSL's legacy provider.
 *
 * @internal
 * @throws {HelsekontaktError} `protection/key-unreadable`
 * @see RFC 8018, section 6.2; RFC 7292, appendix C
 */
export function decryptWithPassword(algorithm: BerElement, encrypted: Buffer, password: string): Buffer {
  const { oid, parameters } = readAlgorithm(algorithm);
  const plan = oid === PBES2 ? pbes2(parameters, password) : pkcs12Scheme(oid, parameters, password);
  let decryption: ReturnType<typeof createDecipheriv>;
  try {
    decryption = createDecipheriv(plan.cipher, plan.key, plan.iv);
  } catch {
    // Key and initialisation vector have the right size: it is the cipher that is not there.
    throw algorithmUnsupported(oid);
  }
  try {
    return Buffer.concat([decryption.update(encrypted), decryption.final()]);
  } catch (error) {
    throw keyUnreadable("a key file that this password opens", error);
  }
}

interface Plan {
  readonly cipher: string;
  readonly key: Buffer;
  readonly iv: Buffer;
}

function pbes2(parameters: BerElement | undefined, password: string): Plan {
  if (parameters === undefined) throw keyUnreadable("parameters of PBES2");
  const encryption = readAlgorithm(parameters.at(1));
  const cipher = Object.values(ciphers).find((known) => known.oid === encryption.oid);
  if (cipher === undefined) throw algorithmUnsupported(encryption.oid);
  if (encryption.parameters === undefined) throw keyUnreadable("an initialisation vector");
  const { derive } = readPbkdf2(parameters.at(0));
  return { cipher: cipher.name, key: derive(password, cipher.keyBytes), iv: encryption.parameters.octets() };
}

/** PBKDF2 from its AlgorithmIdentifier. @internal @see RFC 8018, appendix A.2 */
export function readPbkdf2(algorithm: BerElement): { derive: (password: string, size: number) => Buffer } {
  const { oid, parameters } = readAlgorithm(algorithm);
  if (oid !== PBKDF2 || parameters === undefined) throw algorithmUnsupported(oid);
  const salt = parameters.at(0).octets();
  const rounds = iterations(parameters.at(1));
  const prf = parameters.children.slice(2).find((field) => field.tag === 0x30);
  const hash = prf === undefined ? "sha1" : hmacDigest(prf);
  return { derive: (password, size) => pbkdf2Sync(password, salt, rounds, size, hash) };
}

/** The hash of an HMAC's AlgorithmIdentifier. @internal */
export function hmacDigest(algorithm: BerElement): Digest {
  const oid = readObjectIdentifier(algorithm.at(0));
  const hash = hmacs[oid];
  if (hash === undefined) throw algorithmUnsupported(oid);
  return hash;
}

/** @internal */
export function iterations(element: BerElement): number {
  const { value } = element.expect(0x02);
  const count = value.length > 0 && value.length <= 4 ? value.readUIntBE(0, value.length) : 0;
  if (count < 1 || count > MAX_ITERATIONS) throw keyUnreadable(`1 to ${MAX_ITERATIONS} iterations`);
  return count;
}

/** The PKCS#12 schemes that OpenSSL has a cipher for; RC2's only in its legacy provider. */
const schemes: Readonly<Record<string, { readonly cipher: string; readonly keyBytes: number }>> = {
  [`${PKCS12_PBE}3`]: { cipher: "des-ede3-cbc", keyBytes: 24 },
  [`${PKCS12_PBE}4`]: { cipher: "des-ede3-cbc", keyBytes: 16 },
  [`${PKCS12_PBE}5`]: { cipher: "rc2-cbc", keyBytes: 16 },
  [`${PKCS12_PBE}6`]: { cipher: "rc2-40-cbc", keyBytes: 5 },
};

function pkcs12Scheme(oid: string, parameters: BerElement | undefined, password: string): Plan {
  const scheme = schemes[oid];
  if (parameters === undefined || scheme === undefined) throw algorithmUnsupported(oid);
  const salt = parameters.at(0).octets();
  const rounds = iterations(parameters.at(1));
  const derive = (purpose: number, size: number): Buffer =>
    pkcs12Key({ hash: "sha1", purpose, password, salt, iterations: rounds, size });
  const key = derive(1, scheme.keyBytes);
  // Triple DES with two keys uses the first again.
  const twoKeys = oid === `${PKCS12_PBE}4`;
  return { cipher: scheme.cipher, key: twoKeys ? Buffer.concat([key, key.subarray(0, 8)]) : key, iv: derive(2, 8) };
}

/**
 * PKCS#12's own key derivation.
 *
 * @param options.purpose - 1 for a key, 2 for an initialisation vector, 3 for a MAC.
 * @internal
 * @see RFC 7292, appendix B.2
 */
export function pkcs12Key(options: {
  readonly hash: Digest;
  readonly purpose: number;
  readonly password: string;
  readonly salt: Buffer;
  readonly iterations: number;
  readonly size: number;
}): Buffer {
  const { hash } = options;
  const block = digestSize(hash) > 32 ? 128 : 64;
  const fill = (bytes: Buffer): Buffer =>
    bytes.length === 0 ? bytes : Buffer.alloc(block * Math.ceil(bytes.length / block), bytes);
  // A BMPString with its terminating zero.
  const password = Buffer.from(`${options.password}\0`, "utf16le").swap16();
  const input = Buffer.concat([fill(options.salt), fill(password)]);
  const diversifier = Buffer.alloc(block, options.purpose);
  const out: Buffer[] = [];
  for (let made = 0; made < options.size; made += digestSize(hash)) {
    let digest = createHash(hash).update(diversifier).update(input).digest();
    for (let i = 1; i < options.iterations; i++) digest = hashOnce(hash, digest, "buffer");
    out.push(digest);
    addToBlocks(input, Buffer.alloc(block, digest), block);
  }
  return Buffer.concat(out).subarray(0, options.size);
}

/** Adds `addend` + 1 to each block of `input`, as big-endian numbers, without the carry. */
function addToBlocks(input: Buffer, addend: Buffer, block: number): void {
  for (let start = 0; start < input.length; start += block) {
    let carry = 1;
    for (let i = block - 1; i >= 0; i--) {
      const sum = (input[start + i] as number) + (addend[i] as number) + carry;
      input[start + i] = sum & 255;
      carry = sum >> 8;
    }
  }
}
