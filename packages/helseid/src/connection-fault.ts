// Loaded with the first connection that fails, and not before.
export { connectionFault } from "@helsekontakt/core";
