import { createHash, type X509Certificate } from "node:crypto";
import { basename } from "node:path";
import {
  certificateFacts,
  type UnprotectOptions,
  unprotect as openMessage,
} from "@helsekontakt/amqp-messaging/protection";
import { HelsekontaktError } from "@helsekontakt/core";
import { describeFault, faultOf } from "../faults.ts";
import { maxProtectedBytes, outputPaths, readInput, writeOutput } from "../files.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";
import { type KeyFiles, readCertificates, readIdentities, readPasswords, readTrust } from "../keys.ts";
import { ofContent } from "./roundtrip.ts";

export interface UnprotectCommandOptions extends KeyFiles {
  readonly passwordFile?: readonly string[];
  readonly signerCert?: readonly string[];
  readonly trust?: readonly string[];
  readonly anySigner?: boolean;
  /** Absent or true: triple DES is read as well. */
  readonly tripleDes?: boolean;
  /** Moment at which `trust` must hold, ISO 8601; now by default. */
  readonly at?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** How opening one file ended. Every member is always there, `null` where it does not apply. */
export interface UnprotectOutcome {
  readonly file: string;
  readonly ok: boolean;
  /** SHA-256 of the payload, lower-case hex. */
  readonly sha256: string | null;
  /** `thumbprint`: SHA-1 of the certificate, lower-case hex, as registries and error reports have it. */
  readonly signer: { readonly thumbprint: string; readonly subject: string } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/**
 * `helsekontakt unprotect`: decrypts each file, verifies its signer, and writes payloads to a folder.
 *
 * @returns 2 when a file could not be read or written, else 1 when one does not open.
 * With `json` such faults stand in the entry of every file instead.
 * @throws {HelsekontaktError} `config/missing` when nothing says who may have signed; faults of keys and certificates.
 */
export async function unprotect(
  files: readonly string[],
  options: UnprotectCommandOptions,
  io: CliIo,
): Promise<ExitCode> {
  let how: UnprotectOptions;
  let targets: ReadonlyMap<string, string> | undefined;
  try {
    how = await readOptions(options);
    targets =
      options.out === undefined ? undefined : outputPaths(files, options.out, (file) => payloadName(basename(file)));
  } catch (reason) {
    if (options.json !== true) throw reason;
    const { code, message } = faultOf(reason);
    printJson(
      io,
      files.map(
        (file): UnprotectOutcome => ({ file, ok: false, sha256: null, signer: null, error: { code, message } }),
      ),
    );
    return 2;
  }
  const outcomes: UnprotectOutcome[] = [];
  let code: ExitCode = 0 as ExitCode;
  for (const file of files) {
    try {
      const { content, signer } = await openMessage(await readInput(file, maxProtectedBytes), how);
      const target = targets?.get(file);
      if (target !== undefined) await writeOutput(target, content);
      const { thumbprint, subject } = certificateFacts(signer);
      const sha256 = createHash("sha256").update(content).digest("hex");
      outcomes.push({ file, ok: true, sha256, signer: { thumbprint, subject }, error: null });
      if (options.json !== true)
        io.out(
          `${file}: opened, ${content.length} bytes, signed by ${subject} (${thumbprint})${target === undefined ? "" : `, written to ${target}`}\n`,
        );
    } catch (reason) {
      const fault = faultOf(reason);
      const error = { code: fault.code, message: fault.message };
      outcomes.push({ file, ok: false, sha256: null, signer: null, error });
      if (options.json !== true) io.out(`${file}: not opened, ${describeFault(reason)}\n`);
      code = ofContent(reason) && code !== 2 ? 1 : 2;
    }
  }
  if (options.json === true) printJson(io, outcomes);
  return code;
}

async function readOptions(options: UnprotectCommandOptions): Promise<UnprotectOptions> {
  const { signerCert = [], trust = [] } = options;
  if (signerCert.length === 0 && trust.length === 0 && options.anySigner !== true)
    throw new HelsekontaktError("config/missing", "expected to be told who may have signed, found nothing", {
      hint: "give --signer-cert, --trust, or --any-signer to open without proof of who sent it",
    });
  const at = options.at === undefined ? undefined : new Date(options.at);
  if (at !== undefined && Number.isNaN(at.getTime()))
    throw new HelsekontaktError("input/invalid", "expected --at as an ISO 8601 date and time, found something else");
  const passwords = await readPasswords(options.passwordFile);
  const keys = await readIdentities(options, passwords);
  const expected = await signers(signerCert, passwords);
  return {
    keys,
    ...(expected.length === 0 ? {} : { expectedSigner: expected }),
    ...(trust.length === 0 ? {} : { trust: { ...(await readTrust(trust)), ...(at === undefined ? {} : { at }) } }),
    policy: {
      // Partners with old software still send triple DES; a reading tool opens it unless told otherwise.
      contentEncryption: ["aes256", "aes192", "aes128", ...(options.tripleDes === false ? [] : (["3des"] as const))],
      ...(options.anySigner === true ? { unknownSigner: "accept" } : {}),
    },
  };
}

/** A signer's file may hold its issuers too; those have not signed messages. */
async function signers(paths: readonly string[], passwords: readonly string[]): Promise<X509Certificate[]> {
  const found = await readCertificates(paths, passwords);
  const own = found.filter((c) => !certificateFacts(c).authority);
  return own.length > 0 ? own : found;
}

/** `message.xml.p7m` holds `message.xml`. */
function payloadName(name: string): string {
  return name.replace(/\.(?:p7m|p7|cms|der)$/i, "") || name;
}
