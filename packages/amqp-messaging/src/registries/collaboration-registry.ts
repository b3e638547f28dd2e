import { isHerId } from "./address-registry.ts";
import { type LookUp, type LookUpOptions, lookUpOf } from "./look-up.ts";

/** The collaboration registry (CPPA): agreements and profiles as ebXML documents. */
export interface CollaborationRegistry {
  /** Agreement by its id, a GUID. */
  agreement(cpaId: string, options?: LookUpOptions): Promise<LookUp<Uint8Array>>;
  /** Agreement between the own party and another. */
  agreementFor(mine: string, theirs: string, options?: LookUpOptions): Promise<LookUp<Uint8Array>>;
  /** Profile of a party. */
  profile(herId: string, options?: LookUpOptions): Promise<LookUp<Uint8Array>>;
}

/** `createCppaClient(…)` of `@helsekontakt/rest-client`: nothing means 404, every other failure rejects. */
export interface ProfileDocumentSource {
  agreement(cpaId: string, options?: LookUpOptions): Promise<Uint8Array | undefined>;
  agreementFor(mine: string, theirs: string, options?: LookUpOptions): Promise<Uint8Array | undefined>;
  profile(herId: string, options?: LookUpOptions): Promise<Uint8Array | undefined>;
}

/** The collaboration registry by its REST interface. */
export function createRestCollaborationRegistry(client: ProfileDocumentSource): CollaborationRegistry {
  return {
    agreement: (cpaId, options = {}) => ifPossible(isGuid(cpaId), () => client.agreement(cpaId, options)),
    agreementFor: (mine, theirs, options = {}) =>
      ifPossible(isHerId(mine) && isHerId(theirs), () => client.agreementFor(mine, theirs, options)),
    profile: (herId, options = {}) => ifPossible(isHerId(herId), () => client.profile(herId, options)),
  };
}

/** What is no id at all is in no registry: an id from a received message must not look like an outage. */
function ifPossible<T>(possible: boolean, ask: () => Promise<T | undefined>): Promise<LookUp<T>> {
  return possible ? lookUpOf(ask) : Promise.resolve({ kind: "not-found" });
}

/** @internal */
export function isGuid(text: string): boolean {
  return /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/iu.test(text);
}
