export type {
  AccessCode,
  AttachmentPart,
  AttachmentView,
  DialogText,
  Helsekontakt as HealthContact,
  OmraadeSpelling,
  Party,
  PartyLevel,
  Patient,
  PatientView,
  Representative,
  TeamMember,
  Tjeneste,
} from "@helsekontakt/amqp-messaging/messages";
export { plainText } from "@helsekontakt/amqp-messaging/messages";
export {
  type ErrorCode,
  errorCodes,
  HelsekontaktError,
  type Issue,
  Personal,
  ValidationError,
} from "@helsekontakt/core";
export { type AsideEntry, type Box, openJournal, type SetAside, sqliteStore } from "@helsekontakt/journal";
export {
  type AmqpConfig,
  type ArrivedMessage,
  checkConfig,
  type ConfigFault,
  findConfigFaults,
  type HelseidConfig,
  type HelsekontaktConfig,
  type KeysConfig,
  type OrganisationConfig,
  type RestConfig,
  type TrustConfig,
} from "./config.ts";
export type { RegistryConfig, SoapRegistryConfig } from "./config-registry.ts";
export { createHelsekontakt, type Helsekontakt } from "./create-helsekontakt.ts";
export {
  type EnvironmentName,
  type EnvironmentPreset,
  environmentSources,
  environments,
  type PresetSetting,
} from "./environments.ts";
export { brokerSettings } from "./messaging/broker-settings.ts";
export { diagnose } from "./diagnosis/diagnose.ts";
export type { CheckResult, DiagnoseOptions, Diagnosis, Finding } from "./diagnosis/types.ts";
export { describeConfig, type EffectiveSetting } from "./settings.ts";
export {
  type Aktivsjekk,
  AktivsjekkError,
  type AktivsjekkOptions,
  type AktivsjekkProgress,
  type AktivsjekkResult,
  type AktivsjekkRun,
  type CitizenReach,
} from "./flows/aktivsjekk-types.ts";
export { createNumberCheck, type NumberRules } from "./number-check.ts";
export {
  accept,
  alongside,
  type Ekontakt,
  type EkontaktAnswer,
  type EkontaktDecision,
  type EkontaktHandler,
  type EkontaktMessage,
  type EkontaktQuestion,
  type EkontaktReply,
  type EkontaktRequest,
  type EkontaktVerdict,
  type FinalDecision,
  type RefusalTheme,
  refuse,
  reject,
  reply,
  retryLater,
  type WithOwnRows,
} from "./flows/ekontakt-types.ts";
export type {
  Medlem,
  MedlemOutcome,
  Medlemstjenester,
  RegisterOptions,
  RegisterResult,
} from "./flows/medlemstjenester.ts";
export type { FileEncoding } from "./member-files/lines.ts";
export { memberColumnNames } from "./member-files/member-row.ts";
export { type MemberSource, readMemberFile, readMembers } from "./member-files/read-members.ts";
export { type NumberFileOptions, type NumberLine, readNumberFile, readNumbers } from "./member-files/read-numbers.ts";
export type {
  MemberColumn,
  MemberFileIssue,
  MemberFileOptions,
  MemberFileProblem,
  MemberLine,
} from "./member-files/types.ts";
export {
  memberLines,
  type MemberLinesOptions,
  renderMemberReport,
  renderRegisterStatus,
  type ReportFormat,
} from "./member-reports/render.ts";
export type {
  BatchFacts,
  BatchOptions,
  MemberAssumption,
  MemberChange,
  MemberEvent,
  MemberExplanation,
  MemberInput,
  MemberInputIssue,
  MemberInputProblem,
  MemberProgress,
  MemberRegister,
  MemberResult,
  MemberState,
  ReconcileOptions,
  ReconcileReport,
  RegisterStatus,
  RunFacts,
  SendMembersOptions,
} from "./members/types.ts";
export type { Notifikasjon, NotifikasjonCommand, SentNotifikasjon } from "./flows/notifikasjon.ts";
export type { Tjenesteoversikt, TjenesteoversiktCommand } from "./flows/tjenesteoversikt.ts";
export type {
  Offering,
  OfferingChange,
  OfferingLocation,
  OfferingOrganisation,
  Offerings,
  PublishedBundle,
  PublishOptions,
  PublishResult,
  SentOffering,
} from "./offerings/types.ts";
export {
  type AnsweredCitizen,
  type CheckedCitizen,
  type CitizenInput,
  type CitizenSource,
  type ConcurrencyRange,
  createStatusCache,
  describeWire,
  type FailedCitizen,
  type HelsekontakterWire,
  type InvalidCitizen,
  type NetworkOptions,
  type NumberCheck,
  type NumberProblem,
  type Omraade,
  type Reach,
  type ReachRule,
  reachRules,
  type StatusCache,
  type StatusCacheOptions,
  type StatusChangeFeed,
  type TransportSettings,
  type WireSetting,
} from "@helsekontakt/rest-client";
export type { Health, HealthLevel, HealthReason } from "./messaging/health.ts";
export type { HelsekontaktEvent } from "./messaging/events.ts";
export type { SendOptions, SentMessage } from "./messaging/mailroom.ts";
export type { Receipt, ReceiptFault } from "./messaging/receipt.ts";
