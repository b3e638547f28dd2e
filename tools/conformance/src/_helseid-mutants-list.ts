import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Mutant, mutantsOf } from "./_helseid-mutants.ts";

// The mutants of packages/helseid by name, and those of them that change nothing.

export const packageRoot: string = fileURLToPath(new URL("../../../packages/helseid/", import.meta.url));
const equivalentPath = fileURLToPath(new URL("../helseid-equivalent.json", import.meta.url));
/** Types, settings without code, and what is generated. */
const without = /(^|\/)(gen\/|index\.ts$|options\.ts$|types\.ts$)/;

const sources = (): string[] =>
  readdirSync(`${packageRoot}src`, { recursive: true, encoding: "utf8" })
    .filter((f) => f.endsWith(".ts") && !without.test(f))
    .sort();

/** All, always in the same order. */
export const allMutants = (): Mutant[] => sources().flatMap((file) => mutantsOf(`${packageRoot}src/${file}`));

/** File, change and line of each mutant: the same as long as nobody touches that line. A number tells equal ones apart. */
export function namesOf(mutants: readonly Mutant[]): string[] {
  const seen = new Map<string, number>();
  return mutants.map(({ file, what, source }) => {
    const name = `${file.slice(packageRoot.length)}: ${what} in ${source}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} #${count}`;
  });
}

/** Mutants that nobody can tell from the original, each with the reason. */
export function equivalents(): readonly { readonly mutant: string; readonly why: string }[] {
  const groups = JSON.parse(readFileSync(equivalentPath, "utf8")) as Readonly<Record<string, readonly string[]>>;
  return Object.entries(groups).flatMap(([why, names]) => names.map((mutant) => ({ mutant, why })));
}

/** SHA-256 of the sources that are mutated. */
export function sourcesHash(): string {
  const hash = createHash("sha256");
  for (const file of sources()) hash.update(`${file}\n`).update(readFileSync(`${packageRoot}src/${file}`));
  return hash.digest("hex");
}
