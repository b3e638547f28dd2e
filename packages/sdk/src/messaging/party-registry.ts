import { createPartyRegistry, type PartyFacts, type PartyRegistry } from "@helsekontakt/amqp-messaging";
import { parseProfile } from "@helsekontakt/amqp-messaging/profile";
import { type Clock, HelsekontaktError, type Logger } from "@helsekontakt/core";
import type { CommunicationPartyClient, CommunicationPartyDetails, CppaClient } from "@helsekontakt/rest-client";
import type { Code9044 } from "@helsekontakt/types/codes";

/** The two registries of NHN as one answer to "who is this party, and what may it be sent". */
export function createRegistry(
  cppa: CppaClient,
  parties: CommunicationPartyClient,
  clock: Clock,
  logger: Logger,
): PartyRegistry {
  return createPartyRegistry({
    clock,
    logger,
    async lookupProfile({ herId, ownHerId, cpaId, signal }) {
      const options = signal === undefined ? {} : { signal };
      const bytes = await reached(async () => {
        const agreement = cpaId === undefined ? undefined : await cppa.agreement(cpaId, options);
        return agreement ?? (await cppa.agreementFor(ownHerId, herId, options)) ?? (await cppa.profile(herId, options));
      });
      return bytes === undefined ? undefined : parseProfile(bytes, { as: ownHerId });
    },
    async lookupParty({ herId, signal }) {
      const details = await reached(() => parties.party(herId, signal === undefined ? {} : { signal }));
      return details === undefined ? undefined : factsOf(herId, details);
    },
  });
}

/**
 * Whatever keeps a registry from answering, an own setting included, is no fault of the message: it waits.
 *
 * @throws {HelsekontaktError} `registry/unavailable`, `abort/cancelled`
 */
async function reached<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (reason) {
    const error = HelsekontaktError.from(reason);
    if (error.code === "abort/cancelled" || error.code.startsWith("registry/")) throw error;
    throw new HelsekontaktError("registry/unavailable", `expected the registry to answer, found ${error.code}`, {
      context: { ...error.context, code: error.code },
      ...(error.remoteCode === undefined ? {} : { remoteCode: error.remoteCode }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      original: error,
    });
  }
}

function factsOf(herId: string, details: CommunicationPartyDetails): PartyFacts {
  const party = details.communicationParty;
  const address = (code: Code9044): string | undefined =>
    party?.ElectronicAddresses?.findLast((a) => a.TypeCodeValue === code)?.Address ?? undefined;
  const queues = { async: address("E_SB_ASYNC"), sync: address("E_SB_SYNC"), error: address("E_SB_ERROR") };
  return {
    herId,
    name: party?.DisplayName || party?.Name || "",
    active: party?.Active !== false && party?.IsValidCommunicationParty !== false,
    queues: Object.fromEntries(Object.entries(queues).filter(([, value]) => value !== undefined && value !== "")),
  };
}
