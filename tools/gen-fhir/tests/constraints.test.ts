import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compile } from "./_run.ts";
import { element, profile } from "./_specs.ts";

const outside: readonly (readonly [string, RegExp])[] = [
  ["given.repeat($this).exists()", /repeat\(\)/],
  ["famly.exists()", /HumanName\.famly/],
  ["given; family", /"; family"/],
  ["family.matches('^(a+)+$')", /pattern/],
  ["given[0] = 'A'", /\[/],
  ["family is string", /is/],
  ["period.start <= @2025-01-01", /@/],
  ["given.distinct().count() = 1", /distinct\(\)/],
];

describe("a constraint outside the compiled part of FHIRPath", () => {
  it("is listed as not checked, with its element and why; the profile compiles with all its other rules", () => {
    const work = mkdtempSync(join(tmpdir(), "gen-fhir-constraints-"));
    try {
      const constraint = outside.map(([expression], i) => ({
        key: `x-${i}`,
        severity: "error",
        human: "Holds",
        expression,
      }));
      const own = { key: "y-1", severity: "error", human: "A family name", expression: "family.exists()" };
      const part = element("Patient.name", { min: 1, constraint: [...constraint, own] });
      const { refused, notExecuted, files } = compile(work, [profile("p", "Patient", [part])]);
      expect(refused).toEqual([]);
      const lines = notExecuted.filter((line) => line.startsWith("P constraint "));
      expect(lines).toHaveLength(outside.length);
      for (const [i, [expression, why]] of outside.entries()) {
        const line = lines.find((l) => l.startsWith(`P constraint x-${i} of Patient.name: `)) ?? "";
        expect(line).toMatch(why);
        expect(line).toContain(expression);
      }
      const rules = files.find((f) => f.path === "validators/profiles.ts")?.content ?? "";
      expect(rules).toContain('c.invariant("y-1"');
      expect(rules).toContain('c.atLeast(o, "name"');
      expect(rules).not.toContain("x-0");
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
});

describe("a constraint of a Bundle", () => {
  it("is listed as one that needs all entries at once, where it looks at them", () => {
    const work = mkdtempSync(join(tmpdir(), "gen-fhir-constraints-"));
    try {
      const own = (key: string, expression: string) => ({ key, severity: "error", human: "Holds", expression });
      const constraint = [own("z-1", "entry.exists()"), own("z-2", "timestamp.exists()")];
      const root = { ...profile("b", "Bundle", []), differential: { element: [element("Bundle", { constraint })] } };
      const { refused, files } = compile(work, [root]);
      expect(refused).toEqual([]);
      const rules = files.find((f) => f.path === "validators/profiles.ts")?.content ?? "";
      expect(rules).toMatch(/type: "Bundle", check: \w+, whole: \["z-1"\] \}/);
      expect(files.find((f) => f.path === "validators/profiles-fast.ts")?.content).not.toContain("whole");
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
});
