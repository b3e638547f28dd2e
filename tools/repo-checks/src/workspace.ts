import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url));

export interface WorkspacePackage {
  /** Folder name below `packages/`. */
  readonly folder: string;
  readonly dir: string;
  readonly name: string;
  readonly manifest: {
    readonly version: string;
    readonly dependencies?: Record<string, string>;
    readonly peerDependencies?: Record<string, string>;
    readonly exports: Record<string, Record<string, string>>;
    readonly imports?: Record<string, Record<string, string>>;
    readonly bin?: Record<string, string>;
  };
}

export function readPackages(): WorkspacePackage[] {
  return readdirSync(join(root, "packages"))
    .sort()
    .map((folder) => {
      const dir = join(root, "packages", folder);
      const manifest = JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as WorkspacePackage["manifest"] & {
        name: string;
      };
      return { folder, dir, name: manifest.name, manifest };
    });
}

/** Source files below a folder, sorted, tests and helpers left out on request. */
export function sourceFiles(dir: string, { tests = false } = {}): string[] {
  return walk(dir).filter(
    (f) => /\.(ts|mts|mjs)$/.test(f) && (tests || !/(\.test\.ts$)|(\/_[^/]*\.ts$)|(\/contract\.ts$)/.test(f)),
  );
}

export function walk(dir: string): string[] {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    return [];
  }
  return names
    .filter((n) => n !== "node_modules" && n !== "dist" && n !== ".turbo")
    .flatMap((n) => (statSync(join(dir, n)).isDirectory() ? walk(join(dir, n)) : [join(dir, n)]))
    .sort();
}

/** The module names that a source file imports, exports from or loads with `import()`. */
export function importsOf(text: string): string[] {
  const found = new Set<string>();
  // Comments go first: examples in them may import anything.
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  for (const m of code.matchAll(/(?:^|[;\s])(?:import|export)\s(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']/g))
    if (m[1]) found.add(m[1]);
  for (const m of code.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g)) if (m[1]) found.add(m[1]);
  return [...found];
}

/** `@scope/name` or `name` of an import, without the subpath. */
export function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
