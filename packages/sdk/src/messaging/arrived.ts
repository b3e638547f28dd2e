import { createHash } from "node:crypto";
import type { Envelope } from "@helsekontakt/amqp-messaging";
import type { AmqpConfig, ArrivedMessage } from "../config.ts";
import { isPlain } from "./read-head.ts";

/** The application's order of messages, by what their envelopes say. */
export type OrderOf = (envelope: Envelope) => string | undefined;

/** The key of a message by the application's own rule. What the rule throws is the caller's to tell. */
export function orderOf(orderBy: NonNullable<AmqpConfig["orderBy"]>): OrderOf {
  return (envelope) => {
    const key: unknown = orderBy(arrived(envelope));
    return typeof key === "string" && key !== "" ? key : undefined;
  };
}

function arrived({ function: name, fromHerId, toHerId, correlationId }: Envelope): ArrivedMessage {
  return {
    ...(name === undefined ? {} : { function: name }),
    ...(fromHerId === undefined ? {} : { fromHerId }),
    ...(toHerId === undefined ? {} : { toHerId }),
    ...(correlationId === undefined ? {} : { correlationId }),
  };
}

/** An id from outside as it is, or its hash where it may be anything: only plain text is stored in clear. */
export function plainOrHash(id: string): string {
  return isPlain(id) ? id : `sha256:${createHash("sha256").update(id).digest("hex")}`;
}
