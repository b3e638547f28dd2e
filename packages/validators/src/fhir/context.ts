import type { Issue, IssueLevel } from "@helsekontakt/core";
import { narrativeFault } from "./narrative.ts";
import * as fp from "./fhirpath.ts";
import { isBound } from "./bound.ts";
import { repeatedIds } from "./element-ids.ts";
import type { EntryCounts, EntryRule } from "./entry-counts.ts";
import { type ExtensionTable, misplaced } from "./extensions.ts";
import { type Beside, isIdOnly } from "./fast.ts";
import { safeName } from "./places.ts";
import type { PrimitiveCheck } from "./primitives.ts";
import { isBaseDefinition } from "./rules.ts";
import { aggregationOf, BundleFrame, Container, leadsTo, referenceFault, targetFault } from "./references.ts";
import { verdict } from "./verdicts.ts";
import { invariantWords } from "./words.ts";

// Over 400 lines: the one class that generated validators call into; its checks share path, issues and references.

/** A JSON object whose properties nobody has looked at. */
export type FhirObject = Readonly<Record<string, unknown>>;

/** A generated validator of one type. */
export type ValidateType = (value: unknown, c: FhirContext) => void;

/** The codes of a required binding. */
export interface CodeSet {
  readonly url: string;
  readonly codes: ReadonlySet<string>;
}

/** The codes of a binding by the system that they come from: one text may be a code of one system only. */
export interface BoundSet {
  readonly url: string;
  readonly codes: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The rules that a profile adds to its base type. */
export interface ProfileRule {
  readonly type: string;
  readonly check: (o: FhirObject, c: FhirContext) => void;
  /** Invariants of a Bundle that look at its entries together. */
  readonly whole?: readonly string[];
}

export interface FhirContextOptions {
  /** Validator of each resource type of the build. */
  readonly resources: Readonly<Record<string, ValidateType>>;
  /** Profiles by canonical address: those that a resource declares in `meta.profile` run as well. */
  readonly profiles: Readonly<Record<string, ProfileRule>>;
  /** Names of all resource types of R4. */
  readonly resourceTypes: ReadonlySet<string>;
  /** Extensions that are checked wherever they stand. */
  readonly extensions?: ExtensionTable;
}

/** What is around an element that is looked at on its own. */
export interface FhirPlace {
  readonly resource: unknown;
  readonly container: Container;
  readonly bundle: BundleFrame | undefined;
  /** What verdicts about the document are kept by. */
  readonly reading: object;
}

/** More nesting than any real document has; the stack would end at some thousands. */
const maxDepth = 200;
/** A document with more faults than this gets the first ones only. */
const maxIssues = 1_000;

/**
 * What generated code calls: where it stands in the document, and what it has found so far.
 *
 * One class in one long file, because every method works on the same private path, and a split would make it public.
 */
export class FhirContext {
  readonly issues: Issue[] = [];
  readonly options: FhirContextOptions;
  readonly #reading: object;
  /** The resource that the code stands in: `%resource` of FHIRPath. */
  resource: unknown;
  readonly #path: (string | number)[] = [];
  #depth = 0;
  #container: Container | undefined;
  #bundle: BundleFrame | undefined;
  /** Extensions whose definition has been run, so that a slice for them does not say the same again. */
  #extensions = new WeakMap<FhirObject, ProfileRule["check"]>();
  #sawKnownExtension = false;
  /** Counts entries over the parts of a Bundle, where this is one of them. */
  readonly #entries: EntryCounts | undefined;
  /** The profile of the outermost resource that runs now. */
  #profile: unknown;

  constructor(options: FhirContextOptions, within?: FhirPlace, entries?: EntryCounts) {
    this.options = options;
    this.#entries = entries;
    this.#reading = within?.reading ?? this;
    if (!within) return;
    this.resource = within.resource;
    this.#container = within.container;
    this.#bundle = within.bundle;
  }

  /** `EpisodeOfCare.contained[0].participant[1]`, with a property of the object here. */
  path(property?: string): string {
    let out = "";
    for (const part of property === undefined ? this.#path : [...this.#path, property])
      out += typeof part === "number" ? `[${part}]` : out === "" ? part : `.${part}`;
    return out;
  }

  report(level: IssueLevel, rule: string, property: string | undefined, message: string): void {
    if (this.issues.length >= maxIssues) {
      // The verdict must not hang on how many warnings came first: the first error takes the place of the last of them.
      if (level !== "error" || this.issues.at(-1)?.level === "error" || this.issues.some((i) => i.level === "error"))
        return;
      this.issues.pop();
    }
    this.issues.push({ level, rule: `fhir/${rule}`, path: this.path(property), message });
  }

  error(rule: string, property: string | undefined, message: string): void {
    this.report("error", rule, property, message);
  }

  // Objects and properties of the base types.

  object(v: unknown): FhirObject | undefined {
    return this.#plain(v);
  }

  /** An element that has nothing, or an id alone. */
  empty(): void {
    this.error("ele-1", undefined, "expected a value or child elements, found an empty element");
  }

  resourceObject(v: unknown): FhirObject | undefined {
    return this.#plain(v);
  }

  #plain(v: unknown): FhirObject | undefined {
    if (typeof v === "object" && v !== null && !Array.isArray(v)) {
      if (this.#depth < maxDepth) return v as FhirObject;
      this.error("too-deep", undefined, `expected at most ${maxDepth} levels, found more`);
      return undefined;
    }
    this.error("json-type", undefined, `expected an object, found ${kindOf(v)}`);
    return undefined;
  }

  unknown(name: string): void {
    this.error("unknown-property", safeName(name), "expected a property of the type, found another");
  }

  missing(name: string): void {
    this.error("required", name, "expected the element, found none");
  }

  choice(name: string): void {
    this.error("choice", `${name}[x]`, "expected one type of value, found several");
  }

  invariant(key: string, severity: IssueLevel, words = invariantWords[key]): void {
    if (this.#path.length === 1 && this.#entries?.unchecked.has(key)) return;
    this.report(severity, key, undefined, `${words ?? `expected ${key} to hold`}, found otherwise`);
  }

  one(k: string, x: unknown, validate: ValidateType, targets?: readonly string[]): void {
    this.#enter(k);
    if (Array.isArray(x)) this.error("json-type", undefined, "expected one object, found an array");
    else {
      validate(x, this);
      if (targets) this.targets(x, targets);
    }
    this.#leave();
  }

  list(k: string, x: unknown, validate: ValidateType, targets?: readonly string[]): void {
    if (!this.#isList(k, x)) return;
    this.#enter(k);
    for (let i = 0; i < x.length; i++) {
      this.#path.push(i);
      validate(x[i], this);
      if (targets) this.targets(x[i], targets);
      this.#path.pop();
    }
    this.#leave();
  }

  primitive(k: string, x: unknown, type: PrimitiveCheck): void {
    const fault = type.check(x);
    if (fault !== 0) this.#primitiveFault(k, x, type, fault);
    else if (type.names && typeof x === "string") this.#container?.mention(x, this.resource);
  }

  primitives(k: string, x: unknown, siblings: unknown, type: PrimitiveCheck): void {
    if (!this.#isList(k, x)) return;
    for (let i = 0; i < x.length; i++) {
      const item: unknown = x[i];
      const fault = type.check(item);
      if (fault === 0) {
        if (type.names && typeof item === "string") this.#container?.mention(item, this.resource);
      } else if (item !== null || !Array.isArray(siblings) || !isNonNull(siblings[i])) {
        this.#path.push(k, i);
        this.#primitiveFault(undefined, item, type, fault);
        this.#path.length -= 2;
      }
    }
  }

  #primitiveFault(k: string | undefined, x: unknown, type: PrimitiveCheck, fault: 1 | 2 | 3): void {
    if (fault === 1) this.error("json-type", k, `expected a JSON value of type ${type.type}, found ${kindOf(x)}`);
    else if (fault === 3) this.error("calendar", k, "expected a day of the calendar, found none of that date");
    else this.error("primitive", k, `expected the form of ${type.type}, found another`);
  }

  code(k: string, x: unknown, set: CodeSet): void {
    if (typeof x !== "string") this.error("json-type", k, `expected a JSON value of type code, found ${kindOf(x)}`);
    else if (!set.codes.has(x)) this.error("binding", k, `expected a code of ${set.url}, found another`);
  }

  codes(k: string, x: unknown, siblings: unknown, set: CodeSet): void {
    this.#items(k, x, (item, i) => {
      if (item === null && Array.isArray(siblings) && isNonNull(siblings[i])) return;
      if (typeof item !== "string") this.error("json-type", undefined, `expected a code, found ${kindOf(item)}`);
      else if (!set.codes.has(item)) this.error("binding", undefined, `expected a code of ${set.url}, found another`);
    });
  }

  /** A property that is none of the type's own: the sibling of a primitive, or unknown. True for the former. */
  beside(k: string, x: unknown, o: FhirObject, names: Beside, validate: ValidateType): boolean {
    const list = names[k];
    if (typeof list !== "boolean") {
      this.unknown(k);
      return false;
    }
    const value = o[k.slice(1)];
    if (list) this.siblings(k, x, value, validate);
    else this.sibling(k, x, value, validate);
    return true;
  }

  sibling(k: string, x: unknown, value: unknown, validate: ValidateType): void {
    this.#enter(k);
    // An id alone is fine beside a value: the element then has a value.
    if (value === undefined || !isIdOnly(x)) validate(x, this);
    this.#leave();
  }

  siblings(k: string, x: unknown, values: unknown, validate: ValidateType): void {
    const list = Array.isArray(values) ? values : undefined;
    if (Array.isArray(x) && list && x.length !== list.length)
      this.error("json-type", k, "expected as many entries as the values have, found another number");
    this.#items(k, x, (item, i) => {
      if (item === null) {
        if (!isNonNull(list?.[i])) this.error("json-type", undefined, "expected a value or extensions, found neither");
      } else if (!isNonNull(list?.[i]) || !isIdOnly(item)) validate(item, this);
    });
  }

  narrative(k: string, x: unknown): void {
    if (typeof x !== "string") {
      this.error("json-type", k, `expected XHTML text, found ${kindOf(x)}`);
      return;
    }
    const fault = narrativeFault(x);
    if (fault) this.error(fault, k, invariantWords[fault] ?? "expected XHTML");
  }

  /** Runs on each value of a property, arrays item by item; null and absent are passed over. */
  each(o: unknown, k: string, run: (item: FhirObject) => void): void {
    const x = (o as FhirObject)[k];
    if (x === undefined || x === null) return;
    this.#enter(k);
    if (Array.isArray(x))
      x.forEach((item: unknown, i) => {
        if (item === null || item === undefined) return;
        this.#path.push(i);
        run(item as FhirObject);
        this.#path.pop();
      });
    else run(x as FhirObject);
    this.#leave();
  }

  /** Runs on what stands beside each value of a primitive; on an empty element where nothing does. */
  eachSibling(o: unknown, k: string, run: (item: FhirObject) => void): void {
    const isList = Array.isArray((o as FhirObject)[k]) || Array.isArray((o as FhirObject)[`_${k}`]);
    this.#enter(`_${k}`);
    fp.siblingsByPlace(o, k).forEach((item, i) => {
      if (item === undefined) return;
      if (isList) this.#path.push(i);
      run(item);
      if (isList) this.#path.pop();
    });
    this.#leave();
  }

  /** True where the extension here stands right inside another one. */
  isInExtension(): boolean {
    const around = this.#path.at(-4);
    return this.#path.at(-2) === "extension" && (around === "extension" || around === "modifierExtension");
  }

  // Resources inside resources, and references.

  /** Validates the outermost resource. */
  root(v: unknown): void {
    const type = typeOf(v);
    this.#path.push(this.#safeType(type));
    this.#resource(v, false);
    const table = this.options.extensions;
    if (this.#sawKnownExtension && table) for (const m of misplaced(v, table)) this.#misplaced(m.path, m.fault);
    this.#path.pop();
  }

  #misplaced(path: string, fault: "extension-context" | "extension-modifier"): void {
    if (fault === "extension-context")
      this.error(fault, path, "expected the extension at a place that its definition names, found it at another");
    else this.error(fault, path, "expected modifierExtension for an extension that modifies alone, found otherwise");
  }

  /** Runs the definition of an extension that the build knows. */
  knownExtension(o: FhirObject): void {
    const { url } = o;
    const known = this.options.extensions?.places;
    if (typeof url !== "string" || !known || !Object.hasOwn(known, url)) return;
    const rule = profileOf(this.options.profiles, url);
    if (!rule) return;
    this.#sawKnownExtension = true;
    this.as(o, rule.check);
    this.#extensions.set(o, rule.check);
  }

  entryResource(k: string, x: unknown): void {
    this.#enter(k);
    if (Array.isArray(x)) this.error("json-type", undefined, "expected one resource, found an array");
    else this.#resource(x, false);
    this.#leave();
  }

  /** A resource type as it may stand in a path: other text may be anything. */
  #safeType(type: string | undefined): string {
    return type !== undefined && this.options.resourceTypes.has(type) ? type : "Resource";
  }

  containedResources(k: string, x: unknown): void {
    this.#items(k, x, (item) => this.#resource(item, true));
  }

  #resource(v: unknown, contained: boolean): void {
    const type = typeOf(v);
    if (type === undefined) {
      this.error("resource-type", undefined, "expected an object with resourceType, found none");
      return;
    }
    if (!this.options.resourceTypes.has(type)) {
      this.error("resource-type", undefined, "expected a resource type of R4, found another");
      return;
    }
    const before = { resource: this.resource, container: this.#container, bundle: this.#bundle };
    this.resource = v;
    if (!contained) this.#container = new Container(v as FhirObject);
    if (type === "Bundle") this.#bundle = new BundleFrame(v as FhirObject, before.bundle);
    const validate = Object.hasOwn(this.options.resources, type) ? this.options.resources[type] : undefined;
    if (validate) validate(v, this);
    else {
      this.report(
        "warning",
        "not-checked",
        undefined,
        "expected a resource type of this build, found another: not checked",
      );
      this.#container?.mentionAll(v, v);
    }
    if (validate)
      for (const place of repeatedIds(v as FhirObject))
        this.error("element-id", `${place}.id`, "expected each element id once in a resource, found it again");
    if (!contained) this.#containedIds();
    if (validate) this.#declaredProfiles(v as FhirObject, type);
    this.resource = before.resource;
    this.#container = before.container;
    this.#bundle = before.bundle;
  }

  #containedIds(): void {
    for (const i of this.#container?.unnamed() ?? [])
      this.error("dom-3", `contained[${i}]`, `${invariantWords["dom-3"]}, found none`);
    // R4's dom-3 holds for one without id, by the logic of empty sets; the HL7 validator asks for the id.
    for (const i of this.#container?.nameless() ?? []) this.missing(`contained[${i}].id`);
    for (const i of this.#container?.repeated() ?? [])
      this.error(
        "duplicate-id",
        `contained[${i}].id`,
        "expected each id once among the contained resources, found it again",
      );
  }

  #declaredProfiles(o: FhirObject, type: string): void {
    const declared = (o.meta as FhirObject | undefined)?.profile;
    if (!Array.isArray(declared)) return;
    for (const url of new Set<unknown>(declared)) {
      if (typeof url !== "string") continue;
      const address = url.split("|")[0] as string;
      const rule = profileOf(this.options.profiles, address);
      if (rule) this.profile(o, rule, type);
      else if (!isBaseDefinition(address, type))
        this.report(
          "warning",
          "not-checked",
          `meta.profile[${declared.indexOf(url)}]`,
          "expected a profile of this build, found another: not checked",
        );
    }
  }

  /** Runs a profile on the resource here. */
  profile(o: FhirObject, rule: ProfileRule, type = typeOf(o)): void {
    if (this.#path.length === 1) for (const key of rule.whole ?? []) this.#entries?.unchecked.add(key);
    if (rule.type === type) this.as(o, rule.check);
    else this.error("profile-type", undefined, `expected ${rule.type} for the profile, found another type`);
  }

  /** Runs a profile on the resource that the code was given as root. */
  rootProfile(v: unknown, rule: ProfileRule): void {
    const type = typeOf(v);
    if (type === undefined) return;
    this.#path.push(this.#safeType(type));
    this.#container = new Container(v as FhirObject);
    this.#bundle = type === "Bundle" ? new BundleFrame(v as FhirObject, undefined) : undefined;
    this.profile(v as FhirObject, rule, type);
    this.#path.pop();
  }

  /** What a reference names inside the document. */
  find(reference: string): unknown {
    return reference.startsWith("#") ? this.#container?.find(reference) : this.#bundle?.find(reference);
  }

  /** Notes a reference and checks what can be checked about it without knowing the target types. */
  reference(o: FhirObject): void {
    const { reference } = o;
    if (typeof reference !== "string") return;
    this.#container?.mention(reference, this.resource);
    const fault = referenceFault(reference, this, this.#bundle !== undefined, this.options.resourceTypes);
    if (fault === "ref-1") this.error(fault, "reference", `${invariantWords["ref-1"]}, found none`);
    else if (fault === "reference-unresolved")
      this.error(fault, "reference", "expected an entry with this fullUrl in the Bundle, found none");
    else if (fault !== undefined)
      this.error(fault, "reference", "expected a relative reference of the form type/id, found another");
  }

  /** The resource types that a Reference may name. */
  targets(x: unknown, allowed: readonly string[]): void {
    if (typeof x !== "object" || x === null) return;
    const { reference, type } = x as FhirObject;
    const fault = targetFault(reference, type, allowed, this.options.resourceTypes, this);
    if (fault)
      this.error("reference-type", fault, `expected a reference to ${allowed.join(" or ")}, found another type`);
  }

  // What profiles ask for.

  notAllowed(o: FhirObject, names: readonly string[]): void {
    for (const name of names)
      if (fp.has(o, name)) this.error("not-allowed", name, "expected no such element in this profile, found one");
  }

  atLeast(o: FhirObject, field: string, names: readonly string[], min: number): void {
    const count = fp.get(o, ...names).length;
    if (!this.#isCounted(field, { min, max: Number.POSITIVE_INFINITY }, count)) this.#fewer(field, count, min);
  }

  #fewer(field: string, count: number, min: number): void {
    if (count >= min) return;
    if (count === 0) this.missing(field);
    else this.error("cardinality", field, `expected at least ${min}, found ${count}`);
  }

  atMost(o: FhirObject, names: readonly string[], max: number): void {
    const count = fp.get(o, ...names).length;
    if (!this.#isCounted(names[0], { min: 0, max }, count)) this.#more(names[0], count, max);
  }

  #more(field: string | undefined, count: number, max: number): void {
    if (count > max) this.error("cardinality", field, `expected at most ${max}, found ${count}`);
  }

  slice(property: string, name: string, count: number, min: number, max: number): void {
    if (this.#isCounted(property, { name, min, max }, count)) return;
    if (count < min) this.error("slice", property, `expected at least ${min} of slice ${name}, found ${count}`);
    else if (count > max) this.error("slice", property, `expected at most ${max} of slice ${name}, found ${count}`);
  }

  /** True for entries of a Bundle of which this is a part: they are judged when all have been counted. */
  #isCounted(property: string | undefined, rule: EntryRule, count: number): boolean {
    if (this.#entries === undefined || property !== "entry" || this.#path.length !== 1 || this.#path[0] !== "Bundle")
      return false;
    this.#entries.add(this.#profile, rule, count);
    return true;
  }

  /** What the entries of a Bundle are together, once each has been seen. */
  entries(counts: EntryCounts): void {
    this.#path.push("Bundle");
    for (const { rule, count } of counts.totals()) {
      if (rule.name !== undefined) this.slice("entry", rule.name, count, rule.min, rule.max);
      else {
        this.#fewer("entry", count, rule.min);
        this.#more("entry", count, rule.max);
      }
    }
    for (const key of counts.unchecked)
      this.report(
        "warning",
        "not-checked",
        undefined,
        `expected a Bundle that is judged whole for ${key}, found one judged by its entries: not checked`,
      );
    this.#path.pop();
  }

  outsideSlices(): void {
    this.error("slice", undefined, "expected one of the slices of the profile, found something else");
  }

  fixed(o: unknown, value: unknown): void {
    if (!fp.equal(o, value)) this.error("fixed", undefined, `expected ${words(value)}, found another value`);
  }

  pattern(o: unknown, value: unknown): void {
    if (!fp.holdsPattern(o, value))
      this.error("pattern", undefined, `expected at least ${words(value)}, found otherwise`);
  }

  bound(o: unknown, set: BoundSet, level: IssueLevel): void {
    if (isBound(o, set)) return;
    this.report(level, "binding", undefined, `expected a code of ${set.url}, found another`);
  }

  /** How a reference leads to its target: inside the resource, inside the Bundle, or outside. */
  aggregation(o: FhirObject, modes: readonly string[]): void {
    const mode = aggregationOf(o["reference"], this);
    if (mode !== undefined && !modes.includes(mode))
      this.error("aggregation", "reference", `expected a target that is ${modes.join(" or ")}, found one ${mode}`);
  }

  maxLength(o: unknown, max: number): void {
    if (fp.isLonger(o, max)) this.error("max-length", undefined, `expected at most ${max} characters, found more`);
  }

  limit(o: unknown, side: "min" | "max", value: number | string): void {
    if (fp.isBeyond(o, side, value))
      this.error("limit", undefined, `expected at ${side === "min" ? "least" : "most"} ${value}, found otherwise`);
  }

  /** Slices that have an order: `place` is this item's, `at` remembers the last one's. */
  inOrder(at: { last: number }, place: number): void {
    const isEntry = this.#path.length === 3 && this.#path[0] === "Bundle" && this.#path[1] === "entry";
    const isLater = isEntry && this.#entries?.isInOrder(this.#profile, place) === false;
    if (at.last > place || isLater)
      this.error("slice-order", undefined, "expected the slices in the profile's order, found one later");
    else at.last = place;
  }

  isBoundAt(o: unknown, path: readonly string[], set: BoundSet): boolean {
    return fp.at(o, path, this).some((v) => isBound(v, set));
  }

  /** True when a reference at the path names one of the resource types. */
  leadsTo(o: unknown, path: readonly string[], types: readonly string[]): boolean {
    return leadsTo(o, path, types, this.options.resourceTypes, this);
  }

  /** True when a value at the path breaks no rule of the profile; warnings do not count. */
  conforms(o: unknown, path: readonly string[], check: ProfileRule["check"]): boolean {
    return fp
      .at(o, path, this)
      .some((v) => verdict(this.#reading, v, check, () => this.#isGood(v as FhirObject, check)));
  }

  #isGood(o: FhirObject, check: ProfileRule["check"]): boolean {
    const before = this.issues.splice(0);
    const extensions = this.#extensions;
    const container = this.#container;
    this.#extensions = new WeakMap();
    // What a resource of its own names inside itself is looked for there.
    if (typeOf(o) !== undefined && container?.holds(o) !== true) this.#container = new Container(o);
    this.as(o, check);
    this.#extensions = extensions;
    this.#container = container;
    const good = !this.issues.some((i) => i.level === "error");
    this.issues.splice(0, this.issues.length, ...before);
    return good;
  }

  resourceType(o: FhirObject, type: string): void {
    if (typeOf(o) !== type) this.error("profile-type", undefined, `expected ${type}, found another type`);
  }

  /** Runs a profile's rules on a resource inside this one, or on this one. */
  as(o: FhirObject, check: (o: FhirObject, c: FhirContext) => void): void {
    if (typeof o === "object" && this.#extensions.get(o) === check) return;
    const before = this.resource;
    const profile = this.#profile;
    if (typeof o === "object" && typeOf(o) !== undefined) this.resource = o;
    if (this.#path.length === 1) this.#profile = check;
    check(o, this);
    this.resource = before;
    this.#profile = profile;
  }

  #items(k: string, x: unknown, run: (item: unknown, index: number) => void): void {
    if (!this.#isList(k, x)) return;
    this.#enter(k);
    for (let i = 0; i < x.length; i++) {
      this.#path.push(i);
      run(x[i], i);
      this.#path.pop();
    }
    this.#leave();
  }

  #isList(k: string, x: unknown): x is readonly unknown[] {
    if (Array.isArray(x) && x.length > 0) return true;
    if (Array.isArray(x)) this.error("empty-array", k, "expected entries, found an empty array");
    else this.error("json-type", k, `expected an array, found ${kindOf(x)}`);
    return false;
  }

  #enter(k: string): void {
    this.#path.push(k);
    this.#depth++;
  }

  #leave(): void {
    this.#path.pop();
    this.#depth--;
  }
}

/** A profile by address; names that every object has are no addresses. */
export function profileOf(profiles: FhirContextOptions["profiles"], url: string): ProfileRule | undefined {
  return Object.hasOwn(profiles, url) ? profiles[url] : undefined;
}

/** The value of a profile is no personal value; long ones are not repeated. */
function words(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 200 ? text : "the value of the profile";
}

function typeOf(v: unknown): string | undefined {
  const type = typeof v === "object" && v !== null ? (v as FhirObject).resourceType : undefined;
  return typeof type === "string" ? type : undefined;
}

function isNonNull(v: unknown): boolean {
  return v !== null && v !== undefined;
}

function kindOf(v: unknown): string {
  return v === null ? "null" : Array.isArray(v) ? "an array" : typeof v === "object" ? "an object" : `a ${typeof v}`;
}
