export { Broker, type BrokerCounts, type BrokerOptions } from "./amqp/broker.ts";
export { Capture } from "./capture.ts";
export { type DigitalStatus, type SyntheticCitizen, syntheticCitizens, withControlDigits } from "./citizens.ts";
export {
  type CitizenAnswers,
  type CitizenInboxItem,
  type CitizenRequest,
  Counterpart,
  type CounterpartSent,
} from "./counterpart/counterpart.ts";
export {
  type CounterpartMessage,
  CounterpartTransport,
  type CounterpartTransportOptions,
} from "./counterpart/transport.ts";
export { type Fault, FaultSchedule, type FaultTarget, restTargets } from "./faults.ts";
export type { FaultRates } from "./weather.ts";
export type { AktivsjekkenBehaviour } from "./rest/aktivsjekken.ts";
export { type SandboxHelseid, startHelseid } from "./helseid/alone.ts";
export { type ClientKeyEntry, ClientRegister, type RegisteredClient } from "./helseid/clients.ts";
export type { NoncePolicy } from "./helseid/nonces.ts";
export type { SelfServiceBehaviour } from "./helseid/self-service.ts";
export { type ServiceFault, ServiceFaults } from "./helseid/service-faults.ts";
export { TokenService, type TokenServiceOptions } from "./helseid/token-service.ts";
export {
  createIdentities,
  type OwnerIdentities,
  type SandboxIdentities,
  type SandboxParty,
  sandboxParties,
} from "./parties.ts";
export type {
  HelsekontakterBehaviour,
  HelsekontakterState,
  MemberAnswerForm,
  StoredMember,
  StoredOffering,
} from "./rest/helsekontakter-state.ts";
export {
  type Sandbox,
  type SandboxClient,
  type SandboxConfig,
  type SandboxOptions,
  startSandbox,
  writeIdentities,
} from "./sandbox.ts";
