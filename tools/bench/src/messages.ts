import {
  buildDialogmelding,
  buildMsgHead,
  buildPasientrelasjon,
  buildTjenesteOversikt,
} from "@helsekontakt/amqp-messaging/messages";
import { elements as base64 } from "@helsekontakt/types/base64container";
import { elements as dialog } from "@helsekontakt/types/dialogmelding";
import { elements as msghead } from "@helsekontakt/types/msghead";
import { elements as pasientrelasjon } from "@helsekontakt/types/pasientrelasjon";
import { elements as tjenesteoversikt } from "@helsekontakt/types/tjenesteoversikt";
import { type ElementRegistry, encodeXml } from "@helsekontakt/types/xml";

export const registry: ElementRegistry = { ...msghead, ...dialog, ...pasientrelasjon, ...tjenesteoversikt, ...base64 };

const party = (herId: string, name: string, service: string) => ({
  herId,
  name,
  organisationNumber: "999999999",
  service: { herId: `${herId}9`, name: service },
});
const addresses = {
  sender: party("10000", "Helsenorge (eksempel)", "Digitale innbyggertjenester (eksempel)"),
  receiver: party("20000", "Eksempel kommune", "Hjemmetjenesten Nord"),
  patient: { fnr: "17851360018", familyName: "Syntetisk", givenName: "Signe" },
};

/** A citizen's request as it is: a text of Helsenorge's longest length, a representative, and an attachment if asked for. */
export function requestMessage(attachmentBytes = 0): Uint8Array {
  return encode(
    buildMsgHead({
      ...addresses,
      function: "DIALOG_INNBYGGER_EKONTAKT",
      parts: [
        {
          kind: "payload",
          description: "Henvendelse",
          content: buildDialogmelding({
            kind: "request",
            type: "HE",
            subject: "Endret telefonnummer",
            sakstype: "HK-42",
            text: "Vi har fått nytt nummer. ".repeat(40),
          }),
        },
        {
          kind: "payload",
          description: "Pasientrelasjon",
          content: buildPasientrelasjon({
            relation: "FO",
            fnr: "01818010083",
            familyName: "Syntetisk",
            givenName: "Sara",
          }),
        },
        ...(attachmentBytes > 0
          ? [
              {
                kind: "attachment" as const,
                mimeType: "image/png" as const,
                description: "Bilde",
                content: new Uint8Array(attachmentBytes).map((_, i) => (i * 31) & 255),
              },
            ]
          : []),
      ],
    }),
  );
}

/** A citizen's list of six services: nearly all markup. */
export function serviceListMessage(): Uint8Array {
  const service = (i: number) => ({
    id: `HJ-100${i}`,
    name: "Praktisk bistand",
    from: "2026-09-01",
    to: "2026-12-31",
    deliveredBy: "Sone Nord",
    phone: "12345678",
    herId: "200009",
  });
  return encode(
    buildMsgHead({
      ...addresses,
      function: "DIALOG_INNBYGGER_TJENESTEOVERSIKT",
      parts: [{ kind: "payload", content: buildTjenesteOversikt([1, 2, 3, 4, 5, 6].map(service)) }],
    }),
  );
}

function encode(message: ReturnType<typeof buildMsgHead>): Uint8Array {
  return encodeXml("{http://www.kith.no/xmlstds/msghead/2006-05-24}MsgHead", message, { registry });
}
