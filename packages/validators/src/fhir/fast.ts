import { isBound } from "./bound.ts";
import type { BoundSet, FhirObject, FhirPlace } from "./context.ts";
import { repeatedIds } from "./element-ids.ts";
import type { ExtensionChecks } from "./extensions.ts";
import { at } from "./fhirpath.ts";
import {
  aggregationOf,
  BundleFrame,
  Container,
  isPlainTarget,
  isUrn,
  leadsTo,
  referenceFault,
  targetFault,
  typeMismatch,
} from "./references.ts";
import { entryFaults, isBaseDefinition, isGoodUrn, withoutFullUrl } from "./rules.ts";

export { extension } from "./extensions.ts";
export { isAbsolute, isUuidUrn, relativeIn } from "./rules.ts";

/** A generated check of a resource type: true when nothing is to be said about the value. */
export type FastCheck = (type: string, value: unknown, c: FastContext, depth: number) => boolean;

/**
 * Names of the siblings of a type's primitives, true where they are lists; and, with null, of properties that few elements
 * have. What many types have is inherited.
 */
export type Beside = { readonly [name: string]: boolean | null | Beside };

/** A profile's rules as a check. */
export interface FastProfile {
  readonly type: string;
  readonly check: (o: FhirObject, c: FastContext) => boolean;
}

/** What the fast checks of one build need. */
export interface FastOptions {
  readonly isOfType: FastCheck;
  /** As {@link isOfType}, of the types that stand in extensions alone. */
  readonly isOfRareType: FastCheck;
  readonly profiles: ReadonlyMap<string, FastProfile>;
  readonly resourceTypes: ReadonlySet<string>;
  readonly extensions: ExtensionChecks;
  /** True when the element breaks no rule of the profile: asked where a slice is told by its profile. */
  readonly conforms: (o: FhirObject, profile: string, place: FhirPlace) => boolean;
}

/** What generated checks share while they read one document: where references may lead, and nothing about its place. */
export class FastContext {
  readonly options: FastOptions;
  /** The resource that the code stands in: `%resource` of FHIRPath. */
  resource: FhirObject;
  /** Contained resources around, if there are any. */
  container: Container | undefined = undefined;
  /** The last resource that is not contained itself: what `#` names. */
  #outer: FhirObject;
  #bundle: BundleFrame | undefined = undefined;
  /** How many Metas, and lists of contained resources, have been read. */
  metas = 0;
  lists = 0;
  /** How many elements of the resource have an id. */
  ids = 0;
  /** Set by the check of Meta: some resource declares a profile. */
  sawProfile = false;
  /** How many extensions outside of others have an address that is not absolute. */
  relative = 0;
  /** Some extension has a definition in the build, which may not allow it at its place. */
  sawKnownExtension = false;
  /** Some resource declares a profile that the build does not have: a warning, and no fault. */
  unchecked = false;

  constructor(options: FastOptions, root: FhirObject) {
    this.options = options;
    this.resource = root;
    this.#outer = root;
  }

  /** True when nothing is to be said about the resource, the profiles that it declares, and what is inside it. */
  resourceIn(v: unknown, depth: number, contained: boolean): boolean {
    if (typeof v !== "object" || v === null) return false;
    const o = v as FhirObject;
    const type = o["resourceType"];
    if (typeof type !== "string") return false;
    const { resource, container, ids } = this;
    const outer = this.#outer;
    const bundle = this.#bundle;
    this.resource = o;
    this.ids = 0;
    if (!contained) this.#enter(o);
    if (type === "Bundle") this.#bundle = new BundleFrame(o, bundle);
    const good =
      this.options.isOfType(type, o, this, depth) &&
      (contained || this.container === undefined || this.container.isClean()) &&
      (this.ids < 2 || repeatedIds(o).length === 0) &&
      this.#declared(o, type);
    this.resource = resource;
    this.container = container;
    this.ids = ids;
    this.#outer = outer;
    this.#bundle = bundle;
    return good;
  }

  /** True when nothing is to be said about a value of a type that stands in extensions alone. */
  rare(type: string, v: unknown, depth: number): boolean {
    return this.options.isOfRareType(type, v, this, depth);
  }

  #enter(o: FhirObject): void {
    this.#outer = o;
    this.container = o["contained"] === undefined ? undefined : new Container(o);
  }

  #declared(o: FhirObject, type: string): boolean {
    if (!this.sawProfile) return true;
    const meta = o["meta"] as FhirObject | undefined;
    if (meta === undefined) return true;
    const profiles = meta["profile"];
    if (profiles === undefined) return true;
    for (const url of profiles as readonly unknown[]) {
      if (typeof url !== "string") continue;
      const bar = url.indexOf("|");
      const address = bar < 0 ? url : url.slice(0, bar);
      const profile = this.options.profiles.get(address);
      if (profile === undefined) this.unchecked ||= !isBaseDefinition(address, type);
      else if (profile.type !== type || !this.as(o, profile.check)) return false;
    }
    return true;
  }

  /** True when the root satisfies the profile; it has been found good for its type before. */
  rootProfile(o: FhirObject, profile: FastProfile): boolean {
    if (o["resourceType"] !== profile.type) return false;
    this.#enter(o);
    this.#bundle = profile.type === "Bundle" ? new BundleFrame(o, undefined) : undefined;
    return this.as(o, profile.check);
  }

  /** A profile's rules on a resource, or on an element. */
  as(o: FhirObject, check: FastProfile["check"]): boolean {
    const { resource } = this;
    if (typeof o["resourceType"] === "string") this.resource = o;
    const good = check(o, this);
    this.resource = resource;
    return good;
  }

  /**
   * {@link as} on what a reference leads to: what a resource of its own names inside itself is looked for there. The target
   * may stand further on, and then nobody has seen yet whether it is what the check takes for granted.
   */
  asTarget(o: FhirObject, check: FastProfile["check"]): boolean {
    const { container, resource } = this;
    const outer = this.#outer;
    if (o !== outer && container?.holds(o) !== true) this.#enter(o);
    try {
      return this.as(o, check);
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    } finally {
      this.container = container;
      this.resource = resource;
      this.#outer = outer;
    }
  }

  /** What a reference names inside the document. */
  find(reference: string): unknown {
    if (reference.charCodeAt(0) !== 35) return this.#bundle?.find(reference);
    return reference === "#" ? this.#outer : this.container?.find(reference);
  }

  /** False when the reference breaks a rule; the two values have the form of their types. */
  reference(reference: unknown, type: unknown, targets: readonly string[] | undefined): boolean {
    // The usual ones, told by their first character: `#id`, `urn:uuid:` of an entry, `Type/id`.
    if (typeof reference === "string" && type === undefined) {
      const first = reference.charCodeAt(0);
      const local = first === 35;
      if (local || (first === 117 && this.#bundle !== undefined)) {
        const found = local ? this.#take(reference) : this.find(reference);
        if (found !== undefined) return targets === undefined || isOneOf(found as FhirObject, targets);
        if (local) return false;
      } else if (targets !== undefined && isPlainTarget(reference, targets)) return true;
    }
    return this.#anyReference(reference, type, targets);
  }

  #take(reference: string): unknown {
    return this.container === undefined ? this.find(reference) : this.container.take(reference, this.resource);
  }

  #anyReference(reference: unknown, type: unknown, targets: readonly string[] | undefined): boolean {
    const { resourceTypes } = this.options;
    if (reference === undefined)
      return typeof type !== "string" || targets === undefined || targets.includes(type) || !resourceTypes.has(type);
    if (typeof reference === "string") {
      this.container?.mention(reference, this.resource);
      if (referenceFault(reference, this, this.#bundle !== undefined, resourceTypes) !== undefined) return false;
      if (typeof type === "string" && typeMismatch(reference, type, this, resourceTypes)) return false;
    }
    return targets === undefined || targetFault(reference, type, targets, resourceTypes, this) === undefined;
  }

  /** False when a reference leads to its target in another way. */
  aggregation(o: FhirObject, modes: readonly string[]): boolean {
    const mode = aggregationOf(o["reference"], this);
    return mode === undefined || modes.includes(mode);
  }

  isBoundAt(o: unknown, path: readonly string[], set: BoundSet): boolean {
    return at(o, path, this).some((v) => isBound(v, set));
  }

  /** True when a reference at the path names one of the resource types. */
  leadsTo(o: unknown, path: readonly string[], types: readonly string[]): boolean {
    return leadsTo(o, path, types, this.options.resourceTypes, this);
  }

  /** True when a value at the path breaks no rule of the profile; warnings do not count, so the explaining side answers. */
  conforms(o: unknown, path: readonly string[], profile: string): boolean {
    const place = {
      resource: this.resource,
      container: this.container ?? new Container(this.#outer),
      bundle: this.#bundle,
      reading: this,
    };
    return at(o, path, this).some((v) => this.options.conforms(v as FhirObject, profile, place));
  }

  /** False when a Reference may not name what it names. */
  targets(o: FhirObject, targets: readonly string[]): boolean {
    return targetFault(o["reference"], o["type"], targets, this.options.resourceTypes, this) === undefined;
  }
}

/** True for a resource that is of one of the types, or whose type is said elsewhere to be none. */
function isOneOf({ resourceType }: FhirObject, types: readonly string[]): boolean {
  if (typeof resourceType !== "string") return true;
  // Some names only, that stand in code: a comparison each costs less than the call of `includes`.
  for (let i = 0; i < types.length; i++) if (types[i] === resourceType) return true;
  return false;
}

/** True for an object that has an id and nothing else. */
export function isIdOnly(x: unknown): boolean {
  return (
    typeof x === "object" && x !== null && typeof (x as FhirObject)["id"] === "string" && Object.keys(x).length === 1
  );
}

/** True when a list has something at the place. */
export function isAt(list: unknown, i: number): boolean {
  return Array.isArray(list) && list[i] !== undefined && list[i] !== null;
}

/** How many of a choice's values stand in the sibling alone, which counts as a value too. */
export function countAlone(o: FhirObject, names: readonly string[]): number {
  let n = 0;
  for (const name of names) if (o[name] === undefined && o[`_${name}`] !== undefined) n++;
  return n;
}

/** The rules of an entry hold. */
export function bundleEntry(o: FhirObject, c: FastContext, fullUrl: unknown): boolean {
  if (typeof fullUrl === "string" && isUrn(fullUrl)) return isGoodUrn(fullUrl);
  return entryFaults(o, c.options.resourceTypes) === undefined;
}

/** The rules of a Bundle hold. */
export function bundle(o: FhirObject): boolean {
  return !withoutFullUrl(o);
}
