import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile, runProject, type Said } from "./_run.ts";
import { element, profile } from "./_specs.ts";

// A snapshot may unfold a primitive into its id, extensions and value: what it says of the value holds for the primitive.

const work = mkdtempSync(join(tmpdir(), "gen-fhir-primitive-values-"));
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

const text = [{ code: "http://hl7.org/fhirpath/System.String" }];
const upper = [{ key: "x-1", severity: "error", human: "Capitals", expression: "matches('^[A-Z]+$')" }];
const definitions: readonly object[] = [
  profile("unfolded", "Patient", [
    element("Patient.address.district"),
    element("Patient.address.district.id", { max: "1", type: text }),
    element("Patient.address.district.extension", { max: "0" }),
    element("Patient.address.district.value", { min: 0, max: "1", type: text, maxLength: 5, constraint: upper }),
    element("Patient.address.line.value", { type: text, maxLength: 3 }),
    element("Patient.name.use.value", { fixedCode: "official" }),
    element("Patient.birthDate.value", {
      type: [{ code: "http://hl7.org/fhirpath/System.Date" }],
      minValueDate: "1900-01-01",
    }),
  ]),
  profile("given", "Patient", [element("Patient.address.city.value", { min: 1, type: text })]),
  profile("absent", "Patient", [element("Patient.address.city.value", { max: "0", type: text })]),
  profile("unknown", "Patient", [element("Patient.address.city.valu", { min: 0, type: text })]),
];

const patient = (rest: object): object => ({ resourceType: "Patient", ...rest });
const address = (rest: object): object => patient({ address: [rest] });
const extension = [{ url: "urn:a", valueString: "b" }];

/** What it is called, the resource, the profile, and what is found. */
const cases: readonly (readonly [string, object, string, readonly string[]])[] = [
  ["a value that holds", address({ district: "NORD" }), "unfolded", []],
  ["a long value", address({ district: "NORDRE" }), "unfolded", ["fhir/max-length Patient.address[0].district"]],
  [
    "a value that breaks a constraint",
    address({ district: "nord" }),
    "unfolded",
    ["fhir/x-1 Patient.address[0].district"],
  ],
  [
    "an extension beside the value",
    address({ district: "NORD", _district: { extension } }),
    "unfolded",
    ["fhir/cardinality Patient.address[0]._district.extension"],
  ],
  [
    "a long value in a list",
    address({ line: ["a", null, "abcd"], _line: [null, { extension }, null] }),
    "unfolded",
    ["fhir/max-length Patient.address[0].line[2]"],
  ],
  [
    "another value than the fixed one",
    patient({ name: [{ use: "old" }] }),
    "unfolded",
    ["fhir/fixed Patient.name[0].use"],
  ],
  ["a date before the limit", patient({ birthDate: "1899-12-31" }), "unfolded", ["fhir/limit Patient.birthDate"]],
  ["a value that must be there", address({ _city: { extension } }), "given", []],
];

describe("the value of a primitive that a profile unfolds", () => {
  let found: Record<string, Said> = {};
  let notChecked: readonly string[] = [];

  beforeAll(() => {
    const project = compile(work, definitions);
    expect(project.refused.map((r) => r.message)).toEqual([
      expect.stringMatching(/expected an element of the base type, found Element\.valu$/),
    ]);
    notChecked = project.notExecuted.filter((l) => /^(?:Unfolded|Given|Absent) /.test(l));
    found = runProject(work, project, cases);
  }, 30_000);

  for (const [name, , , issues] of cases)
    it(name, () => {
      expect(found[name]).toEqual({ issues, clean: issues.length === 0 });
    });

  it("is listed as not checked where it must or must not be there", () => {
    expect(notChecked).toEqual([
      "Absent cardinality Patient.address.city.value: a primitive with or without its value",
      "Given cardinality Patient.address.city.value: a primitive with or without its value",
    ]);
  });
});
