import type { X509Certificate } from "node:crypto";

/** Short queue names of a party, from the address registry. */
export interface PartyQueues {
  readonly async?: string;
  readonly sync?: string;
  readonly error?: string;
}

interface PartyBase {
  readonly herId: string;
  readonly name: string;
  readonly queues: PartyQueues;
  /** To encrypt to. Absent: nothing protected can be sent to the party. */
  readonly encryptionCertificate?: X509Certificate;
  /** To prove its signatures with. Absent: its messages are refused, unless trust anchors vouch for the signer. */
  readonly signatureCertificate?: X509Certificate;
}

/** There is an agreement (CPA) between the two parties. */
export interface AgreementParty extends PartyBase {
  readonly kind: "cpa";
  readonly cpaId: string;
  /** Whether the party can receive a message function. */
  readonly receives: (messageFunction: string) => boolean;
}

/** The party has a profile (CPP), and no agreement with the own party. */
export interface ProfiledParty extends PartyBase {
  readonly kind: "cpp";
  readonly receives: (messageFunction: string) => boolean;
}

/** Only the address registry knows the party: it may receive anything. */
export interface DummyParty extends PartyBase {
  readonly kind: "dummy";
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
   * @throws {HelsekontaktError} `registry/party-unknown`, `registry/party-inactive`, `registry/profile-invalid`,
   *   `registry/unavailable`, `abort/cancelled`
   */
  resolve(request: ResolveRequest): Promise<Party>;
  /** Forgets what is known of a party, for instance after a registry event. */
  invalidate(herId: string): void;
}

/**
 * Whether a party can be sent a message function; a dummy can.
 *
 * @param alwaysAllowed - functions that need no mention in a profile.
 */
export function canReceive(party: Party, messageFunction: string, alwaysAllowed: readonly string[] = []): boolean {
  return party.kind === "dummy" || alwaysAllowed.includes(messageFunction) || party.receives(messageFunction);
}
