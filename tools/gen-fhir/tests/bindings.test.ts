import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { coreFolder } from "../src/source.ts";
import { compile, runProject, type Said } from "./_run.ts";
import { element, profile } from "./_specs.ts";

// Which codes a required binding takes, on both sides, and which value sets are listed as not checked.

const work = mkdtempSync(join(tmpdir(), "gen-fhir-bindings-"));
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

const set = (id: string): string => `https://example.org/fhir/ValueSet/${id}`;
const codes = (...list: string[]): object[] => list.map((code) => ({ code }));
const system = (url: string, content: string, concept?: object[]): object => ({
  resourceType: "CodeSystem",
  url,
  content,
  ...(concept ? { concept } : {}),
});

/** A value set by its id: what it includes, what it excludes, and other parts. */
const sets: Readonly<Record<string, object>> = {
  two: { compose: { include: [{ system: "urn:a" }, { system: "urn:b" }] } },
  one: { compose: { include: [{ system: "urn:a", concept: codes("1") }] } },
  other: { compose: { include: [{ system: "urn:a", concept: codes("2") }] } },
  inSystem: { compose: { include: [{ system: "urn:a", valueSet: [set("one")] }] } },
  ofSystem: { compose: { include: [{ system: "urn:b", valueSet: [set("two")] }] } },
  inBoth: { compose: { include: [{ valueSet: [set("two"), set("one")] }] } },
  nothing: { compose: { include: [{ valueSet: [set("one"), set("other")] }] } },
  either: { compose: { include: [{ valueSet: [set("one")] }, { valueSet: [set("other")] }] } },
  absent: { compose: { include: [{ system: "urn:absent" }] } },
  fragment: { compose: { include: [{ system: "urn:fragment" }] } },
  ofFragment: { compose: { include: [{ system: "urn:fragment", concept: codes("f") }] } },
  expanded: {
    expansion: {
      contains: [
        { system: "urn:a", code: "0", abstract: true, contains: [{ system: "urn:a", code: "1" }] },
        { system: "urn:b", code: "3" },
      ],
    },
  },
  absentExpanded: {
    compose: { include: [{ system: "urn:absent" }] },
    expansion: { total: 1, contains: [{ system: "urn:absent", code: "x" }] },
  },
  page: { expansion: { total: 2, contains: [{ system: "urn:a", code: "1" }] } },
  bare: {},
  itself: { compose: { include: [{ valueSet: [set("itself")] }] } },
  less: {
    compose: {
      include: [{ system: "urn:a" }, { system: "urn:b" }],
      exclude: [{ system: "urn:a", concept: codes("1") }],
    },
  },
  lessSystem: { compose: { include: [{ valueSet: [set("two")] }], exclude: [{ system: "urn:b" }] } },
  lessSet: { compose: { include: [{ system: "urn:a" }], exclude: [{ valueSet: [set("two"), set("one")] }] } },
  lessFilter: { compose: { include: [{ system: "urn:a" }], exclude: [{ system: "urn:a", filter: [{}] }] } },
};

const definitions: readonly object[] = [
  system("urn:a", "complete", [{ code: "1", concept: codes("2") }]),
  system("urn:b", "complete", codes("3")),
  system("urn:absent", "not-present"),
  system("urn:fragment", "fragment", codes("f")),
  ...Object.entries(sets).map(([id, rest]) => ({ resourceType: "ValueSet", url: set(id), ...rest })),
  ...Object.keys(sets).map((id) =>
    profile(id, "Patient", [
      element("Patient.maritalStatus", { binding: { strength: "required", valueSet: set(id) } }),
    ]),
  ),
];

/** Value set, code with its system, and whether the binding takes it. */
const rows: readonly [string, string, boolean][] = [
  ["two", "a 1", true],
  ["two", "a 2", true],
  ["two", "b 3", true],
  ["two", "a 3", false],
  ["two", "b 1", false],
  ["inSystem", "a 1", true],
  ["inSystem", "a 2", false],
  ["ofSystem", "b 3", true],
  ["ofSystem", "a 1", false],
  ["inBoth", "a 1", true],
  ["inBoth", "a 2", false],
  ["inBoth", "b 3", false],
  ["nothing", "a 1", false],
  ["nothing", "a 2", false],
  ["either", "a 1", true],
  ["either", "a 2", true],
  ["either", "b 3", false],
  ["absent", "absent x", true],
  ["fragment", "fragment x", true],
  ["ofFragment", "fragment f", true],
  ["ofFragment", "fragment x", false],
  ["expanded", "a 1", true],
  ["expanded", "b 3", true],
  ["expanded", "a 0", false],
  ["expanded", "a 3", false],
  ["absentExpanded", "absent x", true],
  ["absentExpanded", "absent y", false],
  ["page", "a 2", true],
  ["bare", "a 1", true],
  ["itself", "a 1", true],
  ["less", "a 2", true],
  ["less", "b 3", true],
  ["less", "a 1", false],
  ["lessSystem", "a 1", true],
  ["lessSystem", "b 3", false],
  ["lessSet", "a 2", true],
  ["lessSet", "a 1", false],
  ["lessFilter", "a 1", true],
];
const cases = rows.map(([id, coding]): [string, object, string] => {
  const [name, code] = coding.split(" ");
  const maritalStatus = { coding: [{ system: `urn:${name}`, code }] };
  return [`${id}: ${coding}`, { resourceType: "Patient", maritalStatus }, id];
});

describe("a required binding", () => {
  let found: Record<string, Said> = {};
  let notChecked: readonly string[] = [];

  beforeAll(() => {
    const project = compile(work, definitions);
    expect(project.refused).toEqual([]);
    const ours = Object.keys(sets).map((id) => id.charAt(0).toUpperCase() + id.slice(1));
    notChecked = project.notExecuted.filter((l) => ours.some((n) => l.startsWith(`${n} binding `)));
    found = runProject(work, project, cases);
  }, 30_000);

  for (const [id, coding, taken] of rows)
    it(`${id} ${taken ? "takes" : "refuses"} ${coding}`, () => {
      const issues = taken ? [] : ["fhir/binding Patient.maritalStatus"];
      expect(found[`${id}: ${coding}`]).toEqual({ issues, clean: taken });
    });

  it("is listed as not checked where the codes cannot be listed, with the reason", () => {
    const at = "binding Patient.maritalStatus:";
    expect(notChecked).toEqual([
      `Absent ${at} CodeSystem urn:absent among the definitions is not-present`,
      `Bare ${at} ${set("bare")} lists nothing: no compose, no expansion`,
      `Fragment ${at} CodeSystem urn:fragment among the definitions is fragment`,
      `Itself ${at} ${set("itself")} includes itself`,
      `LessFilter ${at} ${set("lessFilter")} is defined by a filter`,
      `Page ${at} the expansion of ${set("page")} is not all of it`,
    ]);
  });
});

it("compiles HL7's own snapshots, which bind to value sets that exclude codes", () => {
  const folder = mkdtempSync(join(tmpdir(), "gen-fhir-excludes-"));
  try {
    const snapshots = ["Location", "Encounter", "Appointment", "Claim"].map((type) => {
      const text = readFileSync(join(coreFolder(), `StructureDefinition-${type}.json`), "utf8");
      const core = JSON.parse(text) as { readonly snapshot: object };
      return { ...profile(`own${type}`, type, []), differential: undefined, snapshot: core.snapshot };
    });
    const { refused, profiles, notExecuted } = compile(folder, snapshots);
    expect(refused).toEqual([]);
    expect(profiles).toBe(4);
    expect(notExecuted).toContain(
      "OwnEncounter binding Encounter.class: http://terminology.hl7.org/ValueSet/v3-ActEncounterCode is defined by a filter",
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 30_000);
