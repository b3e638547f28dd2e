import type { X509Certificate } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  certificateFacts,
  certificateFaults,
  type ContentEncryption,
  type Digest,
  type DigestName,
  protect as protectContent,
} from "@helsekontakt/amqp-messaging/protection";
import { readInput, writeOutput } from "../files.ts";
import type { CliIo, ExitCode } from "../io.ts";
import { type KeyFiles, readCertificates, readIdentities, readPasswords, signerOf } from "../keys.ts";

export interface ProtectCommandOptions extends KeyFiles {
  readonly recipient: readonly string[];
  readonly chain?: readonly string[];
  readonly passwordFile?: readonly string[];
  readonly out?: string;
  readonly oaep?: boolean;
  readonly oaepHash?: Digest;
  readonly digest?: DigestName;
  readonly cipher?: ContentEncryption;
  readonly signedAttributes?: boolean;
  readonly pss?: boolean;
}

/**
 * `helsekontakt protect`: signs a file and encrypts it to the recipients, as CMS in DER.
 *
 * @throws {HelsekontaktError} `input/invalid`, `config/missing`, `protection/…` for keys and certificates.
 */
export async function protect(file: string, options: ProtectCommandOptions, io: CliIo): Promise<ExitCode> {
  const content = await readInput(file);
  const passwords = await readPasswords(options.passwordFile);
  const cert = [...(options.cert ?? []), ...(options.chain ?? [])];
  const identities = await readIdentities({ key: options.key, cert }, passwords);
  const recipients = await leaves(options.recipient, passwords);
  for (const certificate of recipients) {
    const faults = certificateFaults(certificate, { usage: "keyEncipherment", at: new Date() });
    const { thumbprint } = certificateFacts(certificate);
    if (faults.length > 0) io.err(`warning: recipient certificate ${thumbprint} is ${faults.join(", ")}\n`);
  }
  const bytes = await protectContent(content, {
    signer: signerOf(identities),
    recipients,
    ...(options.oaep === true || options.oaepHash !== undefined ? { keyTransport: "oaep" } : {}),
    ...(options.oaepHash === undefined ? {} : { oaepHash: options.oaepHash }),
    ...(options.digest === undefined ? {} : { digest: options.digest }),
    ...(options.cipher === undefined ? {} : { contentEncryption: options.cipher }),
    ...(options.signedAttributes === true ? { signedAttributes: true } : {}),
    ...(options.pss === true ? { signaturePadding: "pss" } : {}),
  });
  if (options.out === undefined) {
    io.out(bytes);
    return 0;
  }
  const folder = await stat(options.out).then(
    (s) => s.isDirectory(),
    () => false,
  );
  const target = folder ? join(options.out, `${basename(file)}.p7m`) : options.out;
  await writeOutput(target, bytes);
  io.out(`${file}: ${content.length} bytes protected as ${bytes.length}, written to ${target}\n`);
  return 0;
}

/** A recipient's file may hold its issuers too; the message is encrypted to none of those. */
async function leaves(paths: readonly string[], passwords: readonly string[]): Promise<X509Certificate[]> {
  const found = await readCertificates(paths, passwords);
  const own = found.filter((c) => !certificateFacts(c).authority);
  return own.length > 0 ? own : found;
}
