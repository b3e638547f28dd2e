import type {
  AttachmentPart,
  AttachmentView,
  DialogText,
  Patient,
  PatientView,
  Representative,
} from "@helsekontakt/amqp-messaging/messages";
import type { JournalTransaction } from "@helsekontakt/journal";
import type { Code7601, Code7602, Code8221 } from "@helsekontakt/types/codes";
import type { SendOptions, SentMessage } from "../messaging/mailroom.ts";

/** What every incoming dialogue message tells. Personal values are wrapped; `reveal()` gives them. */
export interface EkontaktMessageBase {
  readonly msgId: string;
  /** The thread: MsgId of its first message. */
  readonly dialogId: string;
  /** ISO 8601, as the sender wrote it. */
  readonly sentAt: string;
  readonly patient: PatientView;
  /** Somebody who acts for the patient. */
  readonly representative?: Representative;
  readonly attachments: readonly AttachmentView[];
  /** HER-id of the own service that was addressed. */
  readonly toHerId: string;
  /** The health contact's id in the own system, when the citizen wrote to one. */
  readonly sakstype?: string;
  readonly subject?: string;
  readonly text?: DialogText;
}

/** How a request that was taken, but cannot be served, is answered. */
export type RefusalTheme = Extract<Code7602, "26" | "30" | "31">;

/** A citizen's request (`HE`), or another code that a reader has to take. */
export interface EkontaktRequest extends EkontaktMessageBase {
  readonly kind: "request";
  readonly type: Code7601;
}

/** A citizen's answer (`22`), or a refusal of the own request (`26`, `31`). */
export interface EkontaktAnswer extends EkontaktMessageBase {
  readonly kind: "answer";
  readonly theme: Code7602;
}

/** A message from a citizen. */
export type EkontaktMessage = EkontaktRequest | EkontaktAnswer;

/** An answer of the own organisation. */
export interface EkontaktReply {
  readonly text: DialogText;
  readonly subject?: string;
  /** Who answered, shown to the citizen. */
  readonly author?: { readonly givenName: string; readonly familyName: string };
  readonly attachments?: readonly Omit<AttachmentPart, "kind">[];
}

/** Rows of the application's own that are stored in the commit in which a message is handled. */
export interface WithOwnRows {
  /**
   * Writes them; runs once the handler has decided. What it throws undoes everything, and the message comes again. It asks
   * for nothing but statements of the transaction.
   */
  readonly also?: (transaction: JournalTransaction) => Promise<void>;
}

/** A decision that ends the handling of a message. */
export type FinalDecision = Exclude<EkontaktVerdict, { readonly kind: "retry-later" }> & WithOwnRows;

/** What a handler decides. The AppRec and every answer leave through the journal, in one commit with the decision. */
export type EkontaktDecision = FinalDecision | Extract<EkontaktVerdict, { readonly kind: "retry-later" }>;

/** A decision without rows of the application's own. */
export type EkontaktVerdict =
  /** Taken: a positive AppRec. An answer may follow later with {@link Ekontakt.reply}. */
  | { readonly kind: "accept" }
  /** Taken, and answered in the same thread. */
  | { readonly kind: "reply"; readonly reply: EkontaktReply }
  /** Taken, but the request cannot be served: `26` refused, `30` the citizen has no access, `31` general fault. */
  | { readonly kind: "refuse"; readonly theme: RefusalTheme; readonly text?: DialogText }
  /** A negative AppRec with a code of list 8221: for faults of the message, never of its content. */
  | { readonly kind: "reject"; readonly code: Code8221; readonly explanation?: string }
  /** Not now: the message stays in the journal and comes again; it counts as one of the ten tries. */
  | { readonly kind: "retry-later"; readonly afterMs?: number };

/** Takes the message. */
export const accept = (): FinalDecision => ({ kind: "accept" });
/** Takes the message and answers in its thread. */
export const reply = (answer: EkontaktReply | string): FinalDecision => ({
  kind: "reply",
  reply: typeof answer === "string" ? { text: answer } : answer,
});
/** Takes the message and says that it cannot be served. */
export const refuse = (theme: RefusalTheme, text?: DialogText): FinalDecision => ({
  kind: "refuse",
  theme,
  ...(text === undefined ? {} : { text }),
});
/** Answers with a negative AppRec. */
export const reject = (code: Code8221, explanation?: string): FinalDecision => ({
  kind: "reject",
  code,
  ...(explanation === undefined ? {} : { explanation }),
});
/** Asks for the message again, after `afterMs` milliseconds or the journal's own pause. */
export const retryLater = (afterMs?: number): EkontaktDecision => ({
  kind: "retry-later",
  ...(afterMs === undefined ? {} : { afterMs }),
});

/** Has rows of the application's own stored in the commit in which the message is handled: all of it, or nothing. */
export const alongside = (
  decision: FinalDecision,
  also: (transaction: JournalTransaction) => Promise<void>,
): EkontaktDecision => ({ ...decision, also });

/** Handles one message; `tries` counts from 1. A handler that throws gets the message again, ten times at most. */
export type EkontaktHandler = (
  message: EkontaktMessage,
  context: { readonly tries: number; readonly signal: AbortSignal },
) => Promise<EkontaktDecision> | EkontaktDecision;

/** A request of the own organisation. */
export interface EkontaktQuestion {
  readonly patient: Patient;
  /** `DI`: the citizen may answer. `EKI`: one-way. Default `DI`. */
  readonly type?: "DI" | "EKI";
  readonly subject: string;
  readonly text: DialogText;
  readonly attachments?: readonly Omit<AttachmentPart, "kind">[];
  /** The health contact that the message comes from; it must have been sent to Helsenorge before. */
  readonly sakstype?: string;
  /** HER-id of the sending service; the first configured one by default. */
  readonly from?: string;
}

/** E-kontakt: threaded dialogue between a citizen and a service. */
export interface Ekontakt {
  /** Sets the one handler of incoming messages. Without one they wait in the journal. */
  onMessage(handler: EkontaktHandler): void;
  /**
   * Starts a thread with a citizen.
   *
   * @throws {ValidationError} `xml/not-valid`
   * @throws {HelsekontaktError} `input/invalid`, `journal/*`, `abort/cancelled`
   * @see HITS 1217:2018 §3.3.3
   */
  ask(question: EkontaktQuestion, options?: SendOptions): Promise<SentMessage>;
  /**
   * Answers in a thread that the journal knows, at any later time. Answers in one thread are stored in the order of the
   * calls, awaited or not; in a transaction, among those of that transaction.
   *
   * @throws {HelsekontaktError} `journal/not-found` when the thread is not known; else as {@link ask}
   */
  reply(dialogId: string, answer: EkontaktReply, options?: SendOptions): Promise<SentMessage>;
}
