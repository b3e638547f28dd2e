import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One document in `specs/`: what it stands for upstream, its sum, what is confirmed and what is inferred. */
export interface SpecEntry {
  /** Stable id, used in `@source` pointers: `msghead-1.2`, `aktivsjekken`, `hk-episodeofcare`. */
  readonly id: string;
  /** Path below `specs/`, with forward slashes. */
  readonly path: string;
  readonly kind: "xsd" | "openapi" | "fhir" | "codes" | "messages" | "environments" | "rules" | "registries";
  readonly title: string;
  readonly version: string;
  /** The upstream document that this one stands for. */
  readonly upstream: { readonly title: string; readonly version: string; readonly address: string };
  readonly sha256: string;
  /** Facts found in a public source, in few words. */
  readonly confirmed: readonly string[];
  /** Facts that nobody at NHN has confirmed. */
  readonly inferred: readonly string[];
  /** Packages (folder names) whose `src/gen` this document feeds. */
  readonly feeds: readonly string[];
}

export function readManifest(specsDir: string): SpecEntry[] {
  const text = readFileSync(join(specsDir, "manifest.json"), "utf8");
  return (JSON.parse(text) as { documents: SpecEntry[] }).documents;
}

export function sha256OfFile(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Recomputes every sum and sorts the documents by kind and id. Returns the ids whose sum changed. */
export function updateManifest(specsDir: string): string[] {
  const changed: string[] = [];
  const documents = readManifest(specsDir)
    .map((entry) => {
      const sha256 = sha256OfFile(join(specsDir, entry.path));
      if (sha256 !== entry.sha256) changed.push(entry.id);
      return { ...entry, sha256 };
    })
    .sort((a, b) => byCodeUnit(`${a.kind}/${a.id}`, `${b.kind}/${b.id}`));
  writeFileSync(join(specsDir, "manifest.json"), `${JSON.stringify({ documents }, null, 2)}\n`);
  return changed;
}

/** Order by code unit: the same on every machine, whatever its locale. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
