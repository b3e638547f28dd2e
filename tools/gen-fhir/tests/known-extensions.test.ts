import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile, runProject, type Said } from "./_run.ts";
import { base, element, profile } from "./_specs.ts";

// An extension that has a definition in the build is checked by it wherever it stands, and so is the place.

const work = mkdtempSync(join(tmpdir(), "gen-fhir-extensions-"));
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

type Context = readonly [type: string, expression: string];

function extension(id: string, context: readonly Context[], elements: readonly object[] = [], root = {}): object {
  const definition = profile(id, "Extension", [
    element("Extension.url", { fixedUri: base + id }),
    element("Extension.value[x]", { min: 1, type: [{ code: "string" }] }),
    ...elements,
  ]) as { differential: { element: object[] } };
  Object.assign(definition.differential.element[0] as object, root);
  return {
    ...definition,
    kind: "complex-type",
    ...(context.length > 0 ? { context: context.map(([type, expression]) => ({ type, expression })) } : {}),
  };
}

const definitions: readonly object[] = [
  extension("free", []),
  extension("everywhere", [["element", "Element"]]),
  extension("named", [
    ["element", "HumanName"],
    ["element", "Patient.contact"],
  ]),
  extension("town", [["element", "Address.city"]]),
  extension("text", [["element", "uri"]]),
  extension("died", [["element", "Patient.deceased[x]"]]),
  extension("backbone", [["element", "BackboneElement"]]),
  extension("resource", [["element", "DomainResource"]]),
  extension("far", [["element", "Observation.code"]]),
  {
    ...profile("outer", "Extension", [
      element("Extension.url", { fixedUri: `${base}outer` }),
      element("Extension.value[x]", { max: "0" }),
    ]),
    kind: "complex-type",
  },
  extension("inner", [["extension", `${base}outer`]]),
  extension("nested", [["element", "Extension"]]),
  extension("coded", [["element", "Coding"]]),
  extension("path", [["fhirpath", "Patient.name"]]),
  extension("wrong", [["element", "Patient.nme"]]),
  extension("later", [["element", "CanonicalResource"]]),
  extension("loose", [["extension", "AllergyIntolerance"]]),
  { ...extension("strict", [["element", "Patient"]]), contextInvariant: ["name.exists()"] },
  extension("modifying", [["element", "Patient"]], [], { isModifier: true, isModifierReason: "it does" }),
  profile("plain", "Patient", [element("Patient.active", { min: 1 })]),
  profile("sliced", "Patient", [
    element("Patient.extension:free", { max: "1", type: [{ code: "Extension", profile: [`${base}free`] }] }),
  ]),
  // Not the address of an extension, but of a profile on one: nothing in an instance has it.
  profile("freeOfTwo", "Extension", [element("Extension.value[x]", { min: 1 })], `${base}free`),
];

const patient = { resourceType: "Patient", active: true };
const good = (id: string): object => ({ url: base + id, valueString: "a" });
const bad = (id: string): object => ({ url: base + id, valueInteger: 1 });
const wrongValue = "fhir/not-allowed";
const misplaced = (path: string): string => `fhir/extension-context ${path}`;

const cases: readonly [string, object, string, readonly string[]][] = [
  ["one with its value", { ...patient, extension: [good("free")] }, "plain", []],
  [
    "one with another value",
    { ...patient, extension: [bad("free")] },
    "plain",
    [`${wrongValue} Patient.extension[0].valueInteger`, "fhir/required Patient.extension[0].value"],
  ],
  [
    "the same, said once where a profile slices it",
    { ...patient, extension: [bad("free")] },
    "sliced",
    [`${wrongValue} Patient.extension[0].valueInteger`, "fhir/required Patient.extension[0].value"],
  ],
  [
    "deep inside",
    { ...patient, name: [{ family: "A", _given: [{ extension: [bad("free")] }] }] },
    "plain",
    [
      `${wrongValue} Patient.name[0]._given[0].extension[0].valueInteger`,
      "fhir/required Patient.name[0]._given[0].extension[0].value",
    ],
  ],
  ["one that nothing defines", { ...patient, extension: [{ url: `${base}none`, valueInteger: 1 }] }, "plain", []],
  ["a profile on an extension", { ...patient, extension: [{ url: `${base}freeOfTwo`, valueInteger: 1 }] }, "plain", []],
  ["on a resource, where every element will do", { ...patient, extension: [good("everywhere")] }, "plain", []],
  ["on a name", { ...patient, name: [{ family: "A", extension: [good("named")] }] }, "plain", []],
  ["on a contact", { ...patient, contact: [{ name: { family: "A" }, extension: [good("named")] }] }, "plain", []],
  [
    "on the name of a contact",
    { ...patient, contact: [{ name: { family: "A", extension: [good("named")] } }] },
    "plain",
    [],
  ],
  [
    "on the patient, where names have it",
    { ...patient, extension: [good("free"), good("named")] },
    "plain",
    [misplaced("Patient.extension[1]")],
  ],
  ["on a town", { ...patient, address: [{ city: "A", _city: { extension: [good("town")] } }] }, "plain", []],
  [
    "on a district, where towns have it",
    { ...patient, address: [{ district: "A", _district: { extension: [good("town")] } }] },
    "plain",
    [misplaced("Patient.address[0]._district.extension[0]")],
  ],
  [
    "on a special kind of the type",
    { ...patient, photo: [{ url: "https://example.org/a", _url: { extension: [good("text")] } }] },
    "plain",
    [],
  ],
  [
    "on one of a choice",
    { ...patient, deceasedBoolean: true, _deceasedBoolean: { extension: [good("died")] } },
    "plain",
    [],
  ],
  [
    "on another element, where a choice has it",
    { ...patient, _active: { extension: [good("died")] } },
    "plain",
    [misplaced("Patient._active.extension[0]")],
  ],
  [
    "on a backbone element",
    { ...patient, contact: [{ name: { family: "A" }, extension: [good("backbone")] }] },
    "plain",
    [],
  ],
  ["on a kind of resource", { ...patient, extension: [good("resource")] }, "plain", []],
  [
    "on an element, where resources have it",
    { ...patient, name: [{ family: "A", extension: [good("resource")] }] },
    "plain",
    [misplaced("Patient.name[0].extension[0]")],
  ],
  [
    "where a type outside of the build has it",
    { ...patient, extension: [good("far")] },
    "plain",
    [misplaced("Patient.extension[0]")],
  ],
  [
    "inside the extension that it belongs to",
    { ...patient, extension: [{ url: `${base}outer`, extension: [good("inner")] }] },
    "plain",
    [],
  ],
  [
    "inside another extension",
    { ...patient, extension: [{ url: "https://example.org/x", extension: [good("inner")] }] },
    "plain",
    [misplaced("Patient.extension[0].extension[0]")],
  ],
  [
    "outside of the extension that it belongs to",
    { ...patient, extension: [good("inner")] },
    "plain",
    [misplaced("Patient.extension[0]")],
  ],
  [
    "inside a value of an extension",
    { ...patient, extension: [{ url: `${base}x`, valueHumanName: { family: "A", extension: [good("named")] } }] },
    "plain",
    [],
  ],
  [
    "inside an extension of a primitive",
    { ...patient, _active: { extension: [{ url: `${base}x`, extension: [good("nested")] }] } },
    "plain",
    [],
  ],
  [
    "inside a value of an extension of a primitive",
    {
      ...patient,
      _active: { extension: [{ url: `${base}x`, valueCoding: { code: "a", extension: [good("coded")] } }] },
    },
    "plain",
    [],
  ],
  [
    "on a primitive, where extensions have it",
    { ...patient, _active: { extension: [good("nested")] } },
    "plain",
    [misplaced("Patient._active.extension[0]")],
  ],
  [
    "in a resource that is contained",
    {
      ...patient,
      contained: [{ resourceType: "Organization", id: "o", name: "A", extension: [good("named")] }],
      managingOrganization: { reference: "#o" },
    },
    "plain",
    [misplaced("Patient.contained[0].extension[0]")],
  ],
  [
    "where only FHIRPath would tell",
    { ...patient, extension: [good("path"), good("wrong"), good("later"), good("loose")] },
    "plain",
    [],
  ],
  ["a modifier", { ...patient, modifierExtension: [good("modifying")] }, "plain", []],
  [
    "a modifier with another value",
    { ...patient, modifierExtension: [bad("modifying")] },
    "plain",
    [`${wrongValue} Patient.modifierExtension[0].valueInteger`, "fhir/required Patient.modifierExtension[0].value"],
  ],
  [
    "a modifier among the others",
    { ...patient, extension: [good("modifying")] },
    "plain",
    ["fhir/extension-modifier Patient.extension[0]"],
  ],
  [
    "another among the modifiers",
    { ...patient, modifierExtension: [good("free")] },
    "plain",
    ["fhir/extension-modifier Patient.modifierExtension[0]"],
  ],
];

describe("extensions that the build has a definition of", () => {
  let found: Record<string, Said> = {};
  let listed: readonly string[] = [];

  beforeAll(() => {
    const project = compile(work, definitions);
    expect(project.refused).toEqual([]);
    listed = project.notExecuted.filter((l) => l.includes(" context "));
    found = runProject(work, project, cases);
  }, 30_000);

  it("lists the contexts that cannot be told", () => {
    expect(listed).toEqual([
      "Later context element CanonicalResource: no type CanonicalResource in R4, so its place is not checked",
      "Loose context extension AllergyIntolerance: no address of an extension, so its place is not checked",
      "Path context fhirpath Patient.name: FHIRPath, so its place is not checked",
      "Strict context invariant: not compiled: name.exists()",
      "Wrong context element Patient.nme: no element Patient.nme in R4, so its place is not checked",
    ]);
  });

  for (const [name, , , issues] of cases)
    it(name, () => {
      expect(found[name]).toEqual({ issues, clean: issues.length === 0 });
    });
});
