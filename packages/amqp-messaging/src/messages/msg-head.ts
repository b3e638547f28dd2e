import { randomUUID } from "node:crypto";
import { type Clock, HelsekontaktError, systemClock } from "@helsekontakt/core";
import { codedValue, simpleCodedValue } from "@helsekontakt/types/codes";
import type { Document, MsgHead, Organisation } from "@helsekontakt/types/msghead";
import { type AnyElement, encodeBase64Content } from "@helsekontakt/types/xml";
import { messageFunctions, type MessageFunctionName } from "../gen/messages.ts";

import { isDNumber, type Party, type Patient, reveal } from "./party.ts";

/** Message ids of a thread: the message answered, and the thread's first message. */
export interface Conversation {
  readonly parent: string;
  readonly conversation: string;
}

/** A payload of the message: one XML element in its own Document. */
export interface PayloadPart {
  readonly kind: "payload";
  /** Label of the Document, e.g. `Henvendelse`. */
  readonly description?: string;
  readonly content: AnyElement;
}

/** A file that travels with the message. There is no element for a file name: `description` is the only label. */
export interface AttachmentPart {
  readonly kind: "attachment";
  readonly mimeType: "application/pdf" | "image/jpeg" | "image/png";
  readonly description: string;
  readonly content: Uint8Array;
}

export interface MessageParts {
  readonly function: MessageFunctionName;
  readonly sender: Party;
  readonly receiver: Party;
  readonly patient?: Patient;
  readonly conversation?: Conversation;
  /** In order; the main payload first. */
  readonly parts: readonly (PayloadPart | AttachmentPart)[];
  /** UUID; a new one by default. */
  readonly msgId?: string;
  readonly clock?: Clock;
}

const msgHeadVersion = "v1.2 2006-05-24";

/**
 * Builds a Hodemelding by Helsenorge's profile: two HER-id levels for both parties, Ack as the message function says,
 * patient with names and one identifier, every payload in a Document of its own.
 *
 * @throws {HelsekontaktError} `input/invalid` when there is no part, or a personal number is not eleven digits.
 * @see HITS 1217:2018 §2.3; Hodemelding v1.2
 */
export function buildMsgHead(parts: MessageParts): MsgHead {
  const spec = messageFunctions[parts.function];
  const genDate = isoSeconds((parts.clock ?? systemClock).now());
  const [first, ...rest] = parts.parts.map((part) => buildDocument(part, genDate));
  if (first === undefined)
    throw new HelsekontaktError("input/invalid", "expected at least one payload in a message, found none");
  return {
    MsgInfo: {
      Type: { $V: parts.function, $DN: spec.displayName },
      MIGversion: msgHeadVersion,
      GenDate: genDate,
      MsgId: parts.msgId ?? randomUUID(),
      ...(spec.ack === undefined ? {} : { Ack: simpleCodedValue("7304", spec.ack) }),
      ...(parts.conversation === undefined
        ? {}
        : {
            ConversationRef: {
              RefToParent: parts.conversation.parent,
              RefToConversation: parts.conversation.conversation,
            },
          }),
      Sender: { Organisation: buildParty(parts.sender) },
      Receiver: { Organisation: buildParty(parts.receiver) },
      ...(parts.patient === undefined ? {} : { Patient: buildPatient(parts.patient) }),
    },
    Document: [first, ...rest],
  };
}

function buildParty(party: Party): Organisation {
  const her = (herId: string) => ({ Id: herId, TypeId: codedValue("9051", "HER") });
  return {
    OrganisationName: party.name,
    Ident: [
      her(party.herId),
      ...(party.organisationNumber === undefined
        ? []
        : [{ Id: party.organisationNumber, TypeId: codedValue("9051", "ENH") }]),
    ],
    Organisation: { OrganisationName: party.service.name, Ident: [her(party.service.herId)] },
  };
}

function buildPatient(patient: Patient): NonNullable<MsgHead["MsgInfo"]["Patient"]> {
  const fnr = reveal(patient.fnr);
  if (!/^\d{11}$/.test(fnr))
    throw new HelsekontaktError("input/invalid", "expected the patient's number to have 11 digits");
  return {
    FamilyName: reveal(patient.familyName),
    ...(patient.middleName === undefined ? {} : { MiddleName: reveal(patient.middleName) }),
    GivenName: reveal(patient.givenName),
    Ident: [{ Id: fnr, TypeId: codedValue("8116", isDNumber(fnr) ? "DNR" : "FNR") }],
  };
}

function buildDocument(part: PayloadPart | AttachmentPart, issued: string): Document {
  if (part.kind === "payload") {
    return {
      ...(part.description === undefined ? {} : { ContentDescription: part.description }),
      RefDoc: {
        IssueDate: { $V: issued },
        MsgType: simpleCodedValue("8114", "XML"),
        Content: { $any: [part.content] },
      },
    };
  }
  return {
    RefDoc: {
      IssueDate: { $V: issued },
      MsgType: simpleCodedValue("8114", "A"),
      MimeType: part.mimeType,
      Description: part.description,
      Content: {
        $any: [
          {
            name: "{http://www.kith.no/xmlstds/base64container}Base64Container",
            value: encodeBase64Content(part.content),
          },
        ],
      },
    },
  };
}

/** `2026-11-25T08:15:30Z`: whole seconds, UTC. */
export function isoSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
