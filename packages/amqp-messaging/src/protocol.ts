/** Shared with our own packages and tools, outside semantic versioning. */
export { receiverAddress, senderAddress } from "./connection/address.ts";
export { decodeWireMessage, encodeWireMessage } from "./connection/wire-message.ts";
export { herIdText, idText, instant, invariantInstant, isoInstant } from "./envelope/values.ts";
