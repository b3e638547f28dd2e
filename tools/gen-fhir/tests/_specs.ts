import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const base = "https://example.org/fhir/StructureDefinition/";

/** A profile with the elements given; `id` becomes its name with a capital. */
export function profile(id: string, type: string, element: readonly object[], baseDefinition?: string): object {
  return {
    resourceType: "StructureDefinition",
    id,
    url: base + id,
    name: id.charAt(0).toUpperCase() + id.slice(1),
    kind: "resource",
    type,
    baseDefinition: baseDefinition ?? `http://hl7.org/fhir/StructureDefinition/${type}`,
    derivation: "constraint",
    differential: { element: [{ id: type, path: type }, ...element] },
  };
}

/** An element of a differential; the path follows from the id. */
export function element(id: string, rest: object = {}): object {
  return { id, path: id.replace(/:[^.]+/g, ""), ...rest };
}

/** Runs with a folder of specs that holds these definitions and an empty manifest. */
export function withSpecs<T>(definitions: readonly object[], run: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "gen-fhir-"));
  try {
    mkdirSync(join(folder, "fhir", "case"), { recursive: true });
    writeFileSync(join(folder, "manifest.json"), JSON.stringify({ documents: [] }));
    definitions.forEach((d, i) => {
      writeFileSync(join(folder, "fhir", "case", `${String(i).padStart(2, "0")}.json`), JSON.stringify(d, null, 1));
    });
    return run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
