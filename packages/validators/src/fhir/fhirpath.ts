import { FhirDecimal } from "@helsekontakt/types/fhir";

// Over 400 lines: one function after the other, all of which generated code calls by the name of this module.

/**
 * What compiled FHIRPath calls. A collection is an array; a primitive that has only extensions stands in it as the object
 * of its `_` sibling. Conditions are `boolean | undefined`, undefined for the empty collection.
 */
type Items = readonly unknown[];
type Truth = boolean | undefined;
type Json = Readonly<Record<string, unknown>>;

const none: Items = Object.freeze([]);

function isObject(v: unknown): v is Json {
  return typeof v === "object" && v !== null && !(v instanceof FhirDecimal);
}

/** Names of the siblings of primitives: joining two texts for each look-up would cost more than all the rest. */
const siblingNames = new Map<string, string>();

function siblingOf(o: Json, name: string): unknown {
  let key = siblingNames.get(name);
  if (key === undefined) {
    key = `_${name}`;
    // Only names in compiled expressions come here, so the map is as small as the definitions.
    siblingNames.set(name, key);
  }
  return o[key];
}

/** The values of one or more properties of an object (several for a choice). */
export function get(o: unknown, ...names: readonly string[]): Items {
  if (typeof o !== "object" || o === null) return none;
  if (names.length === 1) return getOne(o as Json, names[0] as string);
  return names.flatMap((name) => getOne(o as Json, name));
}

function getOne(o: Json, name: string): Items {
  const value = o[name];
  if (value !== undefined && value !== null) {
    if (!Array.isArray(value)) return [value];
    if (!value.includes(null)) return value;
  }
  const sibling = siblingOf(o, name);
  if (Array.isArray(value) || Array.isArray(sibling)) {
    const values: readonly unknown[] = Array.isArray(value) ? value : none;
    const siblings: readonly unknown[] = Array.isArray(sibling) ? sibling : none;
    const out: unknown[] = [];
    for (let i = 0; i < Math.max(values.length, siblings.length); i++) {
      const item = values[i] ?? siblings[i];
      if (item !== null && item !== undefined) out.push(item);
    }
    return out;
  }
  return sibling === undefined || sibling === null ? none : [sibling];
}

const nothing: Json = Object.freeze({});

/** What belongs to each value of a primitive beside the value itself; an empty object where nothing does. */
export function siblings(o: unknown, name: string): readonly Json[] {
  return siblingsByPlace(o, name).filter((s) => s !== undefined);
}

/** {@link siblings} by the place of the value; undefined where there is none. */
export function siblingsByPlace(o: unknown, name: string): readonly (Json | undefined)[] {
  const value = (o as Json)[name];
  const sibling = siblingOf(o as Json, name);
  const values: Items = Array.isArray(value) ? value : [value];
  const own: Items = Array.isArray(sibling) ? sibling : [sibling];
  return Array.from({ length: Math.max(values.length, own.length) }, (_, i) => {
    if (isObject(own[i])) return own[i];
    return values[i] === undefined || values[i] === null ? undefined : nothing;
  });
}

/** {@link get} on each item. */
export function step(items: Items, ...names: readonly string[]): Items {
  if (items.length === 0) return none;
  return items.length === 1 ? get(items[0], ...names) : items.flatMap((o) => get(o, ...names));
}

/** True when the property has a value or extensions. */
export function has(o: unknown, name: string): boolean {
  if (typeof o !== "object" || o === null) return false;
  const value = (o as Json)[name];
  return (value !== undefined && value !== null && !Array.isArray(value)) || getOne(o as Json, name).length > 0;
}

/** True when one of the properties is there. */
export function hasAny(o: unknown, ...names: readonly string[]): boolean {
  return names.some((name) => has(o, name));
}

/** True for one primitive with a value. */
export function hasValue(items: Items): boolean {
  return items.length === 1 && !isObject(items[0]);
}

/** `.value` of primitives: those that have one. */
export function values(items: Items): Items {
  return items.filter((v) => !isObject(v));
}

/** A collection as a condition: one boolean is itself, one other item is true, none is empty. */
export function truth(items: Items): Truth {
  if (items.length === 0) return undefined;
  return typeof items[0] === "boolean" && items.length === 1 ? items[0] : true;
}

/** A condition as a collection. */
export function items(t: Truth): Items {
  return t === undefined ? none : [t];
}

/** Three-valued not. */
export function not(a: Truth): Truth {
  return a === undefined ? undefined : !a;
}
/** Three-valued and. */
export function and(a: Truth, b: Truth): Truth {
  return a === false || b === false ? false : a && b;
}
/** Three-valued or. */
export function or(a: Truth, b: Truth): Truth {
  return a === true || b === true ? true : a === undefined || b === undefined ? undefined : false;
}
/** Three-valued exclusive or. */
export function xor(a: Truth, b: Truth): Truth {
  return a === undefined || b === undefined ? undefined : a !== b;
}
/** Three-valued implication. */
export function implies(a: Truth, b: Truth): Truth {
  return or(not(a), b);
}
/** `=` of two conditions. */
export function same(a: Truth, b: Truth): Truth {
  return a === undefined || b === undefined ? undefined : a === b;
}
/** `!=` of two conditions. */
export function differ(a: Truth, b: Truth): Truth {
  return not(same(a, b));
}

/** `=` of two collections: item by item, in order. */
export function eq(a: Items, b: Items): Truth {
  if (a.length === 0 || b.length === 0) return undefined;
  return a.length === b.length && a.every((v, i) => equal(v, b[i]));
}
/** `=` of a property and a text, without collections for the plain case. */
export function textIs(o: unknown, name: string, value: string): Truth {
  const found = typeof o === "object" && o !== null ? (o as Json)[name] : undefined;
  return typeof found === "string" ? found === value : eq(get(o, name), [value]);
}
/** `!=` of two collections. */
export function ne(a: Items, b: Items): Truth {
  return not(eq(a, b));
}

function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a === "number" || a instanceof FhirDecimal)
    return (typeof b === "number" || b instanceof FhirDecimal) && Number(a) === Number(b);
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((v, i) => equal(v, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((k) => Object.hasOwn(b, k) && equal(a[k], b[k]));
}

/** `in`: each item on the left is among those on the right. */
export function isIn(a: Items, b: Items): Truth {
  return a.length === 0 ? undefined : a.every((v) => b.some((w) => equal(v, w)));
}

/** `&`: text joined, empty counts as no text. */
export function join(a: Items, b: Items): string {
  return `${hasValue(a) ? String(a[0]) : ""}${hasValue(b) ? String(b[0]) : ""}`;
}

/** The items for which the condition is true. */
export function where(list: Items, test: (o: unknown) => Truth): Items {
  return list.filter((o) => test(o) === true);
}

/** True when the condition is true for every item. */
export function all(list: Items, test: (o: unknown) => Truth): boolean {
  return list.every((o) => test(o) === true);
}

/** True when no two items are equal. */
export function isDistinct(list: Items): boolean {
  if (list.every((v) => typeof v === "string")) return new Set(list).size === list.length;
  return list.every((v, i) => !list.slice(0, i).some((w) => equal(v, w)));
}

/** The one value as text. */
export function text(list: Items): Items {
  return hasValue(list) ? [String(list[0])] : none;
}

/** Length of the one text, in characters. */
export function textLength(list: Items): Items {
  return hasValue(list) ? [String(list[0]).length] : none;
}

/** `startsWith` on the one text. */
export function startsWith(list: Items, prefix: string): Truth {
  return hasValue(list) ? String(list[0]).startsWith(prefix) : undefined;
}

/** `contains` on the one text. */
export function contains(list: Items, part: string): Truth {
  return hasValue(list) ? String(list[0]).includes(part) : undefined;
}

/** `matches` on the one text. */
export function matches(list: Items, pattern: RegExp): Truth {
  return hasValue(list) ? pattern.test(String(list[0])) : undefined;
}

/** The extensions with this address. */
export function extension(list: Items, url: string): Items {
  return where(step(list, "extension"), (o) => isObject(o) && o.url === url);
}

/** `is(Type)` for resources. */
export function isResource(list: Items, type: string): Truth {
  return list.length === 1 ? isObject(list[0]) && list[0].resourceType === type : undefined;
}

/** `ofType(Type)` for resources. */
export function ofType(list: Items, type: string): Items {
  return where(list, (o) => isObject(o) && o.resourceType === type);
}

/** `resolve()`: what references name inside the same document; those that lead outside give nothing. */
export function resolve(list: Items, c: { find(reference: string): unknown }): Items {
  return list.flatMap((o) => {
    const reference = isObject(o) ? o.reference : o;
    const found = typeof reference === "string" ? c.find(reference) : undefined;
    return found === undefined ? [] : [found];
  });
}

/** `<=`. */
export function le(a: Items, b: Items): Truth {
  return order(a, b, (n) => n <= 0);
}
/** `>=`. */
export function ge(a: Items, b: Items): Truth {
  return order(a, b, (n) => n >= 0);
}
/** `<`. */
export function lt(a: Items, b: Items): Truth {
  return order(a, b, (n) => n < 0);
}
/** `>`. */
export function gt(a: Items, b: Items): Truth {
  return order(a, b, (n) => n > 0);
}

function order(a: Items, b: Items, holds: (n: number) => boolean): Truth {
  if (a.length !== 1 || b.length !== 1) return undefined;
  const [x] = a;
  const [y] = b;
  if (isObject(x) && isObject(y)) {
    // Two quantities: units that differ need a unit library, so nothing is claimed about them.
    if (x.system !== y.system || (x.code ?? x.unit) !== (y.code ?? y.unit)) return true;
    return order(get(x, "value"), get(y, "value"), holds);
  }
  if (typeof x === "string" && typeof y === "string") {
    const n = compareTimes(x, y);
    return n === undefined ? undefined : holds(n);
  }
  const n = numberOf(x) - numberOf(y);
  return Number.isNaN(n) ? undefined : holds(n);
}

/**
 * Order of two dates or times as far as both say: years, then months, days, and points in time. Undefined where one says
 * more than the other and they agree so far, as FHIRPath has it.
 */
export function compareTimes(a: string, b: string): number | undefined {
  const short = Math.min(a.length, b.length, 10);
  const day = short === 10 ? 10 : short >= 7 ? 7 : 4;
  const withTime = a.length > 10 && b.length > 10;
  if (withTime) {
    // JavaScript has no leap second; for order the second before is as good.
    const x = Date.parse(a.replace(":60", ":59"));
    const y = Date.parse(b.replace(":60", ":59"));
    return Number.isNaN(x) || Number.isNaN(y) ? undefined : x - y;
  }
  const x = a.slice(0, day);
  const y = b.slice(0, day);
  if (x !== y) return x < y ? -1 : 1;
  return a.length === b.length ? 0 : undefined;
}

// What the checks of `is…` call beside the above: no collection is built.

/** Order of two values, NaN where they have none; for those of one type, dates and numbers. */
export function rank(a: unknown, b: unknown): number {
  if (typeof a === "string" && typeof b === "string") return compareTimes(a, b) ?? Number.NaN;
  return numberOf(a) - numberOf(b);
}

/** Nothing is known about the values of a document that has faults: `Number` would throw on some. */
function numberOf(v: unknown): number {
  return typeof v === "number" ? v : v instanceof FhirDecimal ? v.valueOf() : Number.NaN;
}

/** Texts that have been seen. The first ones have a field each, for a list and its room would take longer than they do. */
export class Seen {
  #first: string | undefined;
  #second: string | undefined;
  #third: string | undefined;
  #fourth: string | undefined;
  #more: Set<string> | undefined;

  isNew(text: string): boolean {
    if (this.#first === undefined) return ((this.#first = text), true);
    if (this.#first === text) return false;
    if (this.#second === undefined) return ((this.#second = text), true);
    if (this.#second === text) return false;
    if (this.#third === undefined) return ((this.#third = text), true);
    if (this.#third === text) return false;
    if (this.#fourth === undefined) return ((this.#fourth = text), true);
    if (this.#fourth === text) return false;
    this.#more ??= new Set();
    return this.#more.size < this.#more.add(text).size;
  }
}

/** Length of a list that may not be there. */
export function size(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

/** The text at a path of single properties, empty where there is none. */
export function textAt(o: Json, first: string, second?: string, third?: string): string {
  let v = o[first];
  if (second !== undefined) v = isObject(v) ? v[second] : undefined;
  if (third !== undefined) v = isObject(v) ? v[third] : undefined;
  return typeof v === "string" ? v : "";
}

/** True when a text of the value is at the path, without collections. */
export function hasText(o: unknown, path: readonly string[], value: string, from = 0): boolean {
  if (Array.isArray(o)) return o.some((v) => hasText(v, path, value, from));
  if (from === path.length) return o === value;
  return isObject(o) && hasText(o[path[from] as string], path, value, from + 1);
}

/** True for a text of more characters. */
export function isLonger(o: unknown, max: number): boolean {
  return typeof o === "string" && o.length > max;
}

/** True for a value on the wrong side of a limit. */
export function isBeyond(o: unknown, side: "min" | "max", value: number | string): boolean {
  const n = rank(o, value);
  return side === "min" ? n < 0 : n > 0;
}

/** Where references inside the document lead. */
interface Finder {
  find(reference: string): unknown;
}

/**
 * The values at a path of names; a step may be `resolve()`, `extension(url)`, or the names of a choice, each followed by a bar.
 *
 * @param c - where `resolve()` looks; without it nothing is found there.
 */
export function at(o: unknown, path: readonly string[], c?: Finder): unknown[] {
  let items: unknown[] = [o];
  for (const step of path) items = items.flatMap((v) => stepTo(v, step, c) as unknown[]);
  return items;
}

/** The names of a choice by their step. Only steps of definitions come here. */
const choices = new Map<string, readonly string[]>();

function stepTo(o: unknown, step: string, c: Finder | undefined): Items {
  const last = step.charCodeAt(step.length - 1);
  if (last === 41) {
    if (step !== "resolve()") return extension([o], step.slice("extension(".length, -1));
    return c === undefined ? none : resolve([o], c);
  }
  if (last !== 124) return get(o, step);
  let names = choices.get(step);
  if (names === undefined) choices.set(step, (names = step.slice(0, -1).split("|")));
  return get(o, ...names);
}

/** For slices: a reference at the path, which ends in `resolve()`, leads to nothing inside the document. */
export function leadsOutside(o: unknown, path: readonly string[], c: Finder): boolean {
  return at(o, path.slice(0, -1), c).some((v) => resolve([v], c).length === 0);
}

/** For slices: a value at the path equals (`exact`) or holds the pattern. */
export function like(o: unknown, path: readonly string[], value: unknown, exact: boolean, c?: Finder): boolean {
  return at(o, path, c).some((v) => (exact ? equal(v, value) : holdsPattern(v, value)));
}

/** For slices: something is at the path. */
export function present(o: unknown, path: readonly string[], c?: Finder): boolean {
  return at(o, path, c).length > 0;
}

/** The value has everything that the pattern has; arrays must hold a match for each item. */
export function holdsPattern(value: unknown, pattern: unknown): boolean {
  if (Array.isArray(pattern))
    return Array.isArray(value) && pattern.every((p) => value.some((v) => holdsPattern(v, p)));
  if (isObject(pattern))
    return isObject(value) && Object.keys(pattern).every((k) => holdsPattern(value[k], pattern[k]));
  return equal(value, pattern);
}

export { equal };
