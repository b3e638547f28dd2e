import { HelsekontaktError } from "@helsekontakt/core";
import type { MsgHead } from "@helsekontakt/types/msghead";
import { describe, expect, it } from "vitest";
import { type AppRecVersion, buildAppRec } from "./build-apprec.ts";
import { appRecFaults } from "./fault-codes.ts";
import { readAppRec } from "./read-apprec.ts";

const her = { $V: "HER", $DN: "HER-id", $S: "2.16.578.1.12.4.1.1.9051" };
const original: MsgHead = {
  MsgInfo: {
    Type: { $V: "DIALOG_INNBYGGER_EKONTAKT", $DN: "E-kontakt" },
    MIGversion: "v1.2 2006-05-24",
    GenDate: "2025-01-02T03:04:05Z",
    MsgId: "5d79bd68-a58c-4599-a4e7-9db28ea20099",
    Sender: {
      Organisation: {
        OrganisationName: "Helsenorge",
        Ident: [
          {
            Id: "915933149",
            TypeId: { $V: "ENH", $DN: "Organisasjonsnummeret i Enhetsregister", $S: "2.16.578.1.12.4.1.1.9051" },
          },
          { Id: "115851", TypeId: her },
        ],
        Organisation: { OrganisationName: "E-kontakt", Ident: [{ Id: "8093240", TypeId: her }] },
      },
    },
    Receiver: {
      Organisation: {
        OrganisationName: "Legekontoret",
        Ident: [{ Id: "59", TypeId: her }],
        HealthcareProfessional: {
          GivenName: "Test",
          FamilyName: "Testesen",
          Ident: [
            { Id: "90998", TypeId: { $V: "HER", $DN: "HER-id", $S: "2.16.578.1.12.4.1.1.8116" } },
            { Id: "9144889", TypeId: { $V: "HPR", $DN: "HPR-nummer", $S: "2.16.578.1.12.4.1.1.8116" } },
          ],
        },
      },
    },
  },
} as MsgHead;
const options = { id: "f6d24037-a43f-4509-8dfa-88b578554858", genDate: "2025-01-02T03:05:00Z" };

const xml = (inner: string) =>
  Buffer.from(`<AppRec xmlns="http://www.kith.no/xmlstds/apprec/2004-11-21">${inner}</AppRec>`);

describe("buildAppRec()", () => {
  it("mirrors the parties with every identifier, and states no code list of a type", () => {
    const { value, bytes } = buildAppRec(original, { status: "accepted" }, options);
    expect(value.Sender.HCP.Inst).toEqual({
      Name: "Legekontoret",
      Id: "59",
      TypeId: { $V: "HER", $DN: "HER-id" },
      HCPerson: [
        {
          Name: "Test Testesen",
          Id: "90998",
          TypeId: { $V: "HER", $DN: "HER-id" },
          AdditionalId: [{ Id: "9144889", Type: { $V: "HPR", $DN: "HPR-nummer" } }],
        },
      ],
    });
    expect(value.Receiver.HCP.Inst).toMatchObject({
      Id: "915933149",
      TypeId: { $V: "ENH" },
      AdditionalId: [{ Id: "115851", Type: { $V: "HER" } }],
      Dept: [{ Name: "E-kontakt", Id: "8093240" }],
    });
    expect(value).toMatchObject({
      MsgType: { $V: "APPREC" },
      Sender: { Role: { $V: "PRIM" } },
      Receiver: { Role: { $V: "AVS" } },
      Status: { $V: "1" },
    });
    expect(Buffer.from(bytes).toString()).not.toMatch(/TypeId[^>]* S=/);
  });
  it.each<[AppRecVersion, string, string]>([
    ["1.0", "http://www.kith.no/xmlstds/apprec/2004-11-21", "1.0 2004-11-21"],
    ["1.1", "http://www.kith.no/xmlstds/apprec/2012-02-15", "v1.1 2012-02-15"],
  ])("writes version %s so that it is read back", (version, ns, mig) => {
    const built = buildAppRec(
      original,
      { status: "rejected", errors: [{ code: "E35" }, { code: "X99", detail: "Mer" }] },
      { ...options, version },
    );
    expect(built.name).toBe(`{${ns}}AppRec`);
    expect(built.value.MIGversion).toBe(mig);
    expect(readAppRec(built.bytes)).toEqual({
      version,
      id: options.id,
      genDate: options.genDate,
      status: "rejected",
      statusCode: "2",
      errors: [
        {
          code: "E35",
          system: "2.16.578.1.12.4.1.1.8221",
          text: expect.stringContaining("Pasienten") as string,
          known: expect.objectContaining({ helsenorge: "citizen not digitally active" }) as object,
        },
        {
          code: "X99",
          system: "2.16.578.1.12.4.1.1.8221",
          text: expect.any(String) as string,
          detail: "Mer",
          known: expect.objectContaining({ code: "X99" }) as object,
        },
      ],
      original: {
        msgType: "DIALOG_INNBYGGER_EKONTAKT",
        issueDate: "2025-01-02T03:04:05Z",
        id: "5d79bd68-a58c-4599-a4e7-9db28ea20099",
      },
      sender: { herId: "59", service: "90998" },
      receiver: { herId: "115851", service: "8093240" },
    });
  });
  it.each(appRecFaults)(
    "writes and reads $code in both versions, with its explanation",
    ({ code, label, explanation }) => {
      for (const version of ["1.0", "1.1"] as const) {
        const { bytes } = buildAppRec(original, { status: "rejected", errors: [{ code }] }, { ...options, version });
        const [error] = readAppRec(bytes).errors;
        expect(error).toMatchObject({ code, text: label, known: { code, explanation } });
        expect(explanation).not.toBe("");
      }
    },
  );
  it("names the reasons that Helsenorge is expected to give", () => {
    const ofHelsenorge = appRecFaults.filter((f) => f.helsenorge !== undefined);
    expect(ofHelsenorge.map((f) => f.code)).toEqual(["T01", "T02", "E10", "E35"]);
  });
  it("refuses a refusal without a reason", () => {
    expect(() => buildAppRec(original, { status: "rejected", errors: [] as never }, options)).toThrow(
      "[input/invalid] expected at least one error",
    );
  });
});

describe("readAppRec()", () => {
  it("reads a receipt with parts missing and an unknown status", () => {
    expect(readAppRec(xml('<Status V="73"/><OriginalMsgId><Id>o</Id></OriginalMsgId>'))).toMatchObject({
      version: "1.0",
      status: "unknown",
      statusCode: "73",
      id: "",
      original: { id: "o" },
      errors: [],
    });
  });
  it("reads on past identifiers without a value", () => {
    const sender =
      '<Sender><HCP><Inst><Name>n</Name><AdditionalId><Type V="HER"/></AdditionalId></Inst></HCP></Sender>' +
      '<OriginalMsgId><MsgType V="M"/><Id>o</Id></OriginalMsgId>';
    expect(readAppRec(xml(sender))).toMatchObject({ sender: {}, original: { id: "o" } });
  });
  it("explains no code of another list, and none that is not there", () => {
    const error = (attributes: string) =>
      readAppRec(xml(`<Status V="2"/><Error ${attributes}/><OriginalMsgId><Id>o</Id></OriginalMsgId>`)).errors[0];
    expect(error('V="E35" S="2.16.578.1.12.4.1.1.9999"')).toEqual({ code: "E35", system: "2.16.578.1.12.4.1.1.9999" });
    expect(error('V="E99"')).toEqual({ code: "E99" });
    expect(error('V=" e35 "')?.known?.code).toBe("E35");
  });
  it("needs to know which message is answered", () => {
    expect(() => readAppRec(xml('<Status V="1"/>'))).toThrow("[receipt/invalid]");
  });
  it("refuses another document with a typed error", () => {
    expect(() => readAppRec(Buffer.from("<a/>"))).toThrow(HelsekontaktError);
    expect(() => readAppRec(Buffer.from("<AppRec"))).toThrow("[xml/not-well-formed]");
  });
});
