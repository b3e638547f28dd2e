import type { X509Certificate } from "node:crypto";
import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import type { SendOptions } from "../connection/connection.ts";
import { buildEnvelope } from "../envelope/envelope.ts";
import { payloadMetadata } from "../envelope/payload-metadata.ts";
import { queueTypes } from "../gen/transport.ts";
import { certificateFaults } from "../keys/certificate-facts.ts";
import type { KeyUsage } from "../keys/key-usage.ts";
import { protect } from "../protection/protect.ts";
import type { Resolved } from "./messenger.ts";
import { canReceive, type Party } from "./party.ts";
import type { OutboundMessage, SentMessage } from "./types.ts";

/** @internal Resolve, check, protect, put in an envelope, send. */
export async function protectAndSend(
  options: Resolved,
  message: OutboundMessage,
  send: SendOptions,
): Promise<SentMessage> {
  throwIfAborted(send.signal);
  const party = await options.registry.resolve({
    herId: message.toHerId,
    ownHerId: message.fromHerId,
    function: message.function,
    ...(send.signal === undefined ? {} : { signal: send.signal }),
  });
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
  const body =
    message.protection === "plain" ? message.payload : await protectFor(options, party, message, send.signal);
  const replyTo = message.replyTo ?? options.queues[kind];
  const ttlMs = message.ttlMs ?? (kind === "sync" ? queueTypes.sync.ttlMs : undefined);
  const wire = buildEnvelope(
    {
      messageId: message.messageId,
      ...(message.correlationId === undefined ? {} : { correlationId: message.correlationId }),
      to: queue,
      function: message.function,
      ...(replyTo === undefined ? {} : { replyTo }),
      protection: message.protection ?? "protected",
      ...(ttlMs === undefined ? {} : { ttlMs }),
      fromHerId: message.fromHerId,
      toHerId: message.toHerId,
      timestamp: options.clock.now(),
      ...(party.kind === "cpa" ? { cpaId: party.cpaId } : {}),
      ...(message.conversationId === undefined ? {} : { conversationId: message.conversationId }),
      ...(options.systemIdentifier === undefined ? {} : { systemIdentifier: options.systemIdentifier }),
      metadata: metadataOf(options, message),
      ...(message.properties === undefined ? {} : { properties: message.properties }),
    },
    body,
  );
  await options.connection.send(queue, wire, send);
  options.emit({
    kind: "sent",
    messageId: message.messageId,
    function: message.function,
    toHerId: message.toHerId,
    partyKind: party.kind,
    bodyBytes: body.byteLength,
  });
  return { queue, partyKind: party.kind, bodyBytes: body.byteLength };
}

async function protectFor(
  options: Resolved,
  party: Party,
  message: OutboundMessage,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { signer } = options;
  if (signer === undefined)
    throw new HelsekontaktError("config/missing", "expected a signing identity for a protected message, found none");
  if (party.encryptionCertificate === undefined)
    throw new HelsekontaktError(
      "protection/certificate-invalid",
      "expected the receiver to have an encryption certificate, found none",
      {
        context: { toHerId: message.toHerId },
      },
    );
  usable(options, party.encryptionCertificate, "keyEncipherment", "the receiver's encryption certificate");
  usable(options, signer.certificate, "nonRepudiation", "the own signing certificate");
  return await protect(message.payload, {
    signer,
    recipients: [party.encryptionCertificate],
    ...(options.contentEncryption === undefined ? {} : { contentEncryption: options.contentEncryption }),
    ...(signal === undefined ? {} : { signal }),
  });
}

function usable(options: Resolved, certificate: X509Certificate, usage: KeyUsage, what: string): void {
  const faults = certificateFaults(certificate, { usage, at: new Date(options.clock.now()) });
  if (faults.length > 0)
    throw new HelsekontaktError(
      "protection/certificate-invalid",
      `expected ${what} to be usable, found it ${faults.join(", ")}`,
      {
        context: { faults, validTo: certificate.validTo },
      },
    );
}

/** Facts of the payload; a failure never stops the message. */
function metadataOf(options: Resolved, message: OutboundMessage): Record<string, string> {
  if (!options.metadata) return {};
  try {
    return payloadMetadata(message.payload);
  } catch (error) {
    options.logger.warn("no metadata could be taken from the payload", {
      messageId: message.messageId,
      code: HelsekontaktError.from(error).code,
    });
    return {};
  }
}
