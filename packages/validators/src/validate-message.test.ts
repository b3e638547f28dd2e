// Over 400 lines: the cases of one function.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  answer,
  attachment,
  conversation,
  episode,
  type MessageParts,
  message,
  party,
  patient,
  request,
  service,
  services,
  xmlDocument,
} from "./_messages.ts";
import { parseXml, serializeXml, type XmlElement } from "@helsekontakt/types/xml";
import { validateMessage } from "./index.ts";

const ekontakt = "DIALOG_INNBYGGER_EKONTAKT";
const oversikt = "DIALOG_INNBYGGER_TJENESTEOVERSIKT";
const notifikasjon = "NOTIFIKASJON_INNBYGGER_HELSEKONTAKT";
const text = "<EmneSporsmal>Emne</EmneSporsmal><Sporsmal>Tekst</Sporsmal>";
const note = "<TekstNotatInnhold>Svar</TekstNotatInnhold>";
const relation = xmlDocument(
  '<Pasientrelasjon xmlns="http://www.kith.no/xmlstds/pasientrelasjon/2014-03-28" xmlns:fk1="http://www.kith.no/xmlstds/felleskomponent1"><Person><fk1:FamilyName>Syntetisk</fk1:FamilyName><fk1:GivenName>Sara</fk1:GivenName></Person><Relasjon V="FO" S="2.16.578.1.12.4.1.1.7611"/></Pasientrelasjon>',
);
const security = (code: string) =>
  `<meta><security><system value="urn:oid:2.16.578.1.12.4.1.1.9603"/><code value="${code}"/></security></meta>`;
const run = (parts: MessageParts) => validateMessage(message(parts));
const dialog = (documents: readonly string[], rest: Partial<MessageParts> = {}) =>
  run({ type: ekontakt, documents, ...rest });
const rulesOf = (result: ReturnType<typeof run>) => result.issues.map((i) => `${i.level} ${i.rule}`);

/** Every document with one element or attribute less. */
function* lessOne(xml: Uint8Array): Generator<Uint8Array> {
  const root = parseXml(xml);
  function* without(element: XmlElement): Generator<XmlElement> {
    for (const a of element.attributes) yield { ...element, attributes: element.attributes.filter((b) => b !== a) };
    for (const [at, item] of element.content.entries()) {
      if (typeof item === "string") continue;
      yield { ...element, content: element.content.toSpliced(at, 1) };
      for (const child of without(item)) yield { ...element, content: element.content.with(at, child) };
    }
  }
  for (const tree of without(root)) yield serializeXml(tree);
}

describe("validateMessage()", () => {
  it.each<[string, readonly string[]]>([
    [ekontakt, [request("DI", text), relation, attachment("application/pdf", "JVBERi0=")]],
    [ekontakt, [answer("19", note)]],
    [oversikt, [services(service("HJ-1"), service("HJ-2"))]],
    [notifikasjon, [episode("17851360018", security("N"))]],
  ])("says what it can about a message with any one part missing: %s", (type, documents) => {
    let refused = 0;
    for (const xml of lessOne(message({ type, conversation, documents }))) if (!validateMessage(xml).valid) refused++;
    expect(refused).toBeGreaterThan(20);
  });

  it.each<[string, MessageParts]>([
    [
      "a citizen's request with relation and attachment",
      { type: ekontakt, documents: [request("HE", text), relation, attachment("image/png", "iVBORw0KGgo=")] },
    ],
    [
      "a provider's answer in XHTML",
      {
        type: ekontakt,
        conversation,
        documents: [
          answer(
            "19",
            '<TekstNotatInnhold><div xmlns="http://www.w3.org/1999/xhtml"><p>Takk, <strong>ja</strong></p></div></TekstNotatInnhold>',
          ),
        ],
      },
    ],
    ["a provider's request", { type: ekontakt, documents: [request("DI", text)] }],
    ["a citizen's answer", { type: ekontakt, conversation, documents: [answer("22", note)] }],
    ["a rejection", { type: ekontakt, conversation, documents: [answer("26", "")] }],
    ["a list of services", { type: oversikt, documents: [services(service("HJ-1"), service("HJ-2"))] }],
    ["an empty list of services", { type: oversikt, documents: [services()] }],
    ["a health contact", { type: notifikasjon, documents: [episode("17851360018", security("N"))] }],
    [
      "a message of another domain",
      { type: "DIALOG_HELSEFAGLIG", ack: "", msgId: "1", patient: "", documents: [request("ERT", "")] },
    ],
  ])("finds nothing in %s", (_, parts) => {
    expect(run(parts).issues).toEqual([]);
  });

  it.each<[string, ReturnType<typeof run>, string, string, number | undefined]>([
    ["MsgId", dialog([request("HE", "")], { msgId: "abc" }), "error profile/msg-id", "/MsgHead/MsgInfo/MsgId", 6],
    ["Ack missing", dialog([request("HE", "")], { ack: "" }), "error profile/ack", "/MsgHead/MsgInfo", 2],
    ["Ack N", dialog([request("HE", "")], { ack: '<Ack V="N"/>' }), "error profile/ack", "/MsgHead/MsgInfo/Ack/@V", 7],
    [
      "HER-id form",
      dialog([request("HE", "")], { sender: party("17851360018", "2") }),
      "error profile/her-id",
      "/MsgHead/MsgInfo/Sender/Organisation/Ident[1]/Id",
      9,
    ],
    ["no patient", dialog([request("HE", "")], { patient: "" }), "error profile/patient", "/MsgHead/MsgInfo", 2],
    [
      "H-number form",
      dialog([request("HE", "")], { patient: patient("80000000098") }),
      "error profile/person-number",
      "/MsgHead/MsgInfo/Patient/Ident[1]/Id",
      11,
    ],
    [
      "wrong control digits",
      dialog([request("HE", "")], { patient: patient("13115700217") }),
      "warning profile/person-number-checksum",
      "/MsgHead/MsgInfo/Patient/Ident[1]/Id",
      11,
    ],
    [
      "D-number as FNR",
      dialog([request("HE", "")], { patient: patient("41818010077") }),
      "warning profile/person-number-type",
      "/MsgHead/MsgInfo/Patient/Ident[1]/TypeId/@V",
      11,
    ],
    [
      "HPR as identifier",
      dialog([request("HE", "")], { patient: patient("1234", "HPR") }),
      "error profile/patient-identifier",
      "/MsgHead/MsgInfo/Patient",
      11,
    ],
    ["answer without thread", dialog([answer("19", note)]), "error profile/conversation-ref", "/MsgHead/MsgInfo", 2],
    ["notice without thread", dialog([request("VUS", "")]), "error profile/conversation-ref", "/MsgHead/MsgInfo", 2],
    [
      "provider request without text",
      dialog([request("DI", "<EmneSporsmal>x</EmneSporsmal>")]),
      "error profile/ekontakt-sporsmal-missing",
      "/MsgHead/Document[1]/RefDoc/Content/Dialogmelding/Foresporsel[1]",
      13,
    ],
    [
      "answer without text",
      dialog([answer("22", "")], { conversation }),
      "error profile/ekontakt-tekst-missing",
      "/MsgHead/Document[1]/RefDoc/Content/Dialogmelding/Notat[1]",
      13,
    ],
    [
      "code not in use",
      dialog([answer("13", "")], { conversation }),
      "warning profile/dialog-code",
      "/MsgHead/Document[1]/RefDoc/Content/Dialogmelding/Notat[1]/TemaKodet/@V",
      13,
    ],
    [
      "long subject",
      dialog([request("HE", `<EmneSporsmal>${"x".repeat(51)}</EmneSporsmal>`)]),
      "warning profile/text-length",
      "/MsgHead/Document[1]/RefDoc/Content/Dialogmelding/Foresporsel[1]/EmneSporsmal",
      13,
    ],
    [
      "long text",
      dialog([request("HE", `<Sporsmal>${"x".repeat(1001)}</Sporsmal>`)]),
      "warning profile/text-length",
      "/MsgHead/Document[1]/RefDoc/Content/Dialogmelding/Foresporsel[1]/Sporsmal",
      13,
    ],
    [
      "a link",
      dialog([request("HE", '<Sporsmal><a xmlns="http://www.w3.org/1999/xhtml" href="x">y</a></Sporsmal>')]),
      "error profile/xhtml-module",
      "/MsgHead/Document[1]/RefDoc/Content/Dialogmelding/Foresporsel[1]/Sporsmal",
      13,
    ],
    [
      "dialogue not first",
      dialog([relation, request("HE", "")]),
      "error profile/dialogmelding-first",
      "/MsgHead/Document[1]",
      13,
    ],
    [
      "attachment type",
      dialog([request("HE", ""), attachment("image/gif", "R0lG")]),
      "error profile/attachment-type",
      "/MsgHead/Document[2]/RefDoc/MimeType",
      14,
    ],
    [
      "attachment without type",
      dialog([request("HE", ""), attachment("", "R0lG")]),
      "error profile/attachment-type",
      "/MsgHead/Document[2]/RefDoc",
      14,
    ],
    [
      "attachment of other bytes",
      dialog([request("HE", ""), attachment("application/pdf", "R0lG")]),
      "warning profile/attachment-format",
      "/MsgHead/Document[2]/RefDoc/Content",
      14,
    ],
    [
      "relation from a provider",
      dialog([request("DI", text), relation]),
      "warning profile/payload-unexpected",
      "/MsgHead/Document[2]/RefDoc/Content/Pasientrelasjon",
      14,
    ],
    [
      "service area",
      run({ type: oversikt, documents: [services(service("a", "2025-01-01", "2"))] }),
      "error profile/tjenesteoversikt-area",
      "/MsgHead/Document[1]/RefDoc/Content/TjenesteOversikt/Tjeneste[1]",
      13,
    ],
    [
      "future service",
      run({ type: oversikt, documents: [services(service("a", "2026-01-01"))] }),
      "warning profile/tjenesteoversikt-early",
      "/MsgHead/Document[1]/RefDoc/Content/TjenesteOversikt/Tjeneste[1]/FraDato",
      13,
    ],
    [
      "service twice",
      run({ type: oversikt, documents: [services(service("a"), service("a"))] }),
      "warning profile/tjenesteoversikt-id",
      "/MsgHead/Document[1]/RefDoc/Content/TjenesteOversikt/Tjeneste[2]/TjenesteId",
      13,
    ],
    [
      "youth without access code",
      run({ type: notifikasjon, documents: [episode("17851360018")] }),
      "warning profile/youth-access",
      "/MsgHead/Document[1]/RefDoc/Content/EpisodeOfCare.meta.security",
      13,
    ],
    [
      "another patient in the resource",
      run({ type: notifikasjon, documents: [episode("01818010083", security("N"))] }),
      "error profile/notifikasjon-patient",
      "/MsgHead/Document[1]/RefDoc/Content/EpisodeOfCare.patient",
      13,
    ],
    [
      "no resource",
      run({ type: notifikasjon, documents: [services()] }),
      "error profile/payload-missing",
      "/MsgHead",
      1,
    ],
  ])("finds: %s", (_, result, rule, path, line) => {
    const issue = result.issues.find((i) => `${i.level} ${i.rule}` === rule);
    expect(rulesOf(result)).toContain(rule);
    expect(issue?.path).toBe(path);
    expect(issue?.line).toBe(line);
    expect(result.valid).toBe(!result.issues.some((i) => i.level === "error"));
  });

  it("gives each finding inside FHIR content the line of its own element", () => {
    const lined = episode("01818010083", "", "100003").replaceAll("><", ">\n<");
    const bytes = message({
      type: notifikasjon,
      documents: [
        lined
          .replace('<role>\n<text value="Helsesykepleier"/>', '<role>\n<text value=""/>')
          .replace('<name value="Helsesykepleier, Nord skole"/>', '<name value="a">\n<extension url="urn:x"/>\n</name>')
          .replace('<status value="active"/>', '<status value="ongoing"/>')
          .replace("2025-11-20", "2025-02-30")
          .replace("#team-1", "#team-2"),
      ],
    });
    const lines = new TextDecoder().decode(bytes).split("\n");
    const at = (start: string): number => lines.findIndex((l) => l.startsWith(start)) + 1;
    const own = lines.indexOf('<text value=""/>') + 1;
    const found = validateMessage(bytes).issues.map((i) => [i.rule, i.path.split("EpisodeOfCare.")[1], i.line]);
    expect(found).toContainEqual(["fhir/binding", "status", at("<status")]);
    expect(found).toContainEqual(["fhir/primitive", "contained[0].participant[0].role[0].text", own]);
    expect(found).toContainEqual(["fhir/ext-1", "contained[0]._name.extension[0]", at("<extension")]);
    expect(found).toContainEqual(["fhir/calendar", "period.start", at("<start")]);
    expect(found).toContainEqual(["fhir/ref-1", "team[0].reference", at('<reference value="#team-2"')]);
    expect(found).toContainEqual(["profile/notifikasjon-patient", "patient", at("<patient")]);
    // Where the element is absent, the line is of the one around it.
    expect(found).toContainEqual(["profile/youth-access", "meta.security", at("<EpisodeOfCare")]);
  });

  it("refuses one level of addressing, and takes a person as the second", () => {
    const one = party("1", "2").replace(/<Organisation><OrganisationName>Nord.*?<\/Organisation>/, "");
    expect(rulesOf(dialog([request("HE", "")], { sender: one }))).toEqual(["error profile/her-id-levels"]);
    const person = party("1", "2").replace(
      /<Organisation><OrganisationName>Nord.*?<\/Organisation>/,
      '<HealthcareProfessional><Ident><Id>2</Id><TypeId V="HER" S="2.16.578.1.12.4.1.1.8116"/></Ident></HealthcareProfessional>',
    );
    expect(rulesOf(dialog([request("HE", "")], { receiver: person }))).toEqual([]);
  });

  it("warns of the guide's spelling of TjenesteOmråde, or refuses it when asked for the published one", () => {
    const bytes = message({
      type: oversikt,
      documents: [services(service("a").replaceAll("TjenesteOmråde", "TjenesteOmrade"))],
    });
    const path = "/MsgHead/Document[1]/RefDoc/Content/TjenesteOversikt/Tjeneste[1]/TjenesteOmrade";
    expect(validateMessage(bytes, { spelling: "published" }).issues).toMatchObject([
      { level: "error", rule: "xsd/element-unexpected", path },
    ]);
    expect(validateMessage(bytes)).toMatchObject({
      valid: true,
      issues: [{ level: "warning", rule: "profile/tjenesteoversikt-spelling", path }],
    });
  });

  it.each([
    "http://www.ehelse.no/xmlstds/tjenesteoversikt",
    "http://www.helsedirektoratet.no/xmlstds/tjenesteoversikt",
  ])("warns of a list of services in %s, which profiles name, and checks it like the published one", (ns) => {
    const list = (of: string) => services(of).replace("http://ehelse.no/xmlstds/tjenesteoversikt", ns);
    const bytes = message({ type: oversikt, documents: [list(service("a"))] });
    const path = "/MsgHead/Document[1]/RefDoc/Content/TjenesteOversikt";
    const namespace = { level: "warning", rule: "profile/tjenesteoversikt-namespace", path };
    expect(validateMessage(bytes)).toMatchObject({ valid: true, issues: [namespace] });
    expect(validateMessage(bytes, { spelling: "published" })).toMatchObject({
      valid: false,
      issues: [{ level: "error", rule: "xsd/element-unknown", path }, namespace],
    });
    const faulty = list(service("a", "i går", "2"));
    expect(rulesOf(run({ type: oversikt, documents: [faulty] }))).toEqual([
      "error xsd/type",
      "warning profile/tjenesteoversikt-namespace",
      "error profile/tjenesteoversikt-area",
      "warning profile/tjenesteoversikt-early",
    ]);
    const spelled = list(service("a").replaceAll("TjenesteOmråde", "TjenesteOmrade"));
    expect(rulesOf(run({ type: oversikt, documents: [spelled] }))).toEqual([
      "warning profile/tjenesteoversikt-namespace",
      "warning profile/tjenesteoversikt-spelling",
    ]);
  });

  it("tells a payload from others of its name in one Document, with its own line", () => {
    const patient = (birthDate: string) =>
      `<Patient xmlns="http://hl7.org/fhir">\n<birthDate value="${birthDate}"/>\n</Patient>\n`;
    const document = xmlDocument(patient("2000-01-01") + patient("yesterday") + "<unknown/>\n<unknown/>");
    const bytes = message({ type: ekontakt, documents: [request("HE", text), document] });
    const { issues } = validateMessage(bytes);
    const lines = Buffer.from(bytes).toString().split("\n");
    const content = "/MsgHead/Document[2]/RefDoc/Content";
    const date = issues.find((i) => i.path === `${content}/Patient[2].birthDate`);
    expect(date?.rule).toBe("fhir/primitive");
    expect(lines[(date?.line ?? 0) - 1]).toContain("yesterday");
    expect(issues.filter((i) => i.rule === "xsd/element-unknown").map((i) => i.path)).toEqual([
      `${content}/unknown`,
      `${content}/unknown[2]`,
    ]);
    const unexpected = issues.filter((i) => i.rule === "profile/payload-unexpected").map((i) => i.path);
    expect(unexpected).toEqual(expect.arrayContaining([`${content}/Patient`, `${content}/Patient[2]`]));
  });

  it("passes over the white space of XML in the OIDs of lists, whatever the rule, and over no other", () => {
    const whole = Buffer.from(message({ type: ekontakt, documents: [request("HE", text)] })).toString();
    const found = (list: string, put: string) =>
      rulesOf(validateMessage(Buffer.from(whole.replace(`1.12.4.1.1.${list}"`, `${put}"`)))).filter((r) =>
        /pattern|list/.test(r),
      );
    for (const [list, rule] of [
      ["7601", "profile/code-list"],
      ["9051", "profile/her-id-list"],
    ] as const) {
      for (const put of [`1.12.4.1.1.${list} `, `1.12.4.1.1.${list}&#10;&#9;`]) expect(found(list, put)).toEqual([]);
      expect(found(list, `1.12. 4.1.1.${list}`), list).toEqual(["error xsd/pattern"]);
      expect(found(list, `1.12.4.1.1.${list}&#160;`)[0], list).toBe("error xsd/pattern");
      expect(found(list, `1.12.4.1.1.${list}&#160;`)[1], list).toContain(rule);
    }
  });

  it("answers for any bytes, and for any damage to a message", () => {
    const whole = message({ type: ekontakt, documents: [request("HE", text), relation] });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(validateMessage(bytes).valid).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 40 }), fc.string(), (at, cut, put) => {
        const damaged = Buffer.concat([whole.subarray(0, at), Buffer.from(put), whole.subarray(at + cut)]);
        const result = validateMessage(damaged);
        expect(result.valid).toBe(!result.issues.some((i) => i.level === "error"));
      }),
    );
  });

  it("never repeats a value", () => {
    const results = [
      dialog([request("17851360018", "")], { msgId: "17851360018", sender: party("17851360018", "17851360018") }),
      run({
        type: notifikasjon,
        documents: [episode("17851360018", "", "17851360018")],
        patient: patient("1785136001x"),
      }),
      validateMessage(new TextEncoder().encode("<MsgHead a='17851360018'>17851360018</MsgHead>")),
      validateMessage(new TextEncoder().encode("<17851360018/>")),
    ];
    for (const result of results) {
      expect(result.valid).toBe(false);
      expect(JSON.stringify(result)).not.toContain("17851360018");
    }
  });

  it("gives reader faults as issues", () => {
    const result = validateMessage(new TextEncoder().encode("<!DOCTYPE a><a/>"));
    expect(result.issues.map((i) => i.rule)).toEqual(["xml/doctype-refused"]);
    expect(validateMessage(new TextEncoder().encode("<a>\n<b></a>")).issues.at(-1)).toMatchObject({
      rule: "xml/not-well-formed",
      line: 2,
    });
  });

  it("wants a message as root", () => {
    const part = new TextEncoder().encode('<Base64Container xmlns="http://www.kith.no/xmlstds/base64container"/>');
    expect(validateMessage(part).issues.map((i) => i.rule)).toEqual(["xsd/root-unknown"]);
    expect(validateMessage(new TextEncoder().encode("<a/>")).issues.map((i) => i.rule)).toEqual(["xsd/root-unknown"]);
  });
});
