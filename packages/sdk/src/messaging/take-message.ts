import { createHash } from "node:crypto";
import { setImmediate as breathe } from "node:timers/promises";
import { type Envelope, type HandlerResult, readAppRec } from "@helsekontakt/amqp-messaging";
import type { MessageView } from "@helsekontakt/amqp-messaging/messages";
import { HelsekontaktError, Personal } from "@helsekontakt/core";
import { type OutboxEntry, receiptRules } from "@helsekontakt/journal";
import type { Code7602, Code8221 } from "@helsekontakt/types/codes";
import { validateMessage } from "@helsekontakt/validators";
import { isUuid } from "@helsekontakt/validators/identifiers";
import { ekontaktFunction } from "../flows/ekontakt.ts";
import { retryCalendar } from "../members/calendar.ts";
import { plainOrHash } from "./arrived.ts";
import { type InboundOptions, settleRejected, unsupportedCode } from "./inbound.ts";
import { isLarge } from "./large-payload.ts";
import { isPlain, readForAnswer } from "./read-head.ts";
import { notActiveCode } from "./receipt.ts";

/** A message as it comes from the transport: opened, its signer checked. */
export interface OpenedMessage {
  readonly messageId: string;
  readonly function: string;
  readonly fromHerId: string;
  readonly toHerId: string;
  readonly payload: Uint8Array;
  readonly envelope?: Envelope;
}

/** Why a message gets a negative AppRec before any handler sees it. */
interface Rejection {
  readonly code: Code8221;
  readonly explanation: string;
  /** Where in the message the fault is: a path of element names, never a value. */
  readonly place?: string;
}

/** Request refused, no access, general error. */
const refusals: readonly Code7602[] = ["26", "30", "31"];

/**
 * Takes one opened message. An AppRec is recorded; everything else is committed to the inbox, once, and handled after
 * the delivery has been settled. What a schema refuses, and what this side cannot serve, gets its negative AppRec here,
 * whether or not a handler is set.
 *
 * Ids from outside are checked before they are stored or told: one that does not fit has an outcome of its own and never
 * makes the message come again for ever.
 */
export async function takeMessage(
  options: InboundOptions,
  message: OpenedMessage,
  signal: AbortSignal,
): Promise<HandlerResult> {
  if (message.function === "APPREC") return takeReceipt(options, message, signal);
  // A function of this form is in no agreement, and the journal stores plain names only.
  if (!isPlain(message.function)) return { refuse: { condition: "transport:unsupported-message" } };
  const read = readForAnswer(message.payload);
  // Without a readable head there is no AppRec: the sender hears of it on its error queue.
  if (read === undefined) return { refuse: { condition: "transport:not-well-formed-xml" } };
  const { head, view } = read;
  if (isLarge(message.payload)) await breathe();
  const rejection = findRejection(options, message, view);
  if (isLarge(message.payload)) await breathe();
  const conversation = view.conversation?.conversation;
  const msgId = isUuid(view.msgId) ? view.msgId : undefined;
  const acceptance = await options.journal.inbox.accept(
    {
      messageId: plainOrHash(message.messageId),
      ...(msgId === undefined ? {} : { msgId }),
      kind: message.function,
      from: message.fromHerId,
      to: message.toHerId,
      payload: message.payload,
      // One that is rejected waits for no other message of its thread.
      ...(rejection === undefined ? { key: keyOf(options, message) ?? conversation ?? view.msgId } : {}),
      ...(conversation === undefined || !isUuid(conversation) ? {} : { conversation }),
      properties: rejection === undefined ? {} : { ...rejection },
    },
    { signal, byContent: msgId === undefined, ...(rejection === undefined ? {} : { claim: { owner: options.owner } }) },
  );
  options.emit({
    type: "received",
    function: message.function,
    ...(msgId === undefined ? {} : { msgId }),
    from: message.fromHerId,
    duplicate: acceptance.outcome === "duplicate",
    ...(rejection === undefined ? {} : { rejection: rejection.code }),
    ...(rejection?.place === undefined ? {} : { place: rejection.place }),
  });
  if (acceptance.outcome === "new" && acceptance.claim !== undefined && rejection !== undefined)
    await settleRejected(options, acceptance.claim, head, rejection);
  if (acceptance.outcome === "new" && rejection === undefined) await tellRefusal(options, view, signal);
  return "accept";
}

/** A message that refuses one of ours which its receiver had accepted. @see HITS 1217:2018 §2.13.3 */
async function tellRefusal({ journal, ekontakt, emit }: InboundOptions, view: MessageView, signal: AbortSignal) {
  const read = ekontakt.read(view);
  const parent = view.conversation?.parent;
  if (read.kind !== "answer" || !refusals.includes(read.theme) || parent === undefined || !isPlain(parent)) return;
  const entry = await journal.outbox.get(parent, { signal });
  if (entry?.application === "accepted")
    emit({ type: "error-after-accepted", by: "message", ...namesOf(entry), codes: [read.theme] });
}

function namesOf(entry: OutboxEntry): { readonly id: string; readonly function: string; readonly msgId?: string } {
  return { id: entry.id, function: entry.kind, ...(entry.msgId === undefined ? {} : { msgId: entry.msgId }) };
}

/** @see HIS 1216:2018 §2.2.3, S1217 §2.3.1 and §2.13 */
function findRejection(options: InboundOptions, message: OpenedMessage, view: MessageView): Rejection | undefined {
  if (!isUuid(view.msgId)) return { code: "E10", explanation: "MsgId is not a UUID" };
  const thread = view.conversation?.conversation;
  if (thread !== undefined && !isUuid(thread)) return { code: "E10", explanation: "RefToConversation is not a UUID" };
  const fault = validateMessage(message.payload).issues.find((issue) => issue.level === "error");
  if (fault !== undefined)
    return { code: "T02", explanation: `XML is not valid: ${fault.rule} at ${fault.path}`, place: fault.path };
  if ((view.receiver.service?.herId ?? view.receiver.herId) !== message.toHerId)
    return { code: "E10", explanation: "receiver differs from the message header's" };
  if (message.function !== ekontaktFunction)
    return { code: unsupportedCode, explanation: "message function is not supported" };
  try {
    options.ekontakt.read(view);
    return undefined;
  } catch {
    return { code: unsupportedCode, explanation: "payload is not a Dialogmelding 1.1 about a patient" };
  }
}

async function takeReceipt(
  options: InboundOptions,
  message: OpenedMessage,
  signal: AbortSignal,
): Promise<HandlerResult> {
  const { journal, emit, logger } = options;
  let receipt: ReturnType<typeof readAppRec>;
  try {
    receipt = readAppRec(message.payload);
  } catch (reason) {
    const { code } = HelsekontaktError.from(reason, "receipt/invalid");
    logger.error("an AppRec cannot be read and is set aside", { code, from: message.fromHerId });
    emit({ type: "receipt-unreadable", code, from: message.fromHerId });
    return "dead-letter";
  }
  if (receipt.status === "unknown") {
    // Neither yes nor no: it must not end the waiting for one that can be understood.
    logger.error("an AppRec has a status that no list has, and is set aside", {
      code: "receipt/invalid",
      from: message.fromHerId,
    });
    emit({ type: "receipt-unreadable", code: "receipt/invalid", from: message.fromHerId });
    return "dead-letter";
  }
  const accepted = receipt.status === "accepted" || receipt.status === "accepted-with-errors";
  const errors = receipt.errors.map((e) => ({
    code: isPlain(e.code) ? e.code : "unreadable",
    ...(e.detail === undefined ? {} : { text: e.detail }),
  }));
  const codes = errors.map((e) => e.code);
  const originalMsgId = receipt.original.id;
  if (!isPlain(originalMsgId)) {
    // No id of ours has such characters, so it is of no message from here; the text itself is told to nobody.
    logger.warn("an AppRec names no message from here", { code: "receipt/unknown-message", from: message.fromHerId });
    emit({ type: "receipt", outcome: "unknown", originalMsgId: "", accepted, codes });
    return "accept";
  }
  const { outcome, message: entry } = await journal.receipts.record(
    { receiptId: idOfReceipt(receipt.id, message.payload), originalMsgId, from: message.fromHerId, accepted, errors },
    { signal },
  );
  if (outcome === "unknown")
    logger.warn("an AppRec names no message from here", { code: "receipt/unknown-message", from: message.fromHerId });
  emit({ type: "receipt", outcome, originalMsgId, accepted, codes });
  if (outcome === "error-after-accepted" && entry !== undefined)
    emit({ type: "error-after-accepted", by: "receipt", ...namesOf(entry), codes });
  // A duplicate too: the process may have ended between the two commits, and then the AppRec comes again.
  if (entry?.application === "rejected" && receiptRules[outcome].escalates === false && codes.includes(notActiveCode))
    await markInactive(options, entry.id, signal);
  return "accept";
}

/** Of one that came without its Id, what it says: two without are not the same. */
function idOfReceipt(id: string, payload: Uint8Array): string {
  return id === "" ? `sha256:${createHash("sha256").update(payload).digest("hex")}` : plainOrHash(id);
}

/**
 * E35: the citizen is not digitally active. The register of members learns it, unless it has learned something since,
 * and tries again by its calendar; the message is not resent.
 */
async function markInactive(
  { journal, clock, emit }: InboundOptions,
  outboxId: string,
  signal: AbortSignal,
): Promise<void> {
  const payload = await journal.outbox.payload(outboxId, { signal });
  const patient = payload === undefined ? undefined : readForAnswer(payload)?.view.patient;
  if (patient === undefined) return;
  const [answer] = (await journal.receipts.list(outboxId, { signal })).filter((r) => r.outcome !== "contradiction");
  const answeredAt = answer?.recordedAt ?? 0;
  const ids = await journal.ledger.markInactive(new Personal(patient.fnr.reveal()), {
    code: notActiveCode,
    answeredAt,
    nextRetryAt: retryCalendar()(clock.now(), 0),
    signal,
  });
  for (const id of ids) emit({ type: "member-inactive", id });
}

/** A rule that fails leaves the message in its thread's order. */
function keyOf({ orderBy, logger }: InboundOptions, { envelope }: OpenedMessage): string | undefined {
  if (orderBy === undefined || envelope === undefined) return undefined;
  try {
    const key = orderBy(envelope);
    return key === undefined ? undefined : plainOrHash(key);
  } catch (reason) {
    logger.error("orderBy failed; the message is handled in the order of its thread", {
      code: HelsekontaktError.from(reason).code,
    });
    return undefined;
  }
}
