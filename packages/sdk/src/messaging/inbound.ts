import { randomUUID } from "node:crypto";
import { type AppRecOutcome, buildAppRec, readAppRec } from "@helsekontakt/amqp-messaging";
import { isoSeconds, readMsgHead } from "@helsekontakt/amqp-messaging/messages";
import { type Clock, HelsekontaktError, type Logger, Personal } from "@helsekontakt/core";
import type { InboxClaim, Journal, OutboxMessage } from "@helsekontakt/journal";
import type { MsgHead } from "@helsekontakt/types/msghead";
import { decodeXml, encodeXml } from "@helsekontakt/types/xml";
import { buildMsgHead, type MessageParts } from "@helsekontakt/amqp-messaging/messages";
import { validateMessage } from "@helsekontakt/validators";
import type { EkontaktInbound } from "../flows/ekontakt.ts";
import { ekontaktFunction } from "../flows/ekontakt.ts";
import type { EkontaktDecision } from "../flows/ekontakt-types.ts";
import type { EventSink } from "./events.ts";
import { msgHeadName } from "./mailroom.ts";
import { notActiveCode } from "./receipt.ts";
import { messageElements } from "./registry.ts";

/** A message as it comes from the transport: opened, its signer checked. */
export interface OpenedMessage {
  readonly messageId: string;
  readonly function: string;
  readonly fromHerId: string;
  readonly toHerId: string;
  readonly payload: Uint8Array;
}

export interface InboundOptions {
  readonly journal: Journal;
  readonly ekontakt: EkontaktInbound;
  readonly owner: string;
  readonly receiptWithinMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: EventSink;
}

/**
 * Takes one opened message: an AppRec is recorded, everything else is committed to the inbox (once), to be handled after
 * the delivery has been settled. What a schema refuses gets its negative AppRec here.
 */
export async function takeMessage(options: InboundOptions, message: OpenedMessage, signal: AbortSignal): Promise<void> {
  const { journal, emit } = options;
  if (message.function === "APPREC") return takeReceipt(options, message, signal);
  const { root, valid } = validateMessage(message.payload);
  const head = readHead(message.payload);
  if (head === undefined) {
    throw new HelsekontaktError(
      "xml/unknown-root",
      `expected a MsgHead in a ${message.function} message, found ${root === undefined ? "no readable XML" : "another root element"}`,
    );
  }
  const { MsgInfo: info } = head;
  const acceptance = await journal.inbox.accept(
    {
      messageId: message.messageId,
      msgId: info.MsgId,
      kind: message.function,
      from: message.fromHerId,
      to: message.toHerId,
      payload: message.payload,
      key: info.ConversationRef?.RefToConversation ?? info.MsgId,
      ...(info.ConversationRef === undefined ? {} : { conversation: info.ConversationRef.RefToConversation }),
      properties: { verdict: valid ? "valid" : "invalid" },
    },
    { signal },
  );
  emit({
    type: "received",
    function: message.function,
    msgId: info.MsgId,
    from: message.fromHerId,
    duplicate: acceptance.outcome === "duplicate",
  });
}

/** Reads the head tolerantly, so that even a message that its schema refuses can be answered. */
function readHead(payload: Uint8Array): MsgHead | undefined {
  try {
    const decoded = decodeXml(payload, { registry: messageElements, mode: "tolerant" });
    return decoded.name === msgHeadName ? (decoded.value as MsgHead) : undefined;
  } catch {
    return undefined;
  }
}

async function takeReceipt(options: InboundOptions, message: OpenedMessage, signal: AbortSignal): Promise<void> {
  const { journal, emit } = options;
  const receipt = readAppRec(message.payload);
  const accepted = receipt.status === "accepted" || receipt.status === "accepted-with-errors";
  const { outcome, message: entry } = await journal.receipts.record(
    {
      receiptId: receipt.id,
      originalMsgId: receipt.original.id,
      from: message.fromHerId,
      accepted,
      errors: receipt.errors.map((e) => ({ code: e.code, ...(e.detail === undefined ? {} : { text: e.detail }) })),
    },
    { signal },
  );
  emit({
    type: "receipt",
    outcome,
    originalMsgId: receipt.original.id,
    accepted,
    codes: receipt.errors.map((e) => e.code),
  });
  if (entry !== undefined && outcome === "rejected" && receipt.errors.some((e) => e.code === notActiveCode)) {
    await markInactive(options, entry.id, signal);
  }
}

/** E35: the citizen is not digitally active. The register of members learns it; nothing is resent. */
async function markInactive({ journal }: InboundOptions, outboxId: string, signal: AbortSignal): Promise<void> {
  const payload = await journal.outbox.payload(outboxId, { signal });
  const head = payload === undefined ? undefined : readHead(payload);
  const patient = head === undefined ? undefined : readMsgHead(head).patient;
  if (patient !== undefined)
    await journal.members.setStatus(new Personal(patient.fnr.reveal()), { status: "inactive" }, { signal });
}

/** Handles what the inbox holds until the signal fires. */
export async function runInbox(options: InboundOptions, concurrency: number, signal: AbortSignal): Promise<void> {
  const { journal, logger } = options;
  const underway = new Set<Promise<void>>();
  while (!signal.aborted) {
    let claims: readonly InboxClaim[] = [];
    try {
      if (underway.size < concurrency && options.ekontakt.handler !== undefined) {
        claims = await journal.inbox.claim({ owner: options.owner, limit: concurrency - underway.size, signal });
      }
    } catch (error) {
      if (signal.aborted) break;
      logger.warn("the inbox cannot be read, trying again", { code: HelsekontaktError.from(error).code });
    }
    for (const claim of claims) {
      const job: Promise<void> = handle(options, claim, signal).finally(() => underway.delete(job));
      underway.add(job);
    }
    if (claims.length === 0) {
      await (underway.size >= concurrency
        ? Promise.race(underway)
        : journal.inbox.waitForWork({ signal, timeoutMs: 500 }).catch(() => {}));
    }
  }
  await Promise.allSettled(underway);
}

async function handle(options: InboundOptions, claim: InboxClaim, signal: AbortSignal): Promise<void> {
  const { journal, logger, emit } = options;
  const named = claim.msgId === undefined ? {} : { msgId: claim.msgId };
  try {
    const head = readHead(claim.payload);
    if (head === undefined) {
      await journal.inbox.quarantine(claim, "xml/unknown-root");
      return;
    }
    const decision = await decide(options, claim, head, signal);
    if (decision.kind === "retry-later") {
      await journal.inbox.retry(claim, {
        reason: "message/handler-failed",
        ...(decision.afterMs === undefined ? {} : { retryAt: options.clock.now() + decision.afterMs }),
      });
    } else {
      await journal.inbox.handled(claim, { replies: repliesFor(options, claim, head, decision) });
    }
    emit({ type: "handled", function: claim.kind, ...named, decision: decision.kind });
  } catch (reason) {
    const error = HelsekontaktError.from(reason, "message/handler-failed", "the application's handler threw");
    emit({ type: "handler-failed", function: claim.kind, ...named, code: error.code, tries: claim.tries });
    try {
      await journal.inbox.retry(claim, { reason: error.code });
    } catch (second) {
      logger.warn("the outcome of a handler could not be noted", {
        code: HelsekontaktError.from(second).code,
        id: claim.id,
      });
    }
  }
}

async function decide(
  options: InboundOptions,
  claim: InboxClaim,
  head: MsgHead,
  signal: AbortSignal,
): Promise<EkontaktDecision> {
  if (claim.properties["verdict"] === "invalid") return { kind: "reject", code: "T02" };
  if (claim.kind !== ekontaktFunction)
    return { kind: "reject", code: "T10", explanation: "message function not supported" };
  const { ekontakt } = options;
  const view = readMsgHead(head);
  const message = ekontakt.read(view);
  await ekontakt.remember(view, message, signal);
  if (ekontakt.handler === undefined) return { kind: "retry-later" };
  return ekontakt.handler(message, { tries: claim.tries, signal });
}

/** The AppRec, and behind it the message that carries the decision to the citizen. */
function repliesFor(
  options: InboundOptions,
  claim: InboxClaim,
  head: MsgHead,
  decision: EkontaktDecision,
): OutboxMessage[] {
  const { clock, ekontakt } = options;
  const view = readMsgHead(head);
  const replies: OutboxMessage[] = [];
  if (view.wantsReceipt) {
    const outcome: AppRecOutcome =
      decision.kind === "reject"
        ? {
            status: "rejected",
            errors: [
              { code: decision.code, ...(decision.explanation === undefined ? {} : { detail: decision.explanation }) },
            ],
          }
        : { status: "accepted" };
    const id = randomUUID();
    const receipt = buildAppRec(head, outcome, { id, genDate: isoSeconds(clock.now()) });
    replies.push({
      msgId: id,
      kind: "APPREC",
      from: claim.to,
      to: claim.from,
      key: claim.key ?? claim.id,
      payload: receipt.bytes,
      properties: { acknowledges: claim.kind },
      ...(claim.conversation === undefined ? {} : { conversation: claim.conversation }),
    });
  }
  const parts = ekontakt.answer(view, decision);
  if (parts !== undefined) replies.push(answerMessage(options, claim, parts));
  return replies;
}

function answerMessage(options: InboundOptions, claim: InboxClaim, parts: MessageParts): OutboxMessage {
  const msgId = randomUUID();
  const payload = encodeXml(msgHeadName, buildMsgHead({ ...parts, msgId }), { registry: messageElements });
  const { valid, issues } = validateMessage(payload);
  if (!valid) {
    const first = issues.find((i) => i.level === "error");
    throw new HelsekontaktError(
      "xml/not-valid",
      `expected the handler's answer to make a valid message, found a fault at ${first?.path ?? "/"}: ${first?.message ?? ""}`,
    );
  }
  const conversation = parts.conversation?.conversation ?? msgId;
  return {
    msgId,
    kind: parts.function,
    from: parts.sender.service.herId,
    to: parts.receiver.service.herId,
    conversation,
    key: claim.key ?? conversation,
    payload,
    expectsReceipt: true,
    receiptWithinMs: options.receiptWithinMs,
  };
}
