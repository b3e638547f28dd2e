import { type AddressRegistry, createPartyRegistry, type PartyRegistry } from "@helsekontakt/amqp-messaging";
import {
  createRestAddressRegistry,
  createRestCollaborationRegistry,
  createServiceBusManager,
  type CollaborationRegistry,
  createSoapAddressRegistry,
  createSoapCollaborationRegistry,
  type EventQueues,
  type FollowedEvents,
  followRegistryEvents,
  serviceBusManagerUrl,
  type SoapClientOptions,
} from "@helsekontakt/amqp-messaging/registries";
import { type Clock, HelsekontaktError, type Logger } from "@helsekontakt/core";
import {
  type CommunicationPartyClient,
  type CppaClient,
  createNetworkFetch,
  type NetworkOptions,
  type RetryOptions,
  withRetry,
} from "@helsekontakt/rest-client";
import type { RegistryConfig } from "../config-registry.ts";

/** What {@link createRegistry} is made of. */
export interface RegistryParts {
  readonly config: RegistryConfig | undefined;
  /** Of the environment. */
  readonly soapUrl: string | undefined;
  readonly soapCppaUrl: string | undefined;
  /** Made only when the collaboration registry is asked by REST. */
  readonly cppa: () => CppaClient;
  /** Made only when the address registry is asked by REST. */
  readonly parties: () => CommunicationPartyClient;
  readonly network: NetworkOptions | undefined;
  readonly retry: RetryOptions | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The registries, and what follows their events once there is a connection to the broker. */
export interface Registries {
  readonly registry: PartyRegistry;
  readonly follow: ((queues: EventQueues) => FollowedEvents) | undefined;
}

/** The two registries of NHN as one answer to "who is this party, and what may it be sent". */
export function createRegistry(parts: RegistryParts): Registries {
  const { config = {}, clock, logger } = parts;
  const { cache, checks, dummies, events, functionsWithoutProfile } = config;
  const registry = createPartyRegistry({
    addressRegistry: addressRegistryOf(parts),
    collaborationRegistry: collaborationRegistryOf(parts),
    ...(functionsWithoutProfile === undefined ? {} : { withoutProfile: functionsWithoutProfile }),
    ...(cache === undefined ? {} : { cache }),
    ...(checks === undefined ? {} : { checks }),
    ...(dummies === undefined ? {} : { dummies }),
    clock,
    logger,
  });
  if (events === undefined) return { registry, follow: undefined };
  const soap = soapOptions(parts, addressRegistryUrl(parts));
  const serviceBus = createServiceBusManager({ ...soap, url: serviceBusManagerUrl(soap.url, soap.binding) });
  return {
    registry,
    follow: (queues) =>
      followRegistryEvents({ serviceBus, queues, registry, userSystemIdent: events.userSystemIdent, clock, logger }),
  };
}

/** @internal */
export function addressRegistryOf(parts: SoapParts & Pick<RegistryParts, "parties">): AddressRegistry {
  return parts.config?.addressRegistry === "soap"
    ? createSoapAddressRegistry(soapOptions(parts, addressRegistryUrl(parts)))
    : createRestAddressRegistry(parts.parties());
}

/** @internal */
export function collaborationRegistryOf(
  parts: SoapParts & Pick<RegistryParts, "cppa" | "soapCppaUrl">,
): CollaborationRegistry {
  return parts.config?.collaborationRegistry === "soap"
    ? createSoapCollaborationRegistry(soapOptions(parts, parts.config.soap?.cppaUrl ?? parts.soapCppaUrl))
    : createRestCollaborationRegistry(parts.cppa());
}

type SoapParts = Pick<RegistryParts, "config" | "soapUrl" | "network" | "retry">;

/** Of the address registry; the other services' are asked for where they are used. @internal */
export const addressRegistryUrl = ({ config, soapUrl }: SoapParts): string | undefined => config?.soap?.url ?? soapUrl;

/** The way to the SOAP services: retries, proxy and own authorities as for REST. */
export function soapOptions(
  { config, network, retry }: Pick<RegistryParts, "config" | "network" | "retry">,
  url: string | undefined,
): SoapClientOptions {
  const { soap } = config ?? {};
  if (soap === undefined || url === undefined)
    throw new HelsekontaktError("config/missing", "expected the login of the registries' SOAP services, found none", {
      context: { paths: ["registry.soap"] },
    });
  const { username, password, binding } = soap;
  const send =
    network === undefined ? (request: Request) => globalThis.fetch(request) : createNetworkFetch(network).fetch;
  return {
    url,
    credentials: async () => ({ username, password: typeof password === "function" ? await password() : password }),
    ...(binding === undefined ? {} : { binding }),
    fetch: withRetry(send, retry ?? {}),
  };
}
