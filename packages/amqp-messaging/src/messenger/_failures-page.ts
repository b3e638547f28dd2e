import { errorCodes } from "@helsekontakt/core";
import { type FailureCause, errorConditions, failureReports } from "../gen/error-conditions.ts";
import { type EventCode, eventCodes } from "../gen/events.ts";
import { metrics } from "../telemetry/metrics.ts";
import { eventOf, eventsByCode } from "./messaging-error.ts";

/** When each cause comes about here; what only an application can find says so. */
const when: Readonly<Record<FailureCause, string>> = {
  "certificate-missing": "agreement or profile of the sender has no signature certificate",
  "certificate-not-yet-valid": "the sender's registered certificate begins later",
  "certificate-expired": "the sender's registered certificate has ended",
  "certificate-usage": "the sender's registered certificate is not for non-repudiation",
  "certificate-revoked": "`trust.revocation` says so",
  "certificate-revocation-unknown": "`trust.revocation` in mode `require` finds nothing out",
  "certificate-several-faults": "two or more of these",
  "certificate-revocation-offline": "`trust.revocation` cannot reach its source: the message is held",
  "decryption-failed": "the official library's answer; here `undecryptable`, one text for all",
  "fields-missing": "a required property is absent, or has no usable value",
  "payload-not-xml": "the payload is not well-formed, has a DOCTYPE, or breaks a limit",
  "payload-schema": "`rejectFor`",
  "payload-mismatch": "`rejectFor`",
  "application-error": "`rejectFor`",
  "sender-mismatch": "header and payload, or certificate and payload, name different senders; `rejectFor`",
  "unsupported-message": "not protected, larger than `maxBodyBytes`, no agreement in force; `rejectFor`",
  "sender-unknown": "the registry does not know the sender, or says that it is inactive",
  "sender-without-certificate":
    "the address registry alone knows the sender, and has no certificate; no anchor vouches",
  "sender-not-named": "no HER-id to answer to: removed and logged",
  "reply-failed": "an answer could not be sent: the request is dead-lettered",
  unknown: "anything else: tried again, then dead-lettered",
  "signer-unexpected":
    "the signature holds, but is another certificate's: sent as `undecryptable`, for the same reason",
  "not-cms": "the body is not CMS, or no data section",
  undecryptable: "wrong key, wrong padding, a broken structure, a wrong signature, a refused algorithm",
  "signature-invalid": "told apart it would decrypt for anybody: sent as `undecryptable`",
  "field-required": "`rejectFor`",
  "field-invalid": "`rejectFor`",
  "reply-queue-unknown": "the reply-to of a synchronous request is no queue, or the broker refuses it",
  "wrong-encoding": "`rejectFor`",
  "not-interpretable": "`rejectFor`",
};

/** The page FAILURES.md: the tables of the code, so that there is one source for both. */
export function failuresPage(): string {
  return `# Failures, events and numbers of messaging

Made from the tables of the code; a test keeps it true. Event numbers are the official .NET library's, for alarms that know
them; \`MessagingError.event\` has them.

## Causes: what a sender is told, and when

${table(
  ["cause", "condition", "text", "data", "event", "when"],
  (Object.keys(failureReports) as FailureCause[]).map((cause) => {
    const { condition, description, data, event } = failureReports[cause];
    return [code(cause), code(condition), description ?? textOf(condition), data, event, when[cause]];
  }),
)}
Empty condition: nobody is told. Empty text: it depends on the case. Data goes out as \`item;item;\` and as a JSON array in
\`X-ErrorConditionData\`.

## Conditions that may come

${table(
  ["condition", "published text", "data", "stated by", "also written"],
  Object.entries(errorConditions).map(([condition, { description, data, origin, aliases = [] }]) => [
    code(condition),
    description,
    data,
    origin === "specification" ? "AMQP profile" : ".NET library",
    aliases.map(code).join(", "),
  ]),
)}
## Error codes and event numbers

${table(
  ["code", "retryable", "event on sending", "on receiving", "meaning"],
  Object.entries(errorCodes)
    .filter(([name]) => name in eventsByCode || name.startsWith("amqp/"))
    .map(([name, { retryable, meaning }]) => [
      code(name),
      retryable ? "yes" : "no",
      eventOf(name as keyof typeof errorCodes, "send"),
      eventOf(name as keyof typeof errorCodes, "receive"),
      meaning,
    ]),
)}
The number of \`registry/agreement-expired\` is inferred: the official library looks at no agreement's time. A synchronous call
without an answer is \`amqp/timeout\` with MUG-30. Certificates of the receiver and of this side have numbers of their own on
sending (MUG-10 to MUG-19).

## Events of the official library

${table(
  ["event", "meaning"],
  (Object.keys(eventCodes) as EventCode[]).map((event) => [event, eventCodes[event].meaning]),
)}
## Numbers (OpenTelemetry)

${table(
  ["metric", "unit", "meaning"],
  Object.values(metrics).map(({ name, unit, description }) => [code(name), code(unit), description]),
)}
Spans: \`send {queue type}\` (producer) and \`process {queue type}\` (consumer), linked by \`traceparent\` as an application property.
`;
}

function textOf(condition: keyof typeof errorConditions | undefined): string | undefined {
  return condition === undefined ? undefined : errorConditions[condition].description;
}

function table(head: readonly string[], rows: readonly (readonly (string | undefined)[])[]): string {
  const line = (cells: readonly (string | undefined)[]): string =>
    `| ${cells.map((c) => (c ?? "").replaceAll("|", "\\|")).join(" | ")} |\n`;
  return `${line(head)}|${"---|".repeat(head.length)}\n${rows.map(line).join("")}`;
}

function code(text: string | undefined): string {
  return text === undefined ? "" : `\`${text}\``;
}
