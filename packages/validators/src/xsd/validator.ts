import type { Issue } from "@helsekontakt/core";
import {
  clarkName,
  splitClark,
  variantNamespace,
  XS,
  XMLNS,
  XSI,
  type XmlCursor,
  type XmlHandler,
  type XmlTag,
  type XmlTagAttribute,
} from "@helsekontakt/types/xml";
import { isBuiltinDerived } from "./builtins.ts";
import { compileModel, nameList, skipAhead, type Transition } from "./compile.ts";
import { type Frame, pathOf } from "./frame.ts";
import { type Declarations, IdentityConstraints } from "./identity.ts";
import { anyTypeRule, builtinRule, own } from "./known-types.ts";
import type {
  AttributeRule,
  ElementRule,
  ElementRuleRegistry,
  SimpleRule,
  TypeRule,
  TypeRuleRegistry,
  WildcardRule,
} from "./rules.ts";
import { builtinOf, checkSimple, isFixedValue, normalize } from "./simple.ts";

// Over 400 lines: one state machine over a stream; its steps share the stack of open elements.

const hints = new Set(["schemaLocation", "noNamespaceSchemaLocation"]);

/**
 * Runs the generated rules over reader events. It holds one frame for each open element, and nothing of what is closed.
 *
 * @internal
 */
export class XsdValidator implements XmlHandler {
  readonly issues: Issue[] = [];
  readonly #registry: ElementRuleRegistry;
  readonly #types: TypeRuleRegistry;
  readonly #maxIssues: number;
  readonly #frames: Frame[] = [];
  readonly #ids = new Set<string>();
  readonly #references: { readonly id: string; readonly path: string; readonly line: number }[] = [];
  readonly #constraints = new IdentityConstraints(
    (rule, path, offset, message) => this.#add(rule, path, offset, message),
    (prefix) => this.#scope(prefix),
  );
  #skip = 0;
  #cursor: XmlCursor | undefined;
  root: string | undefined;
  readonly #scope = (prefix: string): string | undefined => this.#cursor?.resolve(prefix);

  readonly #foreign: ReadonlySet<string>;

  constructor(
    registry: ElementRuleRegistry,
    types: TypeRuleRegistry,
    maxIssues: number,
    foreign: ReadonlySet<string> = new Set(),
  ) {
    this.#foreign = foreign;
    this.#registry = registry;
    this.#types = types;
    this.#maxIssues = maxIssues;
  }

  start(cursor: XmlCursor): void {
    this.#cursor = cursor;
  }

  /** Path of the innermost open element, for faults of the reader. */
  path(): string {
    return pathOf(this.#frames) || "/";
  }

  open(tag: XmlTag, cursor: XmlCursor): void {
    if (this.#skip > 0) {
      this.#skip++;
      return;
    }
    // The end of the start tag, which is where libxml2 counts an element's line too.
    const { offset } = cursor;
    const parent = this.#frames.at(-1);
    if (parent === undefined) {
      this.#openRoot(tag, offset, cursor);
      return;
    }
    parent.hasElements = true;
    if (parent.nil) {
      this.#child(parent, tag, offset, "xsd/nil", "expected no content, because xsi:nil is true, found an element");
      this.#skip = 1;
      return;
    }
    const { content } = parent.type;
    if (content.kind === "any") {
      this.#enter(
        tag,
        offset,
        cursor,
        own(this.#registry, clarkName(tag.uri, tag.local)),
        anyTypeRule,
        0,
        undefined,
        parent.declared,
      );
    } else if (content.kind === "elements") {
      this.#step(parent, tag, offset, cursor);
    } else {
      const found = content.kind === "empty" ? "expected no content" : "expected text only";
      this.#child(parent, tag, offset, "xsd/element-unexpected", `${found}, found an element`);
      this.#skip = 1;
    }
  }

  text(text: string): void {
    if (this.#skip > 0) return;
    const frame = this.#frames.at(-1);
    if (frame === undefined) return;
    const { content } = frame.type;
    if (content.kind === "simple") {
      frame.text = frame.text === "" ? text : frame.text + text;
      return;
    }
    if (content.kind === "any" || (content.kind === "elements" && content.mixed === true)) {
      if (frame.rule?.fixed !== undefined) frame.text += text;
      if (frame.nil && !frame.textReported) this.#nilText(frame);
      return;
    }
    if (frame.nil) {
      if (!frame.textReported) this.#nilText(frame);
      return;
    }
    // Even white space is content of an empty type, as the specification has it.
    if (frame.textReported || (content.kind === "elements" && !/[^ \t\r\n]/.test(text))) return;
    frame.textReported = true;
    const expected = content.kind === "empty" ? "no content" : "elements only";
    this.#here(frame, "xsd/text-unexpected", `expected ${expected}, found text`);
  }

  close(): void {
    if (this.#skip > 0) {
      this.#skip--;
      return;
    }
    const frame = this.#frames.at(-1);
    if (frame === undefined) return;
    const { content } = frame.type;
    if (content.kind === "simple") this.#closeSimple(frame, content.type());
    else if (content.kind === "elements" && !frame.nil && frame.stray !== frame.state) {
      const state = frame.model?.state(frame.state);
      if (state !== undefined && !state.final) {
        this.#here(frame, "xsd/element-missing", `expected ${nameList(state.expected)}, found the end of the element`);
      }
    }
    if (frame.rule?.fixed !== undefined && content.kind !== "simple") {
      if (frame.hasElements) this.#here(frame, "xsd/fixed", "expected the fixed text, found elements");
      else if (frame.text !== "" && frame.text !== frame.rule.fixed && !frame.nil)
        this.#here(frame, "xsd/fixed", "expected the fixed text, found another");
    }
    if (this.#constraints.active) this.#closeConstraints(frame);
    this.#frames.pop();
    if (this.#frames.length === 0) this.#end();
  }

  /** Apart from `close`, which would make a function for each element otherwise. */
  #closeConstraints(frame: Frame): void {
    const { content } = frame.type;
    const simple = content.kind === "simple" ? content.type() : undefined;
    const preset = frame.text === "" ? (frame.rule?.fixed ?? frame.rule?.default) : undefined;
    const path = (): string => pathOf(this.#frames);
    const { nil, offset } = frame;
    this.#constraints.close(this.#frames.length, simple, preset ?? frame.text, nil, preset !== undefined, path, offset);
  }

  #openRoot(tag: XmlTag, offset: number, cursor: XmlCursor): void {
    const name = clarkName(tag.uri, tag.local);
    this.root = name;
    const rule = own(this.#registry, name);
    if (rule === undefined) {
      this.#add(
        "xsd/root-unknown",
        `/${tag.local}`,
        offset,
        "expected a root element that a schema of this build has, found another",
      );
      this.#skip = 1;
      return;
    }
    this.#enter(tag, offset, cursor, rule, rule.type(), 0, undefined);
  }

  /** Moves the parent's automaton over a child, or reports why it cannot. */
  #step(parent: Frame, tag: XmlTag, offset: number, cursor: XmlCursor): void {
    const model = parent.model;
    const state = model?.state(parent.state);
    if (model === undefined || state === undefined) return;
    let variant = parent.variant;
    let transition = find(
      state.byName,
      tag.local,
      variant !== undefined && tag.uri === variant.from ? variant.to : tag.uri,
    );
    if (transition === undefined && variant === undefined) {
      variant = this.#variant(parent, tag.uri);
      if (variant !== undefined) transition = find(state.byName, tag.local, variant.to);
    }
    const ns = variant !== undefined && tag.uri === variant.from ? variant.to : tag.uri;
    if (transition !== undefined) {
      this.#take(parent, transition, tag, offset, cursor, variant);
      return;
    }
    for (const wildcard of state.wildcards) {
      if (!allows(wildcard.rule.namespaces, tag.uri)) continue;
      parent.state = wildcard.to;
      this.#wild(parent, wildcard.rule, tag, offset, cursor);
      return;
    }
    const ahead = skipAhead(model, parent.state, tag.local, ns);
    if (ahead !== undefined) {
      if (parent.stray !== parent.state) {
        const message = `expected ${nameList(state.expected)} first, found ${tag.local}`;
        this.#child(parent, tag, offset, "xsd/element-missing", message);
      }
      this.#take(parent, ahead, tag, offset, cursor, variant);
      return;
    }
    const elsewhere = model.all.get(tag.local)?.find((t) => t.ns === ns);
    const found = elsewhere !== undefined ? `${tag.local} out of place` : this.#unknown(model.all, tag);
    this.#child(parent, tag, offset, "xsd/element-unexpected", `expected ${nameList(state.expected)}, found ${found}`);
    if (elsewhere === undefined) parent.stray = parent.state;
    if (elsewhere === undefined) this.#skip = 1;
    else this.#enter(tag, offset, cursor, elsewhere.rule, elsewhere.rule.type(), 0, variant);
  }

  #unknown(all: ReadonlyMap<string, readonly Transition[]>, tag: XmlTag): string {
    return all.has(tag.local) ? "the element in another namespace" : "an element that the schema does not have here";
  }

  #take(
    parent: Frame,
    transition: Transition,
    tag: XmlTag,
    offset: number,
    cursor: XmlCursor,
    variant: Frame["variant"],
  ): void {
    parent.state = transition.to;
    let index = 0;
    if (parent.model?.repeating.has(tag.local) === true) {
      parent.counts ??= new Map();
      index = (parent.counts.get(tag.local) ?? 0) + 1;
      parent.counts.set(tag.local, index);
    }
    const { rule } = transition;
    this.#enter(tag, offset, cursor, rule, rule.type(), index, variant);
  }

  #wild(parent: Frame, wildcard: WildcardRule, tag: XmlTag, offset: number, cursor: XmlCursor): void {
    if (wildcard.process === "skip") {
      this.#skip = 1;
      return;
    }
    const rule = own(this.#registry, clarkName(tag.uri, tag.local));
    // Nearly always it is the only one of its name, and needs no number.
    parent.counts ??= new Map();
    const count = (parent.counts.get(tag.local) ?? 0) + 1;
    parent.counts.set(tag.local, count);
    const index = count > 1 ? count : 0;
    if (rule !== undefined) {
      this.#enter(tag, offset, cursor, rule, rule.type(), index, undefined);
    } else if (this.#foreign.has(tag.uri)) {
      this.#skip = 1;
    } else if (wildcard.process === "lax") {
      this.#enter(tag, offset, cursor, undefined, anyTypeRule, index, undefined, wildcard.declared);
    } else {
      this.#add(
        "xsd/element-unknown",
        `${pathOf(this.#frames)}/${tag.local}${index > 0 ? `[${index}]` : ""}`,
        offset,
        "expected an element that a schema of this build has, found another",
      );
      this.#skip = 1;
    }
  }

  #enter(
    tag: XmlTag,
    offset: number,
    cursor: XmlCursor,
    rule: ElementRule | undefined,
    known: TypeRule,
    index: number,
    variant: Frame["variant"],
    declared?: WildcardRule["declared"],
  ): void {
    let type = rule === undefined ? known : rule.type();
    let nil = false;
    let special = false;
    for (const a of tag.attributes) if (a.uri === XSI) special = true;
    const at = (): string => `${pathOf(this.#frames)}/${tag.local}${index > 0 ? `[${index}]` : ""}`;
    if (rule?.abstract === true) {
      const message = "expected a member of the substitution group, found its abstract head";
      this.#add("xsd/abstract", at(), offset, message);
    }
    if (special) {
      for (const a of tag.attributes) {
        if (a.uri !== XSI) continue;
        if (a.local === "type") type = this.#xsiType(a.value, type, rule, cursor, offset, at);
        else if (a.local === "nil") nil = this.#xsiNil(a.value, rule, offset, at);
        else if (!hints.has(a.local)) {
          this.#add(
            "xsd/attribute-unexpected",
            `${at()}/@xsi:${a.local}`,
            offset,
            "expected one of xsi's four attributes, found another",
          );
        }
      }
    }
    if (type.abstract === true) {
      this.#add("xsd/abstract", at(), offset, "expected xsi:type to name a type that is not abstract, found none");
    }
    this.#frames.push({
      name: tag.local,
      index,
      rule,
      type,
      model: type.content.kind === "elements" ? compileModel(type.content.model) : undefined,
      offset,
      nil,
      state: 0,
      text: "",
      stray: undefined,
      textReported: false,
      counts: undefined,
      variant,
      hasElements: false,
      declared: type.anyAttribute?.declared ?? declared,
    });
    this.#attributes(tag, type, offset);
    if (rule?.identity !== undefined || this.#constraints.active)
      this.#constraints.open(tag, this.#frames.length, this.#declarations(type), rule?.identity);
  }

  #xsiType(
    value: string,
    declared: TypeRule,
    rule: ElementRule | undefined,
    cursor: XmlCursor,
    offset: number,
    at: () => string,
  ): TypeRule {
    const name = value.trim();
    const colon = name.indexOf(":");
    const ns = cursor.resolve(colon < 0 ? "" : name.slice(0, colon)) ?? "";
    const clark = clarkName(ns, name.slice(colon + 1));
    if (clark === declared.name) return declared;
    const { blocked = [] } = rule ?? {};
    const found =
      blocked === true || blocked.includes(clark)
        ? undefined
        : (own(declared.derived?.(), clark)?.() ?? this.#substitute(declared, clark, ns, name.slice(colon + 1)));
    if (found === undefined) {
      this.#add(
        "xsd/type-unknown",
        `${at()}/@xsi:type`,
        offset,
        "expected the name of a type derived from the declared one, found another",
      );
      return declared;
    }
    return found;
  }

  /** Types that the declared type's own list does not name: those under anyType, and built-ins under a built-in. */
  #substitute(declared: TypeRule, clark: string, ns: string, local: string): TypeRule | undefined {
    if (declared.content.kind === "any") return own(this.#types, clark) ?? (ns === XS ? builtinRule(local) : undefined);
    if (declared.content.kind !== "simple") return undefined;
    const { union, enumeration, patterns } = declared.content.type();
    // A union that has facets would lose them.
    for (const member of enumeration === undefined && patterns === undefined ? (union ?? []) : []) {
      const found = this.#ofMember(member().name, clark, ns, local);
      if (found !== undefined) return found;
    }
    if (!declared.name.startsWith(`{${XS}}`)) return undefined;
    const base = splitClark(declared.name).local;
    if (ns === XS) return isBuiltinDerived(local, base) ? builtinRule(local) : undefined;
    // A named type of any family, with text of a kind of the declared built-in.
    const named = own(this.#types, clark);
    if (named?.content.kind !== "simple") return undefined;
    if (!isBuiltinDerived(builtinOf(named.content.type()), base)) return undefined;
    // A restriction of mixed content to text has that for its base, and no simple type.
    const fromMixed = Object.values(this.#types).some(
      (type) => type.content.kind !== "simple" && own(type.derived?.(), clark) !== undefined,
    );
    return fromMixed ? undefined : named;
  }

  /** The member of a union itself, or what may stand for it. */
  #ofMember(name: string, clark: string, ns: string, local: string): TypeRule | undefined {
    const type = name.startsWith(`{${XS}}`) ? builtinRule(splitClark(name).local) : own(this.#types, name);
    if (type === undefined || name === clark) return type;
    return own(type.derived?.(), clark)?.() ?? this.#substitute(type, clark, ns, local);
  }

  #xsiNil(value: string, rule: ElementRule | undefined, offset: number, at: () => string): boolean {
    // It belongs to an element's declaration; in free content without one it says nothing.
    if (rule === undefined) return false;
    const text = value.trim();
    if (rule.nillable !== true) {
      this.#add(
        "xsd/nil",
        `${at()}/@xsi:nil`,
        offset,
        "expected no xsi:nil, because the element is not nillable, found one",
      );
      return false;
    }
    if (!/^(?:true|false|0|1)$/.test(text)) {
      this.#add("xsd/type", `${at()}/@xsi:nil`, offset, "expected a value of xs:boolean, found another text");
    }
    const nil = text === "true" || text === "1";
    if (nil && rule.fixed !== undefined)
      this.#add("xsd/nil", `${at()}/@xsi:nil`, offset, "expected the fixed value, found xsi:nil, which has none");
    return nil;
  }

  #attributes(tag: XmlTag, type: TypeRule, offset: number): void {
    for (const a of tag.attributes) {
      if (a.uri === XMLNS || a.uri === XSI) continue;
      const name = clarkName(a.uri, a.local);
      const rule = type.attributes.find((r) => r.name === name);
      if (rule !== undefined && rule.prohibited !== true) {
        this.#attribute(rule, a, offset);
      } else this.#wildAttribute(type.anyAttribute, name, a, offset);
    }
    for (const rule of type.attributes) {
      if (rule.required !== true || has(tag, rule.name)) continue;
      const local = splitClark(rule.name).local;
      this.#add(
        "xsd/attribute-missing",
        `${pathOf(this.#frames)}/@${local}`,
        offset,
        `expected attribute ${local}, found none`,
      );
    }
  }

  #wildAttribute(wildcard: WildcardRule | undefined, name: string, a: XmlTagAttribute, offset: number): void {
    const allowed = wildcard !== undefined && allows(wildcard.namespaces, a.uri);
    if (allowed && wildcard.process === "skip") return;
    const rule = allowed ? this.#behind(name) : undefined;
    if (rule !== undefined) this.#attribute(rule, a, offset);
    else if (wildcard?.process !== "lax" || !allowed) {
      const expected = allowed ? "an attribute that a schema of this build has" : "only the attributes of the schema";
      const message = `expected ${expected}, found another`;
      this.#add("xsd/attribute-unexpected", `${pathOf(this.#frames)}/@${a.name}`, offset, message);
    }
  }

  /** The global attribute that a wildcard of the innermost element leads to: of an unknown one, whose type says nothing, what the schema around it has. */
  #behind(name: string): AttributeRule | undefined {
    let rule: AttributeRule | undefined;
    for (const list of this.#frames.at(-1)?.declared ?? []) rule ??= own(list(), name);
    return rule;
  }

  #declarations({ attributes, anyAttribute }: TypeRule): Declarations {
    const open = anyAttribute !== undefined && anyAttribute.process !== "skip" ? anyAttribute.namespaces : [];
    return {
      own: attributes,
      find: (name, uri) =>
        attributes.find((r) => r.name === name && r.prohibited !== true) ??
        (allows(open, uri) ? this.#behind(name) : undefined),
    };
  }

  #attribute(rule: AttributeRule, a: XmlTagAttribute, offset: number): void {
    const simple = rule.type();
    const path = (): string => `${pathOf(this.#frames)}/@${a.name}`;
    const fault = checkSimple(simple, a.value, this.#scope);
    if (fault !== undefined)
      this.#add(fault.rule, path(), offset, `expected ${fault.expected}, found ${kind(a.value)}`);
    else if (rule.fixed !== undefined && !isFixedValue(simple, rule.fixed, a.value, this.#scope)) {
      this.#add("xsd/fixed", path(), offset, "expected the fixed value, found another");
    }
    this.#identity(simple, a.value, path, offset);
  }

  #closeSimple(frame: Frame, simple: SimpleRule): void {
    if (frame.nil) {
      if (frame.text !== "") this.#nilText(frame);
      return;
    }
    const { rule } = frame;
    // The value of `fixed` or `default` stands in for an empty element, never for a missing one.
    if (frame.text === "" && (rule?.fixed !== undefined || rule?.default !== undefined)) return;
    const fault = checkSimple(simple, frame.text, this.#scope);
    if (fault !== undefined) this.#here(frame, fault.rule, `expected ${fault.expected}, found ${kind(frame.text)}`);
    else if (rule?.fixed !== undefined && !isFixedValue(simple, rule.fixed, frame.text, this.#scope)) {
      this.#here(frame, "xsd/fixed", "expected the fixed value, found another");
    }
    this.#identity(simple, frame.text, () => pathOf(this.#frames), frame.offset);
  }

  /** ID values are unique in a document, IDREF values point to one. */
  #identity(simple: SimpleRule, value: string, path: () => string, offset: number): void {
    const base = builtinOf(simple);
    if (base === "ID") {
      const id = normalize(simple, value);
      if (this.#ids.has(id))
        this.#add(
          "xsd/id-duplicate",
          path(),
          offset,
          "expected an ID that is unique in the document, found one used before",
        );
      this.#ids.add(id);
    } else if (base === "IDREF" && this.#references.length < this.#maxIssues) {
      this.#references.push({ id: normalize(simple, value), path: path(), line: this.#line(offset) });
    }
  }

  #end(): void {
    for (const { id, path, line } of this.#references) {
      if (this.#ids.has(id)) continue;
      this.#push({
        level: "error",
        rule: "xsd/idref",
        path,
        line,
        message: "expected the ID of an element in the document, found none with it",
      });
    }
  }

  #nilText(frame: Frame): void {
    frame.textReported = true;
    this.#here(frame, "xsd/nil", "expected no content, because xsi:nil is true, found text");
  }

  #variant(parent: Frame, ns: string): Frame["variant"] {
    if (parent.variant !== undefined || parent.state !== 0) return parent.variant;
    const grand = this.#frames.at(-2);
    if (grand === undefined || parent.hasElements === false) return undefined;
    const to = variantNamespace(grand.type.name, parent.name, ns);
    // Where the schema in use has the variant itself there is nothing to map.
    if (to === undefined || [...(parent.model?.all.values() ?? [])].some((list) => list.some((t) => t.ns === ns)))
      return undefined;
    parent.variant = { from: ns, to };
    return parent.variant;
  }

  #child(parent: Frame, tag: XmlTag, offset: number, rule: string, message: string): void {
    const count = parent.counts?.get(tag.local);
    const step = parent.model?.repeating.has(tag.local) === true ? `${tag.local}[${(count ?? 0) + 1}]` : tag.local;
    this.#add(rule, `${pathOf(this.#frames)}/${step}`, offset, message);
  }

  #here(frame: Frame, rule: string, message: string): void {
    this.#add(rule, pathOf(this.#frames), frame.offset, message);
  }

  #add(rule: string, path: string, offset: number, message: string): void {
    if (this.issues.length >= this.#maxIssues) return;
    this.#push({ level: "error", rule, path, line: this.#line(offset), message });
  }

  #push(issue: Issue): void {
    if (this.issues.length < this.#maxIssues) this.issues.push(issue);
  }

  #line(offset: number): number {
    return this.#cursor?.lineAt(offset) ?? 0;
  }
}

function find(byName: ReadonlyMap<string, readonly Transition[]>, local: string, ns: string): Transition | undefined {
  const list = byName.get(local);
  if (list === undefined) return undefined;
  for (let i = 0; i < list.length; i++) if (list[i]?.ns === ns) return list[i];
  return undefined;
}

function has(tag: XmlTag, name: string): boolean {
  const { ns, local } = splitClark(name);
  return tag.attributes.some((a) => a.local === local && a.uri === ns);
}

function allows(namespaces: WildcardRule["namespaces"], ns: string): boolean {
  if (namespaces === "##any") return true;
  if ("not" in namespaces) return ns !== "" && ns !== namespaces.not;
  return (namespaces as readonly string[]).some((n) => n === ns || (n === "##local" && ns === ""));
}

/** What kind of thing stands there, without saying what. */
function kind(text: string): string {
  if (text === "") return "empty text";
  if (/^[ \t\r\n]*$/.test(text)) return "white space";
  if (/^\s*\d+\s*$/.test(text)) return "a number";
  return "other text";
}
