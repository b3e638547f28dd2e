import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { payloadFacts, payloadMetadata } from "./payload-metadata.ts";

const ident = (id: string, type: string) => `<Ident><Id>${id}</Id><TypeId V="${type}" DN="x"/></Ident>`;
const party = (lvl1: string, lvl2: string) =>
  `<Organisation>${ident("915933149", "ENH")}${lvl1}<Organisation>${lvl2}</Organisation></Organisation>`;
const msgHead = (o: { sender?: string; documents?: string; conversation?: string } = {}) =>
  Buffer.from(
    `<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"><MsgInfo><Type V="DIALOG_INNBYGGER_EKONTAKT"/><MsgId>id-1</MsgId>${o.conversation ?? ""}` +
      `<Sender>${o.sender ?? party(ident("1", "HER"), ident("2", "HER"))}</Sender><Receiver>${party(ident("3", "HER"), ident("4", "HER"))}</Receiver></MsgInfo>${o.documents ?? ""}</MsgHead>`,
  );
const document = (content: string) => `<Document><RefDoc>${content}</RefDoc></Document>`;

const base64 = (text: string) =>
  `<Content><b:Base64Container xmlns:b="http://www.kith.no/xmlstds/base64container">${text}</b:Base64Container></Content>`;

const side = (a: string, b: string) =>
  `<HCP><Inst><Name>n</Name><Id>${a}</Id><TypeId V="HER"/><Dept><Id>${b}</Id><TypeId V="HER"/></Dept></Inst></HCP>`;

describe("payloadMetadata()", () => {
  it("finds type, id and HER-ids, which need not stand first", () => {
    expect(payloadMetadata(msgHead())).toEqual({
      "X-MessageInfo-Type": "DIALOG_INNBYGGER_EKONTAKT",
      "X-MessageInfo-MsgId": "id-1",
      "X-Sender-Lvl1Id": "1",
      "X-Sender-Lvl2Id": "2",
      "X-Receiver-Lvl1Id": "3",
      "X-Receiver-Lvl2Id": "4",
      "X-AttachmentInfo-Count": "0",
      "X-AttachmentInfo-TotalSizeInBytes": "0",
      "X-AttachmentInfo-HasExternalReference": "False",
    });
  });
  it("takes level 2 from the organisation first, else from the professional", () => {
    const person = `<HealthcareProfessional>${ident("7", "HER")}</HealthcareProfessional>`;
    expect(
      payloadMetadata(msgHead({ sender: `<Organisation>${ident("1", "HER")}${person}</Organisation>` }))[
        "X-Sender-Lvl2Id"
      ],
    ).toBe("7");
    const both = `<Organisation>${person}${ident("1", "HER")}<Organisation>${ident("2", "HER")}</Organisation></Organisation>`;
    expect(payloadMetadata(msgHead({ sender: both }))["X-Sender-Lvl2Id"]).toBe("2");
  });
  it("gives the conversation, and leaves out blank values", () => {
    const facts = payloadMetadata(
      msgHead({
        conversation:
          "<ConversationRef><RefToParent>p</RefToParent><RefToConversation> </RefToConversation></ConversationRef>",
      }),
    );
    expect(facts["X-MessageInfo-RefToParent"]).toBe("p");
    expect(facts).not.toHaveProperty("X-MessageInfo-RefToConversation");
  });
  it("takes the content's own namespace, not the default one in scope", () => {
    const documents = document(
      '<Content><d:Dialogmelding xmlns:d="urn:dialog"><d:Sub xmlns="urn:x"/></d:Dialogmelding></Content>',
    );
    expect(payloadMetadata(msgHead({ documents }))["X-MessageInfo-SchemaNamespace"]).toBe("urn:dialog");
  });
  it("counts attachments as written: not the first document, no text of white space only", () => {
    const documents =
      document(base64("ignored")) +
      document(base64("QUJD\n REVG")) +
      document(base64(" \n <!-- c --> ")) +
      document("<FileReference>f</FileReference>");
    expect(payloadMetadata(msgHead({ documents }))).toMatchObject({
      "X-AttachmentInfo-Count": "3",
      "X-AttachmentInfo-TotalSizeInBytes": "10",
      "X-AttachmentInfo-HasExternalReference": "True",
    });
  });
  it("reads both receipt versions", () => {
    for (const ns of ["http://www.kith.no/xmlstds/apprec/2004-11-21", "http://www.kith.no/xmlstds/apprec/2012-02-15"]) {
      const xml = `<AppRec xmlns="${ns}"><MsgType V="APPREC"/><Id>r</Id><Sender>${side("1", "2")}</Sender><Receiver>${side("3", "4")}</Receiver><OriginalMsgId><MsgType V="DIALOG"/><Id>o</Id></OriginalMsgId></AppRec>`;
      expect(payloadFacts(Buffer.from(xml))).toEqual({
        root: `{${ns}}AppRec`,
        metadata: {
          "X-MessageInfo-Type": "APPREC",
          "X-MessageInfo-MsgId": "r",
          "X-MessageInfo-OriginalMsgId": "o",
          "X-MessageInfo-OriginalMsgType": "DIALOG",
          "X-MessageInfo-SchemaNamespace": ns,
          "X-Sender-Lvl1Id": "1",
          "X-Sender-Lvl2Id": "2",
          "X-Receiver-Lvl1Id": "3",
          "X-Receiver-Lvl2Id": "4",
        },
        sender: { herIds: ["2", "1"], organisationNumbers: [] },
      });
    }
  });
  it("names every HER-id and organisation number of the sender, and of nobody else", () => {
    const enh = '<AdditionalId><Id>912345678</Id><Type V="ENH"/></AdditionalId>';
    const xml = `<AppRec xmlns="http://www.kith.no/xmlstds/apprec/2012-02-15"><Sender><HCP><Inst><Id>9</Id><TypeId V="LOK"/>${enh}<Dept><Id>2</Id><TypeId V="HER"/></Dept></Inst></HCP></Sender><Receiver>${side("3", "4")}</Receiver></AppRec>`;
    expect(payloadFacts(Buffer.from(xml)).sender).toEqual({ herIds: ["2"], organisationNumbers: ["912345678"] });
    expect(payloadFacts(msgHead()).sender).toEqual({ herIds: ["1", "2"], organisationNumbers: ["915933149"] });
  });
  describe("of a payload with large attachments, which are not read as text", () => {
    const container = (text: string) => document(base64(text));
    const facts = (documents: string, more: object = {}) => payloadFacts(msgHead({ documents, ...more })).metadata;
    const run = "QUJD".repeat(400_000);
    const lines = (end: string) => `${`${"A".repeat(76)}${end}`.repeat(20_000)}`;
    it.each<[string, string, number]>([
      ["one line", run, run.length],
      ["lines that end in LF", lines("\n"), lines("\n").length],
      ["lines that end in CR LF, which XML reads as one character", lines("\r\n"), lines("\n").length],
      ["white space alone, which does not count", " ".repeat(2_000_000), 0],
      ["a letter that base64 does not have", `${run}å`, run.length + 2],
      ["an entity at its end", `${run}&#65;`, run.length + 1],
      ["a comment inside", `${run}<!-- x -->${run}`, 2 * run.length],
      ["CDATA with tags inside", `<![CDATA[x>${run}<y]]>`, run.length + 4],
    ])("counts %s as the text is", (_, text, length) => {
      expect(facts(document("<x/>") + container(text) + container("QQ=="))).toMatchObject({
        "X-AttachmentInfo-Count": "2",
        "X-AttachmentInfo-TotalSizeInBytes": String(length + 4),
        "X-Sender-Lvl2Id": "2",
      });
    });
    it("finds the same facts as of the whole", () => {
      const text = document(`<Content><d:D xmlns:d="urn:d"/></Content>`) + container(lines("\n")) + container(run);
      const whole = facts(text.replaceAll("\n", "&#10;"));
      expect(facts(text)).toEqual(whole);
      expect(whole["X-MessageInfo-SchemaNamespace"]).toBe("urn:d");
    });
    it("tells the line of a fault as it is in the document", () => {
      const broken = Buffer.from(
        msgHead({ documents: container(lines("\n")) })
          .toString()
          .replace("</MsgHead>", "</Other>"),
      );
      expect(() => payloadFacts(broken)).toThrow(
        expect.objectContaining({ code: "xml/not-well-formed", context: { line: 20_001 } }) as Error,
      );
    });
    it("keeps the limits of a document as it is", () => {
      const large = msgHead({ documents: container(run) });
      expect(() => payloadFacts(large, { limits: { maxBytes: 1_000_000 } })).toThrow("[xml/limit-exceeded]");
      expect(() => payloadFacts(large, { limits: { maxText: 1_000_000 } })).toThrow("[xml/limit-exceeded]");
    });
    it("takes nothing out of another encoding", () => {
      const wide = Buffer.from(`\ufeff<a>${run}</a>`, "utf16le");
      expect(payloadFacts(wide).root).toBe("a");
    });
  });
  it("knows only the namespace of any other root", () => {
    expect(payloadMetadata(Buffer.from('<x:a xmlns:x="urn:a"><MsgHead/></x:a>'))).toEqual({
      "X-MessageInfo-SchemaNamespace": "urn:a",
    });
    expect(payloadMetadata(Buffer.from("<a/>"))).toEqual({});
  });
  it("never gives what a patient's element holds", () => {
    const fnr = "01818010083";
    fc.assert(
      fc.property(fc.constantFrom("FNR", "DNR", "HER"), (type) => {
        const documents = document(`<Content><Person>${ident(fnr, type)}<Id>${fnr}</Id></Person></Content>`);
        const xml = msgHead({ documents })
          .toString()
          .replace("</MsgInfo>", `<Patient>${ident(fnr, type)}</Patient></MsgInfo>`);
        expect(JSON.stringify(payloadMetadata(Buffer.from(xml)))).not.toContain(fnr);
      }),
    );
  });
  it.each([
    ["", "not-well-formed"],
    ["<a", "not-well-formed"],
    ["<!DOCTYPE a><a/>", "doctype-refused"],
  ])("refuses %j", (xml, reason) => {
    expect(() => payloadMetadata(Buffer.from(xml))).toThrow(`[xml/${reason}]`);
  });
});
