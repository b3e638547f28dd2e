import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { byCodeUnit, type GeneratedFile, GeneratorError, header } from "@helsekontakt/codegen";
import { createHash } from "node:crypto";
import { closureRoots, generateFrom, tool } from "./generate.ts";
import { coreFolder, coreVersion, openSource } from "./source.ts";

/** A definition that did not compile. */
export interface Refusal {
  readonly file: string;
  readonly url: string;
  readonly message: string;
}

export interface Project {
  readonly files: readonly GeneratedFile[];
  readonly profiles: number;
  /** Definitions that were read for others: value sets and code systems. */
  readonly terminology: number;
  readonly refused: readonly Refusal[];
  /** Files that are JSON, but no definition that a validator could use. */
  readonly leftOut: readonly string[];
  /** What the validators of this output do not check, with the reason. */
  readonly notExecuted: readonly string[];
}

const kinds = new Set(["StructureDefinition", "ValueSet", "CodeSystem"]);

/**
 * Compiles every profile below one or more folders of definitions; what does not compile is refused by name and place, with
 * the profiles that are based on it, and the others go on.
 */
export function generateFromFolders(folders: readonly string[], core: string = coreFolder()): Project {
  const leftOut: string[] = [];
  const files = folders
    .flatMap((dir) => jsonFiles(dir))
    .filter((path) => {
      const kind = kindOf(path);
      if (kind === undefined || kinds.has(kind)) return kind !== undefined;
      leftOut.push(`${path}: ${kind}`);
      return false;
    });
  const refused = new Map<string, Refusal>();
  for (;;) {
    const source = openSource(files, core, (d) => !refused.has(d.url));
    const heads = headsOf(files, folders);
    try {
      const types = generateFrom(source, closureRoots, "types", heads);
      const validators = generateFrom(source, closureRoots, "validators", heads);
      const output = [
        ...types.map((f) => ({ path: `types/${f.path}`, content: outside(f.content, "types") })),
        ...validators.map((f) => ({ path: `validators/${f.path}`, content: outside(f.content, "validators") })),
        { path: "index.ts", content: index(heads.profiles) },
      ];
      return {
        files: output,
        profiles: source.own.length,
        terminology: source.terminology,
        refused: [...refused.values()],
        leftOut,
        notExecuted: linesOf(validators.find((f) => f.path === "coverage.ts")?.content ?? ""),
      };
    } catch (error) {
      const own =
        error instanceof GeneratorError
          ? source.own.find((d) => error.message.includes(d.url) || placeOf(source.path(d.url)) === placeOf(error.file))
          : undefined;
      if (!(error instanceof GeneratorError) || !own) throw error;
      refused.set(own.url, { file: error.file, url: own.url, message: error.message });
    }
  }
}

function placeOf(path: string | undefined): string {
  return path ?? "?";
}

function kindOf(path: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    throw new GeneratorError(path, undefined, "text that is no JSON", "a definition in JSON");
  }
  const kind = (value as { resourceType?: unknown } | null)?.resourceType;
  return typeof kind === "string" ? kind : undefined;
}

function jsonFiles(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .flatMap((e) =>
      e.isDirectory() ? jsonFiles(join(dir, e.name)) : e.name.endsWith(".json") ? [join(dir, e.name)] : [],
    )
    .sort(byCodeUnit);
}

function headsOf(files: readonly string[], folders: readonly string[]): { core: string; profiles: string } {
  const hash = createHash("sha256");
  for (const file of files) {
    const folder = folders.find((f) => !relative(f, file).startsWith("..")) ?? "";
    hash.update(`${relative(folder, file)} `).update(readFileSync(file));
  }
  return {
    core: `${header(tool, [])}// @generated from hl7.fhir.r4.examples version ${coreVersion}\n\n`,
    profiles: `${header(tool, [{ path: "folders of definitions", version: "0", sha256: hash.digest("hex") }])}\n`,
  };
}

/** What the modules of this repository import by path, as others import it. */
const imports: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  types: {
    'import type { FhirDecimal } from "../../fhir/decimal.ts";':
      'import type { FhirDecimal } from "@helsekontakt/types/fhir";',
    'import type { FhirTypeTable } from "../../fhir/table.ts";':
      'import type { FhirTypeTable } from "@helsekontakt/types/fhir";',
  },
  validators: Object.fromEntries(
    [
      ["import * as fp from", "fhirpath", "import { fp } from"],
      ["import * as p from", "primitives", "import { p } from"],
      ["import { isBound } from", "bound", "import { isBound } from"],
      ["import { isNarrativeText } from", "narrative", "import { isNarrativeText } from"],
      ["import type { ExtensionTable } from", "extensions", "import type { ExtensionTable } from"],
      ["import type { FhirObject } from", "context", "import type { FhirObject } from"],
      ["import type { Beside, FastContext } from", "fast", "import type { Beside, FastContext } from"],
      ["import { type Beside, countAlone } from", "fast", "import { type Beside, countAlone } from"],
      ["import type { FastContext, FastProfile } from", "fast", "import type { FastContext, FastProfile } from"],
      [
        "import type { FhirContext, FhirObject, ProfileRule } from",
        "context",
        "import type { FhirContext, FhirObject, ProfileRule } from",
      ],
      [
        "import type { CodeSet, FhirContext, ValidateType } from",
        "context",
        "import type { CodeSet, FhirContext, ValidateType } from",
      ],
      [
        "import type { BoundSet, CodeSet, FhirContext, ValidateType } from",
        "context",
        "import type { BoundSet, CodeSet, FhirContext, ValidateType } from",
      ],
    ].map(([from, module, to]) => [
      `${from} "../../fhir/${module}.ts";`,
      `${to} "@helsekontakt/validators/fhir-runtime";`,
    ]),
  ),
};

function outside(content: string, part: string): string {
  let out = content;
  for (const [from, to] of Object.entries(imports[part] ?? {})) out = out.replace(from, to);
  out = out
    .replace(
      'import * as rules from "../../fhir/fast.ts";',
      'import { fast as rules } from "@helsekontakt/validators/fhir-runtime";',
    )
    .replace(
      'import * as alternatives from "../../fhir/alternatives.ts";',
      'import { alternatives } from "@helsekontakt/validators/fhir-runtime";',
    )
    .replace(
      'import * as rules from "../../fhir/rules.ts";',
      'import { rules } from "@helsekontakt/validators/fhir-runtime";',
    );
  // A project without TypeScript's own extensions in its imports takes the names of what it compiles to.
  out = out.replace(/^((?:import|export) [^"\n]* from "\.\/[^"\n]*)\.ts";$/gm, '$1.js";');
  const left = /from "\.\.\/\.\.\/[^"]*"/.exec(out)?.[0];
  if (left !== undefined) throw new Error(`expected every import of the generated module to be known, found ${left}`);
  return out;
}

function index(head: string): string {
  return `${head}import { createFhirValidator, type FhirValidator } from "@helsekontakt/validators/fhir-runtime";
import { resourceTypes } from "./types/tables.js";
import { resourceValidators } from "./validators/core.js";
import { isOfType } from "./validators/core-fast.js";
import { isOfRareType } from "./validators/core-fast-rare.js";
import { knownExtensions } from "./validators/extensions.js";
import { profileRules } from "./validators/profiles.js";
import { fastProfiles } from "./validators/profiles-fast.js";

export type * from "./types/profiles.js";
export { profileUrls } from "./types/profiles.js";
export type * from "./types/types.js";
export { executedInvariants, notExecuted } from "./validators/coverage.js";

/** Validator of these definitions. */
export const validator: FhirValidator = createFhirValidator({
  resourceValidators,
  isOfType,
  isOfRareType,
  profileRules,
  fastProfiles,
  knownExtensions,
  resourceTypes,
});
`;
}

function linesOf(coverage: string): string[] {
  const list = coverage.slice(coverage.indexOf("export const notExecuted"));
  return [...list.matchAll(/^ {2}("(?:[^"\\]|\\.)*"),$/gm)].map((m) => JSON.parse(m[1] as string) as string);
}
