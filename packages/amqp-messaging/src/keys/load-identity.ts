import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { readAlgorithm } from "../protection/algorithms.ts";
import { readBer } from "../protection/ber-reader.ts";
import { certificateFacts } from "./certificate-facts.ts";
import { type Identity, isKeyObject, type KeyOperations } from "./identity.ts";
import type { KeyUsage } from "./key-usage.ts";
import { algorithmUnsupported, keyUnreadable } from "./password-encryption.ts";
import { readPkcs12 } from "./pkcs12.ts";

/** Where a private key and its certificate come from. Text in PEM may also be given as its bytes. */
export type IdentitySource =
  /** One PEM text with key and certificates in any order. */
  | { readonly pem: string | Uint8Array; readonly password?: string }
  /** A PKCS#12 file (`.p12`, `.pfx`). */
  | { readonly pkcs12: Uint8Array; readonly password?: string }
  /** Key and certificates apart, each PEM or DER; or a key that stays outside this process. */
  | {
      readonly key: string | Uint8Array | KeyObject | KeyOperations;
      /** The certificate, and its issuers if they are in the same PEM text. */
      readonly certificate: string | Uint8Array | X509Certificate;
      readonly password?: string;
    };

const PEM_BEGIN = "-----BEGIN ";

function asText(source: string | Uint8Array): string | undefined {
  if (typeof source === "string") return source;
  const text = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  return text.includes(PEM_BEGIN) ? text.toString("latin1") : undefined;
}

/** Blocks of a PEM text whose label ends in `kind`. */
function pemBlocks(text: string, kind: "CERTIFICATE" | "PRIVATE KEY"): string[] {
  return text
    .split(PEM_BEGIN)
    .slice(1)
    .flatMap((rest) => {
      const label = rest.slice(0, Math.max(0, rest.indexOf("-----")));
      const end = `-----END ${label}-----`;
      const stop = rest.indexOf(end);
      return label.endsWith(kind) && stop >= 0 ? [`${PEM_BEGIN}${rest.slice(0, stop)}${end}\n`] : [];
    });
}

/**
 * Reads certificates: PEM with one or more, or one in DER.
 *
 * @throws {HelsekontaktError} `protection/certificate-invalid` when there is none, or one cannot be read.
 */
export function loadCertificates(source: string | Uint8Array): X509Certificate[] {
  const text = asText(source);
  const found = text === undefined ? [source] : pemBlocks(text, "CERTIFICATE");
  if (found.length === 0) {
    throw new HelsekontaktError(
      "protection/certificate-invalid",
      "expected at least one certificate in PEM, found none",
    );
  }
  return found.map(parseCertificate);
}

function parseCertificate(encoded: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(encoded);
  } catch (error) {
    throw new HelsekontaktError("protection/certificate-invalid", "expected an X.509 certificate in PEM or DER", {
      original: error,
    });
  }
}

/**
 * Reads every private key of a source with its certificate and the issuers found beside it.
 *
 * Enterprise certificates come in pairs, one for signing and one for encryption, often in one file.
 *
 * @throws {HelsekontaktError} `protection/key-unreadable` when a key cannot be read (wrong password, or an algorithm,
 *   which the message names) or has no certificate; `protection/certificate-invalid`.
 */
export function loadIdentities(source: IdentitySource): Identity[] {
  if ("pkcs12" in source) {
    const content = readPkcs12(source.pkcs12, source.password ?? "");
    const keys = content.keys.map((der) => privateKeyFromDer(der, undefined));
    return pair(keys, content.certificates.map(parseCertificate));
  }
  if ("pem" in source) {
    const text = asText(source.pem) ?? "";
    const keys = pemBlocks(text, "PRIVATE KEY").map((block) => privateKeyFromPem(block, source.password));
    return pair(keys, loadCertificates(text));
  }
  const certificates =
    source.certificate instanceof X509Certificate ? [source.certificate] : loadCertificates(source.certificate);
  const key = readKey(source.key, source.password);
  return isKeyObject(key)
    ? pair([key], certificates)
    : [withChain(certificates[0] as X509Certificate, key, certificates)];
}

/**
 * Reads one private key with its certificate.
 *
 * @param options.usage - picks the certificate with this key usage when the source holds several:
 *   `nonRepudiation` for signing, `keyEncipherment` for decryption. Without it the first is taken.
 * @throws {HelsekontaktError} as {@link loadIdentities}; `protection/key-unreadable` when none has the usage.
 */
export function loadIdentity(source: IdentitySource, options: { readonly usage?: KeyUsage } = {}): Identity {
  const { usage } = options;
  const identity = loadIdentities(source).find(
    ({ certificate }) => usage === undefined || certificateFacts(certificate).keyUsage?.includes(usage) === true,
  );
  if (identity === undefined) throw keyUnreadable(`a private key whose certificate has the usage ${usage}`);
  return identity;
}

function pair(keys: readonly KeyObject[], certificates: readonly X509Certificate[]): Identity[] {
  if (keys.length === 0) throw keyUnreadable("a private key, found none");
  return keys.map((key) => {
    const certificate = certificates.find((candidate) => candidate.checkPrivateKey(key));
    if (certificate === undefined) throw keyUnreadable("a certificate of the private key, found none");
    return withChain(certificate, key, certificates);
  });
}

function withChain(
  certificate: X509Certificate,
  key: Identity["key"],
  certificates: readonly X509Certificate[],
): Identity {
  const chain: X509Certificate[] = [];
  for (let last = certificate; chain.length < certificates.length; ) {
    const issuer = certificates.find((candidate) => candidate !== last && last.checkIssued(candidate));
    if (issuer === undefined || chain.includes(issuer)) break;
    chain.push(issuer);
    last = issuer;
  }
  return { certificate, key, chain };
}

function readKey(key: string | Uint8Array | KeyObject | KeyOperations, password?: string): Identity["key"] {
  if (typeof key !== "string" && !(key instanceof Uint8Array)) return key;
  const text = asText(key);
  if (text === undefined) return privateKeyFromDer(key as Uint8Array, password);
  const block = pemBlocks(text, "PRIVATE KEY")[0];
  if (block === undefined) throw keyUnreadable("a private key in PEM, found none");
  return privateKeyFromPem(block, password);
}

function privateKeyFromPem(block: string, password: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: block, format: "pem", ...(password === undefined ? {} : { passphrase: password }) });
  } catch (error) {
    const encrypted = /DEK-Info: ([\w-]+)|ENCRYPTED/u.exec(block);
    if (encrypted === null) throw keyUnreadable("a private key in PEM", error);
    if (password === undefined) throw keyUnreadable("the password of an encrypted private key", error);
    const algorithm = encrypted[1] === undefined ? "" : ` (${encrypted[1]})`;
    if (algorithm === "") refuseAlgorithm(Buffer.from(block.replaceAll(/-----.*-----/gu, ""), "base64"));
    throw keyUnreadable(`a private key that this password opens${algorithm}`, error);
  }
}

function privateKeyFromDer(der: Uint8Array, password: string | undefined): KeyObject {
  const key = Buffer.from(der);
  let failure: unknown;
  for (const type of ["pkcs8", "pkcs1", "sec1"] as const) {
    try {
      return createPrivateKey({
        key,
        format: "der",
        type,
        ...(password === undefined ? {} : { passphrase: password }),
      });
    } catch (error) {
      failure ??= error;
    }
  }
  if (password !== undefined) refuseAlgorithm(key);
  throw keyUnreadable("a private key in DER (PKCS#8, PKCS#1 or SEC 1) that the password, if any, opens", failure);
}

/** Schemes of PKCS#12 and PKCS#5 with RC2, RC4 or single DES, and those ciphers themselves. */
const DROPPED =
  /^1\.2\.840\.113549\.1\.12\.1\.[1256]$|^1\.2\.840\.113549\.1\.5\.(?:1|3|4|6|10|11)$|^1\.3\.14\.3\.2\.7$|^1\.2\.840\.113549\.3\.2$/u;
const PBES2 = "1.2.840.113549.1.5.13";

/** Names the algorithm of an encrypted PKCS#8 key when it is one that node's OpenSSL has dropped. */
function refuseAlgorithm(der: Buffer): void {
  let oid: string;
  try {
    const scheme = readAlgorithm(readBer(der, { trailingZeros: true }).at(0));
    oid = scheme.oid === PBES2 && scheme.parameters ? readAlgorithm(scheme.parameters.at(1)).oid : scheme.oid;
  } catch {
    return;
  }
  if (DROPPED.test(oid)) throw algorithmUnsupported(oid);
}
