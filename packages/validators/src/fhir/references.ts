import type { FhirObject } from "./context.ts";

/** A resource and what it contains: the space of `#id`. */
export class Container {
  readonly #resource: FhirObject;
  readonly #contained = new Map<string, FhirObject>();
  readonly #order: (string | undefined)[] = [];
  readonly #mentioned = new Set<string>();

  constructor(resource: FhirObject) {
    this.#resource = resource;
    if (!Array.isArray(resource.contained)) return;
    for (const item of resource.contained as unknown[]) {
      const id = typeof item === "object" && item !== null ? (item as FhirObject).id : undefined;
      this.#order.push(typeof id === "string" ? id : undefined);
      if (typeof id === "string") this.#contained.set(id, item as FhirObject);
    }
  }

  find(reference: string): unknown {
    return reference === "#" ? this.#resource : this.#contained.get(reference.slice(1));
  }

  mention(reference: string): void {
    this.#mentioned.add(reference.slice(1));
  }

  /** For resources whose type is unknown here: every text that begins with `#` may name a contained one. */
  mentionAll(value: unknown): void {
    if (typeof value === "string") {
      if (value.startsWith("#")) this.mention(value);
    } else if (typeof value === "object" && value !== null) for (const v of Object.values(value)) this.mentionAll(v);
  }

  /** Places of contained resources with an id that nothing names, and that do not name what is around them. */
  unnamed(): number[] {
    // A contained resource may refer to its container by "#": then all of them are taken as named, as R4's rule does.
    if (this.#mentioned.has("")) return [];
    return this.#order.flatMap((id, i) => (id === undefined || this.#mentioned.has(id) ? [] : [i]));
  }
}

/** The entries of a Bundle by fullUrl: the space of `urn:uuid:` and relative references. */
export class BundleFrame {
  readonly #entries = new Map<string, unknown>();
  readonly #outer: BundleFrame | undefined;

  constructor(bundle: FhirObject, outer: BundleFrame | undefined) {
    this.#outer = outer;
    if (!Array.isArray(bundle.entry)) return;
    for (const entry of bundle.entry as unknown[]) {
      if (typeof entry !== "object" || entry === null) continue;
      const { fullUrl, resource } = entry as FhirObject;
      if (typeof fullUrl === "string" && resource !== undefined) this.#entries.set(fullUrl, resource);
      const { resourceType, id } = (resource ?? {}) as FhirObject;
      if (
        typeof resourceType === "string" &&
        typeof id === "string" &&
        typeof fullUrl === "string" &&
        fullUrl.endsWith(`/${resourceType}/${id}`)
      )
        this.#entries.set(`${resourceType}/${id}`, resource);
    }
  }

  find(reference: string): unknown {
    return this.#entries.get(reference) ?? this.#outer?.find(reference);
  }
}

/** The resource type that a literal reference states: `Patient/1`, `https://…/Patient/1/_history/2`, `Patient?identifier=…`. */
export function statedType(reference: string, resourceTypes: ReadonlySet<string>): string | undefined {
  const query = reference.indexOf("?");
  if (query >= 0) {
    const name = reference.slice(reference.lastIndexOf("/", query) + 1, query);
    return resourceTypes.has(name) ? name : undefined;
  }
  const parts = reference.split("/");
  const history = parts.lastIndexOf("_history");
  if (history >= 0) parts.length = history;
  const name = parts.at(-2);
  return name !== undefined && resourceTypes.has(name) ? name : undefined;
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
