import { X509Certificate } from "node:crypto";
import { parseXml, type XmlElement } from "@helsekontakt/types/xml";
import { certificateFacts } from "../keys/certificate-facts.ts";
import type { KeyUsage } from "../keys/key-usage.ts";
import { type Channel, parseChannels, parseParts } from "./parse-parts.ts";
import type { Profile, ProfileCertificate, ProfileMessage, ProfileParty, ProfilePart, ProfileRole } from "./profile.ts";
import { attributeOf, CPPA, childrenOf, descend, profileInvalid, requiredAttribute, textOf, XMLDSIG } from "./tree.ts";

/** Documents in use have some hundred kilobytes, a few dozen roles, two certificates. */
const MAX_BYTES = 16 * 1024 * 1024;
const maxCertificates = 64;
const maxMessages = 10_000;

/**
 * Reads a collaboration protocol profile (CPP) or agreement (CPA), either generation of NHN's documents.
 *
 * Validity dates, status and the document's own XML signature are handed out or ignored, not judged.
 *
 * @param bytes - the XML document.
 * @param options.as - own HER-id: sets `counterparty` of an agreement to the other party.
 * @throws {HelsekontaktError} `registry/profile-invalid` when the document has another root, a reference that leads
 *   nowhere, an unreadable certificate, or is an agreement without `as` in it; `xml/…` when it is not readable XML.
 * @see ebXML CPPA 2.0, sections 8 and 9
 */
export function parseProfile(bytes: Uint8Array, options: { readonly as?: string } = {}): Profile {
  const root = parseXml(bytes, { limits: { maxBytes: MAX_BYTES } });
  const kind =
    root.name === "CollaborationProtocolProfile"
      ? "cpp"
      : root.name === "CollaborationProtocolAgreement"
        ? "cpa"
        : undefined;
  if (kind === undefined || root.ns !== CPPA) {
    throw profileInvalid("a CollaborationProtocolProfile or CollaborationProtocolAgreement");
  }
  const packagings = parseParts(root);
  const infos = childrenOf(root, "PartyInfo").slice(0, 3);
  const parties = infos.map((party) => parseParty(party, packagings));
  checkParties(kind, parties);
  const counterparty = kind === "cpp" ? parties[0] : otherParty(parties, options.as);
  return {
    kind,
    id: requiredAttribute(root, kind === "cpp" ? "cppid" : "cpaid"),
    version: attributeOf(root, "version") ?? "",
    ...agreementFacts(root),
    parties,
    ...(counterparty === undefined ? {} : { counterparty }),
  };
}

/** Two sides of one HER-id, or a third party, would leave open whose certificates are meant. */
function checkParties(kind: Profile["kind"], parties: readonly ProfileParty[]): void {
  const expected = kind === "cpp" ? 1 : 2;
  if (parties.length !== expected || new Set(parties.map((p) => p.herId)).size !== expected)
    throw profileInvalid(kind === "cpp" ? "one PartyInfo" : "two PartyInfo of different parties");
}

function otherParty(parties: readonly ProfileParty[], as: string | undefined): ProfileParty | undefined {
  if (as === undefined) return undefined;
  // Taking any party of somebody else's agreement would encrypt to a stranger.
  if (!parties.some((party) => party.herId === as)) throw profileInvalid(`an agreement that HER-id ${as} is part of`);
  return parties.find((party) => party.herId !== as);
}

function agreementFacts(root: XmlElement): Pick<Profile, "status" | "start" | "end"> {
  const status = attributeOf(descend(root, "Status"), "value");
  const start = textOf(descend(root, "Start"));
  const end = textOf(descend(root, "End"));
  return {
    ...(status === undefined ? {} : { status }),
    ...(start === "" ? {} : { start }),
    ...(end === "" ? {} : { end }),
  };
}

function parseParty(party: XmlElement, packagings: ReadonlyMap<string, readonly ProfilePart[]>): ProfileParty {
  const ids = childrenOf(party, "PartyId");
  const id = textOf(ids.find((candidate) => attributeOf(candidate, "type") === "HER") ?? ids[0]);
  if (!/^\d{1,9}$/u.test(id)) throw profileInvalid("a HER-id in PartyId");
  const channels = parseChannels(party);
  const elements = childrenOf(party, "Certificate");
  if (elements.length > maxCertificates) throw profileInvalid(`at most ${maxCertificates} certificates of a party`);
  const certificates = elements.map(parseCertificate);
  const roles = childrenOf(party, "CollaborationRole").map((role) => parseRole(role, channels, packagings));
  if (roles.reduce((n, role) => n + role.send.length + role.receive.length, 0) > maxMessages)
    throw profileInvalid(`at most ${maxMessages} messages of a party`);
  const encryption = certificates.findLast((c) => has(c.certificate, "keyEncipherment"));
  const signature = certificates.findLast(
    (c) => has(c.certificate, "nonRepudiation") && !has(c.certificate, "keyEncipherment"),
  );
  return {
    herId: id,
    name: attributeOf(party, "partyName") ?? "",
    roles,
    certificates,
    ...(encryption === undefined ? {} : { encryptionCertificate: encryption.certificate }),
    ...(signature === undefined ? {} : { signatureCertificate: signature.certificate }),
  };
}

function has(certificate: X509Certificate, usage: KeyUsage): boolean {
  return certificateFacts(certificate).keyUsage?.includes(usage) === true;
}

function parseCertificate(element: XmlElement): ProfileCertificate {
  const certId = requiredAttribute(element, "certId");
  let encoded: XmlElement | undefined = element;
  for (const name of ["KeyInfo", "X509Data", "X509Certificate"]) {
    encoded = encoded === undefined ? undefined : childrenOf(encoded, name, XMLDSIG)[0];
  }
  try {
    const certificate = new X509Certificate(Buffer.from(textOf(encoded), "base64"));
    certificateFacts(certificate);
    return { certId, certificate };
  } catch (error) {
    throw profileInvalid("a readable X.509 certificate in each Certificate", error);
  }
}

function parseRole(
  element: XmlElement,
  channels: ReadonlyMap<string, Channel>,
  packagings: ReadonlyMap<string, readonly ProfilePart[]>,
): ProfileRole {
  const specification = descend(element, "ProcessSpecification");
  const process = requiredAttribute(specification, "name");
  const bindings = childrenOf(element, "ServiceBinding");
  const messages = (direction: "CanSend" | "CanReceive"): ProfileMessage[] =>
    bindings
      .flatMap((binding) => childrenOf(binding, direction))
      .flatMap((can) => childrenOf(can, "ThisPartyActionBinding"))
      .map((action) => parseMessage(action, process, channels, packagings));
  return {
    name: requiredAttribute(descend(element, "Role"), "name"),
    process,
    processVersion: attributeOf(specification, "version") ?? "",
    send: messages("CanSend"),
    receive: messages("CanReceive"),
  };
}

function parseMessage(
  binding: XmlElement,
  process: string,
  channels: ReadonlyMap<string, Channel>,
  packagings: ReadonlyMap<string, readonly ProfilePart[]>,
): ProfileMessage {
  const channel = channels.get(textOf(descend(binding, "ChannelId")));
  if (channel === undefined) throw profileInvalid("a DeliveryChannel for each ChannelId");
  const parts = packagings.get(requiredAttribute(binding, "packageId"));
  if (parts === undefined) throw profileInvalid("a Packaging for each packageId");
  return {
    name: process.toUpperCase(),
    action: requiredAttribute(binding, "action"),
    deliveryChannel: channel.uri,
    protocol: channel.protocol,
    parts,
  };
}
