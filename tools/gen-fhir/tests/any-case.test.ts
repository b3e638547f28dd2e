import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile, runProject, type Said } from "./_run.ts";
import { element, profile } from "./_specs.ts";

// Codes of a system that does not tell capitals from small letters, in every way that a value set can name them.

const work = mkdtempSync(join(tmpdir(), "gen-fhir-any-case-"));
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

const set = (id: string): string => `https://example.org/fhir/ValueSet/${id}`;
const codes = (...list: string[]): object[] => list.map((code) => ({ code }));
const all = [{ system: "urn:any" }, { system: "urn:exact" }];
const systems = ["urn:any", "urn:exact"].map((url) => ({
  resourceType: "CodeSystem",
  url,
  caseSensitive: url === "urn:exact",
  content: "complete",
  concept: codes("Ab", "cD"),
}));
const number = { resourceType: "CodeSystem", url: "urn:number", caseSensitive: false, content: "not-present" };
const sets: Readonly<Record<string, object>> = {
  whole: { compose: { include: all } },
  named: { compose: { include: [{ system: "urn:any", concept: codes("AB") }] } },
  common: { compose: { include: [{ valueSet: [set("whole"), set("named")] }] } },
  less: { compose: { include: all, exclude: [{ system: "urn:any", concept: codes("aB") }] } },
  expanded: { expansion: { contains: [{ system: "urn:any", code: "Ab" }] } },
  number: { compose: { include: [{ system: "urn:number", concept: codes("1") }] } },
};
const definitions: readonly object[] = [
  ...systems,
  number,
  ...Object.entries(sets).map(([id, rest]) => ({ resourceType: "ValueSet", url: set(id), ...rest })),
  ...Object.keys(sets).map((id) => {
    const binding = { strength: "required", valueSet: set(id) };
    return profile(id, "Patient", [
      element("Patient.maritalStatus", { binding }),
      element("Patient.language", { binding }),
    ]);
  }),
  profile("sliced", "Patient", [
    element("Patient.communication", {
      slicing: { discriminator: [{ type: "value", path: "language" }], rules: "closed" },
    }),
    element("Patient.communication:one", { max: "1" }),
    element("Patient.communication:one.language", { binding: { strength: "required", valueSet: set("named") } }),
  ]),
];

/** Value set, code with its system, and whether the binding takes it. */
const rows: readonly [string, string, boolean][] = [
  ["whole", "any Ab", true],
  ["whole", "any aB", true],
  ["whole", "any CD", true],
  ["whole", "any ac", false],
  ["whole", "exact Ab", true],
  ["whole", "exact ab", false],
  ["named", "any ab", true],
  ["named", "any cd", false],
  ["common", "any aB", true],
  ["common", "exact Ab", false],
  ["less", "any Ab", false],
  ["less", "any cd", true],
  ["expanded", "any AB", true],
  ["expanded", "any cD", false],
  ["number", "number 1", true],
  ["number", "number 2", false],
];
const communication = (code: string): object => ({
  resourceType: "Patient",
  communication: [{ language: { coding: [{ system: "urn:any", code }] } }],
});
const cases: readonly (readonly [string, object, string, readonly string[]])[] = [
  ...rows.map(([id, coding, taken]): [string, object, string, string[]] => {
    const [name, code] = coding.split(" ");
    const maritalStatus = { coding: [{ system: `urn:${name}`, code }] };
    const issues = taken ? [] : ["fhir/binding Patient.maritalStatus"];
    return [`${id}: ${coding}`, { resourceType: "Patient", maritalStatus }, id, issues];
  }),
  ["a text in other letters", { resourceType: "Patient", language: "aB" }, "named", []],
  ["another text", { resourceType: "Patient", language: "cd" }, "named", ["fhir/binding Patient.language"]],
  ["a slice in other letters", communication("aB"), "sliced", []],
  ["a code of no slice", communication("cD"), "sliced", ["fhir/slice Patient.communication[0]"]],
];

describe("a binding on codes in any letters", () => {
  let found: Record<string, Said> = {};
  let text = "";

  beforeAll(() => {
    const project = compile(work, definitions);
    expect(project.refused).toEqual([]);
    text = project.files.map((f) => f.content).join("\n");
    found = runProject(work, project, cases);
  }, 30_000);

  for (const [name, , , issues] of cases)
    it(`${name}: ${issues.length === 0 ? "taken" : "refused"}`, () => {
      expect(found[name]).toEqual({ issues, clean: issues.length === 0 });
    });

  it("keeps a plain set where no code has letters, and names no type of literals where they have", () => {
    expect(text).toContain('["urn:number", new Set<string>(["1"])]');
    expect(text).not.toMatch(/language\?: "ab"/i);
  });
});

it("lists a core type's binding on a code as not checked where the letters do not matter", () => {
  const folder = mkdtempSync(join(tmpdir(), "gen-fhir-any-case-core-"));
  try {
    const valueSet = "http://hl7.org/fhir/ValueSet/administrative-gender";
    const project = compile(folder, [
      ...systems,
      // The version that the base type binds to: of another one the codes are none of its business.
      { resourceType: "ValueSet", url: valueSet, version: "4.0.1", compose: { include: [{ system: "urn:any" }] } },
      profile("any", "Patient", []),
    ]);
    expect(project.notExecuted).toContain(
      `binding Patient.gender: ${valueSet} has codes of a system that does not tell capitals from small letters`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
