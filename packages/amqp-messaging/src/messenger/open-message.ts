import { createHash } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import type { InboundDelivery } from "../connection/subscription.ts";
import { type Envelope, readEnvelope } from "../envelope/envelope.ts";
import { herIdText } from "../envelope/values.ts";
import { type PayloadFacts, payloadFacts } from "../envelope/payload-metadata.ts";
import { certificateFacts, certificateFaults } from "../keys/certificate-facts.ts";
import { type Unprotected, unprotect } from "../protection/unprotect.ts";
import { certificateRefusal, openingRefusal, refusals, refused } from "./failures.ts";
import type { Resolved } from "./messenger.ts";
import type { Party } from "./party.ts";
import type { InboundMessage } from "./types.ts";

/**
 * @internal Header rules, sender, limits, decryption, signature, XML, and that header and payload name the same sender.
 * @throws {RefusedMessage} with what the sender is told
 * @throws {HelsekontaktError} when the fault is not the sender's, or must not be told
 */
export async function openMessage(options: Resolved, delivery: InboundDelivery): Promise<InboundMessage> {
  const envelope = readEnvelope(delivery.message);
  const header = headerOf(envelope);
  if (envelope.bodyKind === "value" || envelope.bodyKind === "sequence")
    throw refused(
      refusals.bodyKind,
      "amqp/header-invalid",
      `expected a data section as the body, found ${envelope.bodyKind}`,
    );
  if (envelope.body.byteLength > options.maxBodyBytes)
    throw new HelsekontaktError(
      "input/too-large",
      `expected a body of at most ${options.maxBodyBytes} bytes, found ${envelope.body.byteLength}`,
    );
  const sender = await resolveSender(options, envelope, header, delivery.signal);
  const opened = await openBody(options, envelope, header.function, sender, delivery.signal);
  const payload = opened?.content ?? envelope.body;
  const facts = readFacts(payload);
  checkSender(options, header.fromHerId, facts);
  return {
    ...header,
    messageId: messageKey(envelope),
    envelope,
    payload,
    root: facts.root,
    metadata: facts.metadata,
    ...(opened === undefined
      ? {}
      : { signer: opened.signer, signerThumbprint: certificateFacts(opened.signer).thumbprint }),
    sender,
    redelivered: delivery.redelivered,
    ...(options.validate === undefined ? {} : { validation: options.validate(payload) }),
    signal: delivery.signal,
  };
}

/** @internal The message id, or for a message without one what tells it from others all the same. */
export function messageKey({ messageId, body }: Pick<Envelope, "messageId" | "body">): string {
  return messageId ?? `sha256:${createHash("sha256").update(body).digest("hex")}`;
}

interface Header {
  readonly function: string;
  readonly fromHerId: string;
  readonly toHerId: string;
}

function headerOf(envelope: Envelope): Header {
  const { function: messageFunction, fromHerId, toHerId } = envelope;
  if (envelope.missing.length > 0 || messageFunction === undefined || fromHerId === undefined || toHerId === undefined)
    throw refused(
      refusals.fieldsMissing(envelope.missing),
      new HelsekontaktError("amqp/header-invalid", "expected every required message property to have a value", {
        context: { missing: envelope.missing },
      }),
    );
  return { function: messageFunction, fromHerId, toHerId };
}

async function resolveSender(
  options: Resolved,
  envelope: Envelope,
  header: Header,
  signal: AbortSignal,
): Promise<Party> {
  try {
    return await options.registry.resolve({
      herId: header.fromHerId,
      ownHerId: header.toHerId,
      function: header.function,
      ...(envelope.cpaId === undefined ? {} : { cpaId: envelope.cpaId }),
      signal,
    });
  } catch (reason) {
    const error = HelsekontaktError.from(reason, "registry/unavailable", "expected the registry to find the sender");
    if (error.code === "registry/party-unknown" || error.code === "registry/party-inactive")
      throw refused(refusals.senderUnknown(header.fromHerId), error);
    throw error;
  }
}

async function openBody(
  options: Resolved,
  envelope: Envelope,
  messageFunction: string,
  sender: Party,
  signal: AbortSignal,
): Promise<Unprotected | undefined> {
  if (envelope.protection !== "protected") {
    if (options.plainAllowed(messageFunction)) return undefined;
    throw refused(
      refusals.notProtected,
      "amqp/unsupported-message",
      `expected a signed and encrypted body, found ${envelope.protection}`,
    );
  }
  const expected = sender.signatureCertificate;
  if (expected === undefined && options.trust === undefined && options.policy?.unknownSigner !== "accept")
    throw refused(
      refusals.certificateMissing,
      "protection/signer-unexpected",
      "expected the sender's profile to hold a signature certificate, found none",
    );
  if (expected !== undefined) {
    const faults = certificateFaults(expected, { usage: "nonRepudiation", at: new Date(options.clock.now()) });
    const { subject, thumbprint } = certificateFacts(expected);
    if (faults.length > 0)
      throw refused(
        certificateRefusal(faults, subject, thumbprint),
        "protection/certificate-invalid",
        `expected the sender's signature certificate to be usable, found it ${faults.join(", ")}`,
      );
  }
  try {
    return await unprotect(envelope.body, {
      keys: options.decryptKeys,
      ...(expected === undefined ? {} : { expectedSigner: expected }),
      ...(options.trust === undefined ? {} : { trust: options.trust }),
      ...(options.policy === undefined ? {} : { policy: options.policy }),
      signal,
    });
  } catch (reason) {
    const error = HelsekontaktError.from(reason);
    const refusal = openingRefusal(error);
    throw refusal === undefined ? error : refused(refusal, error);
  }
}

function readFacts(payload: Uint8Array): PayloadFacts {
  try {
    return payloadFacts(payload);
  } catch (reason) {
    const error = HelsekontaktError.from(reason);
    throw error.code.startsWith("xml/") ? refused(refusals.notXml, error) : error;
  }
}

/** A payload without HER-ids has nothing to compare. */
function checkSender(options: Resolved, fromHerId: string, facts: PayloadFacts): void {
  if (options.senderMismatch === "ignore") return;
  // The payload may say anything there; only what has the form of a HER-id is repeated to the sender and in logs.
  const named = ["X-Sender-Lvl1Id", "X-Sender-Lvl2Id"].flatMap((name) =>
    facts.metadata[name] === undefined ? [] : (herIdText(facts.metadata[name]) ?? "unreadable"),
  );
  if (named.length === 0 || named.includes(fromHerId)) return;
  const error = new HelsekontaktError(
    "message/spoofed-sender",
    "expected the sender in the header to be a sender in the payload",
    {
      context: { header: fromHerId, payload: named },
    },
  );
  if (options.senderMismatch === "refuse") throw refused(refusals.spoofed(fromHerId, named), error);
  options.logger.warn("header and payload name different senders", { header: fromHerId, payload: named.join(" ") });
}
