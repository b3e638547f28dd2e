// Over 400 lines: the cases of one function.

import { describe, expect, it } from "vitest";
import { rules, types, validateXml } from "../xml.ts";
import type { ElementRuleRegistry, SimpleRule, TypeRule } from "./rules.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const mh = "http://www.kith.no/xmlstds/msghead/2006-05-24";
const fk1 = "http://www.kith.no/xmlstds/felleskomponent1";
const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
const check = (xml: string) => validateXml(bytes(xml), { registry: rules, types });
const found = (xml: string) => check(xml).issues.map((i) => `${i.rule} ${i.path} ${i.line}`);

const dialog = "http://www.kith.no/xmlstds/dialog/2013-01-23";
const box = "http://www.kith.no/xmlstds/base64container";
const apprec = (version: string) =>
  `<AppRec xmlns="http://www.kith.no/xmlstds/apprec/2012-02-15"><MsgType/>${version}<GenDate>2025-11-03T08:16:02Z</GenDate><Id/><Sender><HCP><Inst/></HCP></Sender><Receiver><HCP><Inst/></HCP></Receiver><Status/><OriginalMsgId><MsgType/><IssueDate>2025-11-03T08:16:02Z</IssueDate><Id/></OriginalMsgId></AppRec>`;
const head = (version: string) =>
  check(`<MsgInfo xmlns="${mh}"><Type/><MIGversion>${version}</MIGversion></MsgInfo>`).issues.map((i) => i.rule);
const other = (inner: string) =>
  found(`<OtherReceiver xmlns="${mh}" xmlns:f="${fk1}"><RoleReceiver/><Person>${inner}</Person></OtherReceiver>`);
const content = (inner: string) => found(`<RefDoc xmlns="${mh}"><MsgType/><Content>${inner}</Content></RefDoc>`);
const note = (attributes: string, inner: string) =>
  found(
    `<Notat xmlns="${dialog}" ${xsi} xmlns:x="http://www.w3.org/2001/XMLSchema"><TemaKodet/><TekstNotatInnhold ${attributes}>${inner}</TekstNotatInnhold></Notat>`,
  );

describe("validateXml() with the generated rules", () => {
  it("gives rule, path with index, line and a sentence", () => {
    const result = check(
      `<Organisation xmlns="${mh}"><OrganisationName>x</OrganisationName>\n<Ident><Id>1</Id>\n<TypeId S="1..2"/></Ident></Organisation>`,
    );
    expect(result).toEqual({
      valid: false,
      root: `{${mh}}Organisation`,
      issues: [
        {
          level: "error",
          rule: "xsd/pattern",
          path: "/Organisation/Ident[1]/TypeId/@S",
          line: 3,
          message: "expected text of the form that oid has, found other text",
        },
      ],
    });
  });

  it("goes on behind a fault and collects all", () => {
    const xml = `<Patient xmlns="${mh}">
<DateOfBirth>2025-2-3</DateOfBirth>
<FamilyName>x</FamilyName>
<Nope><Deep/></Nope>
<Sex X="1"/>
<Ident><Id>1</Id></Ident>
<Ident><TypeId/></Ident>
text</Patient>`;
    expect(found(xml)).toEqual([
      "xsd/type /Patient/DateOfBirth 2",
      "xsd/element-unexpected /Patient/FamilyName 3",
      "xsd/element-unexpected /Patient/Nope 4",
      "xsd/attribute-unexpected /Patient/Sex/@X 5",
      "xsd/element-missing /Patient/Ident[1] 6",
      "xsd/element-missing /Patient/Ident[2]/TypeId 7",
      "xsd/text-unexpected /Patient 1",
    ]);
  });

  it("knows no element or type by the names that every object has", () => {
    expect(found("<constructor/>")).toEqual(["xsd/root-unknown /constructor 1"]);
    expect(note("", '<__proto__ xmlns=""/>')).toEqual([]);
    const unknown = "xsd/type-unknown /Notat/TekstNotatInnhold/@xsi:type 1";
    expect(note('xsi:type="x:constructor"', "")).toEqual([unknown]);
    expect(note('xsi:type="x:toString"', "")).toEqual([unknown]);
  });

  it("takes an empty Organisation, but not half of one", () => {
    expect(found(`<Organisation xmlns="${mh}"/>`)).toEqual([]);
    expect(found(`<Organisation xmlns="${mh}"><OrganisationName/></Organisation>`)).toEqual([
      "xsd/element-missing /Organisation 1",
    ]);
  });

  it("uses fixed and default for an empty element only", () => {
    expect(found(apprec("<MIGversion/>"))).toEqual([]);
    expect(found(apprec("<MIGversion>other</MIGversion>"))).toEqual([]);
    expect(found(apprec(""))).toEqual(["xsd/element-missing /AppRec/GenDate 1"]);
    expect(head("")).toEqual(["xsd/element-missing"]);
    expect(head("v1.2 2006-05-24")).toEqual(["xsd/element-missing"]);
    expect(head("v1.3")).toEqual(["xsd/fixed", "xsd/element-missing"]);
  });

  it("takes OtherReceiver/Person in either namespace, all of it in one", () => {
    expect(other("<FamilyName/><Ident><Id/><TypeId/></Ident>")).toEqual([]);
    expect(other("<f:FamilyName/><f:Ident><f:Id/><f:TypeId/></f:Ident>")).toEqual([]);
    expect(other("<f:Nope/>")).toEqual(["xsd/element-unexpected /OtherReceiver/Person/Nope 1"]);
  });

  it("checks wildcards strictly", () => {
    expect(content(`<Base64Container xmlns="${box}">AA==</Base64Container>`)).toEqual([]);
    expect(content(`<Base64Container xmlns="${box}">A</Base64Container>`)).toEqual([
      "xsd/type /RefDoc/Content/Base64Container 1",
    ]);
    expect(content('<x xmlns="urn:x"/>')).toEqual(["xsd/element-unknown /RefDoc/Content/x 1"]);
    expect(content("text")).toEqual(["xsd/text-unexpected /RefDoc/Content 1"]);
  });

  it("takes anything in anyType, with xsi:type as given", () => {
    expect(note("", 'a<b xmlns="urn:b">c</b>')).toEqual([]);
    expect(note('xsi:type="x:string"', "a")).toEqual([]);
    expect(note('xsi:type="x:string"', "<b/>")).toEqual(["xsd/element-unexpected /Notat/TekstNotatInnhold/b 1"]);
    expect(note('xsi:type="x:date"', "a")).toEqual(["xsd/type /Notat/TekstNotatInnhold 1"]);
    expect(note('xsi:type="Nope"', "a")).toEqual(["xsd/type-unknown /Notat/TekstNotatInnhold/@xsi:type 1"]);
  });

  it("keeps unqualified children unqualified, and names the other namespace", () => {
    const result = check(`<Patient xmlns="${mh}"><Ident xmlns="${fk1}"/></Patient>`);
    expect(result.issues[0]?.message).toContain("the element in another namespace");
  });

  it("checks ID values across the document", () => {
    const ds = "http://www.w3.org/2000/09/xmldsig#";
    const xml = `<Object xmlns="${ds}" Id="a"><Object Id="a"/><Object Id="1"/></Object>`;
    expect(check(xml).issues.map((i) => i.rule)).toEqual(["xsd/id-duplicate", "xsd/type"]);
  });

  it("keeps at most as many issues as asked, with the same verdict", () => {
    const xml = `<Patient xmlns="${mh}">${"<Nope/>".repeat(50)}</Patient>`;
    const result = validateXml(bytes(xml), { registry: rules, maxIssues: 3 });
    expect(result.valid).toBe(false);
    expect(result.issues).toHaveLength(3);
  });
});

describe("validateXml() with rules made by hand", () => {
  const text: TypeRule = {
    name: "{urn:t}Text",
    attributes: [],
    content: { kind: "simple", type: () => ({ name: "{urn:t}Text", base: "string", whiteSpace: "preserve" }) },
  };
  const base: TypeRule = {
    name: "{urn:t}Base",
    abstract: true,
    attributes: [],
    content: { kind: "empty" },
    derived: () => ({ "{urn:t}More": () => more }),
  };
  const more: TypeRule = {
    name: "{urn:t}More",
    attributes: [
      { name: "n", required: true, fixed: "1", type: () => ({ name: "i", base: "integer", whiteSpace: "collapse" }) },
    ],
    content: {
      kind: "elements",
      model: { particles: [{ name: "{urn:t}a", type: () => text }], states: [{ final: true, next: [[0, 0]] }] },
    },
  };
  const box: TypeRule = {
    name: "{urn:t}Box",
    attributes: [],
    content: {
      kind: "elements",
      model: {
        particles: [{ namespaces: "##any", process: "lax" }],
        states: [{ final: true, next: [[0, 0]] }],
      },
    },
  };
  const registry: ElementRuleRegistry = {
    "{urn:t}e": { name: "{urn:t}e", type: () => base },
    "{urn:t}n": { name: "{urn:t}n", nillable: true, type: () => text },
    "{urn:t}m": { name: "{urn:t}m", type: () => more },
    "{urn:t}head": { name: "{urn:t}head", abstract: true, type: () => text },
    "{urn:t}box": { name: "{urn:t}box", type: () => box },
  };
  const at = (xml: string) => validateXml(bytes(xml), { registry }).issues.map((i) => `${i.rule} ${i.path}`);

  it("wants a derived type for an abstract one", () => {
    expect(at('<e xmlns="urn:t"/>')).toEqual(["xsd/abstract /e"]);
    expect(at(`<e xmlns="urn:t" ${xsi} xsi:type="More" n="01"><a/></e>`)).toEqual([]);
    expect(at(`<e xmlns="urn:t" ${xsi} xsi:type="More"/>`)).toEqual(["xsd/attribute-missing /e/@n"]);
    expect(at(`<e xmlns="urn:t" ${xsi} xsi:type="More" n="2"/>`)).toEqual(["xsd/fixed /e/@n"]);
  });

  it("refuses an abstract element as root, behind a wildcard and in free content", () => {
    expect(at('<head xmlns="urn:t"/>')).toEqual(["xsd/abstract /head"]);
    expect(at('<box xmlns="urn:t"><head/></box>')).toEqual(["xsd/abstract /box/head"]);
    expect(at('<box xmlns="urn:t"><x xmlns="urn:x"><head xmlns="urn:t"/></x></box>')).toEqual([
      "xsd/abstract /box/x/head",
    ]);
  });

  it("handles xsi:nil", () => {
    expect(at(`<n xmlns="urn:t" ${xsi} xsi:nil="true"/>`)).toEqual([]);
    expect(at(`<n xmlns="urn:t" ${xsi} xsi:nil="1">x</n>`)).toEqual(["xsd/nil /n"]);
    expect(at(`<m xmlns="urn:t" ${xsi} n="1" xsi:nil="true"/>`)).toEqual(["xsd/nil /m/@xsi:nil"]);
    const fixed: ElementRuleRegistry = {
      f: {
        name: "f",
        nillable: true,
        fixed: "5",
        type: () => ({ name: "T", attributes: [], content: { kind: "empty" } }),
      },
    };
    const rules = (nil: string) =>
      validateXml(bytes(`<f ${xsi} xsi:nil="${nil}"/>`), { registry: fixed }).issues.map((i) => `${i.rule} ${i.path}`);
    expect(rules("1")).toEqual(["xsd/nil /f/@xsi:nil"]);
    expect(rules("false")).toEqual([]);
    // Without a declaration, where anything is allowed, it says nothing.
    expect(at(`<box xmlns="urn:t" ${xsi}><x xmlns="urn:x" xsi:nil="yes">text</x></box>`)).toEqual([]);
  });

  it("checks keys, references to them, and what is unique", () => {
    const item: TypeRule = {
      name: "{urn:t}Item",
      attributes: ["k", "to"].map((name) => ({
        name,
        type: () => ({ name: "int", base: "int", whiteSpace: "collapse" as const }),
      })),
      content: { kind: "empty" },
    };
    const list: TypeRule = {
      name: "{urn:t}List",
      attributes: [],
      content: {
        kind: "elements",
        model: { particles: [{ name: "{urn:t}i", type: () => item }], states: [{ final: true, next: [[0, 0]] }] },
      },
    };
    const path = [{ steps: ["{urn:t}i"] }];
    const stated: ElementRuleRegistry = {
      "{urn:t}l": {
        name: "{urn:t}l",
        type: () => list,
        identity: [
          { kind: "key", name: "{urn:t}K", selector: path, fields: [[{ steps: [], attribute: "k" }]] },
          {
            kind: "keyref",
            name: "{urn:t}R",
            refer: "{urn:t}K",
            selector: path,
            fields: [[{ steps: [], attribute: "to" }]],
          },
        ],
      },
    };
    const keys = (items: string) =>
      validateXml(bytes(`<l xmlns="urn:t">${items}</l>`), { registry: stated }).issues.map(
        (i) => `${i.rule} ${i.path}`,
      );
    expect(keys('<i k="1"/><i k="2" to="01"/>')).toEqual([]);
    expect(keys('<i k="1"/><i/><i k="+1"/><i k="3" to="4"/>')).toEqual([
      "xsd/key-missing /l/i[2]",
      "xsd/key-duplicate /l/i[3]",
      "xsd/keyref /l/i[4]",
    ]);
  });

  it("compares the values of keys, not their texts, those of presets and of attributes behind a wildcard too", () => {
    const simple = (base: string) => () => ({ name: base, base, whiteSpace: "collapse" as const });
    const item: TypeRule = {
      name: "{urn:t}Item",
      attributes: [{ name: "preset", default: "2020-01-01Z", type: simple("date") }],
      anyAttribute: {
        namespaces: "##any",
        process: "lax",
        declared: [() => ({ "{urn:t}d": { name: "{urn:t}d", type: simple("duration") } })],
      },
      content: { kind: "simple", type: simple("QName") },
    };
    const stated = (attribute?: string): ElementRuleRegistry => ({
      "{urn:t}l": {
        name: "{urn:t}l",
        type: () => ({
          name: "{urn:t}List",
          attributes: [],
          content: {
            kind: "elements",
            model: { particles: [{ name: "{urn:t}i", type: () => item }], states: [{ final: true, next: [[0, 0]] }] },
          },
        }),
        identity: [
          {
            kind: "unique",
            name: "{urn:t}U",
            selector: [{ steps: ["{urn:t}i"] }],
            fields: [[attribute === undefined ? { steps: [] } : { steps: [], attribute }]],
          },
        ],
      },
    });
    const faults = (items: string, attribute?: string) =>
      validateXml(bytes(`<l xmlns="urn:t" xmlns:p="urn:t" xmlns:o="urn:o">${items}</l>`), {
        registry: stated(attribute),
      }).issues.map((i) => `${i.rule} ${i.path}`);
    const again = ["xsd/key-duplicate /l/i[2]"];
    expect(faults("<i>x</i><i>p:x</i>")).toEqual(again);
    expect(faults("<i>x</i><i>o:x</i>")).toEqual([]);
    expect(faults('<i preset="2020-01-01+00:00">x</i><i>y</i>', "preset")).toEqual(again);
    expect(faults('<i preset="2020-01-01">x</i><i>y</i>', "preset")).toEqual([]);
    expect(faults('<i p:d="P1Y">x</i><i p:d="P12M">y</i>', "{urn:t}d")).toEqual(again);
    expect(faults('<i p:d="P1Y">x</i><i p:d="P365D">y</i><i>z</i>', "{urn:t}d")).toEqual([]);
  });

  it("compares a fixed QName by its namespace and name", () => {
    const name = () => ({ name: "QName", base: "QName", whiteSpace: "collapse" as const });
    const type: TypeRule = {
      name: "{urn:t}T",
      attributes: [{ name: "a", fixed: "{urn:t}x", type: name }],
      content: { kind: "simple", type: name },
    };
    const registry = { "{urn:t}q": { name: "{urn:t}q", type: () => type, fixed: "{urn:t}x" } };
    const rules = (text: string) =>
      validateXml(bytes(`<q xmlns="urn:t" xmlns:p="urn:t" xmlns:o="urn:o" ${text}</q>`), { registry }).issues.map(
        (i) => `${i.rule} ${i.path}`,
      );
    for (const text of [">x", ">p:x", "> p:x ", ">", 'a="p:x">x', 'a="x">']) expect(rules(text)).toEqual([]);
    for (const text of [">o:x", ">p:y"]) expect(rules(text)).toEqual(["xsd/fixed /q"]);
    expect(rules('a="o:x">x')).toEqual(["xsd/fixed /q/@a"]);
  });

  it("takes no type for a built-in one that restricts mixed content to text", () => {
    const text = (name: string): TypeRule => ({
      name,
      attributes: [],
      content: { kind: "simple", type: () => ({ name: "int", base: "int", whiteSpace: "collapse" }) },
    });
    const [direct, restricted] = [text("{urn:t}Direct"), text("{urn:t}Restricted")];
    const mixed: TypeRule = {
      name: "{urn:t}Mixed",
      attributes: [],
      content: { kind: "elements", mixed: true, model: { particles: [], states: [{ final: true, next: [] }] } },
      derived: () => ({ "{urn:t}Restricted": () => restricted }),
    };
    const xs = "http://www.w3.org/2001/XMLSchema";
    const registry: ElementRuleRegistry = {
      n: { name: "n", type: () => ({ ...text(`{${xs}}int`), name: `{${xs}}int` }) },
      m: { name: "m", type: () => mixed },
    };
    const types = Object.fromEntries([direct, restricted, mixed].map((type) => [type.name, type]));
    const faults = (name: string, type: string) =>
      validateXml(bytes(`<${name} xmlns:t="urn:t" ${xsi} xsi:type="t:${type}">1</${name}>`), {
        registry,
        types,
      }).issues.map((i) => i.rule);
    expect(faults("n", "Direct")).toEqual([]);
    expect(faults("m", "Restricted")).toEqual([]);
    expect(faults("n", "Restricted")).toEqual(["xsd/type-unknown"]);
  });

  it("takes the members of a union, and what they are derived to, for the union itself", () => {
    const member: TypeRule = {
      name: "{urn:t}M",
      attributes: [],
      content: {
        kind: "simple",
        type: () => ({ name: "{urn:t}M", base: "int", whiteSpace: "collapse", maxInclusive: "9" }),
      },
    };
    const union = (more: object): ElementRuleRegistry => ({
      u: {
        name: "u",
        type: () => ({
          name: "{urn:t}U",
          attributes: [],
          content: {
            kind: "simple",
            type: () => ({
              name: "{urn:t}U",
              base: "anySimpleType",
              whiteSpace: "preserve",
              union: [
                () => ({ name: "{urn:t}M", base: "int", whiteSpace: "collapse" }),
                () => ({
                  name: "{http://www.w3.org/2001/XMLSchema}token",
                  base: "token",
                  whiteSpace: "collapse",
                }),
              ],
              ...more,
            }),
          },
        }),
      },
    });
    const faults = (type: string, text: string, more = {}) =>
      validateXml(
        bytes(
          `<u xmlns:t="urn:t" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="${type}">${text}</u>`,
        ),
        { registry: union(more), types: { "{urn:t}M": member } },
      ).issues.map((i) => i.rule);
    expect(faults("t:M", "9")).toEqual([]);
    expect(faults("t:M", "10")).toEqual(["xsd/range"]);
    expect(faults("xs:NCName", "a")).toEqual([]);
    expect(faults("xs:NCName", "1")).toEqual(["xsd/type"]);
    expect(faults("xs:date", "2020-01-01")).toEqual(["xsd/type-unknown"]);
    expect(faults("t:M", "9", { patterns: ["^(?:9)$"] })).toEqual(["xsd/type-unknown"]);
  });

  it("checks attributes behind a wildcard as it says", () => {
    const declared = [
      () => ({
        "{urn:t}n": {
          name: "{urn:t}n",
          type: () => ({ name: "int", base: "int", whiteSpace: "collapse" as const }),
        },
      }),
    ];
    const open = (process: "strict" | "lax" | "skip"): TypeRule => ({
      name: `{urn:t}${process}`,
      attributes: [],
      anyAttribute: { namespaces: "##any", process, declared },
      content: {
        kind: "elements",
        model: {
          particles: [{ namespaces: "##any", process: "lax", declared }],
          states: [{ final: true, next: [[0, 0]] }],
        },
      },
    });
    const any: TypeRule = { ...open("lax"), content: { kind: "any" } };
    const wild: ElementRuleRegistry = {
      strict: { name: "strict", type: () => open("strict") },
      lax: { name: "lax", type: () => open("lax") },
      skip: { name: "skip", type: () => open("skip") },
      any: { name: "any", type: () => any },
    };
    const issues = (xml: string) =>
      validateXml(bytes(xml.replace(">", ' xmlns:t="urn:t">')), { registry: wild }).issues.map(
        (i) => `${i.rule} ${i.path}`,
      );
    for (const name of Object.keys(wild)) expect(issues(`<${name} t:n="1"></${name}>`)).toEqual([]);
    expect(issues('<strict t:n="x" t:m="1" m="1"></strict>')).toEqual([
      "xsd/type /strict/@t:n",
      "xsd/attribute-unexpected /strict/@t:m",
      "xsd/attribute-unexpected /strict/@m",
    ]);
    expect(issues('<lax t:n="x" t:m="1" m="1"></lax>')).toEqual(["xsd/type /lax/@t:n"]);
    expect(issues('<skip t:n="x" m="1"></skip>')).toEqual([]);
    // An unknown element has any attributes, in as far as they are declared as such.
    expect(issues('<lax><x><y t:n="x" m=""/></x></lax>')).toEqual(["xsd/type /lax/x/y/@t:n"]);
    expect(issues('<any t:n="x"><y t:n="x"/></any>')).toEqual(["xsd/type /any/@t:n", "xsd/type /any/y/@t:n"]);
  });

  it("compares the text of mixed content with the fixed one", () => {
    const mixed: TypeRule = {
      name: "{urn:t}Mixed",
      attributes: [],
      content: {
        kind: "elements",
        mixed: true,
        model: { particles: [{ name: "a", type: () => text }], states: [{ final: true, next: [[0, 0]] }] },
      },
    };
    const one: ElementRuleRegistry = { m: { name: "m", fixed: "v", type: () => mixed } };
    const rulesOf = (xml: string) => validateXml(bytes(xml), { registry: one }).issues.map((i) => i.rule);
    for (const xml of ["<m/>", "<m>v</m>", "<m><!-- c -->v</m>"]) expect(rulesOf(xml)).toEqual([]);
    for (const xml of ["<m>w</m>", "<m> v</m>", "<m>v<a/></m>"]) expect(rulesOf(xml)).toEqual(["xsd/fixed"]);
  });

  it("reads names with the prefixes around them", () => {
    const name: SimpleRule = {
      name: "{urn:t}Q",
      base: "QName",
      whiteSpace: "collapse",
      enumeration: ["{urn:t}x", "y"],
    };
    const any: SimpleRule = { name: "{urn:t}A", base: "QName", whiteSpace: "collapse" };
    const names: SimpleRule = { name: "{urn:t}L", base: "anySimpleType", whiteSpace: "collapse", list: () => any };
    const holder = (simple: SimpleRule): TypeRule => ({
      name: "{urn:t}H",
      attributes: [{ name: "a", type: () => simple }],
      content: { kind: "simple", type: () => simple },
    });
    const named: ElementRuleRegistry = {
      q: { name: "q", type: () => holder(name) },
      l: { name: "l", type: () => holder(names) },
      "{urn:t}q": { name: "{urn:t}q", type: () => holder(name) },
    };
    const faults = (xml: string) =>
      validateXml(bytes(xml), { registry: named }).issues.map((i) => `${i.rule} ${i.path}`);
    expect(faults('<q xmlns:p="urn:t" a="y">p:x</q>')).toEqual([]);
    expect(faults('<q xmlns:p="urn:t" a=" p:x ">y</q>')).toEqual([]);
    expect(faults('<q xmlns="urn:t" a="x">x</q>')).toEqual([]);
    expect(faults('<q xmlns="urn:t" a="y">x</q>')).toEqual(["xsd/enumeration /q/@a"]);
    expect(faults('<q xmlns:p="urn:o">p:x</q>')).toEqual(["xsd/enumeration /q"]);
    expect(faults("<q>p:x</q>")).toEqual(["xsd/type /q"]);
    expect(faults('<l xmlns:p="urn:o" a="p:x xml:y z">p:x p:y</l>')).toEqual([]);
    expect(faults('<l xmlns:p="urn:o" a="p:x o:y">o:x</l>')).toEqual(["xsd/type /l/@a", "xsd/type /l"]);
  });

  it("counts positions only where an element may repeat", () => {
    expect(at('<m xmlns="urn:t" n="1"><a/><a><b/></a></m>')).toEqual(["xsd/element-unexpected /m/a[2]/b"]);
  });
});
