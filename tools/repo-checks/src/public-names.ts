import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readPackages } from "./workspace.ts";

const apiDir = fileURLToPath(new URL("../api", import.meta.url));

/** The names that each export path of a package gives its users, from the entry files' explicit exports. */
export function publicNames(): Record<string, Record<string, string[]>> {
  return Object.fromEntries(
    readPackages().map((p) => [
      p.folder,
      Object.fromEntries(
        Object.entries(p.manifest.exports).map(([path, target]) => {
          const source = join(p.dir, target["helsekontakt-source"] ?? "");
          return [path, existsSync(source) ? exportedNames(readFileSync(source, "utf8")) : []];
        }),
      ),
    ]),
  );
}

/** Names after `export {…}`, `export type {…}`, `export * as name` and `export function|class|const|interface|type`. */
export function exportedNames(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
  const names = new Set<string>();
  for (const m of code.matchAll(/export\s+(?:type\s+)?\{([^}]*)\}/g)) {
    for (const part of (m[1] ?? "").split(",")) {
      const name = part
        .trim()
        .replace(/^type\s+/, "")
        .split(/\s+as\s+/)
        .pop()
        ?.trim();
      if (name) names.add(name);
    }
  }
  for (const m of code.matchAll(
    /export\s+(?:declare\s+)?(?:async\s+)?(?:abstract\s+)?(?:function\*?|class|const|interface|type)\s+([\p{ID_Start}$_][\p{ID_Continue}$]*)/gu,
  ))
    if (m[1]) names.add(m[1]);
  return [...names].sort();
}

/** Compares with the committed lists; `update` writes them. */
export function checkPublicNames(update: boolean): string[] {
  const faults: string[] = [];
  for (const [folder, names] of Object.entries(publicNames())) {
    const file = join(apiDir, `${folder}.json`);
    const now = `${JSON.stringify(names, null, 2)}\n`;
    for (const [path, list] of Object.entries(names))
      if (list.length === 0) faults.push(`packages/${folder}: the export path ${path} gives no names`);
    if (update) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, now);
    } else if (!existsSync(file) || readFileSync(file, "utf8") !== now) {
      faults.push(
        `packages/${folder}: public names differ from tools/repo-checks/api/${folder}.json; if that is meant, run node tools/repo-checks/src/cli.ts --update-names and add a changeset`,
      );
    }
  }
  return faults;
}
