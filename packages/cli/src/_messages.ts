import { buildAppRec } from "@helsekontakt/amqp-messaging";
import {
  buildDialogmelding,
  buildEpisodeOfCare,
  buildMsgHead,
  buildPasientrelasjon,
  buildTjenesteOversikt,
  fhirPayload,
  type MessageParts,
} from "@helsekontakt/amqp-messaging/messages";
import { systemClock } from "@helsekontakt/core";
import { encodeXml } from "@helsekontakt/types/xml";
import { registry } from "./registry.ts";

export const fnr = "01818010083";
const clock = { ...systemClock, now: () => Date.UTC(2026, 10, 25, 8, 15, 30) };
const helsenorge = {
  herId: "100001",
  name: "Helsenorge (eksempel)",
  service: { herId: "100002", name: "Digitale innbyggertjenester (eksempel)" },
};
const provider = {
  herId: "200001",
  name: "Eksempel kommune",
  service: { herId: "200002", name: "Hjemmetjenesten Nord" },
};
const patient = { fnr, familyName: "Syntetisk", givenName: "Signe" };

function encode(parts: Pick<MessageParts, "function" | "parts"> & Partial<MessageParts>): Buffer {
  const head = buildMsgHead({
    sender: provider,
    receiver: helsenorge,
    patient,
    clock,
    msgId: "11111111-2222-4333-8444-555555555555",
    ...parts,
  });
  return Buffer.from(encodeXml("{http://www.kith.no/xmlstds/msghead/2006-05-24}MsgHead", head, { registry }));
}

/** The citizen's request with an attachment and somebody who acts for the patient. */
export function ekontakt(): Buffer {
  return encode({
    function: "DIALOG_INNBYGGER_EKONTAKT",
    sender: helsenorge,
    receiver: provider,
    parts: [
      {
        kind: "payload",
        content: buildDialogmelding({ kind: "request", type: "HE", subject: "Time", text: "Kan vi flytte timen?" }),
      },
      {
        kind: "payload",
        content: buildPasientrelasjon({
          relation: "MOR",
          fnr: "17851360018",
          familyName: "Syntetisk",
          givenName: "Kari",
        } as never),
      },
      {
        kind: "attachment",
        mimeType: "application/pdf",
        description: "Vedlegg",
        content: Buffer.from("%PDF-1.7 test"),
      },
    ],
  });
}

/** The notification about a health contact, with FHIR inside. */
export function notifikasjon(): Buffer {
  return encode({
    function: "NOTIFIKASJON_INNBYGGER_HELSEKONTAKT",
    parts: [{ kind: "payload", content: fhirPayload(episode()) }],
  });
}

/** The resource of {@link notifikasjon}. */
export function episode() {
  return buildEpisodeOfCare(
    {
      id: "0d2d8b4e-0f4c-4f0e-8a53-2f6a2f6d1d10",
      team: { name: "Hjemmetjenesten Nord", members: [{ role: "Primærkontakt" }] },
      managingHerId: "200002",
      from: "2026-11-01",
    },
    fnr,
  );
}

/** The complete list of a citizen's services. */
export function tjenesteoversikt(): Buffer {
  return encode({
    function: "DIALOG_INNBYGGER_TJENESTEOVERSIKT",
    parts: [
      {
        kind: "payload",
        content: buildTjenesteOversikt([{ id: "1", name: "Hjemmesykepleie", from: "2026-01-01", herId: "200002" }]),
      },
    ],
  });
}

/** A receipt of either version. */
export function appRec(version: "1.0" | "1.1" = "1.1"): Buffer {
  const original = buildMsgHead({
    function: "DIALOG_INNBYGGER_EKONTAKT",
    sender: helsenorge,
    receiver: provider,
    patient,
    clock,
    parts: [{ kind: "payload", content: buildDialogmelding({ kind: "request", type: "HE" }) }],
  });
  return Buffer.from(
    buildAppRec(
      original,
      { status: "rejected", errors: [{ code: "E35" }] },
      { id: "f6d24037-a43f-4509-8dfa-88b578554858", genDate: "2026-11-25T08:16:00Z", version },
    ).bytes,
  );
}
