import { clarkName, intern, own } from "./names.ts";
import type { ElementRegistry, ElementTable, FieldTable, TypeTable, WildcardTable } from "./table.ts";

/**
 * A field, or a substitute for one, as the decoder looks it up. What it needs of the tables is copied here: they have many
 * shapes, and the engine reads those slowly.
 */
export interface CompiledField {
  readonly field: FieldTable;
  readonly prop: string;
  readonly many: boolean;
  readonly local: string;
  readonly ns: string;
  /** Name and type as found in the document: the field's own or those of a member of its substitution group. */
  readonly element: ElementTable;
  readonly index: number;
  /** The field's own bit of `CompiledType.needed`; 0 when it may be absent. */
  readonly bit: number;
  /** What the element holds, resolved when the first one is met; `null` for text. */
  type: CompiledType | null | undefined;
  /** The next candidate with the same local name. */
  next: CompiledField | undefined;
  /** The only candidate of its local name, so that one look says that it is the right one. */
  alone: boolean;
  /** What stood behind it last, in any document; one that is alone. */
  after: CompiledField | undefined;
}

export interface CompiledAttribute {
  /** Local name for unqualified, Clark name for qualified attributes. */
  readonly name: string;
  readonly prop: string;
  readonly bit: number;
  readonly names: boolean;
}

export interface CompiledType {
  readonly table: TypeTable;
  readonly content: TypeTable["content"];
  /** Bits of everything that is required; with more than fit, the last ones share none and `needed` cannot be reached. */
  readonly needed: number;
  readonly fields: ReadonlyMap<string, CompiledField>;
  /** Text or an attribute may hold names, whose prefixes are to be kept. */
  readonly names: boolean;
  /** By local name for unqualified, Clark name for qualified attributes. */
  readonly attributes: ReadonlyMap<string, CompiledAttribute>;
  /** The attribute that stood last at each place, in any document. */
  readonly places: (CompiledAttribute | undefined)[];
  /** The field that stood first last, in any document; one that is alone. */
  first: CompiledField | undefined;
  readonly required: readonly { readonly prop: string; readonly name: string }[];
  readonly wildcards: readonly WildcardTable[];
  /** Attribute properties and fields, for the encoder's check that nothing else is on the object. */
  readonly props: ReadonlySet<string>;
}

const cache = new WeakMap<TypeTable, CompiledType>();
const resolved = new WeakMap<() => TypeTable, CompiledType>();

/** A global element, found by the parts of its name. */
export interface KnownElement {
  /** Clark form. */
  readonly name: string;
  readonly local: string;
  /** `undefined` for text. */
  readonly type: CompiledType | undefined;
}

const registries = new WeakMap<ElementRegistry, Map<string, Map<string, KnownElement>>>();

/** A global element of a registry. What was found once is kept, since joining a name for each look-up is slow. */
export function knownElement(registry: ElementRegistry, ns: string, local: string): KnownElement | undefined {
  let known = registries.get(registry);
  if (known === undefined) registries.set(registry, (known = new Map()));
  let byName = known.get(ns);
  const found = byName?.get(local);
  if (found !== undefined) return found;
  const name = clarkName(ns, local);
  const element = own(registry, name);
  if (element === undefined) return undefined;
  if (byName === undefined) known.set(intern(ns), (byName = new Map()));
  const entry = { name: intern(name), local: intern(local), type: compiledRef(element.type) };
  byName.set(entry.local, entry);
  return entry;
}

/** The compiled form of what an element table refers to; `undefined` for text. */
export function compiledRef(ref: ElementTable["type"]): CompiledType | undefined {
  if (ref === "text") return undefined;
  let compiled = resolved.get(ref);
  if (compiled === undefined) {
    compiled = compileType(ref());
    resolved.set(ref, compiled);
  }
  return compiled;
}

/** {@link compiledRef} of what a field holds, kept with it. */
export function compiledType(entry: CompiledField): CompiledType | undefined {
  if (entry.type === undefined) entry.type = compiledRef(entry.element.type) ?? null;
  return entry.type ?? undefined;
}

/** Look-up tables of a type, made once. */
export function compileType(table: TypeTable): CompiledType {
  const known = cache.get(table);
  if (known !== undefined) return known;
  const fields = new Map<string, CompiledField>();
  // Each thing that is required has a bit. Where there are more of them than bits, the decoder looks at each property.
  let bits = 0;
  const bitOf = (required: boolean): number => (required ? (bits < 30 ? 1 << bits++ : ((bits = 31), 0)) : 0);
  const attributes = new Map(
    table.attributes.map((a) => {
      const name = clarkName(a.ns, a.name);
      return [name, { name, prop: a.prop, bit: bitOf(a.required === true), names: a.names === true }];
    }),
  );
  table.fields.forEach((field, index) => {
    const bit = bitOf(table.content === "fields" && field.optional !== true);
    for (const element of [field, ...(field.substitutes?.() ?? [])])
      add(fields, compileField(field, element, index, bit));
  });
  const compiled: CompiledType = {
    table,
    content: table.content,
    needed: bits > 30 ? -1 : (1 << bits) - 1,
    fields,
    names: table.names === true || table.attributes.some((a) => a.names === true),
    attributes,
    places: [],
    first: undefined,
    required: [
      ...table.attributes.filter((a) => a.required).map((a) => ({ prop: a.prop, name: `@${a.name}` })),
      ...(table.content === "fields"
        ? table.fields.filter((f) => !f.optional).map((f) => ({ prop: f.prop, name: f.name }))
        : []),
    ],
    wildcards: table.wildcards ?? [],
    props: new Set([...table.attributes.map((a) => a.prop), ...table.fields.map((f) => f.prop)]),
  };
  cache.set(table, compiled);
  return compiled;
}

function compileField(field: FieldTable, element: ElementTable, index: number, bit: number): CompiledField {
  return {
    field,
    prop: field.prop,
    many: field.many === true,
    local: element.name,
    ns: element.ns,
    element,
    index,
    bit,
    type: undefined,
    next: undefined,
    alone: true,
    after: undefined,
  };
}

function add(fields: Map<string, CompiledField>, entry: CompiledField): void {
  const first = fields.get(entry.element.name);
  if (first === undefined) {
    fields.set(entry.element.name, entry);
    return;
  }
  let last = first;
  while (last.next !== undefined) last = last.next;
  last.next = entry;
  first.alone = false;
  entry.alone = false;
}

/** Whether a wildcard takes elements or attributes of a namespace. */
export function wildcardAllows(namespaces: WildcardTable["namespaces"], ns: string): boolean {
  if (namespaces === "##any") return true;
  if ("not" in namespaces) return ns !== "" && ns !== namespaces.not;
  return (namespaces as readonly string[]).some((n) => n === ns || (n === "##local" && ns === ""));
}

/** The type that `xsi:type` names, among the declared type and those derived from it. */
export function derivedType(declared: TypeTable, name: string): TypeTable | undefined {
  if (declared.name === name) return declared;
  for (const candidate of declared.derived?.() ?? []) {
    const found = derivedType(candidate, name);
    if (found !== undefined) return found;
  }
  return undefined;
}
