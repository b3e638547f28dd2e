import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile, runProject, type Said } from "./_run.ts";
import { element, profile, withSpecs } from "./_specs.ts";
import { generate } from "../src/generate.ts";

// Which version of a value set an address with `|version` means.

const work = mkdtempSync(join(tmpdir(), "gen-fhir-versions-"));
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

const set = "https://example.org/fhir/ValueSet/versions";
const version = (number: string | undefined, code: string): object => ({
  resourceType: "ValueSet",
  url: set,
  ...(number === undefined ? {} : { version: number }),
  compose: { include: [{ system: "urn:a", concept: [{ code }] }] },
});
const bound = (id: string, valueSet: string): object =>
  profile(id, "Patient", [element("Patient.maritalStatus", { binding: { strength: "required", valueSet } })]);
const status = (code: string): object => ({
  resourceType: "Patient",
  maritalStatus: { coding: [{ system: "urn:a", code }] },
});
const fault = ["fhir/binding Patient.maritalStatus"];

const cases: readonly [string, object, string, readonly string[]][] = [
  ["the version that is named", status("one"), "first", []],
  ["another version's code", status("ten"), "first", fault],
  ["the latest where none is named", status("ten"), "latest", []],
  ["an older one's code where none is named", status("two"), "latest", fault],
  ["a set that includes a version", status("one"), "including", []],
  ["a set that includes a version, another's code", status("ten"), "including", fault],
  ["a version that nobody gave, which is not checked", status("x"), "third", []],
  ["a version inside another set that nobody gave", status("x"), "includingThird", []],
];

describe("versions of value sets", () => {
  let found: Record<string, Said> = {};
  let listed: readonly string[] = [];

  beforeAll(() => {
    const including = (id: string, canonical: string): object => ({
      resourceType: "ValueSet",
      url: `${set}-${id}`,
      compose: { include: [{ valueSet: [canonical] }] },
    });
    const project = compile(work, [
      version("2.0.0", "two"),
      version("10.0.0", "ten"),
      version("1.0.0", "one"),
      including("including", `${set}|1.0.0`),
      including("includingThird", `${set}|3.0.0`),
      bound("first", `${set}|1.0.0`),
      bound("latest", set),
      bound("third", `${set}|3.0.0`),
      bound("including", `${set}-including`),
      bound("includingThird", `${set}-includingThird`),
    ]);
    expect(project.refused).toEqual([]);
    listed = project.notExecuted.filter((l) => l.includes(set));
    found = runProject(work, project, cases);
  }, 30_000);

  it("lists the bindings to versions that are not there", () => {
    const reason = `no version 3.0.0 of ValueSet ${set} among the definitions, but 10.0.0`;
    expect(listed).toEqual([
      `IncludingThird binding Patient.maritalStatus: ${reason}`,
      `Third binding Patient.maritalStatus: ${reason}`,
    ]);
  });

  for (const [name, , , issues] of cases)
    it(name, () => {
      expect(found[name]).toEqual({ issues, clean: issues.length === 0 });
    });

  it("takes one version once", () => {
    const twice = [version("1.0.0", "one"), version("1.0.0", "two")];
    expect(() => withSpecs(twice, (folder) => generate("validators", folder))).toThrow(
      /one definition for each canonical, found a second ValueSet .*versions\|1\.0\.0/,
    );
  });
});
