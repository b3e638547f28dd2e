import type { X509Certificate } from "node:crypto";
import {
  parseProfile,
  type Profile,
  type ProfileMessage,
  type ProfileParty,
} from "@helsekontakt/amqp-messaging/profile";
import { certificateFacts } from "@helsekontakt/amqp-messaging/protection";
import { describeFault } from "../faults.ts";
import { readInput } from "../files.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";
import { ofContent } from "./roundtrip.ts";

export interface ProfileOptions {
  readonly as?: string;
  readonly json?: boolean;
}

/**
 * `helsekontakt profile`: what a collaboration profile or agreement says.
 *
 * The text for people leaves out names of parties and subjects of certificates: parties may be persons.
 *
 * @returns 1 when the document is no profile, or `--as` is not part of the agreement.
 * @throws {HelsekontaktError} `input/invalid` when the file cannot be read.
 */
export async function profile(file: string, options: ProfileOptions, io: CliIo): Promise<ExitCode> {
  try {
    const bytes = await readInput(file);
    const parsed = parseProfile(bytes, options.as === undefined ? {} : { as: options.as });
    if (options.json === true) printJson(io, jsonOf(parsed));
    else io.out(human(file, parsed, options.as));
    return 0;
  } catch (reason) {
    if (!ofContent(reason)) throw reason;
    io.err(`${file}: ${describeFault(reason)}\n`);
    return 1;
  }
}

function jsonOf(parsed: Profile): unknown {
  return {
    ...parsed,
    parties: parsed.parties.map(jsonOfParty),
    ...(parsed.counterparty === undefined ? {} : { counterparty: parsed.counterparty.herId }),
  };
}

function jsonOfParty(party: ProfileParty): unknown {
  return {
    herId: party.herId,
    name: party.name,
    roles: party.roles,
    certificates: party.certificates.map(({ certId, certificate }) => ({ certId, ...jsonOfCertificate(certificate) })),
    encryptionCertificate: thumbprint(party.encryptionCertificate),
    signatureCertificate: thumbprint(party.signatureCertificate),
  };
}

function thumbprint(certificate: X509Certificate | undefined): string | null {
  return certificate === undefined ? null : certificateFacts(certificate).thumbprint;
}

function jsonOfCertificate(certificate: X509Certificate): object {
  const { subjectKeyIdentifier, ...facts } = certificateFacts(certificate);
  return {
    ...facts,
    ...(subjectKeyIdentifier === undefined ? {} : { subjectKeyIdentifier: subjectKeyIdentifier.toString("hex") }),
  };
}

function human(file: string, parsed: Profile, as: string | undefined): string {
  const facts = [
    `${file}: ${parsed.kind === "cpp" ? "profile (CPP)" : "agreement (CPA)"} ${parsed.id}`,
    ...(parsed.version === "" ? [] : [`version ${parsed.version}`]),
    ...(parsed.status === undefined ? [] : [`status ${parsed.status}`]),
    ...(parsed.start === undefined ? [] : [`from ${parsed.start}`]),
    ...(parsed.end === undefined ? [] : [`to ${parsed.end}`]),
  ];
  const lines = [facts.join(", ")];
  for (const party of parsed.parties) {
    const side =
      as === undefined || parsed.kind === "cpp" ? "" : party.herId === as ? " (own side)" : " (counterparty)";
    lines.push("", `Party HER-id ${party.herId}${side}`);
    for (const { certId, certificate } of party.certificates)
      lines.push(`  ${certificateLine(certId, certificate, party)}`);
    for (const role of party.roles) {
      lines.push(`  ${role.process} ${role.processVersion}, role ${role.name}`);
      for (const message of role.send) lines.push(`    sends    ${messageLine(message)}`);
      for (const message of role.receive) lines.push(`    receives ${messageLine(message)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function certificateLine(certId: string, certificate: X509Certificate, party: ProfileParty): string {
  const { thumbprint: print, keyUsage, notBefore, notAfter } = certificateFacts(certificate);
  const uses = [
    ...(certificate === party.encryptionCertificate ? ["encrypt to it"] : []),
    ...(certificate === party.signatureCertificate ? ["signs with it"] : []),
  ];
  return [
    `certificate ${certId}: ${print}`,
    (keyUsage ?? ["any use"]).join("+"),
    `${day(notBefore)} to ${day(notAfter)}`,
    ...uses,
  ].join(", ");
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function messageLine({ action, parts, deliveryChannel, protocol }: ProfileMessage): string {
  const schemas = parts.map((p) => `${p.schema} ${p.min}..${p.max === "unbounded" ? "*" : p.max}`).join(", ");
  return `${action} over ${protocol === "AMQP" ? deliveryChannel : `${deliveryChannel} (not AMQP)`}: ${schemas || "no parts"}`;
}
