export {
  type AktivSjekkRequest,
  type AktivStatus,
  type AktivsjekkenClient,
  createAktivsjekkenClient,
  maxNumbersPerCheck,
} from "./aktivsjekken.ts";
export type { CallOptions, RestClientOptions } from "./call.ts";
export {
  type CommunicationPartyClient,
  type CommunicationPartyClientOptions,
  type CommunicationPartyDetails,
  createCommunicationPartyClient,
} from "./communication-party.ts";
export { type CppaClient, createCppaClient } from "./cppa.ts";
export {
  createHelsekontakterClient,
  type HelsekontakterClient,
  type HelsekontakterClientOptions,
  type MembersResult,
} from "./helsekontakter.ts";
export {
  describeWire,
  type HelsekontakterWire,
  resolveWire,
  shapeBundle,
  type WireSetting,
} from "./helsekontakter-wire.ts";
export type { HerId } from "./her-id.ts";
export type { MemberOutcome } from "./member-outcome.ts";
export { type ApiName, type ApiServer, apis } from "./apis.ts";
export { type FetchLike, type RetryOptions, withRetry } from "./retry.ts";
export {
  type ClientSecret,
  createSelvbetjeningClient,
  type PublicClientJwk,
  type SelvbetjeningClient,
} from "./selvbetjening.ts";
