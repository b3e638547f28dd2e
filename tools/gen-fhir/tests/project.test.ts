import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile, runProject, type Said } from "./_run.ts";
import { base, element, profile } from "./_specs.ts";

// A folder of definitions as others have them: what compiles is written and runs, on both sides, and the rest is refused.

const work = mkdtempSync(join(tmpdir(), "gen-fhir-project-"));
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

const value = (path: string): object => ({ discriminator: [{ type: "value", path }], rules: "open" });
const hl7 = "http://hl7.org/fhir/StructureDefinition/";
const definitions: readonly object[] = [
  profile("inner", "HumanName", [element("HumanName.family", { min: 1 })]),
  profile("rules", "Patient", [
    element("Patient.identifier", { slicing: { ...value("system"), rules: "openAtEnd", ordered: true } }),
    element("Patient.identifier:a", { max: "1" }),
    element("Patient.identifier:a.system", { min: 1, fixedUri: "urn:a" }),
    element("Patient.identifier:b"),
    element("Patient.identifier:b.system", { min: 1, fixedUri: "urn:b" }),
    element("Patient.name", { slicing: { discriminator: [{ type: "profile", path: "$this" }], rules: "open" } }),
    element("Patient.name:full", { max: "1", type: [{ code: "HumanName", profile: [`${base}inner`] }] }),
    element("Patient.deceased[x]", { slicing: { discriminator: [{ type: "type", path: "$this" }], rules: "closed" } }),
    element("Patient.deceased[x]:deceasedDateTime", { type: [{ code: "dateTime" }] }),
    element("Patient.generalPractitioner", {
      slicing: { discriminator: [{ type: "type", path: "resolve()" }], rules: "open" },
    }),
    element("Patient.generalPractitioner:clinic", {
      max: "1",
      type: [{ code: "Reference", targetProfile: [`${hl7}Organization`] }],
    }),
    element("Patient.managingOrganization", {
      type: [{ code: "Reference", targetProfile: [`${hl7}Organization`], aggregation: ["contained"] }],
    }),
    element("Patient.birthDate", { minValueDate: "1900-01-01" }),
    element("Patient.birthDate.extension:time", { max: "1" }),
    element("Patient.birthDate.extension:time.url", { fixedUri: "urn:time" }),
    element("Patient.language", { maxLength: 5 }),
    element("Patient.maritalStatus", { binding: { strength: "required", valueSet: "urn:oid:2.16.578.1.12.4.1.1.1" } }),
    element("Patient.extension:outer", { min: 1, type: [{ code: "Extension", profile: [`${base}outer`] }] }),
    element("Patient.extension:outer.extension:code.value[x]", { fixedCode: "no" }),
  ]),
  profile("child", "Patient", [element("Patient.identifier:a", { min: 1 })], `${base}rules`),
  profile("outer", "Extension", [
    element("Extension.extension:code", { min: 1, max: "1" }),
    element("Extension.extension:code.url", { fixedUri: "code" }),
    element("Extension.extension:code.value[x]", { min: 1, type: [{ code: "code" }] }),
    element("Extension.url", { fixedUri: `${base}outer` }),
    element("Extension.value[x]", { max: "0" }),
  ]),
  profile("bad", "Patient", [element("Patient.nme", { min: 1 })]),
  profile("onBad", "Patient", [element("Patient.active", { min: 1 })], `${base}bad`),
  { resourceType: "NamingSystem", name: "n" },
  profile("timed", "Patient", [
    element("Patient.birthDate.extension:time", { min: 1 }),
    element("Patient.birthDate.extension:time.url", { fixedUri: "urn:time" }),
    element("Patient.name.given.extension", { min: 1 }),
  ]),
];

const time = { extension: [{ url: "urn:time", valueCode: "a" }] };

const good = {
  resourceType: "Patient",
  extension: [{ url: `${base}outer`, extension: [{ url: "code", valueCode: "no" }] }],
};
const cases: readonly [string, object, string, readonly string[]][] = [
  ["good", good, "rules", []],
  ["no extension", { resourceType: "Patient" }, "rules", ["fhir/slice Patient.extension"]],
  [
    "slices out of order",
    { ...good, identifier: [{ system: "urn:b" }, { system: "urn:a" }] },
    "rules",
    ["fhir/slice-order Patient.identifier[1]"],
  ],
  [
    "something before a slice",
    { ...good, identifier: [{ system: "urn:x" }, { system: "urn:a" }] },
    "rules",
    ["fhir/slice-order Patient.identifier[1]"],
  ],
  ["something after the slices", { ...good, identifier: [{ system: "urn:a" }, { system: "urn:x" }] }, "rules", []],
  [
    "one slice twice",
    { ...good, identifier: [{ system: "urn:a" }, { system: "urn:a" }] },
    "rules",
    ["fhir/slice Patient.identifier"],
  ],
  ["two full names", { ...good, name: [{ family: "A" }, { family: "B" }] }, "rules", ["fhir/slice Patient.name"]],
  ["one full name and another", { ...good, name: [{ family: "A" }, { given: ["B"] }] }, "rules", []],
  [
    "a type outside the closed slices",
    { ...good, deceasedBoolean: true },
    "rules",
    ["fhir/not-allowed Patient.deceasedBoolean"],
  ],
  [
    "two clinics",
    { ...good, generalPractitioner: [{ reference: "Organization/1" }, { type: "Organization", display: "x" }] },
    "rules",
    ["fhir/slice Patient.generalPractitioner"],
  ],
  [
    "a reference that leads outside",
    { ...good, managingOrganization: { reference: "Organization/1" } },
    "rules",
    ["fhir/aggregation Patient.managingOrganization.reference"],
  ],
  [
    "a reference that stays inside",
    {
      ...good,
      contained: [{ resourceType: "Organization", id: "o", name: "A" }],
      managingOrganization: { reference: "#o" },
    },
    "rules",
    [],
  ],
  ["born too early", { ...good, birthDate: "1899-12-31" }, "rules", ["fhir/limit Patient.birthDate"]],
  [
    "an extension of a primitive twice",
    {
      ...good,
      birthDate: "2000-01-01",
      _birthDate: {
        extension: [
          { url: "urn:time", valueCode: "a" },
          { url: "urn:time", valueCode: "a" },
        ],
      },
    },
    "rules",
    ["fhir/slice Patient._birthDate.extension"],
  ],
  ["a long language", { ...good, language: "nb-NOR" }, "rules", ["fhir/max-length Patient.language"]],
  [
    "another code inside the extension",
    { ...good, extension: [{ url: `${base}outer`, extension: [{ url: "code", valueCode: "yes" }] }] },
    "rules",
    ["fhir/fixed Patient.extension[0].extension[0].valueCode"],
  ],
  ["a primitive that is not there", { resourceType: "Patient", active: true }, "timed", []],
  [
    "a primitive without its extension",
    { resourceType: "Patient", birthDate: "2000-01-01" },
    "timed",
    ["fhir/slice Patient._birthDate.extension"],
  ],
  [
    "a primitive with an id alone",
    { resourceType: "Patient", birthDate: "2000-01-01", _birthDate: { id: "a" } },
    "timed",
    ["fhir/slice Patient._birthDate.extension"],
  ],
  [
    "a primitive with its extension",
    { resourceType: "Patient", birthDate: "2000-01-01", _birthDate: time },
    "timed",
    [],
  ],
  ["the extension instead of the value", { resourceType: "Patient", _birthDate: time }, "timed", []],
  [
    "a list of primitives without theirs",
    { resourceType: "Patient", name: [{ given: ["A", "B"] }] },
    "timed",
    ["fhir/required Patient.name[0]._given[0].extension", "fhir/required Patient.name[0]._given[1].extension"],
  ],
  [
    "one of a list without its own",
    { resourceType: "Patient", name: [{ given: ["A", "B", null], _given: [time, null, time] }] },
    "timed",
    ["fhir/required Patient.name[0]._given[1].extension"],
  ],
  ["the child's own rule", good, "child", ["fhir/slice Patient.identifier"]],
  [
    "the parent's rule in the child",
    { ...good, deceasedBoolean: true, identifier: [{ system: "urn:a" }] },
    "child",
    ["fhir/not-allowed Patient.deceasedBoolean"],
  ],
];

describe("a folder of definitions", () => {
  let found: Record<string, Said> = {};
  let imports: readonly string[] = [];

  beforeAll(() => {
    const project = compile(work, definitions);
    expect(project.refused.map((r) => r.message.replace(/^.*(\d\d\.json)/s, "$1"))).toEqual([
      expect.stringMatching(/^04\.json:\d+: expected an element of the base type, found Patient\.nme$/),
      expect.stringMatching(/^05\.json: expected a base that compiles, found base .*\/bad$/),
    ]);
    expect(project.leftOut).toEqual([expect.stringMatching(/06\.json: NamingSystem$/)]);
    expect(project.notExecuted.filter((l) => l.startsWith("Rules"))).toEqual([
      expect.stringMatching(/^Rules binding Patient\.maritalStatus: no ValueSet urn:oid:/),
    ]);
    imports = project.files.flatMap((f) => [...f.content.matchAll(/ from "(\.[^"]*)"/g)].map((m) => m[1] ?? ""));
    found = runProject(work, project, cases);
  }, 30_000);

  it("imports its own modules by the names that they have once compiled", () => {
    expect(imports.length).toBeGreaterThan(8);
    expect(imports.filter((path) => !path.endsWith(".js"))).toEqual([]);
  });

  for (const [name, , , issues] of cases)
    it(name, () => {
      expect(found[name]).toEqual({ issues, clean: issues.length === 0 });
    });
});
