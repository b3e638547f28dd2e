import { HelsekontaktError, Personal } from "@helsekontakt/core";
import type { Document, HealthcareProfessional, MsgHead, Organisation } from "@helsekontakt/types/msghead";
import { type AnyElement, decodeBase64Content } from "@helsekontakt/types/xml";
import type { Conversation } from "./msg-head.ts";

/** A party as a message names it. */
export interface PartyView {
  /** Level 1, the enterprise; absent when the message has no HER-id there. */
  readonly herId?: string;
  readonly name?: string;
  /** Level 2: service or person. */
  readonly service?: { readonly herId?: string; readonly name?: string; readonly kind: "organisation" | "person" };
}

export interface PatientView {
  readonly fnr: Personal;
  readonly idType: string;
  readonly familyName?: Personal;
  readonly givenName?: Personal;
}

export interface AttachmentView {
  readonly mimeType: string;
  readonly description?: string;
  /** Decodes the file's bytes; base64 stays text until asked for. */
  content(): Uint8Array;
}

/** What a flow needs of a Hodemelding, with personal values wrapped. */
export interface MessageView {
  readonly function: string;
  readonly msgId: string;
  readonly genDate: string;
  readonly sender: PartyView;
  readonly receiver: PartyView;
  readonly patient?: PatientView;
  readonly conversation?: Conversation;
  readonly wantsReceipt: boolean;
  /** XML payloads in document order. */
  readonly payloads: readonly AnyElement[];
  readonly attachments: readonly AttachmentView[];
}

/**
 * Reads a decoded Hodemelding tolerantly: the HER-id may stand anywhere among the identifiers, level 2 may be an
 * organisation or a person.
 */
export function readMsgHead(message: MsgHead): MessageView {
  const info = message.MsgInfo;
  const documents = documentsOf(message);
  const conversation = info.ConversationRef;
  const patient = readPatient(info.Patient);
  return {
    function: info.Type.$V ?? "",
    msgId: info.MsgId,
    genDate: info.GenDate,
    sender: readParty(info.Sender.Organisation),
    receiver: readParty(info.Receiver.Organisation),
    ...(patient === undefined ? {} : { patient }),
    ...(conversation === undefined
      ? {}
      : { conversation: { parent: conversation.RefToParent, conversation: conversation.RefToConversation } }),
    wantsReceipt: info.Ack?.$V === "J",
    payloads: documents.flatMap((d) => (d.RefDoc.MsgType.$V === "A" ? [] : (d.RefDoc.Content?.$any ?? []))),
    attachments: documents.filter((d) => d.RefDoc.MsgType.$V === "A").map(readAttachment),
  };
}

function documentsOf(message: MsgHead): readonly Document[] {
  return message.Document ?? (message.PatientReport ?? []).flatMap((report) => report.Document);
}

function readAttachment(document: Document): AttachmentView {
  const { RefDoc: ref } = document;
  return {
    mimeType: ref.MimeType ?? "",
    ...(ref.Description === undefined ? {} : { description: ref.Description }),
    content() {
      const item = ref.Content?.$any?.[0];
      if (item === undefined || typeof item.value !== "string") {
        throw new HelsekontaktError("input/invalid", "expected an attachment to hold a Base64Container");
      }
      return decodeBase64Content(item.value);
    },
  };
}

function readParty(organisation: Organisation): PartyView {
  const herId = herIdOf(organisation.Ident);
  const inner = organisation.Organisation;
  const person = organisation.HealthcareProfessional;
  const service =
    inner !== undefined
      ? serviceView(inner.Ident, inner.OrganisationName, "organisation")
      : person !== undefined
        ? serviceView(person.Ident, fullName(person), "person")
        : undefined;
  return {
    ...(herId === undefined ? {} : { herId }),
    ...(organisation.OrganisationName === undefined ? {} : { name: organisation.OrganisationName }),
    ...(service === undefined ? {} : { service }),
  };
}

type Idents = Organisation["Ident"];

function serviceView(
  idents: Idents,
  name: string | undefined,
  kind: "organisation" | "person",
): NonNullable<PartyView["service"]> {
  const herId = herIdOf(idents);
  return { kind, ...(herId === undefined ? {} : { herId }), ...(name === undefined ? {} : { name }) };
}

function herIdOf(idents: Idents): string | undefined {
  return idents?.find((i) => i.TypeId.$V?.trim() === "HER")?.Id.trim();
}

function fullName(person: HealthcareProfessional): string {
  return [person.GivenName, person.MiddleName, person.FamilyName].filter((n) => n !== undefined).join(" ");
}

function readPatient(patient: MsgHead["MsgInfo"]["Patient"]): PatientView | undefined {
  const ident = patient?.Ident?.find((i) => i.TypeId.$V === "FNR" || i.TypeId.$V === "DNR") ?? patient?.Ident?.[0];
  if (patient === undefined || ident === undefined) return undefined;
  return {
    fnr: new Personal(ident.Id),
    idType: ident.TypeId.$V ?? "",
    ...(patient.FamilyName === undefined ? {} : { familyName: new Personal(patient.FamilyName) }),
    ...(patient.GivenName === undefined ? {} : { givenName: new Personal(patient.GivenName) }),
  };
}
