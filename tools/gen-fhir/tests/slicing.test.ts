// Over 400 lines: the kinds of slices, case by case.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile, runProject, type Said } from "./_run.ts";
import { base, element, profile } from "./_specs.ts";

// How slices are told: by what the profile of their type says, through functions in the path, slices of slices, and some that
// cannot be told beside others that can. Profiles of which one is enough.

const work = mkdtempSync(join(tmpdir(), "gen-fhir-slicing-"));
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

const by = (type: string, path: string, rules = "open"): object => ({ discriminator: [{ type, path }], rules });
const reference = (...targets: string[]): object => ({
  type: [{ code: "Reference", targetProfile: targets.map((t) => base + t) }],
});

const definitions: readonly object[] = [
  profile("numbered", "Identifier", [
    element("Identifier.system", { min: 1, fixedUri: "urn:number" }),
    element("Identifier.value", { min: 1 }),
  ]),
  profile("kindCoding", "Coding", [element("Coding.system", { patternUri: "urn:kind" })]),
  profile("typed", "Patient", [
    element("Patient.identifier", { slicing: by("value", "system", "closed") }),
    element("Patient.identifier:number", {
      min: 1,
      max: "1",
      type: [{ code: "Identifier", profile: [`${base}numbered`] }],
    }),
    element("Patient.maritalStatus.coding", { slicing: by("pattern", "system") }),
    element("Patient.maritalStatus.coding:kind", {
      max: "1",
      type: [{ code: "Coding", profile: [`${base}kindCoding`] }],
    }),
  ]),
  profile("partly", "Patient", [
    element("Patient.identifier", { slicing: by("value", "system", "closed") }),
    element("Patient.identifier:a", { max: "1" }),
    element("Patient.identifier:a.system", { min: 1, fixedUri: "urn:a" }),
    element("Patient.identifier:b", { min: 1 }),
    element("Patient.name", { slicing: { rules: "open" } }),
    element("Patient.name:one", { min: 1 }),
    element("Patient.telecom", { slicing: by("position", "$this") }),
    element("Patient.telecom:one", { min: 1 }),
    element("Patient.address:one", { min: 1 }),
    element("Patient.communication", { slicing: by("value", "language.first()") }),
    element("Patient.communication:one", { min: 1 }),
    element("Patient.contact", { slicing: by("profile", "$this") }),
    element("Patient.contact:one", { min: 1 }),
    element("Patient.generalPractitioner", { slicing: by("value", "resolve().name") }),
    element("Patient.generalPractitioner:one", { min: 1 }),
    element("Patient.deceased[x]", { slicing: by("value", "$this", "closed") }),
    element("Patient.deceased[x]:alive", { min: 1, type: [{ code: "boolean" }], fixedBoolean: false }),
    element("Patient.photo", { slicing: by("value", "picture") }),
    element("Patient.photo:one", { min: 1 }),
  ]),
  profile("resliced", "Patient", [
    element("Patient.identifier", { slicing: by("value", "system") }),
    element("Patient.identifier:a", { max: "3", slicing: by("value", "use", "closed") }),
    element("Patient.identifier:a.system", { min: 1, fixedUri: "urn:a" }),
    element("Patient.identifier:a/new", { min: 1, max: "1", sliceName: "a/new" }),
    element("Patient.identifier:a/new.use", { min: 1, fixedCode: "official" }),
    element("Patient.identifier:a/new.value", { min: 1 }),
    element("Patient.identifier:a/old", { sliceName: "a/old" }),
    element("Patient.identifier:a/old.use", { min: 1, fixedCode: "old" }),
  ]),
  profile("clinic", "Organization", [element("Organization.active", { min: 1, fixedBoolean: true })]),
  profile("resolved", "Patient", [
    element("Patient.generalPractitioner", { slicing: by("profile", "resolve()", "closed") }),
    element("Patient.generalPractitioner:clinic", { min: 1, max: "1", ...reference("clinic") }),
  ]),
  profile("named", "Organization", [element("Organization.name", { min: 1, fixedString: "A" })]),
  profile("resolvedValue", "Patient", [
    element("Patient.generalPractitioner", { slicing: by("value", "resolve().name") }),
    element("Patient.generalPractitioner:a", { min: 1, max: "1", ...reference("named") }),
  ]),
  profile("marked", "Patient", [
    element("Patient.contact", { slicing: by("value", "extension('urn:kind').value") }),
    element("Patient.contact:kin", { max: "1" }),
    element("Patient.contact:kin.extension:kind", { min: 1 }),
    element("Patient.contact:kin.extension:kind.url", { fixedUri: "urn:kind" }),
    element("Patient.contact:kin.extension:kind.value[x]", { min: 1, fixedCode: "kin" }),
    element("Patient.extension", { slicing: by("value", "value.ofType(code)") }),
    element("Patient.extension:one", { max: "1" }),
    element("Patient.extension:one.value[x]", { min: 1, fixedCode: "one" }),
  ]),
  profile("full", "HumanName", [element("HumanName.family", { min: 1 }), element("HumanName.given", { min: 1 })]),
  profile("short", "HumanName", [element("HumanName.text", { min: 1 })]),
  profile("either", "Patient", [
    element("Patient.name", { type: [{ code: "HumanName", profile: [`${base}full`, `${base}short`] }] }),
    element("Patient.contained", {
      type: [{ code: "Organization", profile: [`${base}clinic`] }, { code: "Practitioner" }],
    }),
  ]),
  profile("targeted", "Patient", [element("Patient.managingOrganization", reference("clinic", "named"))]),
  profile("ring", "Organization", [
    element("Organization.active", { min: 1, fixedBoolean: true }),
    element("Organization.partOf", reference("ring")),
  ]),
  profile("ringed", "Patient", [element("Patient.managingOrganization", reference("ring"))]),
  profile("loop", "Organization", [
    element("Organization.active", { min: 1, fixedBoolean: true }),
    element("Organization.partOf", { slicing: by("profile", "resolve()", "closed") }),
    element("Organization.partOf:up", reference("loop")),
  ]),
  profile("looped", "Patient", [element("Patient.managingOrganization", reference("loop"))]),
  profile("web", "Patient", [
    element("Patient.active", { min: 1 }),
    element("Patient.link.other", { slicing: by("profile", "resolve()", "closed") }),
    element("Patient.link.other:any", reference("web")),
  ]),
  profile("anyBundle", "Bundle", []),
  profile("entries", "Bundle", [
    element("Bundle.entry", { slicing: by("profile", "resource") }),
    element("Bundle.entry:clinic", { max: "1" }),
    element("Bundle.entry:clinic.resource", { type: [{ code: "Organization", profile: [`${base}clinic`] }] }),
  ]),
];

const patient = { resourceType: "Patient" };
const org = (id: string, rest: object): object => ({ resourceType: "Organization", id, name: "X", ...rest });
const local = (id: string): object => ({ reference: `#${id}` });
const bundle = (...resources: { id?: string; resourceType?: string }[]): object => ({
  resourceType: "Bundle",
  type: "collection",
  entry: resources.map((resource) => ({
    fullUrl: `https://example.org/${resource.resourceType}/${resource.id}`,
    resource,
  })),
});
const member = (profileId: string, rest: object): object => ({
  resourceType: "Patient",
  id: "p",
  meta: { profile: [base + profileId] },
  ...rest,
});
const kin = (code: string): object => ({ extension: [{ url: "urn:kind", valueCode: code }], name: { text: "A" } });

const cases: readonly [string, object, string, readonly string[]][] = [
  ["the value of the type's profile", { ...patient, identifier: [{ system: "urn:number", value: "1" }] }, "typed", []],
  [
    "its other rules",
    { ...patient, identifier: [{ system: "urn:number" }] },
    "typed",
    ["fhir/required Patient.identifier[0].value"],
  ],
  [
    "outside of it, in closed slices",
    { ...patient, identifier: [{ system: "urn:number", value: "1" }, { system: "urn:x" }] },
    "typed",
    ["fhir/slice Patient.identifier[1]"],
  ],
  [
    "its pattern",
    {
      ...patient,
      identifier: [{ system: "urn:number", value: "1" }],
      maritalStatus: { coding: [{ system: "urn:kind" }, { system: "urn:kind" }, { system: "urn:x" }] },
    },
    "typed",
    ["fhir/slice Patient.maritalStatus.coding"],
  ],
  ["slices of a choice that cannot be told", { ...patient, deceasedDateTime: "2020" }, "partly", []],
  [
    "one slice told, the other not",
    { ...patient, identifier: [{ system: "urn:a" }, { system: "urn:x" }] },
    "partly",
    [],
  ],
  [
    "the told one twice",
    { ...patient, identifier: [{ system: "urn:a" }, { system: "urn:a" }] },
    "partly",
    ["fhir/slice Patient.identifier"],
  ],
  [
    "slices of a slice",
    {
      ...patient,
      identifier: [
        { system: "urn:a", use: "official", value: "1" },
        { system: "urn:a", use: "old" },
        { system: "urn:b" },
      ],
    },
    "resliced",
    [],
  ],
  ["none of the outer slice", { ...patient, identifier: [{ system: "urn:b" }] }, "resliced", []],
  [
    "the inner slice missing",
    { ...patient, identifier: [{ system: "urn:a", use: "old" }] },
    "resliced",
    ["fhir/slice Patient.identifier"],
  ],
  [
    "outside of the inner slices, and a rule of one",
    {
      ...patient,
      identifier: [
        { system: "urn:a", use: "official" },
        { system: "urn:a", use: "temp" },
      ],
    },
    "resliced",
    ["fhir/required Patient.identifier[0].value", "fhir/slice Patient.identifier[1]"],
  ],
  [
    "a target with the profile",
    { ...patient, contained: [org("a", { active: true })], generalPractitioner: [local("a")] },
    "resolved",
    [],
  ],
  [
    "a target without it",
    { ...patient, contained: [org("a", { name: "A" })], generalPractitioner: [local("a")] },
    "resolved",
    ["fhir/slice Patient.generalPractitioner[0]", "fhir/slice Patient.generalPractitioner"],
  ],
  [
    "a target of another type",
    {
      ...patient,
      contained: [{ resourceType: "Practitioner", id: "a", active: true }],
      generalPractitioner: [local("a")],
    },
    "resolved",
    ["fhir/slice Patient.generalPractitioner[0]", "fhir/slice Patient.generalPractitioner"],
  ],
  [
    "a target outside of the document, which may have it",
    { ...patient, generalPractitioner: [{ reference: "Organization/1" }] },
    "resolved",
    [],
  ],
  ["no target at all", patient, "resolved", ["fhir/slice Patient.generalPractitioner"]],
  [
    "two targets of a value",
    {
      ...patient,
      contained: [org("a", { name: "A" }), org("b", { name: "A" }), org("c", { name: "C" })],
      generalPractitioner: [local("a"), local("b"), local("c")],
    },
    "resolvedValue",
    ["fhir/slice Patient.generalPractitioner"],
  ],
  ["one by its extension", { ...patient, contact: [kin("kin"), kin("other")] }, "marked", []],
  [
    "two by their extensions",
    { ...patient, contact: [kin("kin"), kin("kin")] },
    "marked",
    ["fhir/slice Patient.contact"],
  ],
  [
    "two by one type of a choice",
    {
      ...patient,
      extension: [
        { url: "urn:x", valueCode: "one" },
        { url: "urn:y", valueCode: "one" },
        { url: "urn:z", valueString: "one" },
      ],
    },
    "marked",
    ["fhir/slice Patient.extension"],
  ],
  ["each of two profiles", { ...patient, name: [{ family: "A", given: ["B"] }, { text: "C" }] }, "either", []],
  ["none of two profiles", { ...patient, name: [{ family: "A" }] }, "either", ["fhir/type-profile Patient.name[0]"]],
  [
    "one of two resource types, each with its own profile",
    {
      ...patient,
      contained: [org("a", { active: true }), { resourceType: "Practitioner", id: "b" }],
      generalPractitioner: [local("a"), local("b")],
    },
    "either",
    [],
  ],
  [
    "neither of two resource types, and a profile that does not hold",
    {
      ...patient,
      contained: [org("a", { name: "A" }), { resourceType: "Location", id: "b" }],
      generalPractitioner: [local("a")],
      extension: [{ url: "urn:x", valueReference: local("b") }],
    },
    "either",
    ["fhir/type-profile Patient.contained[0]", "fhir/type-profile Patient.contained[1]"],
  ],
  [
    "a contained target with one of the profiles",
    { ...patient, contained: [org("a", { name: "A" })], managingOrganization: local("a") },
    "targeted",
    [],
  ],
  [
    "a contained target with none",
    { ...patient, contained: [org("a", { name: "B" })], managingOrganization: local("a") },
    "targeted",
    ["fhir/target-profile Patient.managingOrganization.reference"],
  ],
  ["a target outside", { ...patient, managingOrganization: { reference: "Organization/1" } }, "targeted", []],
  [
    "a target in the Bundle",
    bundle(member("targeted", { managingOrganization: { reference: "Organization/a" } }), org("a", { name: "B" })),
    "anyBundle",
    ["fhir/target-profile Bundle.entry[0].resource.managingOrganization.reference"],
  ],
  [
    "targets in a circle",
    bundle(
      member("ringed", { managingOrganization: { reference: "Organization/a" } }),
      org("a", { active: true, partOf: { reference: "Organization/b" } }),
      org("b", { active: true, partOf: { reference: "Organization/a" } }),
    ),
    "anyBundle",
    [],
  ],
  [
    "a fault in the circle",
    bundle(
      member("ringed", { managingOrganization: { reference: "Organization/a" } }),
      org("a", { active: true, partOf: { reference: "Organization/b" } }),
      org("b", { name: "B", partOf: { reference: "Organization/a" } }),
    ),
    "anyBundle",
    ["fhir/target-profile Bundle.entry[0].resource.managingOrganization.reference"],
  ],
  [
    "a fault in the circle, for all that lead there",
    bundle(
      member("ringed", { managingOrganization: { reference: "Organization/a" } }),
      { ...member("ringed", { managingOrganization: { reference: "Organization/b" } }), id: "q" } as object,
      org("a", { name: "A", partOf: { reference: "Organization/b" } }),
      org("b", { active: true, partOf: { reference: "Organization/a" } }),
    ),
    "anyBundle",
    [
      "fhir/target-profile Bundle.entry[0].resource.managingOrganization.reference",
      "fhir/target-profile Bundle.entry[1].resource.managingOrganization.reference",
    ],
  ],
  [
    "a chain of many targets",
    bundle(
      member("ringed", { managingOrganization: { reference: "Organization/a0" } }),
      ...Array.from({ length: 3_000 }, (_, i) =>
        org(`a${i}`, { active: true, partOf: { reference: `Organization/a${i + 1}` } }),
      ),
      org("a3000", { active: true }),
    ),
    "anyBundle",
    [],
  ],
  [
    "slices told by their targets, in a circle",
    bundle(
      member("looped", { managingOrganization: { reference: "Organization/a" } }),
      org("a", { active: true, partOf: { reference: "Organization/b" } }),
      org("b", { active: true, partOf: { reference: "Organization/a" } }),
    ),
    "anyBundle",
    [],
  ],
  [
    "a fault in such a circle",
    bundle(
      member("looped", { managingOrganization: { reference: "Organization/a" } }),
      org("a", { active: true, partOf: { reference: "Organization/b" } }),
      org("b", { active: false, partOf: { reference: "Organization/a" } }),
    ),
    "anyBundle",
    ["fhir/target-profile Bundle.entry[0].resource.managingOrganization.reference"],
  ],
  [
    "slices told by their targets, each of which names many others",
    bundle(
      ...Array.from({ length: 400 }, (_, i) => ({
        ...member("web", {
          active: true,
          link: Array.from({ length: 20 }, (_, j) => ({
            type: "seealso",
            other: { reference: `Patient/p${(i + 1 + j * 3) % 400}` },
          })),
        }),
        id: `p${i}`,
      })),
    ),
    "anyBundle",
    [],
  ],
  [
    "what a target in the Bundle contains itself",
    bundle(
      member("ringed", { managingOrganization: { reference: "Organization/a" } }),
      org("a", { active: true, contained: [org("i", { active: true })], partOf: local("i") }),
    ),
    "anyBundle",
    [],
  ],
  [
    "a fault in what a target in the Bundle contains itself",
    bundle(
      member("ringed", { managingOrganization: { reference: "Organization/a" } }),
      org("a", { active: true, contained: [org("i", { name: "I" })], partOf: local("i") }),
    ),
    "anyBundle",
    ["fhir/target-profile Bundle.entry[0].resource.managingOrganization.reference"],
  ],
  [
    "two entries with the profile, and others",
    bundle(org("a", { active: true }), org("b", { active: true }), { resourceType: "Location", id: "l" }),
    "entries",
    ["fhir/slice Bundle.entry"],
  ],
  [
    "one entry with the profile, and another type that breaks none of its rules",
    bundle(org("a", { active: true }), { resourceType: "Practitioner", id: "b", active: true } as object),
    "entries",
    [],
  ],
];

describe("slices and profiles of which one is enough", () => {
  let found: Record<string, Said> = {};
  let listed: readonly string[] = [];

  beforeAll(() => {
    const project = compile(work, definitions);
    expect(project.refused).toEqual([]);
    listed = project.notExecuted.filter((l) => / slic/.test(l));
    found = runProject(work, project, cases);
  }, 30_000);

  it("lists each slice that cannot be told, and what is left open for its sake", () => {
    expect(listed).toEqual([
      "Partly slices of Patient.address: no slicing says how to tell them apart",
      "Partly slices of Patient.communication: one: the discriminator path language.first() is not compiled",
      "Partly slices of Patient.contact: one: no profile at $this tells it from the others",
      "Partly slices of Patient.deceased[x]: a choice is told by its type, not by value $this",
      "Partly slices of Patient.generalPractitioner: one: no profile of the target says what stands there",
      "Partly slices of Patient.identifier: b: no fixed or pattern value at system tells it from the others",
      "Partly slices of Patient.name: a slicing without discriminator",
      "Partly slices of Patient.photo: one: Attachment has no picture",
      "Partly slices of Patient.telecom: one: a discriminator by position is not compiled",
      "Partly slicing rules closed of Patient.identifier: some of the slices cannot be told apart",
    ]);
  });

  for (const [name, , , issues] of cases)
    it(name, () => {
      expect(found[name]).toEqual({ issues, clean: issues.length === 0 });
    });
});
