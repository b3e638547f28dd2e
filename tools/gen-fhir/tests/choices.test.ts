import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { coreFolder } from "../src/source.ts";
import { compile, runProject, type Said } from "./_run.ts";
import { element, profile } from "./_specs.ts";

// A binding on a choice binds the types of it that have a code.

const work = mkdtempSync(join(tmpdir(), "gen-fhir-choices-"));
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

const valueSet = "https://example.org/fhir/ValueSet/one";
const binding = { strength: "required", valueSet };
const medication = "MedicationStatement.medication[x]";
const definitions: readonly object[] = [
  {
    resourceType: "ValueSet",
    url: valueSet,
    compose: { include: [{ system: "urn:a", concept: [{ code: "1" }] }] },
  },
  profile("taken", "MedicationStatement", [element(medication, { binding })]),
  profile("named", "MedicationStatement", [element(medication, { type: [{ code: "Reference" }], binding })]),
  profile("fasting", "Specimen", [element("Specimen.collection.fastingStatus[x]", { binding })]),
  profile("onset", "Condition", [element("Condition.onset[x]", { type: [{ code: "Period" }], binding })]),
  profile("subject", "Condition", [element("Condition.subject", { binding })]),
];

const taken = { resourceType: "MedicationStatement", status: "active", subject: { display: "a" } };
const coded = (code: string): object => ({
  ...taken,
  medicationCodeableConcept: { coding: [{ system: "urn:a", code }] },
});
const reference = { ...taken, medicationReference: { display: "b" } };
const fasting = (system: string): object => ({
  resourceType: "Specimen",
  collection: { fastingStatusDuration: { value: 1, system, code: "1" } },
});
const condition = {
  resourceType: "Condition",
  clinicalStatus: { coding: [{ system: "http://terminology.hl7.org/CodeSystem/condition-clinical", code: "active" }] },
  subject: { display: "a" },
  onsetPeriod: { start: "2020" },
};
const unit = "http://unitsofmeasure.org";

/** What it is called, the resource, the profile, and what is found. */
const cases: readonly (readonly [string, object, string, readonly string[]])[] = [
  ["a code of the set", coded("1"), "taken", []],
  ["another code", coded("2"), "taken", ["fhir/binding MedicationStatement.medicationCodeableConcept"]],
  ["a reference beside a code", reference, "taken", []],
  ["a reference alone", reference, "named", []],
  ["a period", condition, "onset", []],
  ["a reference that is no choice", condition, "subject", []],
];
const durations: readonly (readonly [string, object, string, readonly string[]])[] = [
  [
    "a duration with another code",
    fasting(unit),
    "fasting",
    ["fhir/binding Specimen.collection.fastingStatusDuration"],
  ],
];

describe("a binding on a choice", () => {
  let found: Record<string, Said> = {};
  let notChecked: readonly string[] = [];

  beforeAll(() => {
    const project = compile(work, definitions);
    expect(project.refused).toEqual([]);
    notChecked = project.notExecuted.filter((l) => /^(?:Taken|Named|Fasting|Onset|Subject) /.test(l));
    found = runProject(work, project, [...cases, ...durations]);
  }, 30_000);

  for (const [name, , , issues] of cases)
    it(name, () => {
      expect(found[name]).toEqual({ issues, clean: issues.length === 0 });
    });

  it("binds a duration by its unit", () => {
    expect(found["a duration with another code"]?.issues).toContain(durations[0]?.[3][0]);
  });

  it("is listed as not checked only where nothing bound has a code", () => {
    expect(notChecked).toEqual([
      "Named binding MedicationStatement.medication[x]: a binding on Reference, which has no code",
      "Onset binding Condition.onset[x]: a binding on Period, which has no code",
      "Subject binding Condition.subject: a binding on Reference, which has no code",
    ]);
  });
});

it("compiles HL7's own snapshots, which bind choices with references and durations", () => {
  const folder = mkdtempSync(join(tmpdir(), "gen-fhir-bound-choices-"));
  try {
    const types = "ActivityDefinition EventDefinition Library Measure PlanDefinition ResearchDefinition Specimen".split(
      " ",
    );
    const snapshots = [...types, "ResearchElementDefinition"].map((type) => {
      const text = readFileSync(join(coreFolder(), `StructureDefinition-${type}.json`), "utf8");
      const core = JSON.parse(text) as { readonly snapshot: object };
      return { ...profile(`own${type}`, type, []), differential: undefined, snapshot: core.snapshot };
    });
    expect(compile(folder, snapshots).refused).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 30_000);
