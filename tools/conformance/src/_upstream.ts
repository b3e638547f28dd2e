import { readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { upstreamFolder } from "./_tally.ts";

/** The folder of official documents, from `HELSEKONTAKT_UPSTREAM`; exit code 2 when it is not set. */
export const upstream = upstreamFolder();

/** The paths below a folder of official documents whose names end in one of the endings, sorted, relative to `upstream`. */
export function upstreamFiles(folder: string, endings: readonly string[] = [".xml"]): string[] {
  const found: string[] = [];
  const walk = (at: string): void => {
    for (const name of readdirSync(at).sort()) {
      const path = join(at, name);
      if (statSync(path).isDirectory()) walk(path);
      else if (endings.some((e) => name.toLowerCase().endsWith(e))) found.push(relative(upstream, path));
    }
  };
  walk(join(upstream, folder));
  return found;
}

/** The path of one official document. */
export function upstreamPath(path: string): string {
  return join(upstream, path);
}
