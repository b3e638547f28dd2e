import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { byCodeUnit, GeneratorError } from "@helsekontakt/codegen";
import type { CodeSystem, StructureDefinition, ValueSet } from "./definitions.ts";
import { expand, type Expansion, type Terms } from "./value-sets.ts";

type Definition = StructureDefinition | ValueSet | CodeSystem;
type Kind = Definition["resourceType"];

/** Finds definitions by canonical address: our own first, then HL7's package. */
export interface DefinitionSource {
  readonly own: readonly StructureDefinition[];
  structure(url: string, from: string): StructureDefinition;
  /** A profile, ours or of the core package; undefined for base types and unknown addresses. */
  profile(url: string): StructureDefinition | undefined;
  expand(url: string): Expansion;
  /** Value sets and code systems among our own definitions. */
  readonly terminology: number;
  /** The file that holds one of our own definitions. */
  path(url: string): string | undefined;
  /** The file that holds one of our own definitions, and the first line of it that has the text. */
  locate(url: string, text: string): { readonly file: string; readonly line: number | undefined } | undefined;
}

/** Version of FHIR R4 and of the package that holds its definitions. */
export const coreVersion = "4.0.1";

/** Folder of the package with HL7's R4 definitions. */
export function coreFolder(): string {
  const file = createRequire(import.meta.url).resolve("hl7.fhir.r4.examples/package.json");
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version?: unknown };
  if (version !== coreVersion) throw new GeneratorError(file, undefined, `version ${String(version)}`, coreVersion);
  return dirname(file);
}

/** Reads `specsFhir` (a folder with all below it, or files) and, on demand, single files of the core package. */
export function openSource(
  specsFhir: string | readonly string[],
  core: string,
  take: (definition: { readonly url: string }) => boolean = () => true,
): DefinitionSource {
  const local = new Map<string, Definition>();
  /** Value sets by address: several versions of one may be there. */
  const sets = new Map<string, ValueSet[]>();
  const paths = new Map<string, string>();
  for (const path of typeof specsFhir === "string" ? jsonFiles(specsFhir) : specsFhir) {
    const definition = readDefinition(path);
    const isSet = definition.resourceType === "ValueSet";
    const version = isSet && definition.version !== undefined ? `|${definition.version}` : "";
    const key = `${definition.resourceType} ${definition.url}${version}`;
    if (local.has(key))
      throw new GeneratorError(path, undefined, `a second ${key}`, "one definition for each canonical");
    local.set(key, definition);
    if (isSet) sets.set(definition.url, [...(sets.get(definition.url) ?? []), definition]);
    paths.set(definition.url, path);
  }
  const cache = new Map<string, Definition | undefined>();
  const find = (kind: Kind, canonical: string): Definition | undefined => {
    const url = canonical.split("|")[0] as string;
    const key = `${kind} ${url}`;
    const own = local.get(key);
    if (own) return own;
    if (!cache.has(key)) {
      const path = join(core, `${kind}-${url.slice(url.lastIndexOf("/") + 1)}.json`);
      const found = existsSync(path) ? readDefinition(path) : undefined;
      cache.set(key, found?.url === url ? found : undefined);
    }
    return cache.get(key);
  };
  const valueSet = (canonical: string): ValueSet | undefined => {
    const [url = "", version] = canonical.split("|");
    const own = [...(sets.get(url) ?? [])].sort((a, b) => compareVersions(a.version ?? "", b.version ?? ""));
    if (version === undefined && own.length > 0) return own.at(-1);
    const found = own.find((s) => s.version === version);
    if (found) return found;
    const ofCore = find("ValueSet", url) as ValueSet | undefined;
    return version === undefined || ofCore?.version === version ? ofCore : undefined;
  };
  const structure = (url: string, from: string): StructureDefinition => {
    const found = find("StructureDefinition", url);
    if (!found) throw new GeneratorError(from, undefined, url, "a known StructureDefinition");
    return found as StructureDefinition;
  };
  const profile = (url: string): StructureDefinition | undefined => {
    const found = find("StructureDefinition", url) as StructureDefinition | undefined;
    if (!found || !take(found)) return undefined;
    return found.derivation === "constraint" || local.has(`StructureDefinition ${found.url}`) ? found : undefined;
  };
  const terms: Terms = {
    valueSet: (canonical) => valueSet(canonical),
    codeSystem: (url) => find("CodeSystem", url) as CodeSystem | undefined,
  };
  const own = [...local.values()].filter(
    (d): d is StructureDefinition => d.resourceType === "StructureDefinition" && take(d),
  );
  const locate: DefinitionSource["locate"] = (url, text) => {
    const file = paths.get(url);
    if (file === undefined) return undefined;
    const line = readFileSync(file, "utf8")
      .split("\n")
      .findIndex((l) => text !== "" && l.includes(text));
    return { file, line: line < 0 ? undefined : line + 1 };
  };
  return {
    own: own.sort((a, b) => byCodeUnit(a.url, b.url)),
    structure,
    profile,
    expand: (url) => expand(url, terms),
    terminology: [...local.values()].filter((d) => d.resourceType !== "StructureDefinition").length,
    path: (url) => paths.get(url),
    locate,
  };
}

/** Order of versions: numbers by their size, other text by code unit. */
function compareVersions(a: string, b: string): number {
  const [x, y] = [a.split(/[.-]/), b.split(/[.-]/)];
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const [p = "", q = ""] = [x[i], y[i]];
    if (p === q) continue;
    const n = Number(p) - Number(q);
    return p === "" || q === "" || Number.isNaN(n) || n === 0 ? byCodeUnit(p, q) : n;
  }
  return 0;
}

function readDefinition(path: string): Definition {
  const value = JSON.parse(readFileSync(path, "utf8")) as { resourceType?: unknown; url?: unknown };
  const kind = value.resourceType;
  if (kind !== "StructureDefinition" && kind !== "ValueSet" && kind !== "CodeSystem")
    throw new GeneratorError(path, 1, `resourceType ${String(kind)}`, "StructureDefinition, ValueSet or CodeSystem");
  if (typeof value.url !== "string") throw new GeneratorError(path, 1, "no url", "a canonical address");
  return value as Definition;
}

function jsonFiles(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .flatMap((e) =>
      e.isDirectory() ? jsonFiles(join(dir, e.name)) : e.name.endsWith(".json") ? [join(dir, e.name)] : [],
    )
    .sort(byCodeUnit);
}
