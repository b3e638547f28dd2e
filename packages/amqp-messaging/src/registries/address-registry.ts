import type { X509Certificate } from "node:crypto";
import type { Code9044 } from "@helsekontakt/types/codes";
import type { CommunicationParty } from "../gen/registries.ts";
import { queueTypes } from "../gen/transport.ts";
import type { LookUp, LookUpOptions } from "./look-up.ts";

/** Queue addresses of a party as registered, full or short; the last one of each kind. */
export interface PartyQueues {
  readonly async?: string;
  readonly sync?: string;
  readonly error?: string;
  readonly syncReply?: string;
}

/** What the address registry says of a party. */
export interface PartyFacts {
  readonly herId: string;
  /** Display name, or else the name. */
  readonly name: string;
  /** The registry's flag. */
  readonly active: boolean;
  /** Whether the registry calls it a valid communication party. Absent: it does not say. */
  readonly valid?: boolean;
  /** Of the registration: local times without zone, as written. */
  readonly validFrom?: string;
  readonly validTo?: string;
  /** `Service`, `Organization`, `Department`, `Person`, or several with blanks between. */
  readonly type?: string;
  readonly parent?: PartyParent;
  readonly queues: PartyQueues;
  /** Every electronic address by its kind, in the order of the registry. */
  readonly addresses?: Readonly<Partial<Record<Code9044, readonly string[]>>>;
  /** As written. */
  readonly lastChanged?: string;
  readonly encryptionCertificate?: X509Certificate;
  readonly signatureCertificate?: X509Certificate;
}

/** What a party belongs to. */
export interface PartyParent {
  readonly herId: string;
  readonly name?: string;
  readonly organisationNumber?: string;
}

/** Certificates of a party outside its profiles. */
export interface PartyCertificates {
  readonly encryption?: X509Certificate;
  readonly signature?: X509Certificate;
}

/** The address registry, whichever interface of it answers. */
export interface AddressRegistry {
  /** @throws {HelsekontaktError} `abort/cancelled`; all else is in the answer */
  party(herId: string, options?: LookUpOptions): Promise<LookUp<PartyFacts>>;
  /**
   * Certificates of a party that has neither agreement nor profile. Absent when the interface does not give them: the
   * one by REST names their place in LDAP only.
   */
  certificates?(herId: string, options?: LookUpOptions): Promise<LookUp<PartyCertificates>>;
}

/** Members of a communication party that both interfaces give under the same names. @internal */
export type PartyRecord = {
  readonly [K in
    | "Active"
    | "DisplayName"
    | "HerId"
    | "IsValidCommunicationParty"
    | "LastChanged"
    | "Name"
    | "ParentHerId"
    | "ParentName"
    | "ParentOrganizationNumber"]?: CommunicationParty[K] | null;
} & {
  readonly ElectronicAddresses?:
    | readonly { readonly Address?: string | null; readonly TypeCodeValue?: string | null }[]
    | null;
  readonly Valid?: { readonly From?: string | null; readonly To?: string | null } | null;
};

/** The one reading of a party for both interfaces. @internal */
export function factsOf(herId: string, party: PartyRecord, type: string | null | undefined): PartyFacts {
  const addresses = new Map<string, string[]>();
  for (const { Address, TypeCodeValue } of party.ElectronicAddresses ?? []) {
    if (TypeCodeValue === undefined || TypeCodeValue === null || TypeCodeValue === "") continue;
    addresses.set(TypeCodeValue, [...(addresses.get(TypeCodeValue) ?? []), Address ?? ""]);
  }
  const queue = (code: Code9044): string | undefined =>
    addresses
      .get(code)
      ?.findLast((a) => a.trim() !== "")
      ?.trim();
  return {
    herId,
    name: party.DisplayName || party.Name || "",
    active: party.Active ?? true,
    ...present({
      valid: party.IsValidCommunicationParty,
      validFrom: party.Valid?.From,
      validTo: party.Valid?.To,
      type: type === "" ? undefined : type,
      parent: parentOf(party),
      lastChanged: party.LastChanged,
    }),
    queues: present({
      async: queue(queueTypes.async.addressCode),
      sync: queue(queueTypes.sync.addressCode),
      error: queue(queueTypes.error.addressCode),
      syncReply: queue(queueTypes.syncReply.addressCode),
    }),
    addresses: Object.fromEntries(addresses),
  };
}

function parentOf(party: PartyRecord): PartyParent | undefined {
  // Zero is what a number is that nobody has set.
  if (!party.ParentHerId) return undefined;
  return {
    herId: String(party.ParentHerId),
    ...present({
      name: party.ParentName,
      organisationNumber: party.ParentOrganizationNumber ? String(party.ParentOrganizationNumber) : undefined,
    }),
  };
}

/** Without the members that are absent or null. */
function present<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], null | undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined && v !== null)) as never;
}

/** Whether a HER-id can be one at all: the registries' own are 32-bit numbers. @internal */
export function isHerId(text: string): boolean {
  return /^[1-9]\d{0,9}$/u.test(text) && Number(text) <= 2_147_483_647;
}
