/**
 * The wire form of messages, for tools that read or make bytes without a connection: the conformance runs compare it
 * with messages that other libraries encoded. Outside semantic versioning.
 */
export { decodeWireMessage, encodeWireMessage } from "./connection/wire-message.ts";
