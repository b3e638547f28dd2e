import type { X509Certificate } from "node:crypto";
import { partsForAcknowledgement } from "../profile/look-up.ts";
import type { ProfileParty, ProfilePart } from "../profile/profile.ts";
import type { PartyQueues } from "../registries/address-registry.ts";

/** What speaks against a party; an error by default, told with the party when checks are lenient. */
export type PartyConcern = "party-inactive" | "agreement-expired";

interface PartyBase {
  readonly herId: string;
  readonly name: string;
  /** Short queue names, from the address registry. */
  readonly queues: PartyQueues;
  /** To encrypt to. Absent: nothing protected can be sent to the party. */
  readonly encryptionCertificate?: X509Certificate;
  /** To prove its signatures with. Absent: its messages are refused, unless trust anchors vouch for the signer. */
  readonly signatureCertificate?: X509Certificate;
  /** Lenient checks only. Absent: none. */
  readonly concerns?: readonly PartyConcern[];
}

interface DescribedParty extends PartyBase {
  /** The party's side of the document: roles, messages, parts. */
  readonly profile: ProfileParty;
  /** Whether the party can receive a message function. */
  readonly receives: (messageFunction: string) => boolean;
}

/** There is an agreement (CPA) between the two parties. */
export interface AgreementParty extends DescribedParty {
  readonly kind: "cpa";
  readonly cpaId: string;
}

/** The party has a profile (CPP), and no agreement with the own party. */
export interface ProfiledParty extends DescribedParty {
  readonly kind: "cpp";
}

/**
 * Only the address registry knows the party, or nobody asked further: what it can receive is not known. It has no
 * profile to look things up in, and the type says so.
 */
export interface DummyParty extends PartyBase {
  readonly kind: "dummy";
  /** Why there is no profile: none is registered; the function is on the exclusion list; no own party was named. */
  readonly reason?: "no-profile" | "function-excluded" | "no-own-party";
}

/** A communication party as one's own party sees it, of the best kind there is. */
export type Party = AgreementParty | ProfiledParty | DummyParty;

/** Whom to find. */
export interface ResolveRequest {
  readonly herId: string;
  /** The own party: agreements are between two. Absent: only the address registry is asked, which gives a dummy. */
  readonly ownHerId?: string;
  /** Functions on the registry's exclusion list always get a dummy. */
  readonly function: string;
  /** The agreement that a received message names. */
  readonly cpaId?: string;
  readonly signal?: AbortSignal;
}

/** Finds parties. */
export interface PartyRegistry {
  /**
   * @throws {HelsekontaktError} `registry/party-unknown`, `registry/party-inactive`, `registry/agreement-expired`,
   *   `registry/no-profile`, `registry/profile-invalid`, `registry/unavailable`, `abort/cancelled`
   */
  resolve(request: ResolveRequest): Promise<Party>;
  /**
   * Forgets what is known of a party, for instance after a registry event. Without a HER-id: everything that is known is
   * renewed behind its next use.
   */
  invalidate(herId?: string): void;
}

/** Whether a party takes a message function; of a dummy nobody knows. */
export function capabilityOf(party: Party, messageFunction: string): "supported" | "unsupported" | "unknown" {
  return party.kind === "dummy" ? "unknown" : party.receives(messageFunction) ? "supported" : "unsupported";
}

/**
 * Whether a party can be sent a message function; a dummy can, as nothing says that it cannot.
 *
 * @param alwaysAllowed - functions that need no mention in a profile.
 */
export function canReceive(party: Party, messageFunction: string, alwaysAllowed: readonly string[] = []): boolean {
  return alwaysAllowed.includes(messageFunction) || capabilityOf(party, messageFunction) !== "unsupported";
}

/**
 * The parts of the party's receipts for a message function.
 *
 * @returns nothing for a dummy, and when the party's document names none.
 */
export function receiptParts(
  party: Party,
  messageFunction: string,
  direction: "send" | "receive",
): readonly ProfilePart[] | undefined {
  return party.kind === "dummy" ? undefined : partsForAcknowledgement(party.profile, messageFunction, direction);
}
