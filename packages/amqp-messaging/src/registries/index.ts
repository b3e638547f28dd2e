export {
  type AddressRegistry,
  type PartyCertificates,
  type PartyFacts,
  type PartyParent,
  type PartyQueues,
} from "./address-registry.ts";
export {
  type CollaborationRegistry,
  createRestCollaborationRegistry,
  type ProfileDocumentSource,
} from "./collaboration-registry.ts";
export { type LookUp, type LookUpOptions, lookUpOf } from "./look-up.ts";
export type { RegistryCacheOptions } from "./registry-cache.ts";
export { createRestAddressRegistry, type PartyDetailsSource } from "./rest-address-registry.ts";
export {
  createSoapAddressRegistry,
  maxChangesPerCall,
  type OrganisationDetails,
  type PartyChange,
  type RegistryCode,
  type SoapAddressRegistry,
} from "./soap-address-registry.ts";
export type { SoapClientOptions, SoapCredentials } from "./soap-client.ts";
export { createSoapCollaborationRegistry } from "./soap-collaboration-registry.ts";
export {
  createServiceBusManager,
  type EventSubscriptionRequest,
  type RegistrySubscription,
  type ServiceBusManager,
  serviceBusManagerUrl,
} from "./service-bus-manager.ts";
export {
  type EventQueues,
  followRegistryEvents,
  type FollowedEvents,
  type FollowOptions,
  readRegistryEvent,
  type RegistryEvent,
} from "./registry-events.ts";
export { type RegistryEventSource, registryEvents } from "../gen/registries.ts";
export {
  changedParties,
  exportParties,
  type KnownParty,
  type PartyExport,
  type PartyExportOptions,
} from "./party-export.ts";
