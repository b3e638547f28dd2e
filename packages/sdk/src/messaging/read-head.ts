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

/** What the journal stores in clear: no free text, and so no personal data, comes in by an id. */
export function isPlain(id: string): boolean {
  return /^[\w:./@+=-]{1,200}$/.test(id);
}
