import type { FhirObject } from "./context.ts";
import { at } from "./fhirpath.ts";

/** Up to this many resources are searched one after the other: a map would cost more than it saves. */
const few = 16;

/** True for a text that begins with `urn:`. */
export function isUrn(text: string): boolean {
  return (
    text.charCodeAt(0) === 117 && text.charCodeAt(1) === 114 && text.charCodeAt(2) === 110 && text.charCodeAt(3) === 58
  );
}

/** A resource and what it contains: the space of `#id`. */
export class Container {
  readonly #resource: FhirObject;
  readonly #contained: readonly unknown[];
  /** Ids that are named: as bits by place where there are few, else as texts. */
  #bits = 0;
  #texts: Set<string> | undefined;
  #byId: ReadonlyMap<string, unknown> | undefined;
  /** Contained resources that name what is around them, by `#`. */
  #naming: Set<unknown> | undefined;

  constructor(resource: FhirObject) {
    this.#resource = resource;
    this.#contained = Array.isArray(resource.contained) ? (resource.contained as unknown[]) : [];
  }

  find(reference: string): unknown {
    if (reference === "#") return this.#resource;
    const list = this.#contained;
    if (list.length > few) {
      this.#byId ??= byId(list);
      return this.#byId.get(reference.slice(1));
    }
    for (let i = 0; i < list.length; i++) if (isNamed(list[i], reference)) return list[i];
    return undefined;
  }

  mention(reference: string, from: unknown): void {
    const list = this.#contained;
    if (list.length === 0 || reference.charCodeAt(0) !== 35) return;
    if (reference === "#") (this.#naming ??= new Set()).add(from);
    else if (list.length > few) (this.#texts ??= new Set()).add(reference.slice(1));
    else for (let i = 0; i < list.length; i++) if (isNamed(list[i], reference)) this.#bits |= 1 << i;
  }

  /** True for the resource and what it contains. */
  holds(resource: unknown): boolean {
    return resource === this.#resource || this.#contained.includes(resource);
  }

  /** {@link mention} and {@link find} at once. */
  take(reference: string, from: unknown): unknown {
    const list = this.#contained;
    if (list.length > few || reference.length < 2) {
      this.mention(reference, from);
      return this.find(reference);
    }
    let found: unknown;
    for (let i = list.length - 1; i >= 0; i--)
      if (isNamed(list[i], reference)) {
        this.#bits |= 1 << i;
        found = list[i];
      }
    return found;
  }

  /** For resources whose type is unknown here: every text that begins with `#` may name a contained one. */
  mentionAll(value: unknown, from: unknown): void {
    if (this.#contained.length === 0) return;
    // A list of its own instead of recursion: nothing is known about the depth of such a value.
    const open: unknown[] = [value];
    for (let v = open.pop(); v !== undefined; v = open.pop()) {
      if (typeof v === "string") this.mention(v, from);
      else if (typeof v === "object" && v !== null)
        for (const x of Object.values(v) as unknown[]) if (x !== undefined) open.push(x);
    }
  }

  /** Places of contained resources with an id that nothing names, and that do not name what is around them. */
  unnamed(): number[] {
    return this.#places((id, item, i) => !this.#isMentioned(id, i) && this.#naming?.has(item) !== true);
  }

  /** Places of contained resources whose id an earlier one has. */
  repeated(): number[] {
    const seen = new Set<string>();
    return this.#places((id) => seen.size === seen.add(id).size);
  }

  /** Places of contained resources without id, which nothing can name. */
  nameless(): number[] {
    return this.#contained.flatMap((item, i) => (isNameless(item) ? [i] : []));
  }

  /** True when every contained resource has an id and is named, or names what is around it, and no id is there twice. */
  isClean(): boolean {
    for (let i = 0; i < this.#contained.length; i++) {
      const item = this.#contained[i];
      const id = idOf(item);
      if (id === undefined) {
        if (isNameless(item)) return false;
      } else if (!this.#isMentioned(id, i) && this.#naming?.has(item) !== true) return false;
    }
    return this.#contained.length < 2 || this.repeated().length === 0;
  }

  #isMentioned(id: string, i: number): boolean {
    return this.#contained.length > few ? this.#texts?.has(id) === true : (this.#bits & (1 << i)) !== 0;
  }

  #places(test: (id: string, item: unknown, i: number) => boolean): number[] {
    return this.#contained.flatMap((item, i) => {
      const id = idOf(item);
      return id !== undefined && test(id, item, i) ? [i] : [];
    });
  }
}

function isNameless(item: unknown): boolean {
  return typeof item === "object" && item !== null && (item as FhirObject)["id"] === undefined;
}

function isNamed(item: unknown, reference: string): boolean {
  const id = idOf(item);
  return id !== undefined && id.length === reference.length - 1 && reference.endsWith(id);
}

/** The first contained resource with each id; a map, for a document may have thousands and as many references. */
function byId(contained: readonly unknown[]): ReadonlyMap<string, unknown> {
  const map = new Map<string, unknown>();
  for (const item of contained) {
    const id = idOf(item);
    if (id !== undefined && !map.has(id)) map.set(id, item);
  }
  return map;
}

function idOf(item: unknown): string | undefined {
  const id = typeof item === "object" && item !== null ? (item as FhirObject).id : undefined;
  return typeof id === "string" ? id : undefined;
}

/** The entries of a Bundle by fullUrl: the space of `urn:uuid:` and relative references. */
export class BundleFrame {
  readonly #bundle: FhirObject;
  readonly #outer: BundleFrame | undefined;
  #entries: Map<string, unknown> | undefined;

  constructor(bundle: FhirObject, outer: BundleFrame | undefined) {
    this.#bundle = bundle;
    this.#outer = outer;
  }

  find(reference: string): unknown {
    return this.#own(reference) ?? this.#outer?.find(reference);
  }

  #own(reference: string): unknown {
    const list = this.#bundle["entry"];
    if (this.#entries === undefined && Array.isArray(list) && list.length <= few) {
      // A type begins with a capital.
      const relative = reference.charCodeAt(0) < 97;
      // From the end, for of two entries with one address the later counts, as in the map below.
      for (let i = list.length - 1; i >= 0; i--) {
        const entry: unknown = list[i];
        if (typeof entry !== "object" || entry === null) continue;
        const { fullUrl, resource } = entry as FhirObject;
        if (typeof fullUrl !== "string" || typeof resource !== "object" || resource === null) continue;
        if (fullUrl === reference || (relative && isRelativeTo(fullUrl, resource as FhirObject, reference)))
          return resource;
      }
      return undefined;
    }
    this.#entries ??= entriesOf(this.#bundle);
    return this.#entries.get(reference);
  }
}

function isRelativeTo(fullUrl: string, { resourceType, id }: FhirObject, reference: string): boolean {
  return (
    typeof resourceType === "string" &&
    typeof id === "string" &&
    reference.length === resourceType.length + 1 + id.length &&
    fullUrl.endsWith(reference) &&
    fullUrl.charCodeAt(fullUrl.length - reference.length - 1) === 47 &&
    reference.startsWith(resourceType) &&
    reference.endsWith(id) &&
    reference.charCodeAt(resourceType.length) === 47
  );
}

function entriesOf(bundle: FhirObject): Map<string, unknown> {
  const map = new Map<string, unknown>();
  if (!Array.isArray(bundle.entry)) return map;
  for (const entry of bundle.entry as unknown[]) {
    if (typeof entry !== "object" || entry === null) continue;
    const { fullUrl, resource } = entry as FhirObject;
    if (typeof fullUrl !== "string" || typeof resource !== "object" || resource === null) continue;
    map.set(fullUrl, resource);
    const { resourceType, id } = resource as FhirObject;
    if (typeof resourceType !== "string" || typeof id !== "string" || fullUrl.startsWith("urn:")) continue;
    if (fullUrl.endsWith(`/${resourceType}/${id}`)) map.set(`${resourceType}/${id}`, resource);
  }
  return map;
}

/** The resource type that a literal reference states: `Patient/1`, `https://…/Patient/1/_history/2`, `Patient?identifier=…`. */
export function statedType(reference: string, resourceTypes: ReadonlySet<string>): string | undefined {
  const query = reference.indexOf("?");
  if (query >= 0) {
    const name = reference.slice(reference.lastIndexOf("/", query) + 1, query);
    return resourceTypes.has(name) ? name : undefined;
  }
  const history = reference.lastIndexOf("/_history/");
  const end = reference.lastIndexOf("/", history >= 0 ? history - 1 : reference.length);
  if (end <= 0) return undefined;
  const name = reference.slice(reference.lastIndexOf("/", end - 1) + 1, end);
  return resourceTypes.has(name) ? name : undefined;
}

/** True for `Type/id` with one of the types: the common reference, told without taking it apart. */
export function isPlainTarget(reference: string, types: readonly string[]): boolean {
  for (let i = 0; i < types.length; i++) {
    const type = types[i] as string;
    if (reference.charCodeAt(type.length) === 47 && reference.startsWith(type))
      return isIdFrom(reference, type.length + 1);
  }
  return false;
}

/** True when what stands from the place on has the form of an id. */
function isIdFrom(reference: string, from: number): boolean {
  const length = reference.length - from;
  if (length < 1 || length > 64) return false;
  for (let i = from; i < reference.length; i++) {
    const c = reference.charCodeAt(i);
    if (!((c >= 97 && c <= 122) || (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || c === 45 || c === 46)) return false;
  }
  return true;
}

/** True when a reference with a type, relative to a server, has ids of their form: no resource can have another. */
function hasIds(reference: string): boolean {
  if (reference.includes("?")) return true;
  const history = reference.lastIndexOf("/_history/");
  if (history >= 0 && !isIdFrom(reference, history + "/_history/".length)) return false;
  const read = history < 0 ? reference : reference.slice(0, history);
  return isIdFrom(read, read.lastIndexOf("/") + 1);
}

/** True for a reference without scheme, that is relative to a server. */
export function isRelative(reference: string): boolean {
  return !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(reference);
}

/** Where a reference inside the document leads. */
export interface Finder {
  find(reference: string): unknown;
}

/** What is wrong with a literal reference whatever it may name; undefined where nothing is. */
export function referenceFault(
  reference: string,
  c: Finder,
  inBundle: boolean,
  resourceTypes: ReadonlySet<string>,
): "ref-1" | "reference-unresolved" | "relative-reference" | undefined {
  if (reference.charCodeAt(0) === 35) return c.find(reference) === undefined ? "ref-1" : undefined;
  if (reference.startsWith("urn:uuid:") || reference.startsWith("urn:oid:"))
    return inBundle && c.find(reference) === undefined ? "reference-unresolved" : undefined;
  if (!isRelative(reference)) return undefined;
  return statedType(reference, resourceTypes) === undefined || !hasIds(reference) ? "relative-reference" : undefined;
}

function typeInDocument(reference: string, c: Finder): string | undefined {
  const found = c.find(reference);
  const type = typeof found === "object" && found !== null ? (found as FhirObject)["resourceType"] : undefined;
  return typeof type === "string" ? type : undefined;
}

/** True when `Reference.type` is another type than the reference names. */
export function typeMismatch(reference: string, type: string, c: Finder, resourceTypes: ReadonlySet<string>): boolean {
  const stated = typeInDocument(reference, c) ?? statedType(reference, resourceTypes);
  return stated !== undefined && stated !== type && resourceTypes.has(type);
}

/** The property of the Reference that names a type which is not allowed or does not agree with the other; undefined if none does. */
export function targetFault(
  reference: unknown,
  type: unknown,
  allowed: readonly string[],
  resourceTypes: ReadonlySet<string>,
  c: Finder,
): "reference" | "type" | undefined {
  if (typeof type === "string" && resourceTypes.has(type) && !allowed.includes(type)) return "type";
  if (typeof reference !== "string") return undefined;
  const found = typeInDocument(reference, c) ?? statedType(reference, resourceTypes);
  return found === undefined || allowed.includes(found) ? undefined : "reference";
}

/** How a literal reference leads to its target; undefined for one without reference. */
export function aggregationOf(reference: unknown, c: Finder): "contained" | "bundled" | "referenced" | undefined {
  if (typeof reference !== "string") return undefined;
  if (reference.charCodeAt(0) === 35) return "contained";
  return c.find(reference) === undefined ? "referenced" : "bundled";
}

/** True when a reference at the path names one of the types. */
export function leadsTo(
  o: unknown,
  path: readonly string[],
  types: readonly string[],
  resourceTypes: ReadonlySet<string>,
  c: Finder,
): boolean {
  return at(o, path, c).some((v) => {
    const { reference, type } = (typeof v === "object" && v !== null ? v : {}) as FhirObject;
    const stated =
      typeof reference === "string"
        ? (typeInDocument(reference, c) ?? statedType(reference, resourceTypes))
        : undefined;
    const named = stated ?? (typeof type === "string" ? type : undefined);
    return named !== undefined && types.includes(named);
  });
}
