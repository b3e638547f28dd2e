import { randomUUID } from "node:crypto";
import { type AppRecOutcome, type AppRecView, buildAppRec, readAppRec } from "@helsekontakt/amqp-messaging";
import {
  buildDialogmelding,
  buildMsgHead,
  buildPasientrelasjon,
  type AttachmentPart,
  type DialogText,
  isDialogmelding,
  isFhirPayload,
  isoSeconds,
  isTjenesteOversikt,
  type MessageParts,
  type MessageView,
  readDialogmelding,
  readEpisodeOfCare,
  readMsgHead,
  readTjenesteOversikt,
  type Representative,
  type Tjeneste,
} from "@helsekontakt/amqp-messaging/messages";
import { HelsekontaktError } from "@helsekontakt/core";
import type { EpisodeOfCare } from "@helsekontakt/types/fhir";
import type { MsgHead } from "@helsekontakt/types/msghead";
import { decodeXml, encodeXml } from "@helsekontakt/types/xml";
import { validateMessage } from "@helsekontakt/validators";
import type { DigitalStatus, SyntheticCitizen } from "../citizens.ts";
import { messageElements } from "./message-elements.ts";
import type { CounterpartMessage, CounterpartTransport } from "./transport.ts";

const rootName = "{http://www.kith.no/xmlstds/msghead/2006-05-24}MsgHead";

/** A dialogue message that reached the citizen. */
export interface CitizenInboxItem {
  readonly msgId: string;
  readonly dialogId: string;
  readonly parentId?: string;
  readonly fnr: string;
  readonly kind: "request" | "answer";
  readonly code: string;
  readonly subject?: string;
  readonly text?: DialogText;
}

/** What a citizen writes to a service. */
export interface CitizenRequest {
  readonly citizen: SyntheticCitizen;
  readonly toHerId: string;
  readonly subject: string;
  readonly text: DialogText;
  readonly attachments?: readonly Omit<AttachmentPart, "kind">[];
  /** Somebody writes on behalf of the citizen. */
  readonly onBehalf?: Representative;
  readonly sakstype?: string;
}

/** A message that Helsenorge sent. */
export interface CounterpartSent {
  readonly msgId: string;
  /** The provider's AppRec for it. */
  receipt(options?: { readonly timeoutMs?: number }): Promise<AppRecView>;
}

/** What the citizen answers to a provider's request; nothing lets it unanswered. */
export type CitizenAnswers = (
  item: CitizenInboxItem,
) => { readonly text: DialogText; readonly subject?: string } | undefined;

/**
 * Helsenorge, as far as a provider can notice: checks what comes, answers with AppRecs (T02, E10, E35), keeps health
 * contacts and service lists, and plays the citizen of a dialogue.
 */
export class Counterpart {
  readonly #transport: CounterpartTransport;
  readonly #statusOf: (fnr: string) => DigitalStatus;
  readonly #now: () => number;
  readonly #seen = new Set<string>();
  readonly #receipts = new Map<string, AppRecView>();
  readonly #waiting = new Map<string, (receipt: AppRecView) => void>();
  /** Health contacts by their id. */
  readonly contacts = new Map<string, EpisodeOfCare>();
  /** Services by patient and sender's level 1 HER-id. */
  readonly serviceLists = new Map<string, readonly Tjeneste[]>();
  /** What citizens have received, in order. */
  readonly citizenInbox: CitizenInboxItem[] = [];
  /** How the citizen answers; set it before the request comes. */
  answers: CitizenAnswers = () => undefined;
  /** Overrides the outcome of the next messages, first in first out. */
  readonly plannedOutcomes: AppRecOutcome[] = [];
  /** Takes messages and forgets them, as a receiver that is down behind its queue. */
  silent = false;

  constructor(transport: CounterpartTransport, statusOf: (fnr: string) => DigitalStatus, now: () => number) {
    this.#transport = transport;
    this.#statusOf = statusOf;
    this.#now = now;
  }

  start(queue: string): Promise<void> {
    return this.#transport.start(queue, (message) => this.#take(message));
  }

  /** A citizen writes to a service. */
  async sendRequest(request: CitizenRequest): Promise<CounterpartSent> {
    const { citizen, onBehalf } = request;
    return this.#send({
      ...this.#addresses(request.toHerId),
      function: "DIALOG_INNBYGGER_EKONTAKT",
      patient: citizen,
      parts: [
        {
          kind: "payload",
          description: "Henvendelse",
          content: buildDialogmelding({
            kind: "request",
            type: "HE",
            subject: request.subject,
            text: request.text,
            ...(request.sakstype === undefined ? {} : { sakstype: request.sakstype }),
          }),
        },
        ...(onBehalf === undefined
          ? []
          : [{ kind: "payload" as const, description: "Pasientrelasjon", content: buildPasientrelasjon(onBehalf) }]),
        ...(request.attachments ?? []).map((a): AttachmentPart => ({ ...a, kind: "attachment" })),
      ],
    });
  }

  /** An AppRec for a message that was never sent, whose id comes back: providers must survive it. */
  async sendStrayReceipt(toHerId: string): Promise<string> {
    const { sender, receiver } = this.#addresses(toHerId);
    const original = buildMsgHead({
      function: "DIALOG_INNBYGGER_EKONTAKT",
      sender: receiver,
      receiver: sender,
      parts: [{ kind: "payload", content: buildDialogmelding({ kind: "request", type: "HE" }) }],
    });
    await this.#transport.send({
      function: "APPREC",
      toHerId,
      payload: this.#appRec(original, { status: "accepted" }),
    });
    return original.MsgInfo.MsgId;
  }

  async #send(parts: MessageParts): Promise<CounterpartSent> {
    const msgId = randomUUID();
    const payload = encodeXml(rootName, buildMsgHead({ ...parts, msgId }), { registry: messageElements });
    await this.#transport.send({ function: parts.function, toHerId: parts.receiver.service.herId, payload });
    return { msgId, receipt: (options) => this.receiptOf(msgId, options) };
  }

  async #take({ envelope, payload }: CounterpartMessage): Promise<void> {
    if (envelope.function === "APPREC") {
      const receipt = readAppRec(payload);
      this.#receipts.set(receipt.original.id, receipt);
      this.#waiting.get(receipt.original.id)?.(receipt);
      return;
    }
    const head = decodeXml(payload, { registry: messageElements, mode: "tolerant" }).value as MsgHead;
    const view = readMsgHead(head);
    if (this.silent) return;
    // One AppRec only for each MsgId, however often the message comes.
    if (this.#seen.has(view.msgId)) return;
    this.#seen.add(view.msgId);
    try {
      const outcome = this.plannedOutcomes.shift() ?? this.#judge(payload, view, envelope);
      // Kept before the AppRec leaves: whoever has the AppRec finds the content.
      const items = outcome.status === "accepted" ? this.#keep(view) : [];
      await this.#transport.send({
        function: "APPREC",
        toHerId: view.sender.service?.herId ?? "",
        payload: this.#appRec(head, outcome),
      });
      for (const item of items) await this.#answer(view, item);
    } catch (error) {
      // It comes again, and then as one that is new.
      this.#seen.delete(view.msgId);
      throw error;
    }
  }

  #judge(payload: Uint8Array, view: MessageView, envelope: CounterpartMessage["envelope"]): AppRecOutcome {
    if (!validateMessage(payload, { spelling: "both" }).valid) return { status: "rejected", errors: [{ code: "T02" }] };
    const herIds = [view.receiver.service?.herId, view.sender.service?.herId];
    if (herIds[0] !== envelope.toHerId || herIds[1] !== envelope.fromHerId)
      return { status: "rejected", errors: [{ code: "E10" }] };
    const fnr = view.patient?.fnr.reveal() ?? "";
    if (!["self", "representative", "assigned"].includes(this.#statusOf(fnr)))
      return { status: "rejected", errors: [{ code: "E35" }] };
    return { status: "accepted" };
  }

  /** Stores what a message holds; the dialogue messages among it. */
  #keep(view: MessageView): readonly CitizenInboxItem[] {
    const fnr = view.patient?.fnr.reveal() ?? "";
    const items: CitizenInboxItem[] = [];
    for (const payload of view.payloads) {
      if (isFhirPayload(payload)) {
        const episode = readEpisodeOfCare(payload);
        this.contacts.set(episode.id ?? "", episode);
      } else if (isTjenesteOversikt(payload)) {
        this.serviceLists.set(`${fnr}/${view.sender.herId ?? ""}`, readTjenesteOversikt(payload));
      } else if (isDialogmelding(payload)) {
        for (const part of readDialogmelding(payload)) items.push(inboxItem(view, part, fnr));
      }
    }
    this.citizenInbox.push(...items);
    return items;
  }

  async #answer(view: MessageView, item: CitizenInboxItem): Promise<void> {
    // A one-way request (EKI) cannot be answered.
    const answer = item.kind === "request" && item.code !== "EKI" ? this.answers(item) : undefined;
    if (answer === undefined || view.patient === undefined) return;
    await this.#send({
      ...this.#addresses(view.sender.service?.herId ?? ""),
      function: "DIALOG_INNBYGGER_EKONTAKT",
      patient: {
        fnr: item.fnr,
        familyName: view.patient.familyName ?? "",
        givenName: view.patient.givenName ?? "",
      },
      conversation: { parent: item.msgId, conversation: item.dialogId },
      parts: [
        {
          kind: "payload",
          description: "Svar",
          content: buildDialogmelding({
            kind: "answer",
            theme: "22",
            text: answer.text,
            ...(answer.subject === undefined ? {} : { subject: answer.subject }),
          }),
        },
      ],
    });
  }

  #appRec(original: MsgHead, outcome: AppRecOutcome): Uint8Array {
    return buildAppRec(original, outcome, { id: randomUUID(), genDate: isoSeconds(this.#now()) }).bytes;
  }

  #addresses(providerHerId: string): Pick<MessageParts, "sender" | "receiver"> {
    const party = (herId: string) => this.#transport.party(herId);
    return { sender: party("100002"), receiver: party(providerHerId) };
  }

  /**
   * The provider's AppRec for a message, also for one that was sent as bytes.
   *
   * @param options.timeoutMs - milliseconds, default 15,000.
   * @throws {HelsekontaktError} `receipt/overdue`
   */
  receiptOf(msgId: string, { timeoutMs = 15_000 }: { readonly timeoutMs?: number } = {}): Promise<AppRecView> {
    const known = this.#receipts.get(msgId);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(msgId);
        reject(new HelsekontaktError("receipt/overdue", `expected an AppRec within ${timeoutMs} ms, found none`));
      }, timeoutMs);
      this.#waiting.set(msgId, (receipt) => {
        clearTimeout(timer);
        this.#waiting.delete(msgId);
        resolve(receipt);
      });
    });
  }
}

function inboxItem(
  view: MessageView,
  part: ReturnType<typeof readDialogmelding>[number],
  fnr: string,
): CitizenInboxItem {
  return {
    msgId: view.msgId,
    dialogId: view.conversation?.conversation ?? view.msgId,
    ...(view.conversation === undefined ? {} : { parentId: view.conversation.parent }),
    fnr,
    kind: part.kind,
    code: part.kind === "request" ? part.type : part.theme,
    ...(part.subject === undefined ? {} : { subject: part.subject }),
    ...(part.text === undefined ? {} : { text: part.text }),
  };
}
