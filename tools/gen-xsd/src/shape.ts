import type { AttributeUse, ComplexType, Element, Particle, Wildcard } from "./model.ts";
import { clark } from "./model.ts";

/** How a complex type appears as an object: the form of `TypeTable`, and the alternatives of its choices. */
export interface Shape {
  readonly content: "empty" | "text" | "fields" | "items" | "mixed" | "any";
  readonly attributes: readonly { readonly prop: string; readonly use: AttributeUse }[];
  readonly fields: readonly Field[];
  readonly wildcards: readonly {
    readonly before: number;
    readonly many: boolean;
    readonly optional: boolean;
    readonly wildcard: Wildcard;
  }[];
  /** Only with `fields`: what the interface says. */
  readonly members: readonly Member[];
}

export interface Field {
  readonly prop: string;
  readonly element: Element;
  readonly many: boolean;
  readonly optional: boolean;
  readonly doc: string | undefined;
}

/** A property (a field by its index, or the wildcard by -1), or a choice between sets of properties. */
export type Member =
  | { readonly kind: "prop"; readonly field: number; readonly optional: boolean }
  | {
      readonly kind: "choice";
      readonly all: readonly number[];
      readonly alternatives: readonly ReadonlyMap<number, boolean>[];
    };

/** Index that stands for the wildcard's `$any` in members. */
export const ANY = -1;

const special = new Set(
  "$text $any $content $items $attributes $nil $type $ns $namespaces $schemaLocation $noNamespaceSchemaLocation".split(
    " ",
  ),
);
const maxAlternatives = 16;

interface Leaf {
  readonly particle: Particle & { kind: "element" | "wildcard" };
  readonly many: boolean;
  readonly optional: boolean;
}

/**
 * @param members - the substitution group of an element: what may stand where it is referred to, itself left out.
 */
export function shapeOf(type: ComplexType, members: (element: Element) => readonly Element[]): Shape {
  const attributes = attributeProps(type.attributes);
  const none = { attributes, fields: [], wildcards: [], members: [] };
  if (type.unit === undefined) return { content: "any", ...none };
  if (type.simple) return { content: "text", ...none };
  const leaves: Leaf[] = [];
  const ordered = type.particle === undefined || flatten(type.particle, false, false, leaves);
  if (leaves.length === 0) return { content: type.mixed ? "mixed" : "empty", ...none };
  const elements = leaves.flatMap((l) =>
    l.particle.kind === "element" ? [{ ...l, element: l.particle.element, doc: l.particle.doc }] : [],
  );
  const wild = leaves.filter((l) => l.particle.kind === "wildcard");
  const names = elements.map((l) => clark(l.element.ns, l.element.name));
  const plain =
    ordered &&
    new Set(names).size === names.length &&
    wild.length <= 1 &&
    elements.every((l) => members(l.element).length === 0 && !l.element.abstract);
  if (type.mixed || !plain) {
    const all = new Map<string, Element>();
    for (const { element } of elements)
      for (const e of [element, ...members(element)])
        if (!e.abstract && !all.has(clark(e.ns, e.name))) all.set(clark(e.ns, e.name), e);
    const props = uniqueProps([...all.values()]);
    const fields = [...all.values()].map((element, i) => ({
      prop: props[i] as string,
      element,
      many: true,
      optional: true,
      doc: element.doc,
    }));
    const wildcards = wild.map((l) => ({
      before: fields.length,
      many: true,
      optional: true,
      wildcard: (l.particle as { wildcard: Wildcard }).wildcard,
    }));
    return { content: type.mixed ? "mixed" : "items", attributes, fields, wildcards, members: [] };
  }
  const props = uniqueProps(elements.map((l) => l.element));
  const fields = elements.map((l, i) => ({
    prop: props[i] as string,
    element: l.element,
    many: l.many,
    optional: l.optional,
    doc: l.doc,
  }));
  const wildcards = wild.map((l) => ({
    before: leaves.slice(0, leaves.indexOf(l)).filter((x) => x.particle.kind === "element").length,
    many: l.many,
    optional: l.optional,
    wildcard: (l.particle as { wildcard: Wildcard }).wildcard,
  }));
  const index = new Map<Particle, number>(elements.map((l, i) => [l.particle, i]));
  for (const l of wild) index.set(l.particle, ANY);
  return {
    content: "fields",
    attributes,
    fields,
    wildcards,
    members: type.particle ? memberList(type.particle, false, index) : [],
  };
}

/** Element and wildcard leaves in schema order. False when properties could not keep the order of a document. */
function flatten(particle: Particle, many: boolean, optional: boolean, out: Leaf[]): boolean {
  const m = many || particle.max > 1;
  const o = optional || particle.min === 0;
  if (particle.kind === "element" || particle.kind === "wildcard") {
    out.push({ particle, many: m, optional: o });
    return true;
  }
  const start = out.length;
  let ordered = true;
  for (const item of particle.items)
    ordered = flatten(item, m, o || (particle.kind === "choice" && particle.items.length > 1), out) && ordered;
  const count = out.length - start;
  return ordered && !(count > 1 && (particle.max > 1 || particle.kind === "all"));
}

function memberList(particle: Particle, optional: boolean, index: ReadonlyMap<Particle, number>): Member[] {
  if (particle.kind === "element" || particle.kind === "wildcard")
    return [{ kind: "prop", field: index.get(particle) as number, optional: optional || particle.min === 0 }];
  const o = optional || particle.min === 0;
  // A choice between nothing: no content fits it, and where it may be left out it always is.
  if (particle.kind === "choice" && particle.items.length === 0)
    return o ? [] : [{ kind: "choice", all: [], alternatives: [] }];
  if (particle.kind !== "choice" || particle.items.length === 1)
    return particle.items.flatMap((item) => memberList(item, o, index));
  const alternatives = alternativesOf(particle, index);
  const all = [...new Set(alternatives.flatMap((a) => [...a.keys()]))];
  if (alternatives.length > maxAlternatives) return all.map((field) => ({ kind: "prop", field, optional: true }));
  if (optional && !alternatives.some((a) => [...a.values()].every((v) => v))) alternatives.push(new Map());
  return [{ kind: "choice", all, alternatives }];
}

/** The sets of properties that a particle allows: property to "may be absent". */
function alternativesOf(particle: Particle, index: ReadonlyMap<Particle, number>): Map<number, boolean>[] {
  if (particle.kind === "element" || particle.kind === "wildcard")
    return [new Map([[index.get(particle) as number, particle.min === 0]])];
  let out: Map<number, boolean>[];
  if (particle.kind === "choice") out = particle.items.flatMap((item) => alternativesOf(item, index));
  else {
    out = [new Map()];
    for (const item of particle.items) {
      const next = alternativesOf(item, index);
      if (out.length * next.length > 256)
        return [...Array(maxAlternatives + 1)].map(() => new Map(leavesOf(particle, index)));
      out = out.flatMap((a) => next.map((b) => new Map([...a, ...b])));
    }
  }
  if (particle.min === 0) {
    if (particle.kind === "choice") out.push(new Map());
    else out = out.map((a) => new Map([...a.keys()].map((k) => [k, true])));
  }
  // An empty set is already said by a set whose properties may all be absent.
  const seen = new Set<string>();
  return out.filter((a) => {
    const key = JSON.stringify([...a]);
    if (seen.has(key) || (a.size === 0 && out.some((b) => b.size > 0 && [...b.values()].every((v) => v)))) return false;
    seen.add(key);
    return true;
  });
}

function leavesOf(particle: Particle, index: ReadonlyMap<Particle, number>): [number, boolean][] {
  if (particle.kind === "element" || particle.kind === "wildcard") return [[index.get(particle) as number, true]];
  return particle.items.flatMap((item) => leavesOf(item, index));
}

function uniqueProps(elements: readonly Element[]): string[] {
  const taken = new Set<string>();
  return elements.map((e) => {
    // Every object has `constructor`, `toString` and the like: a property of that name would never be absent.
    const wish = e.name in Object.prototype ? `${e.name}_` : e.name;
    let prop = wish;
    for (let n = 2; taken.has(prop); n++) prop = `${wish}_${n}`;
    taken.add(prop);
    return prop;
  });
}

function attributeProps(uses: readonly AttributeUse[]): { prop: string; use: AttributeUse }[] {
  const taken = new Set(special);
  return uses
    .filter((u) => !u.prohibited)
    .map((use) => {
      const wish = `$${use.name}`;
      let prop = special.has(wish) ? `${wish}_` : wish;
      for (let n = 2; taken.has(prop); n++) prop = `${wish}_${n}`;
      taken.add(prop);
      return { prop, use };
    });
}
