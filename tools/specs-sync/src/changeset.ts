import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SpecEntry } from "@helsekontakt/codegen";
import type { Bump } from "./compare.ts";
import type { DocumentReport } from "./report.ts";

const order: readonly Bump[] = ["patch", "minor", "major"];

/**
 * Drafts a changeset for the packages that the documents feed. Below version 1 npm's caret treats the minor number as the
 * breaking one, so a `major` change is released as `minor`, and the text says that it breaks.
 *
 * @returns the file's path below the root; undefined when nothing moved
 */
export function draftChangeset(
  root: string,
  entries: readonly SpecEntry[],
  reports: readonly DocumentReport[],
): string | undefined {
  const moved = reports.filter((r) => r.bump !== undefined);
  if (moved.length === 0) return undefined;
  const bumps = new Map<string, Bump>();
  for (const report of moved)
    for (const folder of entries.find((e) => e.id === report.id)?.feeds ?? []) {
      const bump = report.bump as Bump;
      const known = bumps.get(folder);
      if (known === undefined || order.indexOf(bump) > order.indexOf(known)) bumps.set(folder, bump);
    }
  const head = [...bumps].sort().map(([folder, bump]) => {
    const { name, version } = JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8")) as {
      name: string;
      version: string;
    };
    return `${JSON.stringify(name)}: ${bump === "major" && version.startsWith("0.") ? "minor" : bump}`;
  });
  const text = moved.map((r) => {
    const breaking = r.changes.filter((c) => c.breaking);
    const counts = new Map<string, number>();
    for (const c of r.changes) counts.set(c.kind, (counts.get(c.kind) ?? 0) + 1);
    const kinds = [...counts].map(([kind, n]) => `${n} ${kind}`);
    const line = `- ${r.id}: ${kinds.length === 0 ? "upstream's own document, with the same facts" : kinds.join(", ")}.`;
    const worst = breaking
      .slice(0, 5)
      .map(
        (c) =>
          `  - Breaking: ${c.what} \`${c.place}\`${c.statement === undefined ? "" : ` (${c.statement})`} ${c.kind}: ${c.why}.`,
      );
    return [line, ...worst, ...(breaking.length > 5 ? [`  - and ${breaking.length - 5} more.`] : [])].join("\n");
  });
  const path = `.changeset/specs-${moved.length === 1 ? (moved[0] as DocumentReport).id.replaceAll(".", "-") : `${moved.length}-documents`}.md`;
  writeFileSync(
    join(root, path),
    `---\n${head.join("\n")}\n---\n\nMove to upstream's documents.\n\n${text.join("\n")}\n`,
  );
  return path;
}
