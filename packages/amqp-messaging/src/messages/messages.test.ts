import { inspect } from "node:util";
import { elements as base64 } from "@helsekontakt/types/base64container";
import { elements as dialog } from "@helsekontakt/types/dialogmelding";
import { elements as msghead, type MsgHead } from "@helsekontakt/types/msghead";
import { elements as pasientrelasjon } from "@helsekontakt/types/pasientrelasjon";
import { elements as tjenesteoversikt } from "@helsekontakt/types/tjenesteoversikt";
import { decodeXml, encodeXml } from "@helsekontakt/types/xml";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  buildDialogmelding,
  buildEpisodeOfCare,
  buildMsgHead,
  buildPasientrelasjon,
  buildTjenesteOversikt,
  fhirPayload,
  isDialogmelding,
  type MessageParts,
  plainText,
  readDialogmelding,
  readEpisodeOfCare,
  readMsgHead,
  readPasientrelasjon,
  readTjenesteOversikt,
  type Tjeneste,
} from "./index.ts";

const registry = { ...msghead, ...dialog, ...pasientrelasjon, ...tjenesteoversikt, ...base64 };
const name = "{http://www.kith.no/xmlstds/msghead/2006-05-24}MsgHead";
const addresses: Pick<MessageParts, "function" | "sender" | "receiver" | "patient"> = {
  function: "DIALOG_INNBYGGER_EKONTAKT",
  sender: {
    herId: "200001",
    name: "Eksempel kommune",
    organisationNumber: "998888887",
    service: { herId: "200002", name: "Hjemmetjenesten Nord" },
  },
  receiver: { herId: "100001", name: "Helsenorge", service: { herId: "100002", name: "Innbyggertjenester" } },
  patient: { fnr: "17851360018", familyName: "Syntetisk", givenName: "Signe" },
};

/** Over the wire and back. */
function travel(parts: MessageParts): MsgHead {
  return decodeXml(encodeXml(name, buildMsgHead(parts), { registry }), { registry }).value as MsgHead;
}

describe("buildMsgHead()", () => {
  it("puts two HER-id levels, Ack and the patient's identifier where Helsenorge wants them", () => {
    const { MsgInfo: info } = travel({
      ...addresses,
      parts: [{ kind: "payload", content: buildDialogmelding({ kind: "answer", theme: "19", text: "Takk." }) }],
      conversation: { parent: "p-1", conversation: "c-1" },
    });
    expect(info.Ack?.$V).toBe("J");
    expect(info.Sender.Organisation.Ident?.map((i) => [i.Id, i.TypeId.$V, i.TypeId.$S])).toEqual([
      ["200001", "HER", "2.16.578.1.12.4.1.1.9051"],
      ["998888887", "ENH", "2.16.578.1.12.4.1.1.9051"],
    ]);
    expect(info.Sender.Organisation.Organisation?.Ident?.[0]?.Id).toBe("200002");
    expect(info.Patient?.Ident?.[0]?.TypeId.$V).toBe("FNR");
    expect(info.ConversationRef).toEqual({ RefToParent: "p-1", RefToConversation: "c-1" });
  });

  it("names a D-number as such", () => {
    const parts = [{ kind: "payload" as const, content: buildDialogmelding({ kind: "answer", theme: "19" }) }];
    const message = buildMsgHead({
      ...addresses,
      patient: { fnr: "41818010077", familyName: "S", givenName: "S" },
      parts,
    });
    expect(message.MsgInfo.Patient?.Ident?.[0]?.TypeId.$V).toBe("DNR");
  });

  it("refuses a message without payload, and a number of another form without showing it", () => {
    expect(() => buildMsgHead({ ...addresses, parts: [] })).toThrow(/expected at least one payload/);
    const parts = [{ kind: "payload" as const, content: buildDialogmelding({ kind: "answer", theme: "19" }) }];
    const patient = { fnr: "1785136 0018", familyName: "Syntetisk", givenName: "Signe" };
    try {
      buildMsgHead({ ...addresses, patient, parts });
      expect.unreachable();
    } catch (error) {
      expect(inspect(error)).not.toContain("1785136");
      expect((error as { code: string }).code).toBe("input/invalid");
    }
  });
});

describe("readMsgHead()", () => {
  it("finds the HER-id among several identifiers, and a person on level 2", () => {
    const message = buildMsgHead({
      ...addresses,
      parts: [{ kind: "payload", content: buildDialogmelding({ kind: "answer", theme: "19" }) }],
    });
    const organisation = message.MsgInfo.Sender.Organisation as Record<string, unknown>;
    organisation["Ident"] = [...(message.MsgInfo.Sender.Organisation.Ident ?? [])].reverse();
    delete organisation["Organisation"];
    organisation["HealthcareProfessional"] = {
      FamilyName: "Eksempel",
      GivenName: "Olav",
      Ident: [{ Id: "200077", TypeId: { $V: "HER", $S: "2.16.578.1.12.4.1.1.8116" } }],
    };
    const { sender } = readMsgHead(message);
    expect(sender).toEqual({
      herId: "200001",
      name: "Eksempel kommune",
      service: { kind: "person", herId: "200077", name: "Olav Eksempel" },
    });
  });

  it("wraps personal values, and decodes an attachment only when asked", () => {
    const content = new Uint8Array([1, 2, 250, 0, 7]);
    const view = readMsgHead(
      travel({
        ...addresses,
        parts: [
          { kind: "payload", content: buildDialogmelding({ kind: "request", type: "HE", text: "Hei" }) },
          { kind: "attachment", mimeType: "image/png", description: "Bilde", content },
        ],
      }),
    );
    expect(inspect(view, { depth: 9 })).not.toContain("17851360018");
    expect(view.patient?.fnr.reveal()).toBe("17851360018");
    expect(view.attachments[0]?.mimeType).toBe("image/png");
    expect([...(view.attachments[0]?.content() ?? [])]).toEqual([...content]);
  });
});

describe("dialogue", () => {
  it("keeps any plain text of a request and of an answer over the wire", () => {
    const text = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((t) => /^[\t\n\u0020-\ud7ff\ue000-\ufffd]+$/u.test(t));
    fc.assert(
      fc.property(text, text, (subject, body) => {
        const parts = [
          {
            kind: "payload" as const,
            content: buildDialogmelding({ kind: "request", type: "DI", subject, text: body }),
          },
        ];
        const item = readMsgHead(travel({ ...addresses, parts })).payloads[0];
        expect(item !== undefined && isDialogmelding(item)).toBe(true);
        expect(item && readDialogmelding(item)).toEqual([{ kind: "request", type: "DI", subject, text: body }]);
      }),
      { numRuns: 100 },
    );
  });

  it("carries XHTML, the author and the health contact's id", () => {
    const xhtml = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Takk, <strong>ordnet</strong>.</p></div>';
    const author = { givenName: "Olav", familyName: "Eksempel" };
    const part = { kind: "answer" as const, theme: "19" as const, text: { xhtml }, author, sakstype: "HK-42" };
    const item = readMsgHead(travel({ ...addresses, parts: [{ kind: "payload", content: buildDialogmelding(part) }] }))
      .payloads[0];
    const [read] = item === undefined ? [] : readDialogmelding(item);
    expect(read).toMatchObject({ kind: "answer", theme: "19", author, sakstype: "HK-42" });
    expect(plainText(read?.text ?? "")).toBe("Takk, ordnet.");
  });

  it("refuses XHTML that is not one div of its namespace", () => {
    expect(() => buildDialogmelding({ kind: "answer", theme: "19", text: { xhtml: "<div>x</div>" } })).toThrow(
      /expected XHTML text to be one div/,
    );
  });
});

describe("the other payloads", () => {
  it("says who acts for the patient", () => {
    const content = buildPasientrelasjon({
      relation: "FO",
      fnr: "01818010083",
      familyName: "Syntetisk",
      givenName: "Sara",
    });
    const view = readMsgHead(travel({ ...addresses, parts: [{ kind: "payload", content }] }));
    const read = view.payloads.map(readPasientrelasjon)[0];
    expect([read?.relation, String(read?.fnr).startsWith("~")]).toEqual(["FO", true]);
  });

  it("carries service lists in both spellings, and the empty list that ends all", () => {
    const services: Tjeneste[] = [
      {
        id: "HJ-1",
        name: "Hjemmesykepleie",
        from: "2026-09-01",
        to: "2026-12-31",
        herId: "200002",
        phone: "12345678",
        url: "https://www.example.org",
      },
      { id: "HJ-2", name: "Praktisk bistand", from: "2026-10-01", herId: "200002", deliveredBy: "Sone Nord" },
    ];
    for (const spelling of ["TjenesteOmråde", "TjenesteOmrade"] as const) {
      for (const list of [services, []]) {
        const parts = [{ kind: "payload" as const, content: buildTjenesteOversikt(list, spelling) }];
        const item = readMsgHead(travel({ ...addresses, function: "DIALOG_INNBYGGER_TJENESTEOVERSIKT", parts }))
          .payloads[0];
        expect(item && readTjenesteOversikt(item)).toEqual(list);
      }
    }
  });

  it("carries a health contact as FHIR XML", () => {
    const contact = {
      id: "6b3a1c7e-0f5d-4d0c-8a55-0e4f1e9d2b77",
      team: { name: "Nord skole", members: [{ role: "Helsesykepleier" }] },
      managingHerId: "200003",
      access: "NORN_FORANS" as const,
      from: "2026-11-25",
    };
    const episode = buildEpisodeOfCare(contact, "17851360018");
    const parts = [{ kind: "payload" as const, content: fhirPayload(episode) }];
    const item = readMsgHead(travel({ ...addresses, function: "NOTIFIKASJON_INNBYGGER_HELSEKONTAKT", parts }))
      .payloads[0];
    expect(item && readEpisodeOfCare(item)).toEqual(episode);
  });
});
