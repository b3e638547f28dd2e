import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generatorOf } from "./header.ts";
import { byCodeUnit } from "./manifest.ts";

export interface GeneratedFile {
  /** Path below the output folder, forward slashes. */
  readonly path: string;
  readonly content: string;
}

/**
 * Makes the output folder hold exactly these files: what was generated before and is not any more goes, unchanged files
 * keep their times. Line ends are LF, each file ends in one.
 *
 * Files that carry another generator's mark stay: a folder below this one, or this one, may be that one's too.
 */
export function writeGenerated(
  outDir: string,
  files: readonly GeneratedFile[],
): { written: number; unchanged: number; removed: number } {
  const wanted = new Map<string, string>();
  for (const file of files) {
    if (wanted.has(file.path)) throw new Error(`two generated files with one path: ${file.path}`);
    if (file.content.includes("\r")) throw new Error(`generated file holds a carriage return: ${file.path}`);
    wanted.set(file.path, file.content.endsWith("\n") ? file.content : `${file.content}\n`);
  }
  const own = new Set([...wanted.values()].map(generatorOf).filter((name) => name !== undefined));
  let removed = 0;
  for (const path of listFiles(outDir)) {
    if (wanted.has(path)) continue;
    const other = generatorOf(readFileSync(join(outDir, path), "utf8"));
    if (own.size > 0 && other !== undefined && !own.has(other)) continue;
    rmSync(join(outDir, path));
    removed++;
  }
  let written = 0;
  for (const [path, content] of [...wanted].sort((a, b) => byCodeUnit(a[0], b[0]))) {
    const target = join(outDir, path);
    let present: string | undefined;
    try {
      present = readFileSync(target, "utf8");
    } catch {
      // a new file
    }
    if (present === content) continue;
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
    written++;
  }
  return { written, unchanged: wanted.size - written, removed };
}

/** All files below a folder, as sorted relative paths with forward slashes; none if the folder is missing. */
export function listFiles(dir: string, prefix = ""): string[] {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    return [];
  }
  return names
    .flatMap((name) => {
      const path = join(dir, name);
      return statSync(path).isDirectory() ? listFiles(path, `${prefix}${name}/`) : [`${prefix}${name}`];
    })
    .sort(byCodeUnit);
}
