import { createHash, type X509Certificate } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import type { InboundDelivery } from "../connection/subscription-types.ts";
import { type Envelope, readEnvelope } from "../envelope/envelope.ts";
import { herIdText } from "../envelope/values.ts";
import { type PayloadFacts, payloadFactsInTurns } from "../envelope/payload-metadata.ts";
import { certificateFacts, certificateFaults } from "../keys/certificate-facts.ts";
import type { ProtectionPolicy } from "../protection/algorithms.ts";
import type { OpeningFailure } from "../protection/decrypt-data.ts";
import { type Unprotected, unprotect } from "../protection/unprotect.ts";
import { timed } from "../telemetry/timed.ts";
import { certificateCause, certificateData, openingRefusal, type RefusedMessage, refused } from "./failures.ts";
import { MessagingError } from "./messaging-error.ts";
import type { Resolved } from "./messenger.ts";
import type { Party } from "./party.ts";
import { renewedSender } from "./renewed-sender.ts";
import type { InboundMessage } from "./types.ts";
import { countWeakAlgorithms } from "./weak-algorithms.ts";

/**
 * @internal Header rules, sender, limits, decryption, signature, XML, and that header and payload name the same sender.
 * @throws {RefusedMessage} with what the sender is told
 * @throws {HelsekontaktError} when the fault is not the sender's, or must not be told
 */
export async function openMessage(options: Resolved, delivery: InboundDelivery): Promise<InboundMessage> {
  const envelope = readEnvelope(delivery.message);
  const header = headerOf(envelope);
  if (envelope.bodyKind === "value" || envelope.bodyKind === "sequence")
    throw refused("not-cms", "amqp/header-invalid", `expected a data section as the body, found ${envelope.bodyKind}`);
  const size = envelope.body.byteLength;
  if (size > options.maxBodyBytes)
    throw refused(
      "unsupported-message",
      "input/too-large",
      `expected a body of at most ${options.maxBodyBytes} bytes, found ${size}`,
      { description: `The message is larger than ${options.maxBodyBytes} bytes` },
    );
  const resolve = (): Promise<Party> => resolveSender(options, envelope, header, delivery.signal);
  const open = (from: Party): Promise<Unprotected | undefined> =>
    openBody(options, envelope, header.function, from, delivery.signal);
  let sender = await resolve();
  let opened: Unprotected | undefined;
  try {
    opened = await open(sender);
  } catch (reason) {
    const renewed = await renewedSender(options, sender, reason, resolve);
    if (renewed === undefined) throw reason;
    sender = renewed;
    opened = await open(sender);
  }
  if (opened !== undefined) countWeakAlgorithms(options, opened, header.fromHerId);
  const payload = opened?.content ?? envelope.body;
  const facts = await readFacts(payload);
  checkSender(options, header.fromHerId, facts);
  checkOwner(options, opened, facts);
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
      "fields-missing",
      new HelsekontaktError("amqp/header-invalid", "expected every required message property to have a value", {
        context: { missing: envelope.missing },
      }),
      "",
      { data: envelope.missing },
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
    return await timed(options, "registryTime", { "helsekontakt.direction": "receive" }, () =>
      options.registry.resolve({
        herId: header.fromHerId,
        ownHerId: header.toHerId,
        function: header.function,
        ...(envelope.cpaId === undefined ? {} : { cpaId: envelope.cpaId }),
        signal,
      }),
    );
  } catch (reason) {
    const error = HelsekontaktError.from(reason, "registry/unavailable", "expected the registry to find the sender");
    if (error.code === "registry/party-unknown" || error.code === "registry/party-inactive")
      throw refused("sender-unknown", error, "", {
        description: "The sender's HER-id is not known",
        data: ["FromHerId", header.fromHerId],
      });
    if (error.code === "registry/agreement-expired" || error.code === "registry/no-profile")
      throw refused("unsupported-message", error, "", {
        description: "There is no agreement in force for the message's function",
      });
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
      "unsupported-message",
      "amqp/unsupported-message",
      `expected a signed and encrypted body, found ${envelope.protection}`,
      { description: "The message must be signed and encrypted" },
    );
  }
  const expected = sender.signatureCertificate;
  const policy = policyFor(options, sender);
  if (expected === undefined && options.trust === undefined && policy?.unknownSigner !== "accept")
    throw withoutCertificate(sender);
  if (expected !== undefined) judge(options, expected);
  const { decryption = [] } = await options.keys();
  try {
    return await timed(options, "cryptoTime", { "helsekontakt.operation": "unprotect" }, () =>
      unprotect(envelope.body, {
        keys: decryption,
        ...(expected === undefined ? {} : { expectedSigner: expected }),
        ...(options.trust === undefined ? {} : { trust: { at: new Date(options.clock.now()), ...options.trust } }),
        ...(policy === undefined ? {} : { policy }),
        onFailure: (failure) => unopened(options, envelope, failure),
        signal,
      }),
    );
  } catch (reason) {
    const error = HelsekontaktError.from(reason);
    throw openingRefusal(error, expected) ?? listAway(error);
  }
}

/** With what its sender can compare it with what he sent: bytes that changed on their way look like a wrong key. */
function unopened({ logger }: Resolved, { messageId, body }: Envelope, failure: OpeningFailure): void {
  const sha256 = createHash("sha256").update(body).digest("hex");
  logger.warn("a message could not be opened", { messageId, bytes: body.byteLength, sha256, ...failure });
}

/** A partner without a certificate may be let through by name; one with a certificate is held to it. */
function policyFor(options: Resolved, sender: Party): ProtectionPolicy | undefined {
  const { policy, logger, unknownSignerFrom } = options;
  if (sender.signatureCertificate !== undefined || unknownSignerFrom?.(sender.herId) !== true) return policy;
  logger.warn("a message of an unknown signer is taken, by setting", { fromHerId: sender.herId });
  return { ...policy, unknownSigner: "accept" };
}

/** That a revocation list cannot be had has a number of its own. */
function listAway(error: HelsekontaktError): HelsekontaktError {
  const away = error.code === "protection/certificate-invalid" && error.retryable;
  return away ? new MessagingError(error, "receive", { event: "MUG-42" }) : error;
}

/** Told apart: a profile that lacks the certificate, and an address registry that has none for the HER-id. */
function withoutCertificate(sender: Party): RefusedMessage {
  const error = new HelsekontaktError(
    "protection/signer-unexpected",
    `expected the sender's ${sender.kind} to hold a signature certificate, found none`,
  );
  return sender.kind === "dummy"
    ? refused("sender-without-certificate", error, "", {
        description: "The address registry has no signature certificate for the sender",
        data: ["FromHerId", sender.herId],
      })
    : refused("certificate-missing", error);
}

/** Dates and use of the certificate that the sender is to have signed with; its revocation is a matter of `trust`. */
function judge(options: Resolved, certificate: X509Certificate): void {
  const faults = certificateFaults(certificate, { usage: "nonRepudiation", at: new Date(options.clock.now()) });
  if (faults.length === 0) return;
  throw refused(
    certificateCause(faults),
    "protection/certificate-invalid",
    `expected the sender's signature certificate to be usable, found it ${faults.join(", ")}`,
    { data: certificateData(certificate) },
  );
}

async function readFacts(payload: Uint8Array): Promise<PayloadFacts> {
  try {
    return await payloadFactsInTurns(payload);
  } catch (reason) {
    const error = HelsekontaktError.from(reason);
    throw error.code.startsWith("xml/") ? refused("payload-not-xml", error) : error;
  }
}

/** A payload without HER-ids has nothing to compare. */
function checkSender(options: Resolved, fromHerId: string, { sender }: PayloadFacts): void {
  if (options.senderMismatch === "ignore") return;
  // The payload may say anything there; only what has the form of a HER-id is repeated to the sender and in logs.
  const named = sender.herIds.map((id) => herIdText(id) ?? "unreadable");
  if (named.length === 0 || named.includes(fromHerId)) return;
  const context = { header: fromHerId, payload: named };
  spoofed(options, options.senderMismatch, "header and payload name different senders", context, [fromHerId, ...named]);
}

/** The signer's organisation against the payload's. The sender's profile vouches for the signer; an anchor for nobody in particular. */
function checkOwner(options: Resolved, opened: Unprotected | undefined, { sender }: PayloadFacts): void {
  if (opened === undefined) return;
  const rule = options.certificateOwner ?? (opened.vouchedBy === "expected" ? "warn" : "refuse");
  const owner = certificateFacts(opened.signer).organisationNumber;
  const named = sender.organisationNumbers.map((n) => (/^\d{9}$/.test(n) ? n : "unreadable"));
  if (rule === "ignore" || owner === undefined || named.length === 0 || named.includes(owner)) return;
  spoofed(options, rule, "certificate and payload name different organisations", { owner, payload: named }, []);
}

function spoofed(
  options: Resolved,
  rule: "refuse" | "warn",
  what: string,
  context: { readonly [name: string]: string | readonly string[] },
  data: readonly string[],
): void {
  if (rule === "refuse")
    throw refused(
      "sender-mismatch",
      new HelsekontaktError("message/spoofed-sender", `expected one sender, found that ${what}`, { context }),
      "",
      data.length === 0 ? {} : { data },
    );
  const fields = Object.entries(context).map(([name, value]) => [name, Array.isArray(value) ? value.join(" ") : value]);
  options.logger.warn(what, Object.fromEntries(fields) as Record<string, string>);
}
