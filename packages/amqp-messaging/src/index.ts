export {
  type AppRecErrorInput,
  type AppRecErrorView,
  type AppRecFault,
  appRecFault,
  appRecFaults,
  type AppRecOptions,
  type AppRecOriginal,
  type AppRecOutcome,
  type AppRecPartyView,
  type AppRecStatus,
  type AppRecVersion,
  type AppRecView,
  appRecView,
  buildAppRec,
  type BuiltAppRec,
  readAppRec,
} from "./apprec/index.ts";
export { type AddressDialect, queueNameFromAddress } from "./connection/address.ts";
export { type AmqpConnection, connectAmqp, type SendHold, type SendOptions } from "./connection/connection.ts";
export {
  type AmqpSettings,
  type AmqpTlsSettings,
  type AmqpUrlParts,
  parseAmqpUrl,
  type SendWindow,
} from "./connection/settings.ts";
export type { ConnectionState, StateEvent, StateListener } from "./connection/state.ts";
export type { ConnectionHealth, SenderHealth, SubscriptionHealth } from "./connection/health.ts";
export type { Outcome } from "./connection/outcome.ts";
export type {
  DeliveryHandler,
  InboundDelivery,
  ReceiveOptions,
  StopOptions,
  Subscription,
} from "./connection/subscription-types.ts";
export type { ReceivedMessage, WireMessage } from "./connection/wire-message.ts";
export { type BodyProtection, bodyProtection } from "./envelope/content-type.ts";
export {
  buildEnvelope,
  type Envelope,
  type EnvelopeField,
  type EnvelopeInput,
  readEnvelope,
} from "./envelope/envelope.ts";
export type { ErrorDetail } from "./envelope/error-detail.ts";
export {
  buildErrorReport,
  type ErrorQueueMessage,
  type ErrorReport,
  type ErrorReportInput,
  readErrorQueueMessage,
} from "./envelope/error-report.ts";
export { type PayloadFacts, payloadFacts, payloadMetadata } from "./envelope/payload-metadata.ts";
export { readSoapFault, type SoapFault } from "./envelope/soap-fault.ts";
export type { Refusal } from "./messenger/failures.ts";
export { type Direction, MessagingError, type MessagingFacts } from "./messenger/messaging-error.ts";
export { createReportMemory, type ReportMemory } from "./messenger/receive-memory.ts";
export type { ReplyQueue } from "./messenger/reply-queue.ts";
export {
  accept,
  deadLetter,
  type HandlerCause,
  rejectFor,
  rejectWith,
  reply,
  retryLater,
} from "./messenger/results.ts";
export { createMessenger, type MessageHandlers, type Messenger } from "./messenger/messenger.ts";
export {
  type AgreementParty,
  canReceive,
  capabilityOf,
  type DummyParty,
  type Party,
  type PartyConcern,
  type PartyRegistry,
  type ProfiledParty,
  receiptParts,
  type ResolveRequest,
} from "./messenger/party.ts";
export { createPartyRegistry, type PartyRegistryOptions } from "./messenger/party-registry.ts";
export type {
  AddressRegistry,
  CollaborationRegistry,
  LookUp,
  LookUpOptions,
  PartyCertificates,
  PartyFacts,
  PartyParent,
  PartyQueues,
  RegistryCacheOptions,
} from "./registries/index.ts";
export { lookUpOf } from "./registries/index.ts";
export type {
  CallMessage,
  CallOptions,
  ErrorQueueHandler,
  HandlerResult,
  InboundMessage,
  InboundReceipt,
  LateReply,
  MessageHandler,
  MessengerEvent,
  MessengerOptions,
  OutboundMessage,
  ReceiptHandler,
  ReplyDocument,
  SentMessage,
} from "./messenger/types.ts";
export { metrics } from "./telemetry/metrics.ts";
export {
  type ActOptions,
  type ActReport,
  type AuditEntry,
  auditFile,
  type AuditSink,
  exportFiles,
  exportLines,
  type ListOptions,
  type MessageFate,
  type MessageSink,
  type MoveOptions,
  openQueues,
  type PurgeOptions,
  type QueueCount,
  type QueueEntry,
  type QueueFilter,
  type QueueProgress,
  type Queues,
  type QueuesOptions,
  type RangeOptions,
  type Route,
} from "./queues/index.ts";
export {
  type ErrorCondition,
  type ErrorConditionInfo,
  errorConditions,
  type FailureCause,
  type FailureReport,
  failureReports,
} from "./gen/error-conditions.ts";
export { type EventCode, eventCodes } from "./gen/events.ts";
export { type ContentTypeName, contentTypes, type QueueTypeName, queueTypes } from "./gen/transport.ts";
export {
  type MessageAction,
  type MessageFunction,
  type MessageFunctionName,
  type MessagePart,
  type MessageProcess,
  type MessageRole,
  messageFunctions,
} from "./gen/messages.ts";
