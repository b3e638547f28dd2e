// Over 400 lines: one case of faults after the other, on the instances of one module.

import { HelsekontaktError } from "@helsekontakt/core";
import { FhirDecimal, fhirToXml } from "@helsekontakt/types/fhir";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changed, episode, member, members, offerings } from "./fhir/_instances.ts";
import { fhirProfiles, isFhir, validateFhir, validateFhirXml } from "./fhir.ts";

const base = "https://helsekontakt.dev/fhir/StructureDefinition/";

/** Rules and paths of the errors. */
function errors(resource: unknown, profile?: string): string[] {
  const { issues } = validateFhir(resource, profile === undefined ? {} : { profile: base + profile });
  return issues.filter((i) => i.level === "error").map((i) => `${i.rule} ${i.path}`);
}

describe("payloads as the references describe them", () => {
  it.each([
    [episode(), "hk-episode-of-care"],
    [offerings(), "hk-offerings-bundle"],
    [members(), "hk-members-bundle"],
    [member(), "hk-member"],
  ])("%# is valid", (resource, profile) => {
    expect(validateFhir(resource, { profile: base + profile }).issues).toEqual([]);
  });

  it("lists its profiles", () => {
    expect(fhirProfiles).toContain(`${base}hk-episode-of-care`);
  });

  it("refuses a profile that it does not know", () => {
    expect(() => validateFhir(episode(), { profile: "https://example.org/x" })).toThrow(HelsekontaktError);
  });

  it("reads an object from another realm of keys: no prototype, any order", () => {
    const reversed = Object.fromEntries(Object.entries(episode()).reverse());
    expect(errors(Object.assign(Object.create(null) as object, reversed), "hk-episode-of-care")).toEqual([]);
  });
});

describe("hostile input", () => {
  it("repeats no value in a path, not even as resource type", () => {
    for (const resource of [
      { resourceType: "Nordmann 01818010083" },
      { resourceType: "Patient", contact: [{ "01818010083": 1 }], gender: "Nordmann" },
    ]) {
      const text = JSON.stringify(validateFhir(resource, { profile: `${base}hk-member` }).issues);
      expect(text).not.toMatch(/Nordmann|01818010083/);
    }
  });
  it("repeats no name of a property that is none, where ids and extensions are looked for", () => {
    const extension = [{ url: `${base}x-inferred`, id: "a" }];
    const issues = errors({ resourceType: "Patient", extension, contact: [{ "Ola 01818010083": [{ extension }] }] });
    expect(issues).toContain("fhir/element-id Patient.contact[0].?[0].extension[0].id");
    expect(issues).toContain("fhir/extension-context Patient.contact[0].?[0].extension[0]");
    expect(issues.join()).not.toMatch(/Ola|01818010083/);
  });
  it.each([
    { identifier: 5 },
    { identifier: [null] },
    { identifier: [{ system: "urn:oid:2.16.578.1.12.4.1.4.101", value: "912345678" }], endpoint: [null] },
    { identifier: [{ system: "urn:oid:2.16.578.1.12.4.1.4.101", value: "912345678" }], endpoint: 3 },
  ])("judges a reference to an entry further on that has not its form: %j", (rest) => {
    const url = (type: string): string => `https://example.org/${type}/a`;
    const service = {
      meta: { profile: [`${base}hk-healthcare-service`] },
      identifier: [{ value: "1" }],
      name: "A",
      providedBy: { reference: "Organization/a" },
      endpoint: [{ identifier: { system: "urn:oid:2.16.578.1.12.4.1.2", value: "1" } }],
    };
    const bundle = {
      resourceType: "Bundle",
      type: "collection",
      entry: [
        { fullUrl: url("HealthcareService"), resource: { resourceType: "HealthcareService", id: "a", ...service } },
        { fullUrl: url("Organization"), resource: { resourceType: "Organization", id: "a", name: "A", ...rest } },
      ],
    };
    expect(isFhir(bundle)).toBe(false);
    expect(errors(bundle).join()).toContain("fhir/json-type Bundle.entry[1].resource");
  });
  it("knows no profile by a name that every object has", () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      expect(() => validateFhir(member(), { profile: name })).toThrow(HelsekontaktError);
      expect(errors({ ...member(), meta: { profile: [name] } })).toEqual([]);
    }
  });
  it("looks one level into codings only, however deep they stand", () => {
    let security: Record<string, unknown> = { system: "urn:oid:2.16.578.1.12.4.1.1.9603", code: "N" };
    for (let i = 0; i < 50_000; i++) security = { coding: [security], system: security["system"] };
    expect(errors({ ...episode(), meta: { security: [security] } }, "hk-episode-of-care")).not.toEqual([]);
  });
  it("takes thousands of contained resources and as many references", () => {
    const contained = Array.from({ length: 20_000 }, (_, i) => ({
      resourceType: "Organization",
      id: `o${i}`,
      name: "a",
    }));
    const generalPractitioner = contained.map((o) => ({ reference: `#${o.id}` }));
    expect(errors({ resourceType: "Patient", contained, generalPractitioner })).toEqual([]);
  });
});

function place(longitude: unknown): object {
  return { resourceType: "Location", position: { longitude, latitude: 1 } };
}

describe("ids of elements", () => {
  const patient = (rest: object): object => ({ resourceType: "Patient", ...rest });

  it.each<[string, object, string[]]>([
    [
      "each its own",
      patient({
        id: "a",
        name: [
          { id: "a", family: "A" },
          { id: "b", family: "B" },
        ],
      }),
      [],
    ],
    [
      "one twice",
      patient({
        name: [{ id: "a", family: "A" }],
        contact: [{ name: { family: "B" }, address: { id: "a", city: "C" } }],
      }),
      ["fhir/element-id Patient.contact[0].address.id"],
    ],
    [
      "one beside a primitive alone, and one beside another",
      patient({
        birthDate: "2000-01-01",
        _birthDate: { id: "a" },
        name: [{ given: ["A", "B"], _given: [null, { id: "a" }] }],
      }),
      ["fhir/element-id Patient.name[0]._given[1].id"],
    ],
    [
      "those of a contained resource apart from those around it",
      patient({
        name: [{ id: "a", family: "A" }],
        contained: [
          { resourceType: "Organization", id: "o", name: "B", telecom: [{ id: "a", system: "phone", value: "1" }] },
        ],
        managingOrganization: { id: "b", reference: "#o" },
      }),
      [],
    ],
    [
      "those of one entry apart from the next",
      {
        resourceType: "Bundle",
        type: "collection",
        entry: [1, 2].map((n) => ({
          fullUrl: `urn:uuid:1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a0${n}`,
          resource: patient({
            name: [
              { id: "a", family: "A" },
              { id: n === 2 ? "a" : "b", family: "B" },
            ],
          }),
        })),
      },
      ["fhir/element-id Bundle.entry[1].resource.name[1].id"],
    ],
  ])("%s", (_, resource, expected) => {
    expect(errors(resource)).toEqual(expected);
    expect(isFhir(resource)).toBe(expected.length === 0);
  });
});

describe("faults of the base types", () => {
  const e = episode();
  const m = member();
  const o = offerings();
  const organisationUrl = (o["entry"] as { fullUrl: string }[])[1]?.fullUrl;
  it.each<[string, Record<string, unknown>, string]>([
    ["required", changed(e, "patient", undefined), "fhir/required EpisodeOfCare.patient"],
    ["unknown property", changed(m, "fodselsdato", "1980-01-01"), "fhir/unknown-property Patient.fodselsdato"],
    ["array for one", changed(e, "status", ["active"]), "fhir/json-type EpisodeOfCare.status"],
    ["one for array", changed(m, "identifier", {}), "fhir/json-type Patient.identifier"],
    ["empty array", changed(m, "name", []), "fhir/empty-array Patient.name"],
    ["null", changed(m, "gender", null), "fhir/json-type Patient.gender"],
    ["empty object", changed(m, "contact.0.period", {}), "fhir/ele-1 Patient.contact[0].period"],
    ["boolean as text", changed(m, "active", "true"), "fhir/json-type Patient.active"],
    ["form of a date", changed(m, "birthDate", "1.2.1980"), "fhir/primitive Patient.birthDate"],
    ["day of the calendar", changed(m, "birthDate", "1990-02-30"), "fhir/calendar Patient.birthDate"],
    ["required binding", changed(m, "gender", "kvinne"), "fhir/binding Patient.gender"],
    ["choice", { ...m, deceasedBoolean: true, deceasedDateTime: "2020" }, "fhir/choice Patient.deceased[x]"],
    [
      "choice by extension",
      { ...m, deceasedBoolean: true, _deceasedDateTime: { extension: [{ url: "urn:x", valueCode: "a" }] } },
      "fhir/choice Patient.deceased[x]",
    ],
    ["invariant of a type", changed(m, "contact.0.period.start", "2030-01-01"), "fhir/per-1 Patient.contact[0].period"],
    [
      "invariant of a backbone element",
      changed(m, "contact.0", { relationship: [{ text: "x" }] }),
      "fhir/pat-1 Patient.contact[0]",
    ],
    ["contained never named", changed(e, "team", undefined), "fhir/dom-3 EpisodeOfCare.contained[0]"],
    ["reference into nothing", changed(e, "team.0.reference", "#team-2"), "fhir/ref-1 EpisodeOfCare.team[0].reference"],
    [
      "contained of the wrong type",
      changed(e, "patient", { reference: "#team-1" }),
      "fhir/reference-type EpisodeOfCare.patient.reference",
    ],
    [
      "literal reference of the wrong type",
      changed(e, "patient", { reference: "Organization/1" }),
      "fhir/reference-type EpisodeOfCare.patient.reference",
    ],
    [
      "type and reference disagree",
      changed(e, "patient", { reference: "https://x.no/fhir/Patient/1", type: "Group" }),
      "fhir/reference-type-mismatch EpisodeOfCare.patient.type",
    ],
    [
      "entry that is not there",
      changed(o, "entry.0.resource.providedBy.reference", "urn:uuid:00000000-0000-4000-8000-000000000000"),
      "fhir/reference-unresolved Bundle.entry[0].resource.providedBy.reference",
    ],
    [
      "entry of the wrong type",
      changed(o, "entry.0.resource.location.0.reference", organisationUrl),
      "fhir/reference-type Bundle.entry[0].resource.location[0].reference",
    ],
    [
      "contained resource without id, which nothing can name",
      changed(e, "contained.0.id", undefined),
      "fhir/required EpisodeOfCare.contained[0].id",
    ],
    [
      "id that no resource can have",
      changed(m, "managingOrganization", { reference: "Organization/a b" }),
      "fhir/relative-reference Patient.managingOrganization.reference",
    ],
    [
      "the same behind an address that is relative",
      changed(m, "managingOrganization", { reference: "fhir/Organization/a_b" }),
      "fhir/relative-reference Patient.managingOrganization.reference",
    ],
    [
      "no id at all",
      changed(m, "managingOrganization", { reference: "Organization/" }),
      "fhir/relative-reference Patient.managingOrganization.reference",
    ],
    [
      "id of 65 characters",
      changed(m, "managingOrganization", { reference: `Organization/${"a".repeat(65)}`, type: "Organization" }),
      "fhir/relative-reference Patient.managingOrganization.reference",
    ],
    [
      "version that is no id",
      changed(m, "managingOrganization", { reference: "Organization/1/_history/a,b" }),
      "fhir/relative-reference Patient.managingOrganization.reference",
    ],
    [
      "extension without absolute address",
      changed(m, "extension", [{ url: "abc", valueString: "a" }]),
      "fhir/extension-url Patient.extension[0].url",
    ],
    [
      "the same on the value inside an extension",
      changed(m, "extension", [
        { url: "urn:x", extension: [{ url: "a", _valueString: { extension: [{ url: "b", valueString: "a" }] } }] },
      ]),
      "fhir/extension-url Patient.extension[0].extension[0]._valueString.extension[0].url",
    ],
    [
      "the same on an extension with parts",
      changed(m, "modifierExtension", [{ url: "abc", extension: [{ url: "a", valueString: "a" }] }]),
      "fhir/extension-url Patient.modifierExtension[0].url",
    ],
    ["same fullUrl twice", changed(o, "entry.2.fullUrl", organisationUrl), "fhir/bdl-7 Bundle"],
    ["relative fullUrl", changed(o, "entry.2.fullUrl", "Location/1"), "fhir/full-url-absolute Bundle.entry[2].fullUrl"],
    [
      "local word as system",
      changed(m, "identifier.0.system", "HNR"),
      "fhir/absolute-system Patient.identifier[0].system",
    ],
    [
      "script in the narrative",
      changed(m, "text", {
        status: "generated",
        div: '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>',
      }),
      "fhir/txt-1 Patient.text.div",
    ],
    [
      "handler in the narrative",
      changed(m, "text", {
        status: "generated",
        div: '<div xmlns="http://www.w3.org/1999/xhtml"><p onclick="x">a</p></div>',
      }),
      "fhir/txt-1 Patient.text.div",
    ],
    [
      "empty narrative",
      changed(m, "text", { status: "generated", div: '<div xmlns="http://www.w3.org/1999/xhtml"> </div>' }),
      "fhir/txt-2 Patient.text.div",
    ],
    [
      "siblings longer than values",
      changed(m, "name", [{ given: ["A"], _given: [null, { id: "x" }] }]),
      "fhir/json-type Patient.name[0]._given",
    ],
    ["null without extension", changed(m, "name", [{ given: ["A", null] }]), "fhir/json-type Patient.name[0].given[1]"],
    [
      "no resourceType inside",
      changed(o, "entry.2.resource", { id: "x" }),
      "fhir/resource-type Bundle.entry[2].resource",
    ],
    [
      "two values of an extension",
      changed(m, "extension", [{ url: "urn:x", valueString: "a", valueCode: "a" }]),
      "fhir/choice Patient.extension[0].value[x]",
    ],
    [
      "value and extensions",
      changed(m, "extension", [{ url: "urn:x", valueString: "a", extension: [{ url: "b", valueCode: "c" }] }]),
      "fhir/ext-1 Patient.extension[0]",
    ],
    [
      "relative reference without type",
      changed(e, "patient", { reference: "17" }),
      "fhir/relative-reference EpisodeOfCare.patient.reference",
    ],
    [
      "form of a media type",
      changed(m, "photo", [{ contentType: "pdf" }]),
      "fhir/primitive Patient.photo[0].contentType",
    ],
    [
      "contained id twice",
      changed(e, "contained", [(e["contained"] as object[])[0], (e["contained"] as object[])[0]]),
      "fhir/duplicate-id EpisodeOfCare.contained[1].id",
    ],
    [
      "home address of an organisation",
      changed(o, "entry.1.resource.address", [{ use: "home", city: "Oslo" }]),
      "fhir/org-2 Bundle.entry[1].resource.address[0]",
    ],
  ])("%s", (_, resource, expected) => {
    expect(errors(resource)).toContain(expected);
  });

  it("takes ids of 64 characters, versions and searches in relative references", () => {
    for (const reference of [
      `Organization/${"a".repeat(64)}`,
      "Organization/A-1.b/_history/2",
      "Organization?name=a b",
    ])
      expect(errors(changed(member(), "managingOrganization", { reference }))).toEqual([]);
    // R4 lets an absolute reference be any address, of a server that is no FHIR server as well.
    expect(errors(changed(member(), "managingOrganization", { reference: "http://x.no/Organization/a_b" }))).toEqual(
      [],
    );
  });

  it("warns about a fullUrl that is no UUID or OID though it says so", () => {
    // R4 gives fullUrl the type uri, which has no form of its own: what `urn:uuid:` asks for stands in RFC 4122.
    for (const url of ["urn:uuid:1111", "urn:oid:x", "urn:uuid:"])
      expect(validateFhir(changed(offerings(), "entry.0.fullUrl", url)).issues).toMatchObject([
        { level: "warning", rule: "fhir/full-url-urn", path: "Bundle.entry[0].fullUrl" },
      ]);
    for (const url of ["urn:uuid:1A8F7A3E-8F4E-4E0A-8C0E-3F1D7E0B9A01", "urn:oid:1.2.3", "urn:x"])
      expect(validateFhir(changed(offerings(), "entry.0.fullUrl", url)).issues).toEqual([]);
  });

  it("takes null padding, extensions without value and ids beside values", () => {
    const resource = changed(member(), "name", [
      { given: ["A", null], _given: [{ id: "x" }, { extension: [{ url: "urn:x", valueCode: "unknown" }] }] },
    ]);
    expect(errors({ ...resource, _birthDate: { extension: [{ url: "urn:x", valueCode: "unknown" }] } })).toEqual([]);
  });

  it("takes decimals as numbers and as kept digits, and nothing else", () => {
    expect(errors(place(new FhirDecimal("10.740")))).toEqual([]);
    expect(errors(place("10.74"))).toEqual(["fhir/json-type Location.position.longitude"]);
    expect(errors(place(new FhirDecimal("ten")))).toEqual(["fhir/primitive Location.position.longitude"]);
  });

  it("warns about a type that it cannot check, and knows none beyond R4", () => {
    const other = {
      resourceType: "Bundle",
      type: "collection",
      entry: [{ resource: { resourceType: "Observation" } }],
    };
    expect(validateFhir(other)).toMatchObject({
      valid: true,
      issues: [{ level: "warning", rule: "fhir/not-checked" }],
    });
    expect(errors({ resourceType: "toString" })).toEqual(["fhir/resource-type Resource"]);
  });

  it("takes any text of an unknown resource that begins with # as a reference, however deep", () => {
    let note: unknown = "#team-1";
    for (let i = 0; i < 20_000; i++) note = [note];
    const { team: _, contained, ...rest } = episode();
    const other = { resourceType: "Observation", id: "o", subject: { reference: "#" }, note };
    expect(errors({ ...rest, contained: [...(contained as object[]), other] })).toEqual([]);
  });

  it("ends in a finding on a document of too many levels", () => {
    let extension: Record<string, unknown> = { url: "urn:x", valueCode: "a" };
    for (let i = 0; i < 5000; i++) extension = { url: "urn:x", extension: [extension] };
    expect(errors({ ...member(), extension: [extension] })[0]).toContain("fhir/too-deep");
  });

  it("never throws and never repeats a value, whatever it is given", () => {
    const marker = "marker-17851360018";
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom("identifier", "contact", "name", "text", "contained", "meta", marker),
        (v, key) => {
          const text = JSON.stringify(
            validateFhir({ ...member(), [key]: [v, marker] }, { profile: `${base}hk-member` }),
          );
          expect(text).not.toContain(marker);
        },
      ),
    );
  });
});

describe("resources in XML", () => {
  it("are validated as those in JSON, with what XML alone can get wrong", () => {
    const tree = fhirToXml(changed(episode(), "status", "ongoing"));
    const text = { ...tree, content: ["x", ...tree.content] };
    expect(validateFhirXml(fhirToXml(episode()), { profile: `${base}hk-episode-of-care` }).issues).toEqual([]);
    expect(validateFhirXml(text).issues.map((i) => `${i.rule} ${i.path}`)).toEqual([
      "fhir/xml-text EpisodeOfCare",
      "fhir/binding EpisodeOfCare.status",
    ]);
  });
});

describe("faults of the profiles", () => {
  it.each<[string, string, string, unknown, string]>([
    ["no id", "hk-episode-of-care", "id", undefined, "fhir/required EpisodeOfCare.id"],
    [
      "no team name",
      "hk-episode-of-care",
      "contained.0.name",
      undefined,
      "fhir/required EpisodeOfCare.contained[0].name",
    ],
    [
      "person number as HER-id",
      "hk-episode-of-care",
      "managingOrganization.identifier.value",
      "17851360018",
      "fhir/hk-her-id EpisodeOfCare.managingOrganization.identifier",
    ],
    [
      "organisation under another system",
      "hk-episode-of-care",
      "managingOrganization.identifier.system",
      "urn:oid:1.2",
      "fhir/fixed EpisodeOfCare.managingOrganization.identifier.system",
    ],
    [
      "patient by reference only",
      "hk-episode-of-care",
      "patient",
      { reference: "Patient/1" },
      "fhir/required EpisodeOfCare.patient.identifier",
    ],
    [
      "restriction without code",
      "hk-episode-of-care",
      "meta.security.0.code",
      undefined,
      "fhir/required EpisodeOfCare.meta.security[0].code",
    ],
    ["no team", "hk-episode-of-care", "contained", undefined, "fhir/slice EpisodeOfCare.contained"],
    ["no organisation entry", "hk-offerings-bundle", "entry.1.resource", undefined, "fhir/slice Bundle.entry"],
    [
      "organisation number with blanks",
      "hk-offerings-bundle",
      "entry.1.resource.identifier.0.value",
      "999 999 999",
      "fhir/hk-organisation-number Bundle.entry[1].resource.identifier[0]",
    ],
    [
      "open end of membership",
      "hk-member",
      "contact.0.period.end",
      undefined,
      "fhir/required Patient.contact[0].period.end",
    ],
    ["another kind of number", "hk-member", "identifier.0.system", "urn:oid:1.2", "fhir/hk-member-number Patient"],
  ])("%s", (_, profile, at, value, expected) => {
    const resource = { "hk-episode-of-care": episode(), "hk-offerings-bundle": offerings(), "hk-member": member() }[
      profile
    ];
    expect(errors(changed(resource as Record<string, unknown>, at, value), profile)).toContain(expected);
  });

  it("warns about a code of 9603 that Helsenorge does not use, keeps other systems", () => {
    const other = changed(episode(), "meta.security", [
      { system: "urn:oid:2.16.578.1.12.4.1.1.9603", code: "XYZ" },
      { system: "urn:oid:2.16.578.1.12.4.1.1.7618", code: "1" },
    ]);
    expect(validateFhir(other, { profile: `${base}hk-episode-of-care` })).toMatchObject({
      valid: true,
      issues: [{ level: "warning", rule: "fhir/binding", path: "EpisodeOfCare.meta.security[0].code" }],
    });
  });

  it("runs a profile that the resource declares, once", () => {
    const declared = changed({ ...episode(), meta: { profile: [`${base}hk-episode-of-care|0.1.0`] } }, "id", undefined);
    expect(errors(declared)).toEqual(["fhir/required EpisodeOfCare.id"]);
    expect(errors(declared, "hk-episode-of-care")).toEqual(["fhir/required EpisodeOfCare.id"]);
  });

  it("warns that a declared profile which it does not have was not checked, and takes the base types' own", () => {
    const declared = (...profile: unknown[]): unknown => ({ ...member(), meta: { profile } });
    const other = "http://hl7.no/fhir/StructureDefinition/no-basis-Patient";
    expect(validateFhir(declared(`${base}hk-member`, other, `${other}|2`, other))).toMatchObject({
      valid: true,
      issues: [
        { level: "warning", rule: "fhir/not-checked", path: "Patient.meta.profile[1]" },
        { level: "warning", rule: "fhir/not-checked", path: "Patient.meta.profile[2]" },
      ],
    });
    expect(isFhir(declared(other))).toBe(true);
    expect(isFhir(declared(other), { profile: `${base}hk-member` })).toBe(true);
    expect(isFhir({ ...(declared(other) as object), gender: "x" })).toBe(false);
    const r4 = "http://hl7.org/fhir/StructureDefinition/";
    expect(validateFhir(declared(`${r4}Patient`, `${r4}Patient|4.0.1`, `${r4}DomainResource`)).issues).toEqual([]);
    expect(validateFhir(declared(`${r4}Organization`)).issues).toMatchObject([{ rule: "fhir/not-checked" }]);
  });

  it("finds an error behind more warnings than it lists", () => {
    const entry: unknown[] = Array.from({ length: 1200 }, () => ({
      resource: { ...member(), meta: { profile: ["urn:x"] } },
    }));
    const bundle = { resourceType: "Bundle", type: "collection", entry };
    expect(validateFhir(bundle).issues).toHaveLength(1000);
    entry.push({ resource: { ...member(), gender: "x" } });
    expect(validateFhir(bundle).valid).toBe(false);
    expect(isFhir(bundle)).toBe(false);
  });

  it("says when the profile is for another type", () => {
    expect(errors(member(), "hk-episode-of-care")).toEqual(["fhir/profile-type Patient"]);
  });
});
