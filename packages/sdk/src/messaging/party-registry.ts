import { createPartyRegistry, type PartyRegistry } from "@helsekontakt/amqp-messaging";
import { createRestAddressRegistry, createRestCollaborationRegistry } from "@helsekontakt/amqp-messaging/registries";
import type { Clock, Logger } from "@helsekontakt/core";
import type { CommunicationPartyClient, CppaClient } from "@helsekontakt/rest-client";

/** The two registries of NHN as one answer to "who is this party, and what may it be sent". */
export function createRegistry(
  cppa: CppaClient,
  parties: CommunicationPartyClient,
  clock: Clock,
  logger: Logger,
): PartyRegistry {
  return createPartyRegistry({
    addressRegistry: createRestAddressRegistry(parties),
    collaborationRegistry: createRestCollaborationRegistry(cppa),
    clock,
    logger,
  });
}
