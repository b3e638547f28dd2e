import { randomUUID } from "node:crypto";
import { type AppRecOutcome, buildAppRec } from "@helsekontakt/amqp-messaging";
import { buildMsgHead, isoSeconds, type MessageParts, type MessageView } from "@helsekontakt/amqp-messaging/messages";
import { type Clock, HelsekontaktError, type Logger, ValidationError } from "@helsekontakt/core";
import type { InboxClaim, Journal, OutboxMessage } from "@helsekontakt/journal";
import type { Code8221 } from "@helsekontakt/types/codes";
import type { MsgHead } from "@helsekontakt/types/msghead";
import { encodeXml } from "@helsekontakt/types/xml";
import { validateMessage } from "@helsekontakt/validators";
import type { EkontaktInbound } from "../flows/ekontakt.ts";
import type { EkontaktDecision } from "../flows/ekontakt-types.ts";
import type { OrderOf } from "./arrived.ts";
import { runClaims, type StopSignals } from "./claim-loop.ts";
import type { EventSink } from "./events.ts";
import { msgHeadName } from "./mailroom.ts";
import { readForAnswer } from "./read-head.ts";
import { messageElements } from "./registry.ts";

/** What the inbound side works with. */
export interface InboundOptions {
  readonly journal: Journal;
  readonly ekontakt: EkontaktInbound;
  /** Name under which this process claims messages. */
  readonly owner: string;
  readonly receiptWithinMs: number;
  /** A claim on a message; prolonged while its handler works. */
  readonly leaseMs: number;
  /** The application's order of handling; default by thread. */
  readonly orderBy?: OrderOf;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: EventSink;
}

/** The message is of a kind that this side does not take. */
export const unsupportedCode: Code8221 = "T10";

/** A reason of its own: without one an exception would be made for each message. */
const isDone = "done";

/** Handles what the inbox holds until `stopping` fires; resolves when no handler is under way. */
export function runInbox(options: InboundOptions, concurrency: number, signals: StopSignals): Promise<void> {
  const { inbox } = options.journal;
  return runClaims(
    {
      limit: concurrency,
      claim: async (limit, signal) =>
        options.ekontakt.handler === undefined
          ? []
          : inbox.claim({ owner: options.owner, leaseMs: options.leaseMs, limit, signal }),
      work: (claim, signal) => handle(options, claim, signal),
      // A handler that is set makes work of what waits.
      changed: (wait) => Promise.race([inbox.waitForWork(wait), options.ekontakt.handlerSet(wait.signal)]),
      unreadable: (code) => options.logger.warn("the inbox cannot be read, trying again", { code }),
    },
    signals,
  );
}

/** Answers a message that no handler gets to see. */
export async function settleRejected(
  options: InboundOptions,
  claim: InboxClaim,
  head: MsgHead,
  rejection: { readonly code: Code8221; readonly explanation: string },
): Promise<void> {
  const view = readForAnswer(claim.payload)?.view;
  const replies =
    view?.wantsReceipt === true
      ? [receiptFor(options, claim, head, { status: "rejected", errors: [errorOf(rejection)] })]
      : [];
  await options.journal.inbox.handled(claim, { replies });
  options.emit({
    type: "handled",
    function: claim.kind,
    ...(claim.msgId === undefined ? {} : { msgId: claim.msgId }),
    decision: "reject",
  });
}

async function handle(options: InboundOptions, claim: InboxClaim, signal: AbortSignal): Promise<void> {
  const { journal, logger, emit } = options;
  const named = claim.msgId === undefined ? {} : { msgId: claim.msgId };
  const done = new AbortController();
  const lost = new AbortController();
  const giveUp = (): void => lost.abort();
  if (signal.aborted) giveUp();
  signal.addEventListener("abort", giveUp, { once: true });
  void keepClaim(options, claim, done.signal, giveUp);
  try {
    const read = readForAnswer(claim.payload);
    if (read === undefined) {
      await journal.inbox.quarantine(claim, "xml/unknown-root");
      return;
    }
    const decision = await decide(options, claim, read.view, lost.signal);
    if (decision.kind === "retry-later") {
      await journal.inbox.retry(claim, {
        reason: "message/handler-failed",
        ...(decision.afterMs === undefined ? {} : { retryAt: options.clock.now() + decision.afterMs }),
      });
    } else {
      await conclude(options, claim, read, decision);
    }
    emit({ type: "handled", function: claim.kind, ...named, decision: decision.kind });
  } catch (reason) {
    const error = HelsekontaktError.from(reason, "message/handler-failed", "the application's handler threw");
    // Another process has taken over: its outcome counts.
    if (error.code === "journal/conflict") return;
    let setAside = false;
    try {
      setAside = (await journal.inbox.retry(claim, { reason: error.code })).state !== "received";
    } catch (second) {
      logger.warn("the outcome of a handler could not be noted", {
        code: HelsekontaktError.from(second).code,
        id: claim.id,
      });
    }
    emit({ type: "handler-failed", function: claim.kind, ...named, code: error.code, tries: claim.tries, setAside });
  } finally {
    done.abort(isDone);
    signal.removeEventListener("abort", giveUp);
  }
}

/** Prolongs the claim while the handler works, so that a slow one is not given the same message twice; tells it of a loss. */
async function keepClaim(
  { journal, clock, leaseMs }: InboundOptions,
  claim: InboxClaim,
  done: AbortSignal,
  lost: () => void,
): Promise<void> {
  while (!done.aborted)
    try {
      await clock.sleep(leaseMs / 3, done);
      await journal.inbox.renew(claim, { leaseMs, signal: done });
    } catch (reason) {
      // A store that is away is asked again; the lease meanwhile runs out by itself.
      if (HelsekontaktError.from(reason).code !== "journal/conflict") continue;
      return lost();
    }
}

async function decide(
  options: InboundOptions,
  claim: InboxClaim,
  view: MessageView,
  signal: AbortSignal,
): Promise<EkontaktDecision> {
  const { ekontakt } = options;
  // Found wanting when it was taken; the process ended before its AppRec was journalled.
  const { code, explanation } = claim.properties;
  if (code !== undefined)
    return { kind: "reject", code: code as Code8221, ...(explanation === undefined ? {} : { explanation }) };
  const message = ekontakt.read(view);
  await ekontakt.remember(view, message, signal);
  if (ekontakt.handler === undefined) return { kind: "retry-later" };
  return ekontakt.handler(message, { tries: claim.tries, signal });
}

/** The AppRec, and behind it the message that carries the decision to the citizen, in one commit. */
async function conclude(
  options: InboundOptions,
  claim: InboxClaim,
  { head, view }: { readonly head: MsgHead; readonly view: MessageView },
  decision: EkontaktDecision,
): Promise<void> {
  const { ekontakt, journal } = options;
  const replies: OutboxMessage[] = [];
  if (view.wantsReceipt)
    replies.push(
      receiptFor(
        options,
        claim,
        head,
        decision.kind === "reject" ? { status: "rejected", errors: [errorOf(decision)] } : { status: "accepted" },
      ),
    );
  const parts = ekontakt.answer(view, decision);
  const answer = parts === undefined ? undefined : answerMessage(options, claim, parts);
  if (answer !== undefined) replies.push(answer);
  const also = decision.kind === "retry-later" ? undefined : decision.also;
  if (also === undefined) await journal.inbox.handled(claim, { replies });
  else
    await journal.transaction(async (transaction) => {
      await also(transaction);
      await journal.inbox.handled(claim, { replies, transaction });
    });
  if (answer?.msgId !== undefined) await ekontakt.answered(view, answer.msgId);
}

function errorOf(decision: { readonly code: Code8221; readonly explanation?: string }) {
  return { code: decision.code, ...(decision.explanation === undefined ? {} : { detail: decision.explanation }) };
}

function receiptFor(options: InboundOptions, claim: InboxClaim, head: MsgHead, outcome: AppRecOutcome): OutboxMessage {
  const id = randomUUID();
  return {
    msgId: id,
    kind: "APPREC",
    from: claim.to,
    to: claim.from,
    key: threadOf(claim) ?? claim.id,
    payload: buildAppRec(head, outcome, { id, genDate: isoSeconds(options.clock.now()) }).bytes,
    // What the sender's profile must name to take the AppRec; a function that is in no agreement cannot be named there.
    properties: isUnsupported(outcome) ? {} : { acknowledges: claim.kind },
    ...(claim.conversation === undefined ? {} : { conversation: claim.conversation }),
  };
}

/**
 * What goes out keeps the order of its thread, also where the application gives the order of what comes in: one answer that
 * cannot be sent now must hold up no other thread's.
 */
function threadOf({ key, conversation, msgId }: InboxClaim): string | undefined {
  // One that was rejected waits for no other message of its thread.
  return key === undefined ? undefined : (conversation ?? msgId ?? key);
}

function isUnsupported(outcome: AppRecOutcome): boolean {
  return outcome.status === "rejected" && outcome.errors[0].code === unsupportedCode;
}

function answerMessage(options: InboundOptions, claim: InboxClaim, parts: MessageParts): OutboxMessage {
  const msgId = randomUUID();
  const payload = encodeXml(msgHeadName, buildMsgHead({ ...parts, msgId }), { registry: messageElements });
  const { valid, issues } = validateMessage(payload);
  if (!valid) throw new ValidationError("xml/not-valid", issues, "the handler's answer");
  const conversation = parts.conversation?.conversation ?? msgId;
  return {
    msgId,
    kind: parts.function,
    from: parts.sender.service.herId,
    to: parts.receiver.service.herId,
    conversation,
    key: threadOf(claim) ?? conversation,
    payload,
    expectsReceipt: true,
    receiptWithinMs: options.receiptWithinMs,
  };
}
