import { type MessageView, readMsgHead } from "@helsekontakt/amqp-messaging/messages";
import type { MsgHead } from "@helsekontakt/types/msghead";
import { decodeXml } from "@helsekontakt/types/xml";
import { msgHeadName } from "./mailroom.ts";
import { messageElements } from "./registry.ts";

/**
 * Reads the head tolerantly, so that even a message that its schema refuses can be answered; nothing when it lacks what
 * an AppRec mirrors.
 */
export function readForAnswer(payload: Uint8Array): { readonly head: MsgHead; readonly view: MessageView } | undefined {
  try {
    const decoded = decodeXml(payload, { registry: messageElements, mode: "tolerant" });
    if (decoded.name !== msgHeadName) return undefined;
    const head = decoded.value as MsgHead;
    const view = readMsgHead(head);
    return view.msgId === undefined || view.genDate === undefined ? undefined : { head, view };
  } catch {
    return undefined;
  }
}

const uuid = /^[0-9a-f-]{32,36}$/i;
/** A number of a person, also with a mark in it. */
const personal = /(?<!\d)\d{6}[._-]?\d{5}(?!\d)/;

/** What the journal stores in clear: no free text, no number of a person, and so no personal data, comes in by an id. */
export function isPlain(id: string): boolean {
  return uuid.test(id) || (/^[\w:./@+=-]{1,200}$/.test(id) && !personal.test(id));
}
