import { GeneratorError } from "@helsekontakt/codegen";
import type { ElementDefinition, StructureDefinition } from "./definitions.ts";
import { type Alternative, type Field, type Model, tsName } from "./model.ts";
import type { DefinitionSource } from "./source.ts";

/** A place in a profile: what its differential says there, and what it says below. */
export interface ProfileNode {
  readonly element: ElementDefinition | undefined;
  readonly children: Map<string, ProfileNode>;
  readonly slices: Map<string, ProfileNode>;
}

export interface Profile {
  readonly definition: StructureDefinition;
  /** Name of the type in TypeScript and of the functions: `HkEpisodeOfCare`. */
  readonly name: string;
  readonly type: string;
  /** Another profile of ours that this one is based on. */
  readonly parent: Profile | undefined;
  readonly root: ProfileNode;
  readonly source: string;
}

const known = new Set(
  "id path sliceName short definition comment extension min max base type binding constraint slicing mustSupport isModifier isSummary requirements alias code mapping label orderMeaning example".split(
    " ",
  ),
);

/** Reads the differentials of our own profiles into trees, parents before children. */
export function readProfiles(model: Model, source: DefinitionSource): Profile[] {
  const byUrl = new Map<string, Profile>();
  const read = (definition: StructureDefinition, from: readonly string[]): Profile => {
    const done = byUrl.get(definition.url);
    if (done) return done;
    const file = `StructureDefinition ${definition.url}`;
    if (from.includes(definition.url))
      throw new GeneratorError(file, undefined, "a base that is itself", "a base profile");
    if (definition.derivation !== "constraint")
      throw new GeneratorError(file, undefined, `derivation ${String(definition.derivation)}`, "constraint");
    const base = source.own.find((d) => d.url === definition.baseDefinition);
    const parent = base ? read(base, [...from, definition.url]) : undefined;
    if (!parent) source.structure(definition.baseDefinition ?? "", file);
    const profile: Profile = {
      definition,
      name: definition.name,
      type: definition.type,
      parent,
      root: tree(definition, file),
      source: `${definition.id ?? definition.url}#${definition.type}`,
    };
    byUrl.set(definition.url, profile);
    return profile;
  };
  for (const definition of source.own) read(definition, []);
  const names = new Set([...model.types.keys()].map(tsName));
  for (const profile of byUrl.values()) {
    if (names.has(profile.name) || !/^[A-Z]\w*$/.test(profile.name))
      throw new GeneratorError(
        profile.definition.url,
        undefined,
        `name ${profile.name}`,
        "a capitalised name that nothing else has",
      );
    names.add(profile.name);
  }
  return [...byUrl.values()];
}

function make(): ProfileNode {
  return { element: undefined, children: new Map(), slices: new Map() };
}

function tree(definition: StructureDefinition, file: string): ProfileNode {
  const elements = definition.differential?.element;
  if (!elements?.[0]) throw new GeneratorError(file, undefined, "no differential", "a differential");
  const root = make();
  for (const element of elements) {
    for (const key of Object.keys(element))
      if (!known.has(key) && !/^(fixed|pattern)[A-Z]/.test(key))
        throw new GeneratorError(file, undefined, `${element.id}.${key}`, "a supported part of ElementDefinition");
    if (element.type?.some((t) => (t as { aggregation?: unknown }).aggregation !== undefined))
      throw new GeneratorError(file, undefined, `${element.id}.type.aggregation`, "no aggregation rule");
    const [first, ...rest] = element.id.split(".");
    if (first !== definition.type)
      throw new GeneratorError(file, undefined, `element id ${element.id}`, `an id below ${definition.type}`);
    let node = root;
    for (const part of rest) {
      const [name, slice] = part.split(":") as [string, string?];
      node = child(node.children, name);
      if (slice !== undefined) node = child(node.slices, slice);
    }
    if (node.element) throw new GeneratorError(file, undefined, `a second ${element.id}`, "each element id once");
    (node as { element: ElementDefinition }).element = element;
  }
  return root;
}

function child(map: Map<string, ProfileNode>, name: string): ProfileNode {
  let node = map.get(name);
  if (!node) map.set(name, (node = make()));
  return node;
}

/** A field of a type by its name in a profile (`value[x]`, `identifier`). */
export function fieldOf(model: Model, type: string, name: string, profile: Profile): Field {
  const plain = name.endsWith("[x]") ? name.slice(0, -3) : name;
  const field = model.types.get(type)?.fields.find((f) => f.name === plain);
  if (!field)
    throw new GeneratorError(profile.definition.url, undefined, `${type}.${name}`, "an element of the base type");
  return field;
}

/** The alternatives that a profile leaves of a choice. */
export function allowed(field: Field, node: ProfileNode, profile: Profile): readonly Alternative[] {
  const types = node.element?.type;
  if (!types || field.alternatives.some((a) => a.type.includes(".") || a.type === "Resource"))
    return field.alternatives;
  const out = field.alternatives.filter((a) => types.some((t) => t.code === a.type || isString(t.code, a.type)));
  if (out.length < types.length)
    throw new GeneratorError(
      profile.definition.url,
      undefined,
      `types at ${node.element?.id}`,
      "types that the base allows",
    );
  return out;
}

function isString(code: string, type: string): boolean {
  return code === "http://hl7.org/fhirpath/System.String" && (type === "string" || type === "id" || type === "uri");
}

/** The `fixed[x]` or `pattern[x]` of an element. */
export function valueRule(
  element: ElementDefinition | undefined,
): { kind: "fixed" | "pattern"; value: unknown } | undefined {
  for (const key of Object.keys(element ?? {}).sort()) {
    const kind = /^(fixed|pattern)[A-Z]/.exec(key)?.[1];
    if (kind) return { kind: kind as "fixed" | "pattern", value: element?.[key] };
  }
  return undefined;
}

/** The resource types that stand behind targetProfile addresses, ours or HL7's. */
export function targetTypes(urls: readonly string[], source: DefinitionSource, from: string): string[] {
  return [...new Set(urls.map((u) => source.structure(u, from).type))].sort();
}
