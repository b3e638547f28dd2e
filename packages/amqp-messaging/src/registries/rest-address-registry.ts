import type { components } from "@helsekontakt/types/openapi/communication-party";
import { type AddressRegistry, factsOf, isHerId } from "./address-registry.ts";
import { type LookUpOptions, lookUpOf, mapLookUp } from "./look-up.ts";

/** The part of `createCommunicationPartyClient(…)` of `@helsekontakt/rest-client` that is needed. */
export interface PartyDetailsSource {
  /** Resolves to nothing only when the registry says that there is none (404); every other failure rejects. */
  party(
    herId: string,
    options?: LookUpOptions,
  ): Promise<components["schemas"]["CommunicationPartyDetails"] | undefined>;
}

/** The address registry by its REST interface. It has no certificates: dummies cannot be sent protected messages. */
export function createRestAddressRegistry(client: PartyDetailsSource): AddressRegistry {
  return {
    async party(herId, options = {}) {
      if (!isHerId(herId)) return { kind: "not-found" };
      return mapLookUp(await lookUpOf(() => client.party(herId, options)), ({ communicationParty, type }) => ({
        kind: "found",
        value: factsOf(herId, communicationParty ?? {}, type),
      }));
    },
  };
}
