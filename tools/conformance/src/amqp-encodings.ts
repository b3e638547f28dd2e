import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { payloadMetadata, readEnvelope, readErrorQueueMessage } from "@helsekontakt/amqp-messaging";
import { decodeWireMessage } from "@helsekontakt/amqp-messaging/protocol";
import { createTally, upstreamFolder } from "./_tally.ts";

// Complete AMQP 1.0 messages as the official library's client encodes them, read by this library, and the application
// properties that the official library takes from payloads; both compared with what an independent reader found.

interface Encoded {
  readonly id: string;
  readonly file: string;
  readonly header: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
  readonly applicationProperties: Readonly<Record<string, string>>;
  readonly bodySha256: string;
}

interface Payload {
  readonly file: string;
  readonly properties: Readonly<Record<string, string>>;
}

type Values = Readonly<Record<string, unknown>>;

const tally = createTally();
const messaging = join(upstreamFolder(), "messaging");
const expected = <T>(folder: string): readonly T[] =>
  JSON.parse(readFileSync(join(messaging, folder, "expected.json"), "utf8")) as readonly T[];

function compare(id: string, found: Values, wanted: Values): void {
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(found)]))
    tally.check(
      wanted[name] === found[name],
      `${id} ${name}: expected ${String(wanted[name])}, found ${String(found[name])}`,
    );
}

const messages = expected<Encoded>("amqp");
for (const want of messages) {
  const message = decodeWireMessage(readFileSync(join(messaging, "amqp", want.file)));
  const envelope = readEnvelope(message);
  const { applicationProperties: application } = want;
  compare(
    want.id,
    {
      ttl: envelope.ttlMs === undefined ? undefined : String(envelope.ttlMs),
      "message-id": envelope.messageId,
      to: envelope.to,
      subject: envelope.function,
      "reply-to": envelope.replyTo,
      "correlation-id": envelope.correlationId,
      "content-type": envelope.contentType,
      ...Object.fromEntries(envelope.properties),
      body: createHash("sha256").update(envelope.body).digest("hex"),
      missing: envelope.missing.join(" "),
    },
    {
      ttl: undefined,
      ...want.header,
      ...want.properties,
      ...application,
      body: want.bodySha256,
      // The newer form of a report has no content type; nothing else may be missing.
      missing: want.properties["content-type"] === undefined ? "ContentType" : "",
    },
  );
  if (application["errorCondition"] === undefined) continue;
  const read = readErrorQueueMessage(message);
  tally.check(read.kind === "report", `${want.id}: expected an error report, found ${read.kind}`);
  if (read.kind === "report")
    compare(
      `${want.id} report`,
      {
        condition: read.report.condition,
        original: read.report.originalMessageId,
        description: read.report.description,
        at: read.report.receivedAt?.toISOString(),
      },
      {
        condition: application["errorCondition"],
        original: application["originalMessageId"],
        description: application["errorDescription"],
        at: application["applicationTimeStamp"]?.replace("Z", ".000Z"),
      },
    );
}

const payloads = expected<Payload>("metadata");
for (const { file, properties } of payloads)
  compare(file.replace(/^.*\//, ""), payloadMetadata(readFileSync(join(messaging, "metadata", file))), properties);

tally.finish("AMQP encodings and payload metadata", { messages: messages.length, payloads: payloads.length });
