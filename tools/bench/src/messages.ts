import { buildDialogmelding, buildMsgHead } from "@helsekontakt/amqp-messaging/messages";
import { elements as base64 } from "@helsekontakt/types/base64container";
import { elements as dialog } from "@helsekontakt/types/dialogmelding";
import { elements as msghead } from "@helsekontakt/types/msghead";
import { type ElementRegistry, encodeXml } from "@helsekontakt/types/xml";

export const registry: ElementRegistry = { ...msghead, ...dialog, ...base64 };

/** A dialogue message with a text of this many characters and, if asked for, an attachment of this many bytes. */
export function sampleMessage(textLength: number, attachmentBytes = 0): Uint8Array {
  const party = (herId: string, name: string, service: string) => ({
    herId,
    name,
    service: { herId: `${herId}9`, name: service },
  });
  const message = buildMsgHead({
    function: "DIALOG_INNBYGGER_EKONTAKT",
    sender: party("10000", "Helsenorge (eksempel)", "Digitale innbyggertjenester (eksempel)"),
    receiver: party("20000", "Eksempel kommune", "Hjemmetjenesten Nord"),
    patient: { fnr: "17851360018", familyName: "Syntetisk", givenName: "Signe" },
    parts: [
      {
        kind: "payload",
        description: "Henvendelse",
        content: buildDialogmelding({
          kind: "request",
          type: "HE",
          subject: "Endret telefonnummer",
          text: "Vi har fått nytt nummer. ".repeat(Math.ceil(textLength / 25)).slice(0, textLength),
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
  });
  return encodeXml("{http://www.kith.no/xmlstds/msghead/2006-05-24}MsgHead", message, { registry });
}
