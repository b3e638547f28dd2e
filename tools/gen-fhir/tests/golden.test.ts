import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { generate } from "../src/generate.ts";
import { base, element, profile, withSpecs } from "./_specs.ts";

const cases: Record<string, readonly object[]> = {
  cardinality: [
    profile("cards", "Patient", [
      element("Patient.name", { min: 1, max: "2" }),
      element("Patient.name.family", { min: 1 }),
      element("Patient.photo", { max: "0" }),
    ]),
  ],
  "fixed and pattern": [
    profile("values", "Patient", [
      element("Patient.gender", { fixedCode: "female" }),
      element("Patient.maritalStatus", { patternCodeableConcept: { coding: [{ system: "urn:x", code: "M" }] } }),
    ]),
  ],
  choice: [profile("choice", "Patient", [element("Patient.deceased[x]", { min: 1, type: [{ code: "dateTime" }] })])],
  "slices by value, closed": [
    profile("slices", "Organization", [
      element("Organization.identifier", {
        slicing: { discriminator: [{ type: "value", path: "system" }], rules: "closed" },
      }),
      element("Organization.identifier:number", { min: 1, max: "1" }),
      element("Organization.identifier:number.system", { min: 1, fixedUri: "urn:oid:1.2.3" }),
      element("Organization.identifier:other", { max: "1" }),
      element("Organization.identifier:other.system", { min: 1, fixedUri: "urn:oid:1.2.4" }),
    ]),
  ],
  "slices by pattern and by presence": [
    profile("pattern", "Organization", [
      element("Organization.type", { slicing: { discriminator: [{ type: "pattern", path: "$this" }], rules: "open" } }),
      element("Organization.type:kind", { max: "1", patternCodeableConcept: { coding: [{ system: "urn:k" }] } }),
      element("Organization.contact", {
        slicing: { discriminator: [{ type: "exists", path: "purpose" }], rules: "open" },
      }),
      element("Organization.contact:bare", { max: "1" }),
      element("Organization.contact:bare.purpose", { max: "0" }),
    ]),
  ],
  "slices by type with profile": [
    profile("inner", "CareTeam", [element("CareTeam.name", { min: 1 })]),
    profile("outer", "EpisodeOfCare", [
      element("EpisodeOfCare.contained", {
        slicing: { discriminator: [{ type: "type", path: "$this" }], rules: "open" },
      }),
      element("EpisodeOfCare.contained:team", { min: 1, type: [{ code: "CareTeam", profile: [`${base}inner`] }] }),
    ]),
  ],
  "extension slice by address": [
    {
      ...profile("note", "Extension", [
        element("Extension.url", { fixedUri: `${base}note` }),
        element("Extension.value[x]", { min: 1, type: [{ code: "string" }] }),
      ]),
      kind: "complex-type",
    },
    profile("noted", "Patient", [
      element("Patient.extension", { slicing: { discriminator: [{ type: "value", path: "url" }], rules: "open" } }),
      element("Patient.extension:note", { max: "1", type: [{ code: "Extension", profile: [`${base}note`] }] }),
    ]),
  ],
  "bindings of each coded type": [
    {
      resourceType: "ValueSet",
      url: "https://example.org/fhir/ValueSet/two",
      compose: { include: [{ system: "urn:s", concept: [{ code: "a" }, { code: "b" }] }] },
    },
    profile("bound", "Patient", [
      element("Patient.maritalStatus", {
        binding: { strength: "required", valueSet: "https://example.org/fhir/ValueSet/two" },
      }),
      element("Patient.meta.security", {
        binding: { strength: "extensible", valueSet: "https://example.org/fhir/ValueSet/two" },
      }),
    ]),
  ],
  "reference targets": [
    profile("org", "Organization", []),
    profile("refs", "Patient", [
      element("Patient.generalPractitioner", { type: [{ code: "Reference", targetProfile: [`${base}org`] }] }),
    ]),
  ],
  invariants: [
    profile("rules", "Patient", [
      element("Patient.contact", {
        constraint: [
          {
            key: "x-1",
            severity: "warning",
            human: "Mothers have a phone",
            expression: "relationship.coding.exists(code = 'MTH') implies telecom.where(system = 'phone').exists()",
          },
        ],
      }),
    ]),
  ],
  "ordered slices, open at the end": [
    profile("ordered", "Patient", [
      element("Patient.identifier", {
        slicing: { discriminator: [{ type: "value", path: "system" }], rules: "openAtEnd", ordered: true },
      }),
      element("Patient.identifier:a", { max: "1" }),
      element("Patient.identifier:a.system", { min: 1, fixedUri: "urn:a" }),
      element("Patient.identifier:b"),
      element("Patient.identifier:b.system", { min: 1, fixedUri: "urn:b" }),
    ]),
  ],
  "slices of a choice by type": [
    profile("choiceSlices", "Patient", [
      element("Patient.deceased[x]", {
        slicing: { discriminator: [{ type: "type", path: "$this" }], rules: "closed" },
      }),
      element("Patient.deceased[x]:deceasedDateTime", { min: 1, type: [{ code: "dateTime" }] }),
    ]),
  ],
  "slices told by profile and by target": [
    profile("inner", "HumanName", [element("HumanName.family", { min: 1 })]),
    profile("byProfile", "Patient", [
      element("Patient.name", { slicing: { discriminator: [{ type: "profile", path: "$this" }], rules: "open" } }),
      element("Patient.name:full", { max: "1", type: [{ code: "HumanName", profile: [`${base}inner`] }] }),
      element("Patient.generalPractitioner", {
        slicing: { discriminator: [{ type: "type", path: "resolve()" }], rules: "open" },
      }),
      element("Patient.generalPractitioner:clinic", {
        max: "1",
        type: [{ code: "Reference", targetProfile: ["http://hl7.org/fhir/StructureDefinition/Organization"] }],
      }),
    ]),
  ],
  "slices that nothing tells apart": [
    profile("blurred", "Endpoint", [
      element("Endpoint.payloadType", {
        slicing: { discriminator: [{ type: "value", path: "coding.system" }], rules: "open" },
      }),
      element("Endpoint.payloadType:one", { max: "1" }),
    ]),
  ],
  "aggregation, length and limits": [
    profile("bounds", "Patient", [
      element("Patient.birthDate", { minValueDate: "1900-01-01" }),
      element("Patient.language", { maxLength: 5 }),
      element("Patient.managingOrganization", {
        type: [
          {
            code: "Reference",
            targetProfile: ["http://hl7.org/fhir/StructureDefinition/Organization"],
            aggregation: ["contained", "bundled"],
          },
        ],
      }),
    ]),
  ],
  "extension of an extension": [
    profile("outer", "Extension", [
      element("Extension.extension:code", { min: 1, max: "1" }),
      element("Extension.extension:code.url", { fixedUri: "code" }),
      element("Extension.extension:code.value[x]", { min: 1, type: [{ code: "code" }] }),
      element("Extension.url", { fixedUri: `${base}outer` }),
      element("Extension.value[x]", { max: "0" }),
    ]),
    profile("extended", "Patient", [
      element("Patient.extension:outer", { min: 1, type: [{ code: "Extension", profile: [`${base}outer`] }] }),
      element("Patient.extension:outer.extension:code.value[x]", { fixedCode: "no" }),
    ]),
  ],
  "snapshot without differential": [
    {
      ...(profile("snap", "Patient", []) as Record<string, unknown>),
      differential: undefined,
      snapshot: {
        element: [
          { id: "Patient", path: "Patient", min: 0, max: "*" },
          { id: "Patient.active", path: "Patient.active", min: 1, max: "1" },
        ],
      },
    },
  ],
  "type outside the usual closure": [profile("done", "Procedure", [element("Procedure.code", { min: 1 })])],
  "profile of a profile": [
    profile("child", "Patient", [element("Patient.birthDate", { min: 1 })], `${base}parent`),
    profile("parent", "Patient", [element("Patient.name", { min: 1 })]),
  ],
};

describe("golden output of each construct", () => {
  for (const [name, definitions] of Object.entries(cases))
    for (const target of ["types", "validators", "validators-fast"])
      it(`${name}, ${target}`, async () => {
        const [kind = "", part] = target.split("-");
        const files = withSpecs(definitions, (folder) => generate(kind, folder));
        const file = files.find((f) => f.path === (part === undefined ? "profiles.ts" : `profiles-${part}.ts`));
        const path = fileURLToPath(new URL(`./fixtures/${name.replace(/\W+/g, "-")}.${target}.txt`, import.meta.url));
        await expect(file?.content).toMatchFileSnapshot(path);
      });
});

describe("determinism", () => {
  it("gives the same bytes whatever the order of the files", () => {
    const all = Object.values(cases)
      .flat()
      .filter((d, i, list) => list.findIndex((e) => (e as { url: string }).url === (d as { url: string }).url) === i);
    for (const target of ["types", "validators"]) {
      const one = withSpecs(all, (folder) => generate(target, folder));
      const two = withSpecs([...all].reverse(), (folder) => generate(target, folder));
      expect(two).toEqual(one);
    }
  });
});
