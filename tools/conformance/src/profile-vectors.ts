import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import {
  messageForReceiver,
  messageForSender,
  type Profile,
  type ProfileMessage,
  type ProfileParty,
  type ProfilePart,
  parseProfile,
  partsForAcknowledgement,
} from "@helsekontakt/amqp-messaging/profile";
import { certificateFacts } from "@helsekontakt/amqp-messaging/protection";
import { createTally, upstreamFolder } from "./_tally.ts";

// Reads the published CPP and CPA documents and compares every party, role, message, part, certificate and look-up with
// the expected answers.

interface ExpectedParty {
  readonly name: string;
  readonly herId: number;
  readonly encryptionCertificateSha1: string | null;
  readonly signatureCertificateSha1: string | null;
  readonly certificates: readonly {
    readonly sha1: string;
    readonly sha256: string;
    readonly serialHex: string;
    readonly notBefore: string;
    readonly notAfter: string;
    readonly keyUsage: readonly string[];
    readonly certId: string;
  }[];
  readonly roles: readonly unknown[];
}

interface ExpectedMessage {
  readonly name: string;
  readonly action: string;
  readonly deliveryChannel: string;
  readonly parts: number;
}

interface Expected {
  readonly file: string;
  readonly kind: string;
  readonly cppId?: string;
  readonly cpaId?: string;
  readonly status?: string;
  readonly start?: string;
  readonly end?: string;
  readonly version: string;
  readonly parties: readonly ExpectedParty[];
  readonly counterpartyFor: Readonly<Record<string, number>>;
  readonly lookups: readonly {
    readonly party: number;
    readonly name: string;
    readonly findMessageForSender: ExpectedMessage | null;
    readonly findMessageForReceiver: ExpectedMessage | null;
    readonly apprecPartsSend: readonly string[] | null;
    readonly apprecPartsReceive: readonly string[] | null;
  }[];
}

const folder = `${upstreamFolder()}/messaging/cpp-cpa`;
const tally = createTally();

for (const expected of JSON.parse(readFileSync(`${folder}/expected.json`, "utf8")) as Expected[]) {
  const bytes = readFileSync(`${folder}/${expected.file}`);
  const profile = parseProfile(bytes);
  same("kind", profile.kind, expected.kind === "CollaborationProtocolProfile" ? "cpp" : "cpa");
  same("id", profile.id, expected.cppId ?? expected.cpaId);
  same("version", profile.version, expected.version);
  same("status", [profile.status, profile.start, profile.end], [expected.status, expected.start, expected.end]);
  same("parties", profile.parties.length, expected.parties.length);
  for (const [index, party] of expected.parties.entries()) compareParty(profile.parties[index], party);
  for (const [own, other] of Object.entries(expected.counterpartyFor)) {
    same(`counterparty for ${own}`, parseProfile(bytes, { as: own }).counterparty?.herId, String(other));
  }
  for (const lookup of expected.lookups) compareLookUp(profile, lookup);
}
tally.finish("profile vectors");

function compareParty(party: ProfileParty | undefined, expected: ExpectedParty): void {
  if (party === undefined) return;
  same("party", [party.name, party.herId], [expected.name, String(expected.herId)]);
  same("encryption certificate", sha1(party.encryptionCertificate?.raw), expected.encryptionCertificateSha1);
  same("signature certificate", sha1(party.signatureCertificate?.raw), expected.signatureCertificateSha1);
  same("certificates", party.certificates.length, expected.certificates.length);
  for (const [index, want] of expected.certificates.entries()) {
    const found = party.certificates[index];
    if (found === undefined) continue;
    const facts = certificateFacts(found.certificate);
    same(
      "certificate",
      [found.certId, facts.thumbprint, facts.thumbprint256, facts.serialNumber, facts.keyUsage],
      [want.certId, want.sha1, want.sha256, want.serialHex.toLowerCase(), want.keyUsage],
    );
    same("validity", [facts.notBefore, facts.notAfter], [new Date(want.notBefore), new Date(want.notAfter)]);
  }
  same("roles", party.roles.map(roleOf), expected.roles);
}

function sha1(raw: Buffer | undefined): string | null {
  return raw === undefined ? null : createHash("sha1").update(raw).digest("hex");
}

function roleOf(role: ProfileParty["roles"][number]): unknown {
  return {
    role: role.name,
    process: role.process,
    processVersion: role.processVersion,
    send: messagesOf(role.send),
    receive: messagesOf(role.receive),
  };
}

function withoutVersion({ namespace, schema, min, max }: ProfilePart): Omit<ProfilePart, "version"> {
  return { namespace, schema, min, max };
}

function messagesOf(list: readonly ProfileMessage[]): unknown[] {
  return list.map((m) => ({ ...m, parts: m.parts.map(withoutVersion) }));
}

function brief(m: ProfileMessage | undefined): ExpectedMessage | null {
  return m === undefined
    ? null
    : { name: m.name, action: m.action, deliveryChannel: m.deliveryChannel, parts: m.parts.length };
}

function compareLookUp(profile: Profile, lookup: Expected["lookups"][number]): void {
  const party = profile.parties.find((p) => p.herId === String(lookup.party));
  if (party === undefined) return tally.miss(`no party ${lookup.party}`);
  const schemas = (direction: "send" | "receive") =>
    partsForAcknowledgement(party, lookup.name, direction)?.map((part) => part.schema) ?? null;
  same(`sender ${lookup.name}`, brief(messageForSender(party, lookup.name)), lookup.findMessageForSender);
  same(`receiver ${lookup.name}`, brief(messageForReceiver(party, lookup.name)), lookup.findMessageForReceiver);
  same(`acknowledgement sent ${lookup.name}`, schemas("send"), lookup.apprecPartsSend);
  same(`acknowledgement received ${lookup.name}`, schemas("receive"), lookup.apprecPartsReceive);
}

function same(what: string, found: unknown, expected: unknown): void {
  tally.check(isDeepStrictEqual(found, expected), `${what} differs`);
}
