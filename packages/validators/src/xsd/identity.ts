import { clarkName, splitClark, type XmlTag } from "@helsekontakt/types/xml";
import type { AttributeRule, IdentityPath, IdentityRule, SimpleRule } from "./rules.ts";
import { type Scope as Prefixes, valueKey } from "./simple.ts";

/** One element that a selector found. */
interface Selection {
  readonly depth: number;
  readonly values: (string | undefined)[];
  /** A field led to something that has no simple value, or to two things. */
  broken: boolean;
}

/** One constraint at the open element that states it. */
interface Scope {
  readonly depth: number;
  readonly rule: IdentityRule;
  readonly open: Selection[];
  /** Values found, for `key` and `unique`; those that only inner elements of the same constraint found are not its own. */
  readonly own: Set<string>;
  readonly inner: Set<string>;
  /** What `keyref` found. */
  readonly wanted: { readonly value: string; readonly path: string; readonly offset: number }[];
}

/** The attributes of one start tag. */
export interface Declarations {
  /** The declaration behind an attribute, its type's own or the one that a wildcard leads to. */
  readonly find: (name: string, uri: string) => AttributeRule | undefined;
  /** Those that the type declares: one with a preset value stands there where the document has none. */
  readonly own: readonly AttributeRule[];
}

/** Tells a fault: rule id, path, offset of the start tag, what was expected and found. */
export type Report = (rule: string, path: string, offset: number, message: string) => void;

/**
 * The identity constraints (`key`, `unique`, `keyref`) over a stream: selectors and fields are matched against the names
 * of open elements, and only values are held.
 *
 * @see XML Schema 1.0 part 1, section 3.11
 * @internal
 */
export class IdentityConstraints {
  readonly #report: Report;
  readonly #scopes: Scope[] = [];
  /** Clark names of the open elements from the outermost scope on, by depth. */
  readonly #names: string[] = [];
  readonly #waiting: { readonly depth: number; readonly selection: Selection; readonly field: number }[] = [];

  readonly #prefixes: Prefixes;

  /** @param prefixes - the prefixes where the reader stands */
  constructor(report: Report, prefixes: Prefixes) {
    this.#prefixes = prefixes;
    this.#report = report;
  }

  /** Whether some open element states a constraint; without one the other methods need no calls. */
  get active(): boolean {
    return this.#scopes.length > 0;
  }

  /** Takes a start tag. `depth` counts open elements, this one included. */
  open(tag: XmlTag, depth: number, declared: Declarations, stated: readonly IdentityRule[] | undefined): void {
    this.#names[depth] = clarkName(tag.uri, tag.local);
    for (const rule of stated ?? [])
      this.#scopes.push({ depth, rule, open: [], own: new Set(), inner: new Set(), wanted: [] });
    for (const scope of this.#scopes) {
      if (scope.rule.selector.some((p) => this.#matches(p, scope.depth, depth)))
        scope.open.push({ depth, values: scope.rule.fields.map(() => undefined), broken: false });
      for (const selection of scope.open) this.#fields(scope.rule, selection, tag, depth, declared);
    }
  }

  #fields(rule: IdentityRule, selection: Selection, tag: XmlTag, depth: number, { find, own }: Declarations): void {
    rule.fields.forEach((paths, field) => {
      for (const path of paths) {
        if (!this.#matches(path, selection.depth, depth)) continue;
        if (path.attribute === undefined) {
          this.#waiting.push({ depth, selection, field });
          continue;
        }
        for (const a of tag.attributes) {
          const name = clarkName(a.uri, a.local);
          if (!nameFits(path.attribute, name)) continue;
          const declared = find(name, a.uri);
          if (declared !== undefined) this.#put(selection, field, this.#key(declared.type(), a.value));
        }
        for (const { name, type, ...rule } of own) {
          const preset = rule.fixed ?? rule.default;
          if (preset === undefined || !nameFits(path.attribute, name)) continue;
          const { ns, local } = splitClark(name);
          if (tag.attributes.some((a) => a.local === local && a.uri === ns)) continue;
          // A name is in Clark form already.
          this.#put(selection, field, valueKey(type(), preset));
        }
      }
    });
  }

  #key(simple: SimpleRule, text: string): string {
    return valueKey(simple, text, this.#prefixes);
  }

  #put(selection: Selection, field: number, value: string | undefined): void {
    if (value === undefined || selection.values[field] !== undefined) selection.broken = true;
    else selection.values[field] = value;
  }

  /**
   * Takes an end tag.
   *
   * @param simple - the type of the element's text; undefined when it holds elements.
   * @param preset - the text is the one that the schema has for it: a name is in Clark form.
   * @param nil - `xsi:nil` is true: the element has no value, and a key may not rest on it.
   */
  close(
    depth: number,
    simple: SimpleRule | undefined,
    text: string,
    nil: boolean,
    preset: boolean,
    path: () => string,
    offset: number,
  ): void {
    for (let last = this.#waiting.at(-1); last?.depth === depth; last = this.#waiting.at(-1)) {
      this.#waiting.pop();
      const { selection, field } = last;
      if (!nil)
        this.#put(
          selection,
          field,
          simple === undefined ? undefined : preset ? valueKey(simple, text) : this.#key(simple, text),
        );
    }
    for (const scope of this.#scopes) {
      const at = scope.open.findIndex((s) => s.depth === depth);
      if (at >= 0) this.#select(scope, scope.open.splice(at, 1)[0] as Selection, path(), offset);
    }
    while (this.#scopes.at(-1)?.depth === depth) this.#end(this.#take(depth));
    this.#names.length = depth;
  }

  /** The scopes of one element, those that others refer to first. */
  #take(depth: number): Scope[] {
    const at = this.#scopes.findIndex((s) => s.depth === depth);
    return this.#scopes.splice(at).sort((a, b) => Number(a.rule.kind === "keyref") - Number(b.rule.kind === "keyref"));
  }

  #select(scope: Scope, { values, broken }: Selection, path: string, offset: number): void {
    const { kind, name } = scope.rule;
    const complete = !broken && values.every((v) => v !== undefined);
    if (broken) {
      this.#report(
        "xsd/key-field",
        path,
        offset,
        `expected one simple value for each field of ${label(name)}, found another thing`,
      );
      return;
    }
    if (!complete) {
      if (kind === "key")
        this.#report(
          "xsd/key-missing",
          path,
          offset,
          `expected every field of key ${label(name)}, found a part of them`,
        );
      return;
    }
    const value = JSON.stringify(values);
    if (kind === "keyref") scope.wanted.push({ value, path, offset });
    else if (scope.own.has(value))
      this.#report(
        "xsd/key-duplicate",
        path,
        offset,
        `expected values of ${kind} ${label(name)} that no other element has, found them again`,
      );
    else scope.own.add(value);
  }

  #end(scopes: readonly Scope[]): void {
    for (const scope of scopes) {
      const { rule } = scope;
      if (rule.kind !== "keyref") {
        // Outer elements with a reference to this constraint see what was found here.
        for (const outer of [...this.#scopes, ...scopes])
          if (outer.rule.refer === rule.name) for (const v of scope.own) outer.inner.add(v);
        continue;
      }
      for (const { value, path, offset } of scope.wanted)
        if (!scope.inner.has(value))
          this.#report("xsd/keyref", path, offset, `expected values that ${label(rule.refer ?? "")} has, found others`);
    }
  }

  /** Whether the names from below one depth down to another are what a path says. */
  #matches(path: IdentityPath, from: number, to: number): boolean {
    const { steps } = path;
    const length = to - from;
    if (path.deep === true ? length < steps.length : length !== steps.length) return false;
    // `.//` takes elements below, and `.` itself only when no step follows.
    for (let i = 0; i < steps.length; i++)
      if (!nameFits(steps[i] as string, this.#names[to - steps.length + 1 + i] as string)) return false;
    return true;
  }
}

function nameFits(test: string, name: string): boolean {
  if (test === "*" || test === name) return true;
  return test.endsWith("}*") && splitClark(name).ns === test.slice(1, -2);
}

function label(name: string): string {
  return splitClark(name).local;
}
