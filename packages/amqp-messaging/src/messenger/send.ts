import type { X509Certificate } from "node:crypto";
import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import type { SendOptions } from "../connection/connection.ts";
import { buildEnvelope, longestTtlMs } from "../envelope/envelope.ts";
import { payloadFactsInTurns } from "../envelope/payload-metadata.ts";
import type { EventCode } from "../gen/events.ts";
import { messageFunctions } from "../gen/messages.ts";
import { queueTypes } from "../gen/transport.ts";
import { type CertificateFault, certificateFaults } from "../keys/certificate-facts.ts";
import { type CheckedTrustOptions, checkTrust } from "../keys/check-trust.ts";
import type { KeyUsage } from "../keys/key-usage.ts";
import { protect } from "../protection/protect.ts";
import { metrics } from "../telemetry/metrics.ts";
import { timed } from "../telemetry/timed.ts";
import { MessagingError } from "./messaging-error.ts";
import type { Resolved } from "./messenger.ts";
import { canReceive, type Party } from "./party.ts";
import type { OutboundMessage, SentMessage } from "./types.ts";

/** @internal Resolve, check, protect, put in an envelope, send. */
export async function protectAndSend(
  options: Resolved,
  message: OutboundMessage,
  send: SendOptions,
): Promise<SentMessage> {
  try {
    throwIfAborted(send.signal);
    const party = await timed(options, "registryTime", { "helsekontakt.direction": "send" }, () =>
      options.registry.resolve({
        herId: message.toHerId,
        ownHerId: message.fromHerId,
        function: message.function,
        ...(send.signal === undefined ? {} : { signal: send.signal }),
      }),
    );
    const checked = message.acknowledges ?? message.function;
    if (!canReceive(party, checked, options.alwaysAllowed))
      throw new HelsekontaktError(
        "registry/function-unsupported",
        `expected the ${party.kind} of the receiver to name "${checked}"`,
        {
          context: { toHerId: message.toHerId, function: checked, partyKind: party.kind },
          hint: "The receiver must activate the process in the address registry, or a new agreement is needed.",
        },
      );
    const kind = message.queue ?? "async";
    const queue = party.queues[kind];
    if (queue === undefined)
      throw new HelsekontaktError(
        "registry/no-queue",
        `expected the receiver to have a queue for ${kind} messages, found none`,
        {
          context: { toHerId: message.toHerId },
        },
      );
    return await sendTo(options, party, queue, message, send);
  } catch (reason) {
    throw failed(options, message, reason);
  }
}

/** @internal Protect, put in an envelope, send to a queue of a party that is found already. */
export async function sendTo(
  options: Resolved,
  party: Party,
  queue: string,
  message: OutboundMessage,
  send: SendOptions,
): Promise<SentMessage> {
  const telemetry = await options.telemetry;
  const kind = message.queue ?? "async";
  const named = {
    "helsekontakt.queue.type": kind,
    "helsekontakt.function": Object.hasOwn(messageFunctions, message.function) ? message.function : "other",
    "helsekontakt.party.kind": party.kind,
  };
  const span = telemetry.span(`send ${kind}`, {
    kind: "producer",
    attributes: {
      ...named,
      "messaging.system": "amqp",
      "messaging.operation.type": "send",
      "messaging.destination.name": queue,
      "messaging.message.id": message.messageId,
    },
  });
  let fault: string | undefined;
  try {
    return await telemetry.within(span, async () => {
      const body =
        message.protection === "plain" ? message.payload : await protectFor(options, party, message, send.signal);
      span.set({ "messaging.message.body.size": body.byteLength });
      const wire = envelopeFor(
        options,
        party,
        queue,
        message,
        body,
        await metadataOf(options, message),
        span.traceparent,
      );
      await timed(options, "sendTime", named, () => options.connection.send(queue, wire, send));
      options.emit({
        kind: "sent",
        messageId: message.messageId,
        function: message.function,
        toHerId: message.toHerId,
        partyKind: party.kind,
        bodyBytes: body.byteLength,
      });
      return { queue, partyKind: party.kind, bodyBytes: body.byteLength };
    });
  } catch (reason) {
    const error = MessagingError.of(reason, "send", { party: message.toHerId, messageId: message.messageId });
    fault = error.code;
    throw error;
  } finally {
    telemetry.count(metrics.sent, 1, { ...named, ...(fault === undefined ? {} : { "error.type": fault }) });
    span.end(fault);
  }
}

function failed(options: Resolved, message: OutboundMessage, reason: unknown): MessagingError {
  const error = MessagingError.of(reason, "send", { party: message.toHerId, messageId: message.messageId });
  const attributes = { "helsekontakt.direction": "send", "error.type": error.code, "helsekontakt.cause": "none" };
  void options.telemetry.then((t) => t.count(metrics.failed, 1, attributes));
  return error;
}

function envelopeFor(
  options: Resolved,
  party: Party,
  queue: string,
  message: OutboundMessage,
  body: Uint8Array,
  metadata: Readonly<Record<string, string>>,
  traceparent: string | undefined,
): ReturnType<typeof buildEnvelope> {
  const kind = message.queue ?? "async";
  const replyTo = message.replyTo === "none" ? undefined : (message.replyTo ?? options.queues[kind]);
  const ttlMs = message.ttlMs ?? (kind === "sync" ? queueTypes.sync.ttlMs : undefined);
  if (ttlMs !== undefined && ttlMs > longestTtlMs)
    options.logger.warn("time to live cut to what AMQP can say", {
      messageId: message.messageId,
      ttlMs,
      longestTtlMs,
    });
  return buildEnvelope(
    {
      messageId: message.messageId,
      ...(message.correlationId === undefined ? {} : { correlationId: message.correlationId }),
      to: queue,
      function: message.function,
      ...(replyTo === undefined ? {} : { replyTo }),
      protection: message.protection ?? "protected",
      ...(ttlMs === undefined ? {} : { ttlMs: Math.min(ttlMs, longestTtlMs) }),
      fromHerId: message.fromHerId,
      toHerId: message.toHerId,
      timestamp: options.clock.now(),
      ...(party.kind === "cpa" ? { cpaId: party.cpaId } : {}),
      ...(message.conversationId === undefined ? {} : { conversationId: message.conversationId }),
      ...(options.systemIdentifier === undefined ? {} : { systemIdentifier: options.systemIdentifier }),
      metadata,
      properties: { ...(traceparent === undefined ? {} : { traceparent }), ...message.properties },
    },
    body,
  );
}

async function protectFor(
  options: Resolved,
  party: Party,
  message: OutboundMessage,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { signing: signer } = await options.keys();
  if (signer === undefined)
    throw new HelsekontaktError("config/missing", "expected a signing identity for a protected message, found none");
  const recipient = party.encryptionCertificate;
  if (recipient === undefined)
    throw new MessagingError(
      new HelsekontaktError(
        "protection/certificate-invalid",
        "expected the receiver to have an encryption certificate, found none",
        {
          context: { toHerId: message.toHerId },
        },
      ),
      "send",
      { event: "MUG-11" },
    );
  usable(options, recipient, "keyEncipherment", "receiver");
  usable(options, signer.certificate, "nonRepudiation", "own");
  if (options.recipientTrust !== undefined) {
    await trusted({ at: new Date(options.clock.now()), ...options.recipientTrust }, recipient, signal);
  }
  return await timed(options, "cryptoTime", { "helsekontakt.operation": "protect" }, () =>
    protect(message.payload, {
      signer,
      recipients: [recipient],
      ...(options.contentEncryption === undefined ? {} : { contentEncryption: options.contentEncryption }),
      ...(signal === undefined ? {} : { signal }),
    }),
  );
}

const owners = { receiver: "the receiver's encryption certificate", own: "the own signing certificate" } as const;
/** The official library's numbers for the two certificates; several faults have one of their own. */
const certificateEvents: Readonly<
  Record<keyof typeof owners, Readonly<Record<CertificateFault | "several", EventCode>>>
> = {
  receiver: { "not-yet-valid": "MUG-11", expired: "MUG-12", "wrong-usage": "MUG-14", several: "MUG-10" },
  own: { "not-yet-valid": "MUG-16", expired: "MUG-17", "wrong-usage": "MUG-19", several: "MUG-15" },
};

function usable(options: Resolved, certificate: X509Certificate, usage: KeyUsage, whose: keyof typeof owners): void {
  const faults = certificateFaults(certificate, { usage, at: new Date(options.clock.now()) });
  const [first, ...others] = faults;
  if (first === undefined) return;
  throw new MessagingError(
    new HelsekontaktError(
      "protection/certificate-invalid",
      `expected ${owners[whose]} to be usable, found it ${faults.join(", ")}`,
      {
        context: { faults, validTo: certificate.validTo },
      },
    ),
    "send",
    { event: certificateEvents[whose][others.length > 0 ? "several" : first] },
  );
}

const revocationEvents: Readonly<Record<string, EventCode>> = {
  revoked: "MUG-13",
  "revocation-unknown": "MUG-13",
  "revocation-offline": "MUG-42",
};

async function trusted(
  trust: CheckedTrustOptions,
  recipient: X509Certificate,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await checkTrust(recipient, { ...trust, ...(signal === undefined ? {} : { signal }) });
  } catch (reason) {
    const error = HelsekontaktError.from(reason);
    const event = revocationEvents[String(error.context["reason"])];
    throw event === undefined ? error : new MessagingError(error, "send", { event });
  }
}

/** Facts of the payload; a failure never stops the message. */
async function metadataOf(options: Resolved, message: OutboundMessage): Promise<Readonly<Record<string, string>>> {
  if (!options.metadata) return {};
  try {
    return (await payloadFactsInTurns(message.payload)).metadata;
  } catch (error) {
    options.logger.warn("no metadata could be taken from the payload", {
      messageId: message.messageId,
      code: HelsekontaktError.from(error).code,
    });
    return {};
  }
}
