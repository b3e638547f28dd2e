import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { programs, recordedRows } from "./_record.ts";

describe("CONFORMANCE.md", () => {
  const rows = recordedRows();

  it("has a row for every program that judges types or validators, and each of its rows says that all checks held", () => {
    const ours = readdirSync(fileURLToPath(new URL(".", import.meta.url)))
      .filter((f) => /^(?:xml|xsd|gen|fhir|spec|pattern|safety|referee)\b.*\.ts$/.test(f) && !f.endsWith(".test.ts"))
      .map((f) => f.slice(0, -3))
      .sort();
    expect(ours.length).toBeGreaterThan(10);
    expect(Object.keys(programs).sort()).toEqual(ours);
    expect([...rows.keys()]).toEqual(Object.keys(programs));
    for (const row of rows.values()) {
      const [, held, all] = /\| (\d+) of (\d+) \|/.exec(row) ?? [];
      expect(held, row).toBe(all);
      expect(Number(all), row).toBeGreaterThan(0);
    }
  });

  it("says of each program what the program's list says", () => {
    for (const [program, about] of Object.entries(programs)) expect(rows.get(program)).toContain(`| ${about} |`);
  });
});
