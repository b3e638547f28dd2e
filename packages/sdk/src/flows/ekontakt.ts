import {
  type AttachmentPart,
  buildDialogmelding,
  type Conversation,
  type DialogPart,
  isDialogmelding,
  type MessageParts,
  type MessageView,
  type Party,
  type Patient,
  readDialogmelding,
  personal,
  readPasientrelasjon,
  reveal,
} from "@helsekontakt/amqp-messaging/messages";
import type { MessageFunctionName } from "@helsekontakt/amqp-messaging";
import { HelsekontaktError, type Logger } from "@helsekontakt/core";
import type { Journal, Thread } from "@helsekontakt/journal";
import type { Mailroom, SendOptions } from "../messaging/mailroom.ts";
import type { Ekontakt, EkontaktDecision, EkontaktHandler, EkontaktMessage, EkontaktReply } from "./ekontakt-types.ts";

/** Code system 8279: the message function of E-kontakt. */
export const ekontaktFunction = "DIALOG_INNBYGGER_EKONTAKT" satisfies MessageFunctionName;

/** What the inbound worker asks of the flow: read a message, know the handler, turn a decision into an answer. */
export interface EkontaktInbound {
  readonly handler: EkontaktHandler | undefined;
  /** Resolves when a handler is set, or the signal fires. */
  handlerSet(signal: AbortSignal): Promise<void>;
  read(view: MessageView): EkontaktMessage;
  /** The message that carries the decision to the citizen; nothing for `accept`, `reject` and `retry-later`. */
  answer(view: MessageView, decision: EkontaktDecision): MessageParts | undefined;
  /** Remembers the thread, so that it can be continued by its id. */
  remember(view: MessageView, message: EkontaktMessage, signal: AbortSignal): Promise<void>;
  /** Remembers the own answer as the last message of its thread, which the next one refers to. */
  answered(view: MessageView, msgId: string): Promise<void>;
}

/** Builds the flow: the caller's side, and what the inbound worker asks of it. */
export function createEkontakt(
  journal: Journal,
  mailroom: Mailroom,
  sender: (herId?: string) => Party,
  helsenorge: Party,
  logger: Logger,
): { readonly api: Ekontakt; readonly inbound: EkontaktInbound } {
  let handler: EkontaktHandler | undefined;
  const waiting = new Set<() => void>();

  /** The message is on its way already: when this fails, the next one names an earlier message of its thread as parent. */
  const rememberLast = async (
    thread: Parameters<Journal["threads"]["put"]>[0],
    { transaction }: Pick<SendOptions, "transaction"> = {},
  ): Promise<void> => {
    // In the application's transaction nothing is on its way yet, and a fault is that transaction's.
    if (transaction !== undefined) return void (await journal.threads.put(thread, { transaction }));
    try {
      await journal.threads.put(thread);
    } catch (reason) {
      logger.warn("the last message of a thread could not be noted", { code: HelsekontaktError.from(reason).code });
    }
  };

  const message = (
    own: Party,
    patient: Patient,
    part: DialogPart,
    attachments: readonly AttachmentPart[],
    conversation?: Conversation,
  ): MessageParts => ({
    function: ekontaktFunction,
    sender: own,
    receiver: helsenorge,
    patient,
    ...(conversation === undefined ? {} : { conversation }),
    parts: [
      {
        kind: "payload",
        description: part.kind === "request" ? "Forespørsel" : "Svar",
        content: buildDialogmelding(part),
      },
      ...attachments,
    ],
  });

  const api: Ekontakt = {
    onMessage(next) {
      handler = next;
      for (const wake of waiting) wake();
    },
    async ask({ patient, type = "DI", subject, text, attachments, sakstype, from }, options = {}) {
      const own = sender(from);
      const part: DialogPart = {
        kind: "request",
        type,
        subject,
        text,
        ...(sakstype === undefined ? {} : { sakstype }),
      };
      // The thread first: a message that is journalled must not look like a failed call.
      return mailroom.post(message(own, patient, part, attachmentsOf(attachments)), options, (msgId) =>
        journal.threads.put(
          { ...threadFacts(msgId, own.service.herId, helsenorge.service.herId, patient), lastMessageId: msgId },
          options,
        ),
      );
    },
    reply: (dialogId, answer, options = {}) =>
      mailroom.postInTurn(dialogId, options, async (post) => {
        const thread = await journal.threads.get(dialogId, signalOf(options));
        if (thread === undefined) {
          throw new HelsekontaktError(
            "journal/not-found",
            "expected a thread that a message has opened, found none with this id",
            {
              hint: "use the dialogId of a message that was received or sent through this journal",
            },
          );
        }
        const sent = await post(
          message(
            sender(thread.own),
            patientOf(thread),
            answerPart(answer, thread.facts["sakstype"]),
            attachmentsOf(answer.attachments),
            { parent: thread.lastMessageId ?? dialogId, conversation: dialogId },
          ),
        );
        await rememberLast({ dialogId, own: thread.own, other: thread.other, lastMessageId: sent.msgId }, options);
        return sent;
      }),
  };

  const inbound: EkontaktInbound = {
    get handler() {
      return handler;
    },
    handlerSet: (signal) =>
      new Promise((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        if (signal.aborted) return resolve();
        waiting.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      }),
    read: (view) => readMessage(view),
    answer(view, decision) {
      if (decision.kind !== "reply" && decision.kind !== "refuse") return undefined;
      const { patient } = view;
      if (patient === undefined) return undefined;
      const read = readMessage(view);
      const part: DialogPart =
        decision.kind === "reply"
          ? answerPart(decision.reply, read.sakstype)
          : { kind: "answer", theme: decision.theme, ...(decision.text === undefined ? {} : { text: decision.text }) };
      return message(
        sender(read.toHerId),
        { fnr: patient.fnr, familyName: patient.familyName ?? "", givenName: patient.givenName ?? "" },
        part,
        decision.kind === "reply" ? attachmentsOf(decision.reply.attachments) : [],
        { parent: view.msgId, conversation: read.dialogId },
      );
    },
    async remember(view, read, signal) {
      const { patient } = view;
      await journal.threads.put(
        {
          dialogId: read.dialogId,
          own: read.toHerId,
          other: view.sender.service?.herId ?? helsenorge.service.herId,
          lastMessageId: view.msgId,
          ...(patient === undefined
            ? {}
            : {
                person: patient.fnr,
                facts: {
                  familyName: patient.familyName?.reveal() ?? "",
                  givenName: patient.givenName?.reveal() ?? "",
                  ...(read.sakstype === undefined ? {} : { sakstype: read.sakstype }),
                },
              }),
        },
        { signal },
      );
    },
    async answered(view, msgId) {
      await rememberLast({
        dialogId: view.conversation?.conversation ?? view.msgId,
        own: view.receiver.service?.herId ?? view.receiver.herId ?? "",
        other: view.sender.service?.herId ?? helsenorge.service.herId,
        lastMessageId: msgId,
      });
    },
  };
  return { api, inbound };
}

function attachmentsOf(list: readonly Omit<AttachmentPart, "kind">[] = []): AttachmentPart[] {
  return list.map((a) => ({ ...a, kind: "attachment" }));
}

function readMessage(view: MessageView): EkontaktMessage {
  const dialog = view.payloads.filter(isDialogmelding).flatMap(readDialogmelding)[0];
  if (dialog === undefined || view.patient === undefined) {
    throw new HelsekontaktError(
      "amqp/unsupported-message",
      "expected a Dialogmelding 1.1 about a patient in an E-kontakt message, found another payload",
    );
  }
  const representative = view.payloads.map(readPasientrelasjon).find((r) => r !== undefined);
  const base = {
    msgId: view.msgId,
    dialogId: view.conversation?.conversation ?? view.msgId,
    sentAt: view.genDate,
    patient: view.patient,
    attachments: view.attachments,
    toHerId: view.receiver.service?.herId ?? view.receiver.herId ?? "",
    ...(representative === undefined ? {} : { representative }),
    ...(dialog.sakstype === undefined ? {} : { sakstype: dialog.sakstype }),
    ...(dialog.subject === undefined ? {} : { subject: dialog.subject }),
    ...(dialog.text === undefined ? {} : { text: dialog.text }),
  };
  return dialog.kind === "request"
    ? { ...base, kind: "request", type: dialog.type }
    : { ...base, kind: "answer", theme: dialog.theme };
}

function answerPart(answer: EkontaktReply, sakstype: string | undefined): DialogPart {
  return {
    kind: "answer",
    theme: "19",
    text: answer.text,
    ...(sakstype === undefined ? {} : { sakstype }),
    ...(answer.subject === undefined ? {} : { subject: answer.subject }),
    ...(answer.author === undefined ? {} : { author: answer.author }),
  };
}

function threadFacts(
  dialogId: string,
  own: string,
  other: string,
  patient: Patient,
): {
  dialogId: string;
  own: string;
  other: string;
  person: ReturnType<typeof personal>;
  facts: Record<string, string>;
} {
  return {
    dialogId,
    own,
    other,
    person: personal(patient.fnr),
    facts: { familyName: reveal(patient.familyName), givenName: reveal(patient.givenName) },
  };
}

function patientOf(thread: Thread): Patient {
  return {
    fnr: thread.person?.reveal() ?? "",
    familyName: thread.facts["familyName"] ?? "",
    givenName: thread.facts["givenName"] ?? "",
  };
}

function signalOf(options: SendOptions): { signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal };
}
