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
} from "../_messages.ts";
import { dataChecks } from "../gen/rules/checks.ts";
import { functionRules } from "../gen/rules/functions.ts";
import { fieldMatrices } from "../gen/rules/catalogue.ts";
import { type MessageRuleId, ruleLevels } from "../gen/rules/levels.ts";
import { validateMessage, type ValidateMessageOptions } from "../validate-message.ts";

const oid = "2.16.578.1.12.4.1.1";
const ekontakt = "DIALOG_INNBYGGER_EKONTAKT";
const helsepersonell = "DIALOG_INNBYGGER_HELSEPERSONELL";
const oversikt = "DIALOG_INNBYGGER_TJENESTEOVERSIKT";
const notifikasjon = "NOTIFIKASJON_INNBYGGER_HELSEKONTAKT";
const text = "<EmneSporsmal>Emne</EmneSporsmal><Sporsmal>Tekst</Sporsmal>";
const note = "<TekstNotatInnhold>Svar</TekstNotatInnhold>";
const he = request("HE", "");
const security = (...codes: string[]) =>
  `<meta>${codes.map((c) => `<security><system value="urn:oid:${oid}.9603"/><code value="${c}"/></security>`).join("")}</meta>`;
const fk1 = 'xmlns:fk1="http://www.kith.no/xmlstds/felleskomponent1"';
const relation = (person: string, code = "FO", list = "7611") =>
  xmlDocument(
    `<Pasientrelasjon xmlns="http://www.kith.no/xmlstds/pasientrelasjon/2014-03-28" ${fk1}>${person}<Relasjon V="${code}" S="${oid}.${list}"/></Pasientrelasjon>`,
  );
const acting = (id = "01818010083") =>
  `<Person><fk1:FamilyName>Syntetisk</fk1:FamilyName><fk1:Ident><fk1:Id>${id}</fk1:Id><fk1:TypeId V="FNR" S="${oid}.8116"/></fk1:Ident></Person>`;
const role = (inner: string) => `<RollerRelatertNotat>${inner}</RollerRelatertNotat>`;
const author = `<RolleNotat V="1" S="${oid}.9057"/><Person><GivenName>Olav</GivenName><FamilyName>Eksempel</FamilyName></Person>`;
const withIdent = (ident: string) => party("1", "2").replace("<Ident>", `${ident}<Ident>`);
const replaced = (bytes: Uint8Array, from: string | RegExp, to: string): Uint8Array => {
  const xml = new TextDecoder().decode(bytes);
  const changed = xml.replace(from, to);
  expect(changed).not.toBe(xml);
  return new TextEncoder().encode(changed);
};

const dialog = (documents: readonly string[], rest: Partial<MessageParts> = {}) =>
  message({ type: ekontakt, documents, ...rest });
const list = (...items: string[]) => message({ type: oversikt, documents: [services(...items)] });
const contact = (document: string, rest: Partial<MessageParts> = {}) =>
  message({ type: notifikasjon, documents: [document], ...rest });
const own = episode("17851360018", security("N"));
const receipt = (status: string, error = "", change = (xml: string) => xml): Uint8Array => {
  const side = (r: string, id: string) =>
    `<Role V="${r}"/><HCP><Inst><Name>A</Name><Id>${id}</Id><TypeId V="HER"/></Inst></HCP>`;
  return new TextEncoder().encode(
    change(
      `<AppRec xmlns="http://www.kith.no/xmlstds/apprec/2012-02-15"><MsgType V="APPREC"/><MIGversion>v1.1 2012-02-15</MIGversion><GenDate>2025-11-03T08:16:02Z</GenDate><Id>a</Id><Sender>${side("PRIM", "1")}</Sender><Receiver>${side("AVS", "2")}</Receiver><Status V="${status}"/>${error}<OriginalMsgId><MsgType V="${ekontakt}"/><IssueDate>2025-11-03T08:15:30Z</IssueDate><Id>b</Id></OriginalMsgId></AppRec>`,
    ),
  );
};
const e35 = `<Error V="E35" S="${oid}.8221"/>`;

/** One document that breaks each rule. */
const broken: Readonly<Record<MessageRuleId, Uint8Array | readonly [Uint8Array, ValidateMessageOptions]>> = {
  "profile/type-unknown": message({ type: "DIALOG_INNBYGGER_NOE", documents: [he] }),
  "profile/msg-id": dialog([he], { msgId: "1" }),
  "profile/priority": replaced(dialog([he]), "<Ack ", '<RequestedPriority V="Q"/><Ack '),
  "profile/ack": dialog([he], { ack: '<Ack V="F"/>' }),
  "profile/conversation-ref": dialog([answer("19", note)]),
  "profile/conversation-ref-form": dialog([he], {
    conversation:
      "<ConversationRef><RefToParent>a</RefToParent><RefToConversation>b</RefToConversation></ConversationRef>",
  }),
  "profile/conversation-ref-self": dialog([answer("19", note)], {
    conversation,
    msgId: "5f0c9c1e-6a0e-4b7d-9d0f-0a7c1e2b3d41",
  }),
  "profile/conversation-ref-unused": message({ type: oversikt, conversation, documents: [services()] }),
  "profile/her-id-levels": replaced(dialog([he]), /<Ident><Id>100002.*?<\/Ident>/, ""),
  "profile/her-id-receiver-enterprise": replaced(
    dialog([he]),
    `<Id>200001</Id><TypeId V="HER"`,
    `<Id>915933149</Id><TypeId V="ENH"`,
  ),
  "profile/her-id": dialog([he], { sender: party("1", "05073500186") }),
  "profile/her-id-list": replaced(dialog([he]), `V="HER" S="${oid}.9051"`, `V="HER" S="${oid}.8116"`),
  "profile/her-id-type": list(service("a").replace('V="HER"', 'V="ENH"')),
  "profile/her-id-same-party": dialog([he], { sender: party("3", "5"), receiver: party("4", "5") }),
  "profile/organisation-number": dialog([he], {
    sender: withIdent(`<Ident><Id>915933148</Id><TypeId V="ENH" S="${oid}.9051"/></Ident>`),
  }),
  "profile/hpr-number": dialog([he], {
    sender: withIdent(`<Ident><Id>0123</Id><TypeId V="HPR" S="${oid}.9051"/></Ident>`),
  }),
  "profile/patient": dialog([he], { patient: "" }),
  "profile/patient-identifier": dialog([he], { patient: patient("1234", "HPR") }),
  "profile/patient-identifier-list": replaced(dialog([he]), `V="FNR" S="${oid}.8116"`, `V="FNR" S="${oid}.9051"`),
  "profile/person-number": dialog([he], { patient: patient("80000000098") }),
  "profile/person-number-checksum": dialog([he], { patient: patient("13115700217") }),
  "profile/person-number-type": dialog([he], { patient: patient("41818010077") }),
  "profile/person-number-h": dialog([he], { patient: patient("15467520188") }),
  "profile/dialogmelding-first": dialog([relation(acting()), he]),
  "profile/one-payload": dialog([xmlDocument("")]),
  "profile/document-type": replaced(dialog([he]), 'MsgType V="XML"', 'MsgType V="PDF"'),
  "profile/file-reference": replaced(
    dialog([he, attachment("image/png", "")]),
    /<Content><Base64Container.*?<\/Content>/,
    "<FileReference>x</FileReference>",
  ),
  "profile/attachment-type": dialog([he, attachment("image/gif", "R0lG")]),
  "profile/attachment-content": replaced(
    dialog([he, attachment("image/png", "")]),
    /<Content><Base64Container.*?<\/Content>/,
    "",
  ),
  "profile/attachment-format": dialog([he, attachment("application/pdf", "R0lG")]),
  "profile/attachment-size": dialog([he, attachment("application/pdf", `JVBERi0x${"A".repeat(14_200_000)}`)]),
  "profile/attachment-description": replaced(
    dialog([he, attachment("image/png", "")]),
    "<Description>Vedlegg</Description>",
    "",
  ),
  "profile/attachment-date": replaced(
    dialog([he, attachment("image/png", "")]),
    /<IssueDate[^>]*>(?=<MsgType V="A")/,
    "",
  ),
  "profile/payload-missing": message({ type: oversikt, documents: [he] }),
  "profile/payload-unexpected": dialog([he, services()]),
  "profile/payload-repeated": dialog([he, relation(acting()), relation(acting())]),
  "profile/code-value": dialog([answer("19", note + role(author.replace('V="1"', 'V="77"')))], { conversation }),
  "profile/code-list": replaced(dialog([he]), `${oid}.7601`, `${oid}.7602`),
  "profile/dialog-part": replaced(dialog([he]), /<Foresporsel>.*<\/Foresporsel>/, "$&$&"),
  "profile/dialog-code": dialog([request("BA", "")]),
  "profile/dialog-direction": [dialog([he]), { helsenorge: ["200001"] }],
  "profile/dialog-author": dialog([answer("19", note + role(author.replace(/<GivenName>.*<\/GivenName>/, "")))], {
    conversation,
  }),
  "profile/helsepersonell-wanted": message({
    type: helsepersonell,
    documents: [request("SB", text + role(`<RoleToPatient V="6" S="${oid}.9034"/>`))],
  }),
  "profile/text-length": dialog([request("HE", `<EmneSporsmal>${"ø".repeat(51)}</EmneSporsmal>`)]),
  "profile/xhtml-module": dialog([
    request("HE", '<Sporsmal><img xmlns="http://www.w3.org/1999/xhtml" src="x" alt="y"/></Sporsmal>'),
  ]),
  "profile/relation-code": dialog([he, relation(acting(), "FO", "9033")]),
  "profile/relation-person": dialog([he, relation("")]),
  "profile/relation-self": dialog([he, relation(acting("17851360018"))]),
  "profile/tjenesteoversikt-namespace": replaced(
    list(service("a")),
    'xmlns="http://ehelse.no/xmlstds/tj',
    'xmlns="http://www.ehelse.no/xmlstds/tj',
  ),
  "profile/tjenesteoversikt-spelling": [
    list(service("a").replaceAll("TjenesteOmråde", "TjenesteOmrade")),
    { spelling: "both" },
  ],
  "profile/tjenesteoversikt-area": list(service("a", "2025-01-01", "2")),
  "profile/tjenesteoversikt-name": list(service("a").replace("Hjemmesykepleie", " ")),
  "profile/tjenesteoversikt-id": list(service("a"), service("a")),
  "profile/tjenesteoversikt-phone": list(
    service("a").replace("<FraDato>", '<TjenesteTlf><fk1:TeleAddress V="12345678"/></TjenesteTlf><FraDato>'),
  ),
  "profile/tjenesteoversikt-url": list(
    service("a").replace("<FraDato>", '<TjenesteURL><fk1:TeleAddress V="https://x.no"/></TjenesteURL><FraDato>'),
  ),
  "profile/tjenesteoversikt-early": list(service("a", "2025-11-04")),
  "profile/tjenesteoversikt-late": list(service("a").replace("<HERId>", "<TilDato>2025-11-02</TilDato><HERId>")),
  "profile/tjenesteoversikt-period": list(service("a").replace("<HERId>", "<TilDato>2025-08-31</TilDato><HERId>")),
  "profile/tjenesteoversikt-roles": list(service("a").replace("</HERId>", "</HERId><RelaterteRoller/>")),
  "profile/notifikasjon-patient": contact(episode("01818010083", security("N"))),
  "profile/notifikasjon-person-system": contact(own.replace('1.4.1"', '1.4.2"')),
  "profile/notifikasjon-organisation": contact(episode("17851360018", security("N"), "200003")),
  "profile/notifikasjon-her-id-system": contact(own.replace('12.4.1.2"', '12.4.1.1.9051"')),
  "profile/notifikasjon-id": contact(own.replace("6b3a1c7e-0f5d-4d0c-8a55-0e4f1e9d2b77", "kontakt-1")),
  "profile/notifikasjon-period": contact(own.replace('status value="active"', 'status value="finished"')),
  "profile/notifikasjon-meta-profile": contact(
    own.replace("<meta>", '<meta><profile value="http://helsenorge.no/fhir/StructureDefinition/x"/>'),
  ),
  "profile/youth-access": contact(episode("17851360018")),
  "profile/youth-access-code": contact(episode("17851360018", security("NORN_ALL"))),
  "profile/envelope-sender": [dialog([he]), { envelope: { fromHerId: 100_001 } }],
  "profile/envelope-receiver": [dialog([he]), { envelope: { toHerId: "200001" } }],
  "profile/envelope-function": [dialog([he]), { envelope: { messageFunction: oversikt } }],
  "profile/apprec-type": receipt("1", "", (x) => x.replace('"APPREC"', '"APPREK"')),
  "profile/apprec-version": receipt("1", "", (x) => x.replace("v1.1 2012", "1.1 2012")),
  "profile/apprec-role": receipt("1", "", (x) => x.replace('"AVS"', '"PRIM"')),
  "profile/apprec-status": receipt("4"),
  "profile/apprec-error-missing": receipt("2"),
  "profile/apprec-error-unexpected": receipt("1", e35),
  "profile/apprec-error-list": receipt("2", e35.replace("8221", "8222")),
  "profile/apprec-her-id": receipt("1", "", (x) => x.replace("<Id>1</Id>", "<Id>05073500186</Id>")),
  "profile/apprec-original": receipt("1", "", (x) => x.replace("<Id>b</Id>", "<Id/>")),
  "profile/ekontakt-emnesporsmal-missing": dialog([request("DI", "<Sporsmal>x</Sporsmal>")]),
  "profile/ekontakt-sporsmal-missing": dialog([request("EKI", "<EmneSporsmal>x</EmneSporsmal><Sporsmal> </Sporsmal>")]),
  "profile/ekontakt-tekst-missing": dialog([answer("19", "")], { conversation }),
  "profile/ekontakt-sitat-unused": dialog(
    [answer("22", `${note}<Foresporsel><TypeForesp V="DI" S="${oid}.7601"/></Foresporsel>`)],
    { conversation },
  ),
  "profile/ekontakt-roller-unused": dialog([request("DI", text + role(author))]),
  "profile/ekontakt-forfatter-unused": dialog([answer("22", note + role(author))], { conversation }),
  "profile/helsepersonell-emnesporsmal-missing": message({
    type: helsepersonell,
    documents: [request("SB", "<Sporsmal>x</Sporsmal>")],
  }),
  "profile/helsepersonell-sporsmal-missing": message({
    type: helsepersonell,
    documents: [request("SB", "<EmneSporsmal>x</EmneSporsmal>")],
  }),
};

describe("rules about messages", () => {
  it.each(Object.entries(broken))("finds what breaks %s, with its level and a place", (id, document) => {
    const [bytes, options] = document instanceof Uint8Array ? [document, {}] : document;
    const issue = validateMessage(bytes, options).issues.find((i) => i.rule === id);
    expect(issue).toBeDefined();
    expect(issue?.level).toBe(ruleLevels[id as MessageRuleId]);
    expect(issue?.line).toBeGreaterThan(0);
    expect(issue?.message).toMatch(/^expected .*, found /);
  });

  it.each<[string, Uint8Array, ValidateMessageOptions]>([
    [
      "the header's own envelope",
      dialog([he]),
      { envelope: { fromHerId: 100_002, toHerId: "200002", messageFunction: ekontakt } },
    ],
    ["a citizen's request from Helsenorge", dialog([he, relation(acting())]), { helsenorge: ["100001"] }],
    [
      "an answer that names its author",
      dialog([answer("19", note + role(author))], { conversation }),
      { helsenorge: ["200002"] },
    ],
    [
      "an author by role and HPR number",
      dialog(
        [
          answer(
            "19",
            note +
              role(
                `<RoleToPatient V="16" S="${oid}.9034"/><HealthcareProfessional><FamilyName>E</FamilyName><GivenName>O</GivenName><Ident><fk1:Id ${fk1}>9144889</fk1:Id><fk1:TypeId ${fk1} V="HPR" S="${oid}.8116"/></Ident></HealthcareProfessional>`,
              ),
          ),
        ],
        { conversation },
      ),
      {},
    ],
    [
      "a question to a clinician",
      message({
        type: helsepersonell,
        documents: [request("SB", text + role(`<RoleToPatient V="23" S="${oid}.9034"/>`))],
      }),
      {},
    ],
    ["a service that ends today", list(service("a").replace("<HERId>", "<TilDato>2025-11-03</TilDato><HERId>")), {}],
    [
      "an enterprise with an organisation number first",
      dialog([he], { sender: withIdent(`<Ident><Id>915933149</Id><TypeId V="ENH" S="${oid}.9051"/></Ident>`) }),
      {},
    ],
    ["a receipt that accepts", receipt("1"), {}],
    ["a receipt that rejects", receipt("2", e35), {}],
  ])("finds nothing in %s", (_, bytes, options) => {
    expect(validateMessage(bytes, options).issues).toEqual([]);
  });

  it.each([
    ["2025-05-16", false],
    ["2025-05-17", true],
    ["2029-05-16", true],
    ["2029-05-17", false],
  ])("wants an access code for one born on 17.5.2013 in a message of %s: %s", (day, wanted) => {
    const bytes = replaced(contact(episode("17851360018")), "2025-11-03T", `${day}T`);
    expect(validateMessage(bytes).issues.some((i) => i.rule === "profile/youth-access")).toBe(wanted);
  });
});

describe("field matrices", () => {
  const codeOf = (name: string, part: string): string =>
    functionRules[name]?.parts.find((p) => p.part === part)?.codes[0] as string;
  const content: Readonly<Record<string, string>> = {
    "Foresporsel/EmneSporsmal": "<EmneSporsmal>Emne</EmneSporsmal>",
    "Foresporsel/Sporsmal": "<Sporsmal>Tekst</Sporsmal>",
    "Notat/TekstNotatInnhold": note,
    "Notat/Foresporsel": `<Foresporsel><TypeForesp V="DI" S="${oid}.7601"/></Foresporsel>`,
    "Foresporsel/RollerRelatertNotat": role(author),
    "Notat/RollerRelatertNotat": role(author),
  };
  const cells = fieldMatrices.flatMap((m) =>
    m.rows
      .filter((r) => r.rules.some((id) => dataChecks.some((c) => c.rule === id && c.on === "Dialogmelding")))
      .flatMap((r) =>
        m.columns.map((column, i) => [m.function, r.field, column, r.cells[i] as string, r.rules] as const),
      ),
  );

  it.each(cells)("%s, %s in %s: %s", (name, field, column, cell, rules) => {
    const [element] = field.split("/");
    const part = functionRules[name]?.parts.find((p) => p.part === column);
    if (part?.element !== element) {
      // Not used, because the part has the other element.
      expect(cell).toBe("-");
      return;
    }
    const write = element === "Notat" ? answer : request;
    const found = (fields: readonly string[]) =>
      validateMessage(
        message({
          type: name,
          conversation: element === "Notat" ? conversation : "",
          documents: [write(codeOf(name, column), fields.map((f) => content[f]).join(""))],
        }),
      ).issues.some((i) => rules.includes(i.rule) && i.rule !== "profile/helsepersonell-wanted");
    const others = Object.keys(content).filter((f) => f.startsWith(`${element}/`) && f !== field);
    expect(found(others), "without it").toBe(cell === "M");
    expect(found([...others, field].sort(inSchemaOrder)), "with it").toBe(cell === "-");
  });
});

/** As the schema has the fields: text, then the quoted request, then roles. */
function inSchemaOrder(a: string, b: string): number {
  const order = ["EmneSporsmal", "Sporsmal", "TekstNotatInnhold", "Foresporsel", "RollerRelatertNotat"];
  const at = (f: string) => order.indexOf(f.slice(f.indexOf("/") + 1));
  return at(a) - at(b);
}
