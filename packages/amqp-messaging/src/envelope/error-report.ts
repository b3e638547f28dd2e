import type { ReceivedMessage, WireMessage } from "../connection/wire-message.ts";
import { type ErrorCondition, errorConditions } from "../gen/error-conditions.ts";
import { contentTypeOf } from "./content-type.ts";
import { type Envelope, readEnvelope } from "./envelope.ts";
import { type ErrorDetail, errorDetail } from "./error-detail.ts";
import { readSoapFault, type SoapFault } from "./soap-fault.ts";
import { idText, instant, invariantInstant, isoInstant } from "./values.ts";

/** What to tell the sender of a message that could not be taken. */
export interface ErrorReportInput {
  /** The message that failed, as it was read. */
  readonly original: Pick<Envelope, "messageId" | "correlationId" | "function" | "fromHerId" | "toHerId">;
  /** `transport:…` or `abuse:…`. */
  readonly condition: ErrorCondition;
  /** Default: the published text of the condition. */
  readonly description?: string;
  /** Field names, HER-ids or thumbprints; never a person's data. An empty list is stated as empty. */
  readonly data?: readonly string[];
  /** UUID of the report itself. */
  readonly messageId: string;
  /** The sender's error queue, short name. */
  readonly to: string;
  /** When the original was received, milliseconds since 1970. */
  readonly receivedAt: number;
}

/**
 * Builds an error report: no body, HER-ids swapped, with the content type and correlation id that the official library's
 * newer form lacks. The time stands in that library's form, and in ISO 8601 beside it; the data in its form
 * (`item;item;`), and as a JSON array beside it.
 */
export function buildErrorReport(input: ErrorReportInput): WireMessage {
  const { original } = input;
  const time = isoInstant(input.receivedAt);
  const { data } = input;
  return {
    messageId: input.messageId,
    correlationId: original.correlationId ?? original.messageId ?? input.messageId,
    to: input.to,
    subject: original.function ?? "UNKNOWN",
    contentType: contentTypeOf("plain"),
    applicationProperties: {
      ...(original.toHerId === undefined ? {} : { fromHerId: original.toHerId }),
      ...(original.fromHerId === undefined ? {} : { toHerId: original.fromHerId }),
      applicationTimeStamp: time,
      enqueuedTimeUtc: time.slice(0, -1),
      ...(original.messageId === undefined ? {} : { originalMessageId: original.messageId }),
      receiverTimeStamp: invariantInstant(input.receivedAt),
      "X-ReceiverTimeStamp": time,
      errorCondition: input.condition,
      errorDescription: input.description ?? errorConditions[input.condition].description ?? input.condition,
      ...(data === undefined
        ? {}
        : {
            errorConditionData: data.map((item) => `${item};`).join(""),
            "X-ErrorConditionData": JSON.stringify(data),
          }),
    },
    body: Buffer.alloc(0),
  };
}

/** A report as another party sent it, in either form. */
export interface ErrorReport {
  /** Of the report; the older form repeats the original's. */
  readonly messageId: string | undefined;
  readonly originalMessageId: string | undefined;
  /** Function of the original. */
  readonly function: string | undefined;
  readonly fromHerId: string | undefined;
  readonly toHerId: string | undefined;
  /** As sent, except that known misspellings are put right. Any text may come. */
  readonly condition: ErrorCondition | (string & {});
  readonly description: string | undefined;
  readonly data: readonly string[];
  /** The same as an object. */
  readonly detail: ErrorDetail;
  readonly receivedAt: Date | undefined;
}

/** What came on an error queue. Whatever it is, it is never answered. */
export type ErrorQueueMessage =
  | { readonly kind: "report"; readonly report: ErrorReport; readonly envelope: Envelope }
  | { readonly kind: "soap-fault"; readonly fault: SoapFault; readonly envelope: Envelope }
  | { readonly kind: "unknown"; readonly envelope: Envelope };

/** Reads a message of an error queue; it never throws, and needs no field to be there. */
export function readErrorQueueMessage(message: ReceivedMessage): ErrorQueueMessage {
  const envelope = readEnvelope(message);
  const { properties } = envelope;
  const condition = properties.get("errorCondition");
  if (condition !== undefined) {
    const raw = message.applicationProperties;
    const data = conditionData(properties);
    return {
      kind: "report",
      envelope,
      report: {
        messageId: envelope.messageId,
        originalMessageId: idText(raw.get("originalMessageId")),
        function: envelope.function,
        fromHerId: envelope.fromHerId,
        toHerId: envelope.toHerId,
        condition: corrected(condition),
        description: properties.get("errorDescription"),
        data,
        detail: errorDetail(corrected(condition), data),
        receivedAt: instant(raw.get("X-ReceiverTimeStamp")) ?? instant(raw.get("receiverTimeStamp")),
      },
    };
  }
  if (envelope.protection === "soap" || envelope.function === "AMQP_SOAP_FAULT")
    try {
      return { kind: "soap-fault", fault: readSoapFault(message.body), envelope };
    } catch {
      return { kind: "unknown", envelope };
    }
  return { kind: "unknown", envelope };
}

function corrected(condition: string): string {
  const hit = Object.entries(errorConditions).find(([, info]) => info.aliases?.includes(condition));
  return hit?.[0] ?? condition;
}

function conditionData(properties: ReadonlyMap<string, string>): readonly string[] {
  try {
    const own: unknown = JSON.parse(properties.get("X-ErrorConditionData") ?? "");
    if (Array.isArray(own) && own.every((item) => typeof item === "string")) return own;
  } catch {
    // not our own form
  }
  const text = properties.get("errorConditionData")?.trim() ?? "";
  if (text === "") return [];
  // The profile's own examples are JSON; the official library joins with semicolons.
  if (text.startsWith("{") || text.startsWith("[")) return [text];
  return text.replace(/;$/, "").split(";");
}
