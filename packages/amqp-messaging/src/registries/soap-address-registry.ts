import { X509Certificate } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import type { XmlElement } from "@helsekontakt/types/xml";
import { type Code, type CommunicationParty, type Organization, services } from "../gen/registries.ts";
import { certificateFacts } from "../keys/certificate-facts.ts";
import { type AddressRegistry, factsOf, isHerId, type PartyCertificates, type PartyFacts } from "./address-registry.ts";
import { childrenOf, readContract } from "./data-contract.ts";
import { failedLookUp, type LookUp, type LookUpOptions } from "./look-up.ts";
import { SoapClient, type SoapClientOptions } from "./soap-client.ts";

/** When the registry last changed a party. */
export interface PartyChange {
  readonly herId: string;
  /** As written. */
  readonly lastUpdated: string;
}

/** A code of a code system, as the registry gives it. */
export interface RegistryCode {
  readonly value: string;
  readonly text?: string;
  /** Number of the code system. */
  readonly oid?: string;
}

/** What the registry says of an organisation, besides what it says of every party. */
export interface OrganisationDetails {
  readonly party: PartyFacts;
  readonly organisationNumber?: string;
  readonly businessType?: RegistryCode;
  readonly industryCodes: readonly RegistryCode[];
  /** Services with their kind. */
  readonly services: readonly { readonly party: PartyFacts; readonly code?: RegistryCode }[];
}

/** What the SOAP interface has beyond the common one. */
export interface SoapAddressRegistry extends Required<AddressRegistry> {
  /** Whether the service answers, with these credentials. */
  ping(options?: LookUpOptions): Promise<LookUp<true>>;
  organisation(herId: string, options?: LookUpOptions): Promise<LookUp<OrganisationDetails>>;
  /** Parties by HER-id, organisation number and the like. Nobody is an empty list. */
  search(id: string, options?: LookUpOptions): Promise<LookUp<readonly PartyFacts[]>>;
  /** When these parties were last changed: a cheap way to learn which copies are old. At most 1,000 at once. */
  changes(herIds: readonly string[], options?: LookUpOptions): Promise<LookUp<readonly PartyChange[]>>;
}

/** The most HER-ids in one question for changes. */
export const maxChangesPerCall = 1_000;

/**
 * The address registry by its SOAP interface.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
export function createSoapAddressRegistry(options: SoapClientOptions): SoapAddressRegistry {
  const client = new SoapClient(services.addressRegistry, options);
  const certificate = async (operation: string, herId: string, call: LookUpOptions): Promise<LookUp<X509Certificate>> =>
    read(await client.call(operation, { herId: Number(herId) }, call), certificateOf);
  return {
    async ping(call) {
      return read(await client.call("Ping", {}, call), () => ({ kind: "found", value: true }));
    },
    async party(herId, call) {
      if (!isHerId(herId)) return { kind: "not-found" };
      const answer = await client.call("GetCommunicationPartyDetails", { herId: Number(herId) }, call);
      return read(answer, (element) => {
        const party = readContract(element, "CommunicationParty");
        if (party.HerId !== Number(herId)) throw otherParty();
        return { kind: "found", value: factsOf(herId, party, party.Type) };
      });
    },
    async certificates(herId, call = {}) {
      if (!isHerId(herId)) return { kind: "not-found" };
      const [encryption, signature] = await Promise.all([
        certificate("GetCertificateDetailsForEncryption", herId, call),
        certificate("GetCertificateDetailsForValidatingSignature", herId, call),
      ]);
      return both(encryption, signature);
    },
    async organisation(herId, call) {
      if (!isHerId(herId)) return { kind: "not-found" };
      const answer = await client.call("GetOrganizationDetails", { herId: Number(herId) }, call);
      return read(answer, (element) => {
        const organisation = readContract(element, "Organization");
        if (organisation.HerId !== Number(herId)) throw otherParty();
        return { kind: "found", value: detailsOf(organisation) };
      });
    },
    async search(id, call) {
      const answer = await client.call("SearchById", { id }, call);
      if (answer.kind === "not-found") return { kind: "found", value: [] };
      return read(answer, (element) => ({ kind: "found", value: partiesOf(element) }));
    },
    async changes(herIds, call) {
      if (herIds.length > maxChangesPerCall || !herIds.every(isHerId))
        return failedLookUp(
          new HelsekontaktError("input/invalid", `expected at most ${maxChangesPerCall} HER-ids, found others or more`),
        );
      if (herIds.length === 0) return { kind: "found", value: [] };
      const answer = await client.call("GetChangedCommunicationPartiesInfo", { herIds: herIds.map(Number) }, call);
      if (answer.kind === "not-found") return { kind: "found", value: [] };
      return read(answer, (element) => ({ kind: "found", value: changesOf(element) }));
    },
  };
}

/** A result read: one that cannot be is the registry's failure, not a statement about the party. */
function read<T>(answer: LookUp<XmlElement>, map: (element: XmlElement) => LookUp<T>): LookUp<T> {
  if (answer.kind !== "found") return answer;
  try {
    return map(answer.value);
  } catch (reason) {
    return failedLookUp(reason);
  }
}

function partiesOf(element: XmlElement): PartyFacts[] {
  return childrenOf(element).flatMap((item) => {
    const party = readContract(item, "CommunicationParty");
    return party.HerId === undefined ? [] : [factsOf(String(party.HerId), party, party.Type)];
  });
}

function detailsOf(organisation: Organization): OrganisationDetails {
  const { OrganizationNumber, BusinessType, IndustryCodes, Services } = organisation;
  const businessType = codeOf(BusinessType);
  return {
    party: partyOf(organisation),
    ...(OrganizationNumber ? { organisationNumber: String(OrganizationNumber) } : {}),
    ...(businessType === undefined ? {} : { businessType }),
    industryCodes: (IndustryCodes ?? []).flatMap((code) => codeOf(code) ?? []),
    services: (Services ?? []).map((service) => {
      const code = codeOf(service.Code);
      return { party: partyOf(service), ...(code === undefined ? {} : { code }) };
    }),
  };
}

function partyOf(party: CommunicationParty): PartyFacts {
  return factsOf(String(party.HerId ?? ""), party, party.Type);
}

function codeOf(code: Code | undefined): RegistryCode | undefined {
  if (code?.CodeValue === undefined) return undefined;
  return {
    value: code.CodeValue,
    ...(code.CodeText === undefined ? {} : { text: code.CodeText }),
    ...(code.OID === undefined ? {} : { oid: String(code.OID) }),
  };
}

function changesOf(element: XmlElement): PartyChange[] {
  return childrenOf(element).flatMap((item) => {
    const { HerId, LastUpdated } = readContract(item, "CommunicationPartyLastChangedInfo");
    return HerId === undefined || LastUpdated === undefined ? [] : [{ herId: String(HerId), lastUpdated: LastUpdated }];
  });
}

function certificateOf(element: XmlElement): LookUp<X509Certificate> {
  const { Certificate } = readContract(element, "CertificateDetails");
  if (Certificate === undefined || Certificate.byteLength === 0) return { kind: "not-found" };
  try {
    const value = new X509Certificate(Certificate);
    certificateFacts(value);
    return { kind: "found", value };
  } catch (original) {
    throw new HelsekontaktError("rest/response-invalid", "expected a readable X.509 certificate of the party", {
      original,
    });
  }
}

/** One that is missing is missing; one that could not be asked for leaves the answer open. */
function both(encryption: LookUp<X509Certificate>, signature: LookUp<X509Certificate>): LookUp<PartyCertificates> {
  for (const answer of [encryption, signature])
    if (answer.kind === "refused" || answer.kind === "unavailable") return answer;
  return {
    kind: "found",
    value: {
      ...(encryption.kind === "found" ? { encryption: encryption.value } : {}),
      ...(signature.kind === "found" ? { signature: signature.value } : {}),
    },
  };
}

function otherParty(): HelsekontaktError {
  return new HelsekontaktError("rest/response-invalid", "expected the party that was asked for, found another");
}
