export type { BodyChecks, BodyFinding, BodyPlace } from "./body-checks.ts";
export {
  type AktivSjekkRequest,
  type AktivStatus,
  type AktivsjekkenClient,
  type AktivsjekkenClientOptions,
  type CheckedCitizens,
  createAktivsjekkenClient,
  maxNumbersPerCheck,
} from "./aktivsjekken.ts";
export type { ConcurrencyRange } from "./aktivsjekken/adaptive-limit.ts";
export { createStatusChangeFeed, type StatusChangeFeed } from "./aktivsjekken/change-feed.ts";
export { type Reach, type ReachRule, reachRuleOf, reachRules } from "./aktivsjekken/reach.ts";
export { createStatusCache, type StatusCache, type StatusCacheOptions } from "./aktivsjekken/status-cache.ts";
export type {
  AnsweredCitizen,
  CheckAllOptions,
  CheckedCitizen,
  CheckProgress,
  CitizenInput,
  CitizenSource,
  FailedCitizen,
  InvalidCitizen,
  NumberCheck,
  NumberProblem,
  Omraade,
} from "./aktivsjekken/types.ts";
export type { CallOptions, RestClientOptions } from "./call.ts";
export {
  type CommunicationPartyClient,
  type CommunicationPartyClientOptions,
  type CommunicationPartyDetails,
  createCommunicationPartyClient,
} from "./communication-party.ts";
export { type CppaClient, createCppaClient } from "./cppa.ts";
export { faults as helsenorgeFaults } from "./gen/faults/helsenorge-faults.ts";
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
export type { BreakerOptions } from "./transport/breaker.ts";
export type { ConcurrencyOptions } from "./transport/concurrency.ts";
export type { CorrelationOptions } from "./transport/correlation.ts";
export { createNetworkFetch, type NetworkFetch, type NetworkOptions } from "./transport/network.ts";
export type { RetryBudgetOptions } from "./transport/retry-budget.ts";
export { SharedTransport, type TransportSettings } from "./transport/settings.ts";
export {
  type ClientSecret,
  createSelvbetjeningClient,
  type PublicClientJwk,
  type SelvbetjeningClient,
} from "./selvbetjening.ts";
