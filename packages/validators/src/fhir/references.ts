import type { FhirObject } from "./context.ts";

const noText = new Set<never>();

/** A resource and what it contains: the space of `#id`. */
export class Container {
  readonly #resource: FhirObject;
  readonly #contained: readonly unknown[];
  readonly #mentioned: Set<string>;
  #byId: ReadonlyMap<string, unknown> | undefined;
  /** Contained resources that name what is around them, by `#`. */
  readonly #naming: Set<unknown>;

  constructor(resource: FhirObject) {
    this.#resource = resource;
    this.#contained = Array.isArray(resource.contained) ? (resource.contained as unknown[]) : [];
    // Most resources contain nothing: mention() then returns at once, and nobody writes into the shared empty set.
    this.#mentioned = this.#contained.length > 0 ? new Set() : noText;
    this.#naming = this.#contained.length > 0 ? new Set() : noText;
  }

  find(reference: string): unknown {
    if (reference === "#") return this.#resource;
    if (this.#contained.length === 0) return undefined;
    this.#byId ??= byId(this.#contained);
    return this.#byId.get(reference.slice(1));
  }

  mention(reference: string, from: unknown): void {
    if (this.#contained.length === 0) return;
    if (reference === "#") this.#naming.add(from);
    else this.#mentioned.add(reference.slice(1));
  }

  /** For resources whose type is unknown here: every text that begins with `#` may name a contained one. */
  mentionAll(value: unknown, from: unknown): void {
    if (this.#contained.length === 0) return;
    // A list of its own instead of recursion: nothing is known about the depth of such a value.
    const open: unknown[] = [value];
    for (let v = open.pop(); v !== undefined; v = open.pop()) {
      if (typeof v === "string") {
        if (v.startsWith("#")) this.mention(v, from);
      } else if (typeof v === "object" && v !== null)
        for (const x of Object.values(v) as unknown[]) if (x !== undefined) open.push(x);
    }
  }

  /** Places of contained resources with an id that nothing names, and that do not name what is around them. */
  unnamed(): number[] {
    return this.#places((id, item) => !this.#mentioned.has(id) && !this.#naming.has(item));
  }

  /** Places of contained resources whose id an earlier one has. */
  repeated(): number[] {
    const seen = new Set<string>();
    return this.#places((id) => seen.size === seen.add(id).size);
  }

  #places(test: (id: string, item: unknown) => boolean): number[] {
    if (this.#contained.length === 0) return [];
    return this.#contained.flatMap((item, i) => {
      const id = idOf(item);
      return id !== undefined && test(id, item) ? [i] : [];
    });
  }
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
    this.#entries ??= entriesOf(this.#bundle);
    return this.#entries.get(reference) ?? this.#outer?.find(reference);
  }
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
    if (typeof resourceType === "string" && typeof id === "string" && fullUrl.endsWith(`/${resourceType}/${id}`))
      map.set(`${resourceType}/${id}`, resource);
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

/** True for a reference without scheme, that is relative to a server. */
export function isRelative(reference: string): boolean {
  return !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(reference);
}

/** The property of the Reference that names a type which is not allowed or does not agree with the other; undefined if none does. */
export function targetFault(
  o: FhirObject,
  allowed: readonly string[],
  resourceTypes: ReadonlySet<string>,
  typeInDocument: (reference: string) => string | undefined,
): "reference" | "type" | undefined {
  const { reference, type } = o;
  if (typeof type === "string" && resourceTypes.has(type) && !allowed.includes(type)) return "type";
  if (typeof reference !== "string") return undefined;
  const found = typeInDocument(reference) ?? statedType(reference, resourceTypes);
  return found === undefined || allowed.includes(found) ? undefined : "reference";
}
