import { describe, expect, it } from "vitest";
import * as base64container from "../base64container.ts";
import * as dialogmelding from "../dialogmelding.ts";
import * as msghead from "../msghead.ts";
import * as pasientrelasjon from "../pasientrelasjon.ts";
import * as tjenesteoversikt from "../tjenesteoversikt.ts";
import { canonicalInfoset, decodeXml, encodeXml, parseXml } from "./index.ts";

const registry = {
  ...msghead.elements,
  ...dialogmelding.elements,
  ...pasientrelasjon.elements,
  ...tjenesteoversikt.elements,
  ...base64container.elements,
};
const mh = "http://www.kith.no/xmlstds/msghead/2006-05-24";
const fk1 = "http://www.kith.no/xmlstds/felleskomponent1";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Decodes and encodes a payload inside a RefDoc; the text behind the declaration. */
function roundTrip(payload: string): string {
  const input = bytes(`<RefDoc xmlns="${mh}"><MsgType V="XML"/><Content>${payload}</Content></RefDoc>`);
  const { name, value } = decodeXml(input, { registry });
  const output = encodeXml(name, value, { registry, declaration: false });
  expect(canonicalInfoset(parseXml(output))).toBe(canonicalInfoset(parseXml(input)));
  return new TextDecoder().decode(output);
}

describe("the codec with the generated tables", () => {
  it("declares a payload's namespaces on its root, as the published examples do", () => {
    const payload = `<Pasientrelasjon xmlns="http://www.kith.no/xmlstds/pasientrelasjon/2014-03-28" xmlns:fk1="${fk1}"><Person><fk1:FamilyName>Syntetisk</fk1:FamilyName><fk1:Ident><fk1:Id>01818010083</fk1:Id><fk1:TypeId V="FNR" S="2.16.578.1.12.4.1.1.8116"/></fk1:Ident></Person><Relasjon V="FO"/></Pasientrelasjon>`;
    expect(roundTrip(payload)).toContain(payload);
  });

  it("keeps text, XHTML and xsi:type of anyType", () => {
    const dialog = "http://www.kith.no/xmlstds/dialog/2013-01-23";
    const note = (inner: string) =>
      `<Dialogmelding xmlns="${dialog}"><Notat><TemaKodet V="19"/>${inner}</Notat></Dialogmelding>`;
    roundTrip(note("<TekstNotatInnhold> med <![CDATA[<tegn>]]> </TekstNotatInnhold>"));
    roundTrip(
      note('<TekstNotatInnhold><div xmlns="http://www.w3.org/1999/xhtml"><p>a<br/>b</p></div></TekstNotatInnhold>'),
    );
    const typed = roundTrip(
      note(
        '<TekstNotatInnhold xmlns:q="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="q:string">a</TekstNotatInnhold>',
      ),
    );
    expect(typed).toContain('xsi:type="xs:string"');
    expect(typed).toContain('xmlns:xs="http://www.w3.org/2001/XMLSchema"');
  });

  it.each(["TjenesteOmråde", "TjenesteOmrade"])("keeps the spelling %s in each namespace", (name) => {
    for (const authority of ["ehelse.no", "www.ehelse.no", "www.helsedirektoratet.no"]) {
      const ns = `http://${authority}/xmlstds/tjenesteoversikt`;
      roundTrip(
        `<TjenesteOversikt xmlns="${ns}" xmlns:fk1="${fk1}"><Tjeneste><TjenesteId>1</TjenesteId><TjenesteNavn>x</TjenesteNavn><${name}>1</${name}><FraDato>2025-09-01</FraDato><HERId><fk1:Id>200002</fk1:Id><fk1:TypeId V="HER"/></HERId></Tjeneste></TjenesteOversikt>`,
      );
    }
  });

  it("keeps OtherReceiver/Person in the namespace it came in", () => {
    const other = (prefix: string) => {
      const input = bytes(
        `<OtherReceiver xmlns="${mh}" xmlns:f="${fk1}"><RoleReceiver V="1"/><Person><${prefix}FamilyName>x</${prefix}FamilyName><${prefix}Ident><${prefix}Id>1</${prefix}Id><${prefix}TypeId V="FNR"/></${prefix}Ident></Person></OtherReceiver>`,
      );
      const { name, value } = decodeXml(input, { registry });
      const output = encodeXml(name, value, { registry });
      expect(canonicalInfoset(parseXml(output))).toBe(canonicalInfoset(parseXml(input)));
      return value;
    };
    expect(other("f:")).toMatchObject({ Person: { $ns: fk1, FamilyName: "x" } });
    expect(other("")).toEqual({
      RoleReceiver: { $V: "1" },
      Person: { FamilyName: "x", Ident: [{ Id: "1", TypeId: { $V: "FNR" } }] },
    });
  });

  it("accepts in tolerant mode the orders that real messages have", () => {
    const xml = bytes(
      `<ConversationRef xmlns="${mh}"><RefToConversation>b</RefToConversation><RefToParent>a</RefToParent></ConversationRef>`,
    );
    const result = decodeXml(xml, { registry, mode: "tolerant" });
    expect(result.value).toEqual({ RefToConversation: "b", RefToParent: "a" });
    expect(result.tolerated).toHaveLength(1);
    expect(() => decodeXml(xml, { registry })).toThrow(/schema order at \/ConversationRef\/RefToParent/);
  });
});
