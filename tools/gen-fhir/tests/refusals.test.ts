import { GeneratorError } from "@helsekontakt/codegen";
import { describe, expect, it } from "vitest";
import { generate } from "../src/generate.ts";
import { element, profile, withSpecs } from "./_specs.ts";

function refusal(definitions: readonly object[]): string {
  try {
    withSpecs(definitions, (folder) => generate("validators", folder));
  } catch (error) {
    expect(error).toBeInstanceOf(GeneratorError);
    return (error as Error).message;
  }
  return "accepted";
}

/** The refusal of one element, from the name of its file on. */
function lines(part: object): string {
  return refusal([profile("p", "Patient", [part])]).replace(/^.*(case.00)/s, "$1");
}

describe("unknown constructs stop the generator by name and place", () => {
  const cases: [string, object, RegExp][] = [
    [
      "a part of ElementDefinition",
      element("Patient.name", { defaultValueString: "x" }),
      /Patient\.name\.defaultValue/,
    ],
    ["an element that the base lacks", element("Patient.nme", { min: 1 }), /found Patient\.nme/],
    [
      "slicing rules of another kind",
      element("Patient.name", { slicing: { discriminator: [{ type: "value", path: "use" }], rules: "loose" } }),
      /slicing rules loose/,
    ],
    [
      "a type profile that nothing defines",
      element("Patient.name", { type: [{ code: "HumanName", profile: ["https://example.org/none"] }] }),
      /type profile https:\/\/example\.org\/none/,
    ],
  ];
  for (const [name, part, expected] of cases)
    it(name, () => {
      const slice = element("Patient.name:one", { max: "1" });
      const elements = "slicing" in part ? [part, slice] : [part];
      expect(refusal([profile("p", "Patient", elements)])).toMatch(expected);
    });

  it("with file and line of the element", () => {
    expect(lines(element("Patient.name", { defaultValueString: "x" }))).toMatch(/^case.00\.json:\d+: expected /);
  });

  it("one element twice", () => {
    const twice = [element("Patient.name", { min: 1 }), element("Patient.name", { max: "1" })];
    expect(refusal([profile("p", "Patient", twice)])).toMatch(/each element id once, found a second Patient\.name/);
  });

  it("a definition of another kind", () => {
    expect(refusal([{ resourceType: "SearchParameter", url: "urn:x" }])).toMatch(/SearchParameter/);
  });

  it("two definitions of one address", () => {
    expect(refusal([profile("p", "Patient", []), profile("p", "Patient", [])])).toMatch(
      /one definition for each canonical/,
    );
  });

  it("a base that is itself", () => {
    expect(refusal([profile("p", "Patient", [], "https://example.org/fhir/StructureDefinition/p")])).toMatch(/itself/);
  });

  it("an unknown target", () => {
    expect(() => withSpecs([], (folder) => generate("docs", folder))).toThrow(/types or validators/);
  });
});
