import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { byCodeUnit, GeneratorError } from "@helsekontakt/codegen";
import type { CodeSystem, Concept, StructureDefinition, ValueSet } from "./definitions.ts";

type Definition = StructureDefinition | ValueSet | CodeSystem;
type Kind = Definition["resourceType"];

/** What a value set allows: a closed list, or nothing that this generator can list, with the reason. */
export type Expansion =
  | { readonly codes: readonly string[]; readonly systems: readonly string[] }
  | { readonly unlisted: string; readonly form?: string };

/** Finds definitions by canonical address: our own first, then HL7's package. */
export interface DefinitionSource {
  readonly own: readonly StructureDefinition[];
  structure(url: string, from: string): StructureDefinition;
  /** A profile, ours or of the core package; undefined for base types and unknown addresses. */
  profile(url: string): StructureDefinition | undefined;
  expand(url: string, from: string): Expansion;
  /** The file that holds one of our own definitions, and the first line of it that has the text. */
  /** Value sets and code systems among our own definitions. */
  readonly terminology: number;
  /** The file that holds one of our own definitions. */
  path(url: string): string | undefined;
  locate(url: string, text: string): { readonly file: string; readonly line: number | undefined } | undefined;
}

/** Code systems that stand for lists outside FHIR: only the form of a code can be checked, by this check of the validators. */
const externalSystems: Readonly<Record<string, string>> = {
  "urn:ietf:bcp:13": "mimeType",
  "urn:iso:std:iso:4217": "currency",
};

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
  const paths = new Map<string, string>();
  for (const path of typeof specsFhir === "string" ? jsonFiles(specsFhir) : specsFhir) {
    const definition = readDefinition(path);
    const key = `${definition.resourceType} ${definition.url}`;
    if (local.has(key))
      throw new GeneratorError(path, undefined, `a second ${key}`, "one definition for each canonical");
    local.set(key, definition);
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
  const expand = (url: string, from: string): Expansion => {
    const valueSet = find("ValueSet", url) as ValueSet | undefined;
    if (!valueSet) return { unlisted: `no ValueSet ${url.split("|")[0]} among the definitions` };
    const codes = new Set<string>();
    const systems = new Set<string>();
    if (valueSet.compose?.exclude)
      throw new GeneratorError(from, undefined, `compose.exclude in ${url}`, "includes only");
    for (const include of valueSet.compose?.include ?? []) {
      if (include.filter) return { unlisted: `${url.split("|")[0]} is defined by a filter` };
      for (const other of include.valueSet ?? []) {
        const inner = expand(other, from);
        if ("unlisted" in inner) return inner;
        for (const code of inner.codes) codes.add(code);
        for (const system of inner.systems) systems.add(system);
      }
      if (include.system === undefined) continue;
      systems.add(include.system);
      if (include.concept) for (const concept of include.concept) codes.add(concept.code);
      else {
        const form = externalSystems[include.system];
        if (form) return { unlisted: `${include.system} is kept outside FHIR; the form of the code is checked`, form };
        const system = find("CodeSystem", include.system) as CodeSystem | undefined;
        if (!system) return { unlisted: `no CodeSystem ${include.system} among the definitions` };
        collect(system.concept ?? [], codes);
      }
    }
    return { codes: [...codes], systems: [...systems].sort(byCodeUnit) };
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
    expand,
    terminology: [...local.values()].filter((d) => d.resourceType !== "StructureDefinition").length,
    path: (url) => paths.get(url),
    locate,
  };
}

function collect(concepts: readonly Concept[], into: Set<string>): void {
  for (const concept of concepts) {
    into.add(concept.code);
    collect(concept.concept ?? [], into);
  }
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
