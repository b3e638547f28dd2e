// Over 400 lines: one state machine and the tables that it is made of, on the hot path of every message.
import { clarkName, intern, splitClark, XMLNS, XSI, type XmlHandler, type XmlTag } from "@helsekontakt/types/xml";
import { anyTypeRule, own } from "./known-types.ts";
import { anyText, type SimpleJudge, simpleJudge } from "./judge-simple.ts";
import type { ElementRule, ElementRuleRegistry, SimpleRule, TypeRule, WildcardRule } from "./rules.ts";
import { builtinOf, sameValue } from "./simple.ts";

// What stands in a type's place for the judge: look-ups made once, values as functions.

interface Attribute {
  /** Local name for unqualified, Clark name for qualified attributes. */
  readonly name: string;
  /** Absent where every text will do. */
  readonly judge: SimpleJudge | undefined;
  readonly fixed: ((value: string) => boolean) | undefined;
  readonly required: boolean;
}

interface Transition {
  readonly local: string;
  readonly ns: string;
  readonly element: Element;
  readonly to: State;
  readonly other: Transition | undefined;
}

interface State {
  final: boolean;
  byName: ReadonlyMap<string, Transition>;
  wildcards: readonly { readonly rule: WildcardRule; readonly to: State }[];
  /** The transition that was taken last, in any document: nearly always the next one, too. */
  last: Transition | undefined;
}

/** Everything is resolved when the first one is met. Rules have many shapes, and the engine reads those slowly. */
interface Element {
  readonly rule: ElementRule;
  /** Absent as long as none has been met, and where only the explaining pass knows. */
  type: Type | undefined;
  resolved: boolean;
  fixed: string | undefined;
  /** Whether a value stands in the schema, fixed or preset. */
  preset: boolean;
}

interface Type {
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly required: number;
  /** `other`: what only the explaining pass knows. */
  readonly content: "empty" | "text" | "elements" | "mixed" | "any" | "other";
  readonly judge: SimpleJudge | undefined;
  /** Where the content begins; `undefined` where no model says what stands in it. */
  readonly start: State | undefined;
  /** Of free content, where attributes are declared for it: those, and what unknown elements in it are. */
  readonly free: { readonly declared: NonNullable<WildcardRule["declared"]>; readonly element: Element } | undefined;
  /** The attribute that stood last at each place, in any document. */
  readonly places: (Attribute | undefined)[];
}

/** One open element. Objects are used again for all elements of a depth. */
interface Frame {
  type: Type;
  element: Element;
  state: State | undefined;
  text: string;
}

/** Thrown by a judge that has nothing more to find out. */
export const unsure: unique symbol = Symbol("unsure");

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
  readonly #foreign: ReadonlySet<string>;
  readonly #registry: ElementRuleRegistry;
  readonly #elements: Map<string, Map<string, Element>>;
  readonly #frames: Frame[] = [];
  #depth = 0;
  #skip = 0;

  readonly #ends: boolean;

  /** @param ends - throw {@link unsure} as soon as the explaining pass has to decide, for a reader who wants nothing else */
  constructor(registry: ElementRuleRegistry, foreign: ReadonlySet<string>, ends = false) {
    this.#ends = ends;
    this.#registry = registry;
    this.#elements = elementsOf(registry);
    this.#foreign = foreign;
  }

  open(tag: XmlTag): void {
    if (!this.sure) return;
    if (this.#skip > 0) {
      this.#skip++;
      return;
    }
    if (this.#depth === 0) {
      this.root = clarkName(tag.uri, tag.local);
      const element = this.#known(tag);
      if (element === undefined) this.#doubt();
      else this.#enter(tag, element);
      return;
    }
    const frame = this.#frames[this.#depth - 1] as Frame;
    const { state } = frame;
    if (state === undefined) {
      if (frame.type.content === "any") this.#enter(tag, this.#known(tag) ?? frame.type.free?.element ?? anyElement);
      else this.#doubt();
      return;
    }
    const transition = step(state, tag);
    if (transition === undefined) {
      this.#wild(tag, frame, state);
      return;
    }
    frame.state = transition.to;
    this.#enter(tag, transition.element);
  }

  text(text: string): void {
    if (!this.sure || this.#skip > 0 || this.#depth === 0) return;
    const frame = this.#frames[this.#depth - 1] as Frame;
    const { content } = frame.type;
    if (content === "text") frame.text = frame.text === "" ? text : frame.text + text;
    else if (content !== "mixed" && content !== "any" && (content !== "elements" || !isBlank(text))) this.#doubt();
  }

  close(): void {
    if (!this.sure) return;
    if (this.#skip > 0) {
      this.#skip--;
      return;
    }
    const { type, element, state, text } = this.#frames[--this.#depth] as Frame;
    if (state !== undefined) {
      if (!state.final) this.#doubt();
    } else if (type.content === "text") {
      if (element.preset) {
        if (text !== element.fixed) this.#doubt();
      } else if (type.judge !== undefined && !type.judge(text)) this.#doubt();
    }
  }

  /** The three in one: nothing has to be remembered of an element in which no other one stands. */
  leaf(tag: XmlTag, text: string): boolean {
    if (!this.sure || this.#skip > 0) return true;
    const frame = this.#frames[this.#depth - 1];
    const transition = this.#depth === 0 || frame?.state === undefined ? undefined : step(frame.state, tag);
    if (frame === undefined || transition === undefined || !transition.element.resolved) {
      this.open(tag);
      if (text !== "") this.text(text);
      this.close();
      return true;
    }
    const { element } = transition;
    const { type } = element;
    frame.state = transition.to;
    if (
      type === undefined ||
      (tag.attributes.length > 0 || type.required > 0 ? !attributesFit(type, tag) : false) ||
      !contentFits(type, element, text)
    )
      this.#doubt();
    return true;
  }

  #doubt(): void {
    this.sure = false;
    if (this.#ends) throw unsure;
  }

  #known(tag: XmlTag): Element | undefined {
    let byName = this.#elements.get(tag.uri);
    const known = byName?.get(tag.local);
    if (known !== undefined) return known;
    const rule = own(this.#registry, clarkName(tag.uri, tag.local));
    if (rule === undefined) return undefined;
    if (byName === undefined) {
      byName = new Map();
      this.#elements.set(intern(tag.uri), byName);
    }
    const element = elementOf(rule);
    byName.set(intern(tag.local), element);
    return element;
  }

  #wild(tag: XmlTag, frame: Frame, state: State): void {
    for (const { rule, to } of state.wildcards) {
      if (!allows(rule.namespaces, tag.uri)) continue;
      frame.state = to;
      if (rule.process === "skip") {
        this.#skip = 1;
        return;
      }
      const element = this.#known(tag);
      if (element !== undefined) this.#enter(tag, element);
      else if (this.#foreign.has(tag.uri)) this.#skip = 1;
      else this.#doubt();
      return;
    }
    this.#doubt();
  }

  #enter(tag: XmlTag, element: Element): void {
    if (!element.resolved) resolve(element);
    const { type } = element;
    if (type === undefined) {
      this.#doubt();
      return;
    }
    const at = this.#depth++;
    const frame = this.#frames[at];
    if (frame === undefined) {
      this.#frames.push({ type, element, state: type.start, text: "" });
    } else {
      frame.type = type;
      frame.element = element;
      frame.state = type.start;
      frame.text = "";
    }
    if ((tag.attributes.length > 0 || type.required > 0) && !attributesFit(type, tag)) this.#doubt();
  }
}

/** The transition for an element; what was taken last is looked at first. */
function step(state: State, tag: XmlTag): Transition | undefined {
  let transition = state.last;
  if (transition !== undefined && transition.local === tag.local && transition.ns === tag.uri) return transition;
  transition = state.byName.get(tag.local);
  while (transition !== undefined && transition.ns !== tag.uri) transition = transition.other;
  if (transition !== undefined) state.last = transition;
  return transition;
}

function attributesFit(type: Type, tag: XmlTag): boolean {
  const all = tag.attributes;
  const { places } = type;
  let needed = type.required;
  for (let n = 0; n < all.length; n++) {
    const a = all[n] as XmlTag["attributes"][number];
    let attribute = places[n];
    if (attribute === undefined || attribute.name !== a.local || a.uri !== "") {
      if (a.uri === XMLNS) continue;
      if (a.uri === XSI && (a.local === "schemaLocation" || a.local === "noNamespaceSchemaLocation")) continue;
      if (type.content === "any" && a.uri !== XSI) {
        if (type.free === undefined) continue;
        const name = clarkName(a.uri, a.local);
        if (type.free.declared.some((list) => own(list(), name) !== undefined)) return false;
        continue;
      }
      attribute = type.attributes.get(a.uri === "" ? a.local : clarkName(a.uri, a.local));
      if (attribute === undefined) return false;
      places[n] = attribute;
    }
    if (attribute.judge !== undefined && !attribute.judge(a.value)) return false;
    if (attribute.fixed !== undefined && !attribute.fixed(a.value)) return false;
    if (attribute.required) needed--;
  }
  return needed <= 0;
}

/** Whether a text is all that may stand in an element. */
function contentFits(type: Type, element: Element, text: string): boolean {
  switch (type.content) {
    case "text":
      return element.preset ? text === element.fixed : type.judge === undefined || type.judge(text);
    case "elements":
      return (type.start === undefined || type.start.final) && isBlank(text);
    case "empty":
      return text === "";
    default:
      return type.start === undefined || type.start.final;
  }
}

const elements = new WeakMap<ElementRule, Element>();
const types = new WeakMap<TypeRule, Type>();
const registries = new WeakMap<ElementRuleRegistry, Map<string, Map<string, Element>>>();

/** What was looked up in a registry, by namespace and local name. */
function elementsOf(registry: ElementRuleRegistry): Map<string, Map<string, Element>> {
  let known = registries.get(registry);
  if (known === undefined) {
    known = new Map();
    registries.set(registry, known);
  }
  return known;
}

/** An element that no schema of this build has, where anything is allowed. */
const anyElement: Element = unresolved({ name: "", type: () => anyTypeRule });

function elementOf(rule: ElementRule): Element {
  let element = elements.get(rule);
  if (element === undefined) {
    element = unresolved(rule);
    elements.set(rule, element);
  }
  return element;
}

function unresolved(rule: ElementRule): Element {
  return { rule, type: undefined, resolved: false, fixed: undefined, preset: false };
}

function resolve(element: Element): void {
  const { rule } = element;
  const type = typeOf(rule.type());
  const isKnown =
    type.content !== "other" &&
    rule.abstract !== true &&
    rule.identity === undefined &&
    (rule.fixed === undefined || type.content === "text");
  element.type = isKnown ? type : undefined;
  element.fixed = rule.fixed;
  element.preset = rule.fixed !== undefined || rule.default !== undefined;
  element.resolved = true;
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
    if (needsContext(simple)) identities = true;
    attributes.set(attribute.name, {
      name: attribute.name,
      judge: neededJudge(simple),
      fixed: fixed === undefined ? undefined : (value) => value === fixed || sameValue(simple, fixed, value),
      required: attribute.required === true,
    });
  }
  const { content } = rule;
  const base = {
    attributes,
    required: [...attributes.values()].filter((a) => a.required).length,
    judge: undefined,
    start: undefined,
    free: undefined,
    places: [],
  };
  if (content.kind === "any" && rule.abstract !== true) {
    const declared = rule.anyAttribute?.declared;
    if (declared === undefined) return { ...base, content: "any" };
    const free = { declared, element: unresolved({ name: "", type: () => rule }) };
    return { ...base, content: "any", free };
  }
  if (rule.abstract === true || content.kind === "any" || identities) return { ...base, content: "other" };
  if (content.kind === "empty") return { ...base, content: "empty" };
  if (content.kind === "simple") {
    const simple = content.type();
    if (needsContext(simple)) return { ...base, content: "other" };
    return { ...base, content: "text", judge: neededJudge(simple) };
  }
  const { model } = content;
  if (model.all !== undefined) return { ...base, content: "other" };
  const states = model.states.map(
    (state): State => ({ final: state.final === true, byName: noTransitions, wildcards: [], last: undefined }),
  );
  for (const [n, state] of states.entries()) {
    const byName = new Map<string, Transition>();
    const wildcards: { rule: WildcardRule; to: State }[] = [];
    // The first pair that takes the element is the right one, so an earlier one goes in front.
    for (const [index, next] of [...(model.states[n]?.next ?? [])].reverse()) {
      const particle = model.particles[index];
      const to = states[next];
      if (particle === undefined || to === undefined) continue;
      if (!("name" in particle)) {
        wildcards.unshift({ rule: particle, to });
        continue;
      }
      const name = splitClark(particle.name);
      const local = intern(name.local);
      byName.set(local, { local, ns: intern(name.ns), element: elementOf(particle), to, other: byName.get(local) });
    }
    state.byName = byName;
    state.wildcards = wildcards;
  }
  return { ...base, content: content.mixed === true ? "mixed" : "elements", start: states[0] };
}

function neededJudge(simple: SimpleRule): SimpleJudge | undefined {
  const judge = simpleJudge(simple);
  return judge === anyText ? undefined : judge;
}

const noTransitions: ReadonlyMap<string, Transition> = new Map();

/** Whether more than the text says what a value is: the rest of the document, or the prefixes around it. */
function needsContext(simple: SimpleRule): boolean {
  const base = builtinOf(simple);
  if (simple.union?.some((member) => needsContext(member())) === true) return true;
  if (simple.list !== undefined && needsContext(simple.list())) return true;
  return isIdentity(base) || base === "QName";
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
