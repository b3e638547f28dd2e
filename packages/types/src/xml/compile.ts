import { clarkName } from "./names.ts";
import type { ElementTable, FieldTable, TypeTable, WildcardTable } from "./table.ts";

/** A field, or a substitute for one, as the decoder looks it up. */
export interface CompiledField {
  readonly field: FieldTable;
  /** Name and type as found in the document: the field's own or those of a member of its substitution group. */
  readonly element: ElementTable;
  readonly index: number;
  /** The field's own bit of `CompiledType.needed`; 0 when it may be absent. */
  readonly bit: number;
  /** What the element holds, resolved when the first one is met; `null` for text. */
  type: CompiledType | null | undefined;
  /** The next candidate with the same local name. */
  next: CompiledField | undefined;
}

export interface CompiledAttribute {
  readonly prop: string;
  readonly bit: number;
}

export interface CompiledType {
  readonly table: TypeTable;
  /** Bits of everything that is required; with more than fit, the last ones share none and `needed` cannot be reached. */
  readonly needed: number;
  readonly fields: ReadonlyMap<string, CompiledField>;
  /** By local name for unqualified, Clark name for qualified attributes. */
  readonly attributes: ReadonlyMap<string, CompiledAttribute>;
  readonly required: readonly { readonly prop: string; readonly name: string }[];
  readonly wildcards: readonly WildcardTable[];
  /** Attribute properties and fields, for the encoder's check that nothing else is on the object. */
  readonly props: ReadonlySet<string>;
}

const cache = new WeakMap<TypeTable, CompiledType>();
const resolved = new WeakMap<() => TypeTable, CompiledType>();

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
    table.attributes.map((a) => [clarkName(a.ns, a.name), { prop: a.prop, bit: bitOf(a.required === true) }]),
  );
  table.fields.forEach((field, index) => {
    const bit = bitOf(table.content === "fields" && field.optional !== true);
    add(fields, { field, element: field, index, bit, type: undefined, next: undefined });
    for (const element of field.substitutes?.() ?? [])
      add(fields, { field, element, index, bit, type: undefined, next: undefined });
  });
  const compiled: CompiledType = {
    table,
    needed: bits > 30 ? -1 : (1 << bits) - 1,
    fields,
    attributes,
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

function add(fields: Map<string, CompiledField>, entry: CompiledField): void {
  const first = fields.get(entry.element.name);
  if (first === undefined) {
    fields.set(entry.element.name, entry);
    return;
  }
  let last = first;
  while (last.next !== undefined) last = last.next;
  last.next = entry;
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
