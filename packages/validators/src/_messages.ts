/** Parts of messages with synthetic persons, for tests. */
const mh = "http://www.kith.no/xmlstds/msghead/2006-05-24";
const oid = "2.16.578.1.12.4.1.1";

export interface MessageParts {
  readonly type: string;
  readonly msgId?: string;
  readonly ack?: string;
  readonly conversation?: string;
  readonly sender?: string;
  readonly receiver?: string;
  readonly patient?: string;
  readonly documents: readonly string[];
}

const organisation = (name: string, id: string, inner = ""): string =>
  `<Organisation><OrganisationName>${name}</OrganisationName><Ident><Id>${id}</Id><TypeId V="HER" S="${oid}.9051"/></Ident>${inner}</Organisation>`;

/** An organisation with two levels. */
export const party = (first: string, second: string): string =>
  organisation("Eksempel", first, organisation("Nord", second));

/** A patient with names and one identifier. */
export const patient = (id: string, type = "FNR"): string =>
  `<Patient><FamilyName>Syntetisk</FamilyName><GivenName>Signe</GivenName><Ident><Id>${id}</Id><TypeId V="${type}" S="${oid}.8116"/></Ident></Patient>`;

/** A reference to earlier messages. */
export const conversation =
  "<ConversationRef><RefToParent>5f0c9c1e-6a0e-4b7d-9d0f-0a7c1e2b3d41</RefToParent><RefToConversation>5f0c9c1e-6a0e-4b7d-9d0f-0a7c1e2b3d41</RefToConversation></ConversationRef>";

/** A Document with an XML payload. */
export const xmlDocument = (payload: string): string =>
  `<Document><RefDoc><MsgType V="XML"/><Content>${payload}</Content></RefDoc></Document>`;

/** A Document with an attachment. */
export const attachment = (mime: string, base64: string): string =>
  `<Document><RefDoc><IssueDate V="2025-11-03T08:15:30Z"/><MsgType V="A"/>${mime === "" ? "" : `<MimeType>${mime}</MimeType>`}<Description>Vedlegg</Description><Content><Base64Container xmlns="http://www.kith.no/xmlstds/base64container">${base64}</Base64Container></Content></RefDoc></Document>`;

/** A request in a Dialogmelding 1.1. */
export const request = (code: string, rest: string): string =>
  xmlDocument(
    `<Dialogmelding xmlns="http://www.kith.no/xmlstds/dialog/2013-01-23"><Foresporsel><TypeForesp V="${code}" S="${oid}.7601"/>${rest}</Foresporsel></Dialogmelding>`,
  );

/** An answer in a Dialogmelding 1.1. */
export const answer = (code: string, rest: string): string =>
  xmlDocument(
    `<Dialogmelding xmlns="http://www.kith.no/xmlstds/dialog/2013-01-23"><Notat><TemaKodet V="${code}" S="${oid}.7602"/>${rest}</Notat></Dialogmelding>`,
  );

/** A list of services. */
export const services = (...items: readonly string[]): string =>
  xmlDocument(
    `<TjenesteOversikt xmlns="http://ehelse.no/xmlstds/tjenesteoversikt" xmlns:fk1="http://www.kith.no/xmlstds/felleskomponent1">${items.join("")}</TjenesteOversikt>`,
  );

/** One service. */
export const service = (id: string, from = "2025-09-01", area = "1", herId = "200002"): string =>
  `<Tjeneste><TjenesteId>${id}</TjenesteId><TjenesteNavn>Hjemmesykepleie</TjenesteNavn><TjenesteOmråde>${area}</TjenesteOmråde><FraDato>${from}</FraDato><HERId><fk1:Id>${herId}</fk1:Id><fk1:TypeId V="HER" S="${oid}.9051"/></HERId></Tjeneste>`;

/** A health contact. */
export const episode = (id: string, security = "", managing = "100002"): string =>
  xmlDocument(
    `<EpisodeOfCare xmlns="http://hl7.org/fhir"><id value="6b3a1c7e-0f5d-4d0c-8a55-0e4f1e9d2b77"/>${security}<contained><CareTeam><id value="team-1"/><name value="Helsesykepleier, Nord skole"/><participant><role><text value="Helsesykepleier"/></role><member><display value="Helsesykepleier"/></member></participant></CareTeam></contained><status value="active"/><patient><identifier><system value="urn:oid:2.16.578.1.12.4.1.4.1"/><value value="${id}"/></identifier></patient><managingOrganization><identifier><system value="urn:oid:2.16.578.1.12.4.1.2"/><value value="${managing}"/></identifier></managingOrganization><period><start value="2025-11-20"/></period><team><reference value="#team-1"/></team></EpisodeOfCare>`,
  );

/** A whole message, one element of the head a line. */
export function message(parts: MessageParts): Uint8Array {
  const xml = [
    `<MsgHead xmlns="${mh}">`,
    "<MsgInfo>",
    `<Type V="${parts.type}"/>`,
    "<MIGversion>v1.2 2006-05-24</MIGversion>",
    "<GenDate>2025-11-03T08:15:30Z</GenDate>",
    `<MsgId>${parts.msgId ?? "5f0c9c1e-6a0e-4b7d-9d0f-0a7c1e2b3d42"}</MsgId>`,
    parts.ack ?? '<Ack V="J"/>',
    parts.conversation ?? "",
    `<Sender>${parts.sender ?? party("100001", "100002")}</Sender>`,
    `<Receiver>${parts.receiver ?? party("200001", "200002")}</Receiver>`,
    parts.patient ?? patient("17851360018"),
    "</MsgInfo>",
    ...parts.documents,
    "</MsgHead>",
  ];
  return new TextEncoder().encode(xml.join("\n"));
}
