import type { Metric } from "@helsekontakt/core";

/**
 * Every number that messaging tells. The first four are OpenTelemetry's own for messaging; attributes are a closed list:
 * queue type, message function, kind of party, cause, error code. No HER-id, id or queue name: their number has no bound.
 *
 * @see OpenTelemetry semantic conventions, messaging 1.30
 */
export const metrics = {
  sent: {
    name: "messaging.client.sent.messages",
    unit: "{message}",
    description: "Messages that the broker took, and those that it did not, with error.type.",
  },
  received: {
    name: "messaging.client.consumed.messages",
    unit: "{message}",
    description: "Deliveries that came to an end, by what became of them.",
  },
  sendTime: {
    name: "messaging.client.operation.duration",
    unit: "s",
    description: "From handing a message to the connection to the broker's outcome.",
  },
  processTime: {
    name: "messaging.process.duration",
    unit: "s",
    description: "From the arrival of a delivery to its settlement, the application's handler included.",
  },
  failed: {
    name: "helsekontakt.messaging.failures",
    unit: "{failure}",
    description: "Failures by cause: of a send, of an opening, of a handler, of a report.",
  },
  queueAge: {
    name: "helsekontakt.messaging.queue.age",
    unit: "s",
    description: "Age of a message when it is taken, by the sender's clock.",
  },
  cryptoTime: {
    name: "helsekontakt.messaging.crypto.duration",
    unit: "s",
    description: "Signing and encrypting, or decrypting and verifying, of one message.",
  },
  registryTime: {
    name: "helsekontakt.messaging.registry.duration",
    unit: "s",
    description: "Finding one party, answers from the cache included.",
  },
  inHand: {
    name: "helsekontakt.messaging.in_hand",
    unit: "{message}",
    description: "Deliveries that have come and are not settled.",
  },
  credit: {
    name: "helsekontakt.messaging.credit",
    unit: "{message}",
    description: "Deliveries that the broker may still hand out.",
  },
  waitingCalls: {
    name: "helsekontakt.messaging.calls.waiting",
    unit: "{call}",
    description: "Synchronous calls that wait for their answer.",
  },
  certificateDays: {
    name: "helsekontakt.certificate.days_left",
    unit: "d",
    description: "Days until an own certificate expires, by its use.",
  },
} as const satisfies Readonly<Record<string, Metric>>;
