/**
 * The wire form of messages, for tools that read or make bytes without a connection: the conformance runs compare it
 * with messages that other libraries encoded. Outside semantic versioning.
 */
export { decodeWireMessage, encodeWireMessage } from "./connection/wire-message.ts";
/** Contracts of the registries' SOAP services and how their values are written, for the other side: the sandbox. */
export { services as soapServices } from "./gen/registries.ts";
export { writeContract } from "./registries/data-contract.ts";
export { envelopes as soapEnvelopes } from "./registries/soap-message.ts";
