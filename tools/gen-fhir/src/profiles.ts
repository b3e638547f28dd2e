import { GeneratorError } from "@helsekontakt/codegen";
import type { ElementDefinition, StructureDefinition } from "./definitions.ts";
import { type Alternative, type Field, type Model, tsName } from "./model.ts";
import type { DefinitionSource } from "./source.ts";

/** A place in a profile: what it and the profiles that it is based on say there, and what they say below. */
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
  /** The profile that this one is based on, if its base is one. */
  readonly parent: Profile | undefined;
  /** Everything that holds, the parents' rules among it. */
  readonly root: ProfileNode;
  /** What this profile alone says. */
  readonly own: ProfileNode;
  readonly source: string;
}

/** Parts of ElementDefinition that the generator reads, or that say nothing about an instance. */
const known = new Set(
  "id path sliceName sliceIsConstraining short definition comment extension min max base type binding constraint condition slicing mustSupport isModifier isModifierReason isSummary requirements alias code mapping label orderMeaning meaningWhenMissing example representation contentReference maxLength".split(
    " ",
  ),
);
const valueRules = /^(?:fixed|pattern|minValue|maxValue)[A-Z]/;

/** Profiles by canonical address: ours, and those of HL7's package that ours refer to. */
export class Profiles {
  readonly #byUrl = new Map<string, Profile | undefined>();
  readonly #model: Model;
  readonly #source: DefinitionSource;
  readonly #names: Set<string>;
  readonly #open: string[] = [];

  constructor(model: Model, source: DefinitionSource) {
    this.#model = model;
    this.#source = source;
    this.#names = new Set([...model.types.keys()].map(tsName));
  }

  /** Reads our own profiles, parents before children. */
  readAll(): Profile[] {
    for (const { url } of this.#source.own) this.find(url);
    return this.all();
  }

  /** Every profile that has been read, in the order of reading. */
  all(): Profile[] {
    return [...this.#byUrl.values()].filter((p): p is Profile => p !== undefined);
  }

  /** A profile by address; undefined for a base type or an address that no definition has. */
  find(canonical: string): Profile | undefined {
    const url = canonical.split("|")[0] as string;
    if (this.#byUrl.has(url)) return this.#byUrl.get(url);
    const definition = this.#source.profile(url);
    if (!definition) return undefined;
    const file = `StructureDefinition ${url}`;
    if (this.#open.includes(url)) throw new GeneratorError(file, undefined, "a base that is itself", "a base profile");
    if (definition.derivation !== "constraint")
      throw new GeneratorError(file, undefined, `derivation ${String(definition.derivation)}`, "constraint");
    this.#open.push(url);
    const base = definition.baseDefinition ?? "";
    const parent = this.find(base);
    // A base that is there, but was refused or is no base type, leaves this one without what it builds on.
    if (!parent && this.#source.structure(base, file).derivation === "constraint")
      throw new GeneratorError(file, undefined, `base ${base}`, "a base that compiles");
    this.#open.pop();
    const own = tree(definition, file, this.#model);
    const profile: Profile = {
      definition,
      name: this.#name(definition),
      type: definition.type,
      parent,
      root: parent ? merge(parent.root, own) : own,
      own,
      source: `${definition.id ?? definition.url}#${definition.type}`,
    };
    this.#byUrl.set(url, profile);
    return profile;
  }

  #name(definition: StructureDefinition): string {
    const id = definition.id ?? definition.url.slice(definition.url.lastIndexOf("/") + 1);
    const host = /^https?:\/\/(?:www\.)?([^/.]+)/.exec(definition.url)?.[1] ?? "";
    const candidates = [
      definition.name,
      pascal(definition.name),
      pascal(id),
      `${pascal(host)}${pascal(definition.name)}`,
    ];
    const name = candidates.find((n) => /^[A-Z]\w*$/.test(n) && !this.#names.has(n));
    if (name === undefined)
      throw new GeneratorError(
        definition.url,
        undefined,
        `name ${definition.name}`,
        "a capitalised name that nothing else has",
      );
    this.#names.add(name);
    return name;
  }
}

function pascal(text: string): string {
  return text.replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9]?)/g, (_, c: string) => c.toUpperCase());
}

function make(): ProfileNode {
  return { element: undefined, children: new Map(), slices: new Map() };
}

function tree(definition: StructureDefinition, file: string, model: Model): ProfileNode {
  const { differential, snapshot } = definition;
  const elements = differential?.element.length ? differential.element : snapshot?.element.map((e) => added(e, model));
  if (!elements?.[0]) throw new GeneratorError(file, undefined, "no differential", "a differential or a snapshot");
  const root = make();
  for (const element of elements) {
    const id = element.id ?? (element.sliceName === undefined ? element.path : undefined);
    if (id === undefined)
      throw new GeneratorError(file, undefined, `a slice at ${element.path} without id`, "an id with the slice's name");
    for (const key of Object.keys(element))
      if (!known.has(key) && !valueRules.test(key))
        throw new GeneratorError(file, undefined, `${id}.${key}`, "a supported part of ElementDefinition");
    const [first, ...rest] = id.split(".");
    if (first !== definition.type)
      throw new GeneratorError(file, undefined, `element id ${id}`, `an id below ${definition.type}`);
    let node = root;
    for (const part of rest) {
      const [name, slice] = part.split(":") as [string, string?];
      node = child(node.children, name);
      // `a/b` is the slice b of the slice a.
      for (const one of slice?.split("/") ?? []) node = child(node.slices, one);
    }
    if (node.element) throw new GeneratorError(file, undefined, `a second ${id}`, "each element id once");
    (node as { element: ElementDefinition }).element = element.id === undefined ? { ...element, id } : element;
  }
  return root;
}

/** Of an element of a snapshot: what the base types do not say already. */
function added(element: ElementDefinition, model: Model): ElementDefinition {
  const { constraint, ...rest } = element;
  const own = (constraint ?? []).filter((c) => !model.coreConstraints.has(`${c.key} ${c.expression ?? ""}`));
  return own.length > 0 ? ({ ...rest, constraint: own } as ElementDefinition) : (rest as ElementDefinition);
}

function child(map: Map<string, ProfileNode>, name: string): ProfileNode {
  let node = map.get(name);
  if (!node) map.set(name, (node = make()));
  return node;
}

/** Both sets of rules; what the second says about one thing takes the place of what the first says about it. */
export function merge(a: ProfileNode, b: ProfileNode): ProfileNode {
  const join = (x: Map<string, ProfileNode>, y: Map<string, ProfileNode>): Map<string, ProfileNode> => {
    const out = new Map(x);
    for (const [name, node] of y) {
      const before = out.get(name);
      out.set(name, before ? merge(before, node) : node);
    }
    return out;
  };
  return {
    element: mergeElements(a.element, b.element),
    children: join(a.children, b.children),
    slices: join(a.slices, b.slices),
  };
}

function mergeElements(
  a: ElementDefinition | undefined,
  b: ElementDefinition | undefined,
): ElementDefinition | undefined {
  if (!a || !b) return b ?? a;
  const constraint = [...(a.constraint ?? []), ...(b.constraint ?? [])].filter(
    (c, i, all) => all.findIndex((d) => d.key === c.key && d.expression === c.expression) === i,
  );
  return { ...a, ...b, ...(constraint.length > 0 ? { constraint } : {}) };
}

/** A field of a type by its name in a profile: `identifier`, `value[x]`, or one type of a choice (`valueQuantity`). */
export function fieldOf(model: Model, type: string, name: string, profile: Profile): Field {
  const plain = name.endsWith("[x]") ? name.slice(0, -3) : name;
  const fields = model.types.get(type)?.fields ?? [];
  const field = fields.find((f) => f.name === plain);
  if (field) return field;
  const choice = fields.find((f) => f.choice && f.alternatives.some((a) => a.json === name));
  if (choice) return { ...choice, alternatives: choice.alternatives.filter((a) => a.json === name) };
  throw new GeneratorError(profile.definition.url, undefined, `${type}.${name}`, "an element of the base type");
}

/** The alternatives that a profile leaves of a choice. */
export function allowed(field: Field, node: ProfileNode, profile: Profile): readonly Alternative[] {
  const types = node.element?.type;
  if (!types && field.choice) {
    // The name of a fixed value says its type: `fixedCode`.
    const suffix = Object.keys(node.element ?? {})
      .map((key) => /^(?:fixed|pattern)([A-Z]\w*)$/.exec(key)?.[1])
      .find((t) => t !== undefined);
    const fixed = field.alternatives.filter((a) => suffix !== undefined && a.json === field.name + suffix);
    if (fixed.length > 0) return fixed;
  }
  if (!types || field.alternatives.some((a) => a.type.includes(".") || a.type === "Resource"))
    return field.alternatives;
  const out = field.alternatives.filter((a) => types.some((t) => t.code === a.type || isString(t.code, a.type)));
  if (out.length < new Set(types.map((t) => t.code)).size)
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

/** True for a choice whose slices are the types that it may have, each a property of its own. */
export function isSlicedByType(node: ProfileNode): boolean {
  const by = node.element?.slicing?.discriminator;
  return node.slices.size > 0 && (!by || (by.length === 1 && by[0]?.type === "type" && by[0].path === "$this"));
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
