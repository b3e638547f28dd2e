import type { X509Certificate } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  certificateFacts,
  type Identity,
  loadCertificates,
  loadIdentities,
  type TrustOptions,
} from "@helsekontakt/amqp-messaging/protection";
import { HelsekontaktError } from "@helsekontakt/core";
import { readInput } from "./files.ts";

/** Files that name own identities. Order does not matter: a certificate finds its key by the public half. */
export interface KeyFiles {
  /** PEM or DER keys, PEM files with key and certificates, or PKCS#12. */
  readonly key: readonly string[];
  /** Certificates of keys that stand alone, and their issuers. */
  readonly cert?: readonly string[];
}

/**
 * Reads passwords, each the text of a file without its line end. A file is read once only: it may be a pipe.
 *
 * @throws {HelsekontaktError} `input/invalid` when a file cannot be read.
 */
export function readPasswords(paths: readonly string[] = []): Promise<string[]> {
  return Promise.all(paths.map(async (path) => (await readInput(path)).toString("utf8").replace(/\r?\n$/, "")));
}

/**
 * Reads own identities.
 *
 * @param passwords - tried in order for each file.
 * @throws {HelsekontaktError} `input/invalid` when a file cannot be read; `protection/key-unreadable` when a key cannot
 *   be opened or has no certificate; `protection/certificate-invalid`.
 */
export async function readIdentities(files: KeyFiles, passwords: readonly string[] = []): Promise<Identity[]> {
  const certificates = await readCertificates(files.cert ?? [], passwords);
  const identities: Identity[] = [];
  for (const path of files.key) {
    const bytes = await readInput(path);
    try {
      identities.push(...firstThatOpens(passwords, (password) => open(bytes, certificates, password)));
    } catch (reason) {
      throw at(path, reason);
    }
  }
  return identities;
}

function open(bytes: Buffer, certificates: readonly X509Certificate[], password?: string): Identity[] {
  const secret = password === undefined ? {} : { password };
  if (isPkcs12(bytes)) return loadIdentities({ pkcs12: bytes, ...secret });
  const pool = certificates.map((c) => c.toString()).join("");
  if (bytes.includes("-----BEGIN ")) return loadIdentities({ pem: `${bytes.toString("latin1")}\n${pool}`, ...secret });
  return loadIdentities({ key: bytes, certificate: pool, ...secret });
}

/**
 * Reads certificates from PEM, DER or PKCS#12 files.
 *
 * @throws {HelsekontaktError} `input/invalid`, `protection/certificate-invalid`, `protection/key-unreadable`.
 */
export async function readCertificates(
  paths: readonly string[],
  passwords: readonly string[] = [],
): Promise<X509Certificate[]> {
  const found: X509Certificate[] = [];
  for (const path of paths) {
    const bytes = await readInput(path);
    try {
      if (!isPkcs12(bytes)) found.push(...loadCertificates(bytes));
      else {
        const identities = firstThatOpens(passwords, (password) => open(bytes, [], password));
        found.push(...identities.flatMap((i) => [i.certificate, ...(i.chain ?? [])]));
      }
    } catch (reason) {
      throw at(path, reason);
    }
  }
  return found;
}

/**
 * Reads whom to trust from a file, or from every certificate file in a folder. Self-issued certificates are the anchors
 * and the others help to find a path to them; without a self-issued one, all are anchors.
 *
 * @throws {HelsekontaktError} `input/invalid`, `protection/certificate-invalid` when there is none.
 */
export async function readTrust(paths: readonly string[]): Promise<TrustOptions> {
  const found: X509Certificate[] = [];
  for (const path of paths) {
    const folder = await stat(path).then(
      (s) => s.isDirectory(),
      () => false,
    );
    if (!folder) found.push(...(await readCertificates([path])));
    else for (const name of (await readdir(path)).sort()) found.push(...(await certificatesIn(join(path, name))));
  }
  if (found.length === 0)
    throw new HelsekontaktError("protection/certificate-invalid", "expected certificates to trust, found none", {
      hint: "--trust names a PEM or DER file, or a folder of such files",
    });
  const roots = found.filter((c) => c.issuer === c.subject);
  return roots.length === 0
    ? { anchors: found }
    : { anchors: roots, intermediates: found.filter((c) => !roots.includes(c)) };
}

/** A folder of certificates may hold other files too, keys among them. */
async function certificatesIn(path: string): Promise<X509Certificate[]> {
  if (!/\.(?:pem|crt|cer|der)$/i.test(path)) return [];
  try {
    return loadCertificates(await readFile(path));
  } catch {
    return [];
  }
}

/** The identity to sign with: the one whose certificate is for signing, else the first. */
export function signerOf(identities: readonly Identity[]): Identity {
  const signer =
    identities.find((i) => certificateFacts(i.certificate).keyUsage?.includes("nonRepudiation") === true) ??
    identities[0];
  if (signer === undefined)
    throw new HelsekontaktError("config/missing", "expected a private key to sign with, found none", {
      hint: "give --key and --cert, or a PKCS#12 file as --key",
    });
  return signer;
}

function firstThatOpens<T>(passwords: readonly string[], attempt: (password?: string) => T): T {
  if (passwords.length === 0) return attempt();
  let failure: unknown;
  for (const password of passwords) {
    try {
      return attempt(password);
    } catch (reason) {
      failure ??= reason;
    }
  }
  throw failure;
}

/** PFX begins with its version, 3; keys and certificates never do. */
function isPkcs12(bytes: Buffer): boolean {
  const length = bytes[1] ?? 0;
  const start = length > 0x80 ? 2 + (length & 0x7f) : 2;
  return bytes[0] === 0x30 && bytes.subarray(start, start + 3).equals(Buffer.from([2, 1, 3]));
}

function at(path: string, reason: unknown): unknown {
  if (!(reason instanceof HelsekontaktError)) return reason;
  const { code, message, hint, context } = reason as HelsekontaktError;
  return new HelsekontaktError(code, `${path}: ${message.replace(/^\[[^\]]*\] /, "")}`, {
    hint: hint ?? "keys and certificates are PEM, DER or PKCS#12; --password-file names a file with the password",
    context,
    original: reason,
  });
}
