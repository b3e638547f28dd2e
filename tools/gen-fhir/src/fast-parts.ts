import { byLength } from "./fhirpath-shape.ts";
import type { TypeModel } from "./model.ts";

/**
 * Types that resources and all elements are made of. The others stand in extensions alone, which may hold nearly every type of
 * R4: few documents have one, so what checks them is not read at load.
 */
export function commonTypes(types: readonly TypeModel[]): ReadonlySet<string> {
  const byName = new Map(types.map((t) => [t.name, t]));
  const resources = types.filter((t) => t.kind === "resource").map((t) => t.name);
  // Named by the code around the types, or given more than a value.
  const common = new Set([...resources, "Element", "Extension", "Reference"]);
  for (const name of common) {
    if (name === "Extension") continue;
    for (const field of byName.get(name)?.fields ?? [])
      for (const { type } of field.alternatives) if (byName.has(type)) common.add(type);
  }
  return common;
}

/**
 * What the checks of all types call.
 *
 * @param lists - the functions for lists of one type.
 * @param systems - addresses that profiles name.
 */
export function sharedHelpers(lists: string, systems: readonly string[]): string {
  return `/** True when nothing is to be said about what stands beside a primitive. */
export function isSibling(x: unknown, value: unknown, c: FastContext, d: number): boolean {
  if (value === undefined || !rules.isIdOnly(x)) return isElement(x, c, d);
  c.ids++;
  return true;
}

export function areSiblings(x: unknown, values: unknown, c: FastContext, d: number): boolean {
  if (!Array.isArray(x) || x.length === 0) return false;
  const list: readonly unknown[] | undefined = Array.isArray(values) ? values : undefined;
  if (list !== undefined && x.length !== list.length) return false;
  for (let i = 0; i < x.length; i++) {
    const item: unknown = x[i];
    const value = list?.[i] ?? undefined;
    if (item === null ? value === undefined : !isSibling(item, value, c, d)) return false;
  }
  return true;
}

/** An address may name a contained resource. */
export function mention(x: unknown, c: FastContext): void {
  if (c.container !== undefined && typeof x === "string" && x.charCodeAt(0) === 35) c.container.mention(x, c.resource);
}

/** True when the key is that of a sibling, or is rare, and nothing is to be said about what it holds. */
export function isBeside(k: string, x: unknown, o: FhirObject, names: Beside, c: FastContext, d: number): boolean {
  const list = names[k];
  if (list === null) {
    if (k !== "id") return areExtension(x, c, d);
    // An element that has nothing but an id is empty: who calls sees to that.
    c.ids++;
    return p.isString(x);
  }
  if (typeof list !== "boolean") return false;
  const value = o[k.slice(1)];
  return list ? areSiblings(x, value, c, d) : isSibling(x, value, c, d);
}

export function areStrings(x: unknown, siblings: unknown): boolean {
  if (!Array.isArray(x) || x.length === 0) return false;
  for (let i = 0; i < x.length; i++) {
    const y: unknown = x[i];
    if (y === null ? !rules.isAt(siblings, i) : !p.isString(y)) return false;
  }
  return true;
}

${lists}
export function areResources(x: unknown, c: FastContext, d: number): boolean {
  if (!Array.isArray(x) || x.length === 0) return false;
  for (let i = 0; i < x.length; i++) if (!c.resourceIn(x[i], d, true)) return false;
  return true;
}

/** True for an address that a profile of this build names: the usual ones, which then need no scan. */
export function isKnownSystem(x: unknown): boolean {
  if (typeof x !== "string") return false;
${byLength(systems, "x", () => "return true;")}
}

`;
}
