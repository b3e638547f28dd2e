import { clarkName, splitClark, XMLNS, XSI, type XmlHandler, type XmlTag } from "@helsekontakt/types/xml";
import { anyTypeRule, own } from "./known-types.ts";
import { type SimpleJudge, simpleJudge } from "./judge-simple.ts";
import type { ElementRule, ElementRuleRegistry, TypeRule, WildcardRule } from "./rules.ts";
import { builtinOf, sameValue } from "./simple.ts";

// What stands in a type's place for the judge: look-ups made once, values as functions.

interface Attribute {
  readonly judge: SimpleJudge;
  readonly fixed: ((value: string) => boolean) | undefined;
  readonly required: boolean;
}

interface Transition {
  readonly ns: string;
  readonly element: Element;
  readonly to: number;
  readonly other: Transition | undefined;
}

interface State {
  readonly final: boolean;
  readonly byName: ReadonlyMap<string, Transition>;
  readonly wildcards: readonly { readonly rule: WildcardRule; readonly to: number }[];
}

interface Element {
  type: Type | undefined;
  readonly rule: ElementRule;
}

interface Type {
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly required: number;
  /** `other`: what only the explaining pass knows. */
  readonly content: "empty" | "text" | "elements" | "mixed" | "any" | "other";
  readonly judge: SimpleJudge | undefined;
  readonly states: readonly State[];
}

/**
 * Answers whether a document fits its schema, and nothing else: no paths, no lines, no reasons. It knows what messages
 * are made of; where a document uses more (`xsi:type`, `xsi:nil`, identities, lax wildcards, namespaces read as variants), or where anything does not fit, it is unsure, and the explaining pass decides. It never calls a document valid
 * that the explaining pass refuses.
 *
 * @internal
 */
export class XsdJudge implements XmlHandler {
  /** True as long as everything seen so far is certainly valid. */
  sure = true;
  root: string | undefined;
  readonly #registry: ElementRuleRegistry;
  readonly #foreign: ReadonlySet<string>;
  readonly #types: Type[] = [];
  readonly #rules: ElementRule[] = [];
  readonly #states: number[] = [];
  readonly #texts: string[] = [];
  #depth = 0;
  #skip = 0;

  constructor(registry: ElementRuleRegistry, foreign: ReadonlySet<string>) {
    this.#registry = registry;
    this.#foreign = foreign;
  }

  open(tag: XmlTag): void {
    if (!this.sure) return;
    if (this.#skip > 0) {
      this.#skip++;
      return;
    }
    if (this.#depth === 0) {
      const name = clarkName(tag.uri, tag.local);
      this.root = name;
      const rule = own(this.#registry, name);
      if (rule === undefined) this.sure = false;
      else this.#enter(tag, elementOf(rule));
      return;
    }
    const at = this.#depth - 1;
    const type = this.#types[at] as Type;
    if (type.content === "any") {
      const known = own(this.#registry, clarkName(tag.uri, tag.local));
      this.#enter(tag, known === undefined ? anyElement : elementOf(known));
      return;
    }
    const state = type.states[this.#states[at] as number];
    if (state === undefined) {
      this.sure = false;
      return;
    }
    let transition = state.byName.get(tag.local);
    while (transition !== undefined && transition.ns !== tag.uri) transition = transition.other;
    if (transition !== undefined) {
      this.#states[at] = transition.to;
      this.#enter(tag, transition.element);
      return;
    }
    this.#wild(tag, at, state);
  }

  text(text: string): void {
    if (!this.sure || this.#skip > 0 || this.#depth === 0) return;
    const at = this.#depth - 1;
    const { content } = this.#types[at] as Type;
    if (content === "text") this.#texts[at] = this.#texts[at] === "" ? text : (this.#texts[at] as string) + text;
    else if (content !== "mixed" && content !== "any" && (content !== "elements" || !isBlank(text))) this.sure = false;
  }

  close(): void {
    if (!this.sure) return;
    if (this.#skip > 0) {
      this.#skip--;
      return;
    }
    const at = --this.#depth;
    const type = this.#types[at] as Type;
    if (type.content === "text") {
      const { fixed, default: preset } = this.#rules[at] as ElementRule;
      const text = this.#texts[at] as string;
      if (fixed !== undefined || preset !== undefined) this.sure = text === fixed;
      else if (type.judge !== undefined && !type.judge(text)) this.sure = false;
    } else if (type.states.length > 0 && type.states[this.#states[at] as number]?.final !== true) {
      this.sure = false;
    }
  }

  #wild(tag: XmlTag, at: number, state: State): void {
    for (const { rule, to } of state.wildcards) {
      if (!allows(rule.namespaces, tag.uri)) continue;
      this.#states[at] = to;
      if (rule.process === "skip") {
        this.#skip = 1;
        return;
      }
      const element = own(this.#registry, clarkName(tag.uri, tag.local));
      if (element !== undefined) this.#enter(tag, elementOf(element));
      else if (this.#foreign.has(tag.uri)) this.#skip = 1;
      else this.sure = false;
      return;
    }
    this.sure = false;
  }

  #enter(tag: XmlTag, element: Element): void {
    const { rule } = element;
    element.type ??= typeOf(rule.type());
    const { type } = element;
    if (type.content === "other" || rule.abstract === true || (rule.fixed !== undefined && type.content !== "text")) {
      this.sure = false;
      return;
    }
    const at = this.#depth++;
    this.#types[at] = type;
    this.#rules[at] = rule;
    this.#states[at] = 0;
    this.#texts[at] = "";
    const all = tag.attributes;
    let needed = type.required;
    for (let n = 0; n < all.length; n++) {
      const a = all[n] as XmlTag["attributes"][number];
      if (a.uri === XMLNS) continue;
      if (a.uri === XSI && (a.local === "schemaLocation" || a.local === "noNamespaceSchemaLocation")) continue;
      if (type.content === "any" && a.uri !== XSI) continue;
      const attribute = type.attributes.get(a.uri === "" ? a.local : clarkName(a.uri, a.local));
      if (attribute === undefined || !attribute.judge(a.value) || attribute.fixed?.(a.value) === false) {
        this.sure = false;
        return;
      }
      if (attribute.required) needed--;
    }
    if (needed > 0) this.sure = false;
  }
}

const elements = new WeakMap<ElementRule, Element>();
const types = new WeakMap<TypeRule, Type>();

/** An element that no schema of this build has, where anything is allowed. */
const anyElement: Element = { rule: { name: "", type: () => anyTypeRule }, type: undefined };

function elementOf(rule: ElementRule): Element {
  let element = elements.get(rule);
  if (element === undefined) {
    element = { rule, type: undefined };
    elements.set(rule, element);
  }
  return element;
}

function typeOf(rule: TypeRule): Type {
  let type = types.get(rule);
  if (type === undefined) {
    type = compileType(rule);
    types.set(rule, type);
  }
  return type;
}

function compileType(rule: TypeRule): Type {
  const attributes = new Map<string, Attribute>();
  let identities = false;
  for (const attribute of rule.attributes) {
    if (attribute.prohibited === true) continue;
    const simple = attribute.type();
    const { fixed } = attribute;
    if (isIdentity(builtinOf(simple))) identities = true;
    attributes.set(attribute.name, {
      judge: simpleJudge(simple),
      fixed: fixed === undefined ? undefined : (value) => value === fixed || sameValue(simple, fixed, value),
      required: attribute.required === true,
    });
  }
  const { content } = rule;
  const base = {
    attributes,
    required: [...attributes.values()].filter((a) => a.required).length,
    judge: undefined,
    states: [],
  };
  if (content.kind === "any" && rule.abstract !== true) return { ...base, content: "any" };
  if (rule.abstract === true || content.kind === "any" || identities) return { ...base, content: "other" };
  if (content.kind === "empty") return { ...base, content: "empty" };
  if (content.kind === "simple") {
    const simple = content.type();
    if (isIdentity(builtinOf(simple))) return { ...base, content: "other" };
    return { ...base, content: "text", judge: simpleJudge(simple) };
  }
  const { model } = content;
  const states = model.states.map((state): State => {
    const byName = new Map<string, Transition>();
    const wildcards: { rule: WildcardRule; to: number }[] = [];
    // The first pair that takes the element is the right one, so an earlier one goes in front.
    for (const [index, to] of [...state.next].reverse()) {
      const particle = model.particles[index];
      if (particle === undefined) continue;
      if (!("name" in particle)) {
        wildcards.unshift({ rule: particle, to });
        continue;
      }
      const { ns, local } = splitClark(particle.name);
      byName.set(local, { ns, element: elementOf(particle), to, other: byName.get(local) });
    }
    return { final: state.final === true, byName, wildcards };
  });
  return { ...base, content: content.mixed === true ? "mixed" : "elements", states };
}

function isIdentity(base: string): boolean {
  return base === "ID" || base === "IDREF" || base === "IDREFS" || base === "ENTITY" || base === "ENTITIES";
}

function isBlank(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c !== 32 && c !== 10 && c !== 9 && c !== 13) return false;
  }
  return true;
}

function allows(namespaces: WildcardRule["namespaces"], ns: string): boolean {
  if (namespaces === "##any") return true;
  if ("not" in namespaces) return ns !== "" && ns !== namespaces.not;
  return (namespaces as readonly string[]).some((n) => n === ns || (n === "##local" && ns === ""));
}
