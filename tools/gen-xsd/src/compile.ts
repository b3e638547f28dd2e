// About 700 lines: one resolver whose parts call each other in circles; splitting it would only add parameters.
import { GeneratorError } from "@helsekontakt/codegen";
import { blockOf, isBlocked } from "./block.ts";
import { anyType, builtins } from "./builtins.ts";
import { type Node, textOf, XS } from "./dom.ts";
import { identityConstraints } from "./identity.ts";
import { checkKnown } from "./meta.ts";
import {
  type AttributeUse,
  clark,
  type ComplexType,
  type Doc,
  type Element,
  type Particle,
  type SimpleType,
  type Source,
  UNBOUNDED,
  type Unit,
  type Wildcard,
  type XsdType,
} from "./model.ts";
import { mergeFacets, presetOf } from "./simple.ts";
import { nameSymbols, place } from "./symbols.ts";
import { attribute, children, type LinkedUnit, shape } from "./units.ts";
import { intersection, union } from "./wildcards.ts";

const XML_NS = "http://www.w3.org/XML/1998/namespace";
type Kind = "element" | "attribute" | "type" | "group" | "attributeGroup";

interface Component {
  readonly node: Node;
  readonly doc: Doc;
}

interface Index {
  readonly kinds: Readonly<Record<Kind, Map<string, Component>>>;
  readonly symbols: ReadonlyMap<Node, string>;
}

interface Context {
  readonly unit: LinkedUnit;
  readonly doc: Doc;
}

/** What a unit declares, in the order of its documents. */
export interface Compiled {
  readonly unit: Unit;
  /** Global elements with their symbols. */
  readonly elements: readonly { readonly element: Element; readonly symbol: string }[];
  /** Named and anonymous complex types. */
  readonly complexTypes: readonly ComplexType[];
  readonly simpleTypes: readonly SimpleType[];
  /** Global attributes. */
  readonly attributes: readonly AttributeUse[];
  /** Units whose components this one uses. */
  readonly uses: ReadonlySet<Unit>;
}

/** Resolves linked units into the model. Nothing is written; every fault is a {@link GeneratorError}. */
export class Compiler {
  readonly #indexes = new Map<Unit, Index>();
  readonly #types = new Map<Unit, Map<Node, XsdType>>();
  readonly #elements = new Map<Unit, Map<Node, Element>>();
  readonly #uses = new Map<Unit, Set<Unit>>();
  readonly #open = new Set<Node>();
  readonly #plainContent: boolean;

  /**
   * @param options.plainContent - take an element whose nameless type has simple content and no attributes as one of the
   *   simple type below: its value is a plain text then. Only an `xsi:type` on the element tells the two apart.
   */
  constructor(options: { readonly plainContent?: boolean } = {}) {
    this.#plainContent = options.plainContent === true;
  }

  /** Compiles everything a unit declares. @throws {GeneratorError} */
  compile(unit: LinkedUnit): Compiled {
    const { symbols } = this.#index(unit);
    const elements: { element: Element; symbol: string }[] = [];
    const complexTypes: ComplexType[] = [];
    const simpleTypes: SimpleType[] = [];
    const attributes: AttributeUse[] = [];
    const done = new Set<Node>();
    for (const doc of unit.docs) {
      const ctx = { unit, doc };
      const walk = (node: Node): void => {
        if (done.has(node)) return;
        if (node.name === "complexType" || node.name === "simpleType") {
          const type = this.#type(node, ctx);
          if (this.#isPlain(type)) return;
          if (type.kind === "complex") {
            complexTypes.push(type);
            if (type.particle) this.#force(type.particle);
            for (const use of type.attributes) use.type();
          } else simpleTypes.push(type);
        }
        for (const child of node.children) if (child.ns === XS && child.name !== "annotation") walk(child);
      };
      for (const node of doc.root.children) {
        const name = node.attrs.get("name");
        if (node.ns !== XS || name === undefined) continue;
        // The second of two identical copies in an include group is left out.
        if (this.#index(unit).kinds[kindOf(node)].get(name)?.node !== node) continue;
        walk(node);
        done.add(node);
        if (node.name === "element") {
          const element = this.#element(node, ctx);
          element.type();
          const head = node.attrs.get("substitutionGroup");
          if (head !== undefined) this.#find(ctx, node, "element", head);
          elements.push({ element, symbol: symbols.get(node) as string });
        }
        if (node.name === "group") this.#force(this.#group(node, ctx));
        if (node.name === "attributeGroup") this.#attributes(node, ctx);
        if (node.name === "attribute") {
          const use = this.#attributeUse(node, ctx);
          use.type();
          attributes.push(use);
        }
      }
    }
    return { unit, elements, complexTypes, simpleTypes, attributes, uses: this.#uses.get(unit) ?? new Set() };
  }

  /** Direct members of substitution groups: head to members. Call once all units are compiled. */
  substitutions(compiled: readonly Compiled[]): Map<Element, Element[]> {
    const direct = new Map<Element, Element[]>();
    for (const { unit } of compiled)
      for (const { node, doc } of this.#index(unit).kinds.element.values()) {
        const head = node.attrs.get("substitutionGroup");
        if (head === undefined) continue;
        const ctx = { unit: unit as LinkedUnit, doc };
        const found = this.#find(ctx, node, "element", head);
        const headElement = this.#element(found.node, { unit: found.unit, doc: found.doc });
        direct.set(headElement, [...(direct.get(headElement) ?? []), this.#element(node, ctx)]);
      }
    const all = new Map<Element, Element[]>();
    for (const head of direct.keys()) {
      const out: Element[] = [];
      const visit = (element: Element): void => {
        for (const member of direct.get(element) ?? []) {
          if (out.includes(member) || member === head) continue;
          out.push(member);
          visit(member);
        }
      };
      visit(head);
      const type = head.type();
      const blocked = [...head.block, ...(type.kind === "complex" ? type.block : [])];
      if (!head.blocksSubstitution)
        all.set(
          head,
          out.filter((member) => !isBlocked(member.type(), type, blocked, true)),
        );
    }
    return all;
  }

  #index(unit: Unit): Index {
    const known = this.#indexes.get(unit);
    if (known) return known;
    const kinds: Index["kinds"] = {
      element: new Map(),
      attribute: new Map(),
      type: new Map(),
      group: new Map(),
      attributeGroup: new Map(),
    };
    for (const doc of unit.docs) {
      checkKnown(doc.root);
      for (const node of doc.root.children) {
        if (node.ns !== XS || ["annotation", "include", "import"].includes(node.name)) continue;
        const name = attribute(node, "name");
        const map = kinds[kindOf(node)];
        const twin = map.get(name);
        if (!twin) map.set(name, { node, doc });
        else if (shape(twin.node) !== shape(node))
          throw new GeneratorError(
            node.file,
            node.line,
            `a second ${node.name} "${name}" (the first is in ${twin.node.file}:${twin.node.line})`,
            "one declaration of a name",
          );
      }
    }
    const index = { kinds, symbols: nameSymbols(unit.docs) };
    this.#indexes.set(unit, index);
    return index;
  }

  #qname(ctx: Context, node: Node, qname: string): { ns: string; local: string } {
    const [prefix, local] = qname.includes(":") ? (qname.split(":", 2) as [string, string]) : ["", qname];
    const ns = prefix === "xml" ? XML_NS : node.prefixes.get(prefix);
    if (ns === undefined && prefix !== "")
      throw new GeneratorError(node.file, node.line, `prefix "${prefix}" in "${qname}"`, "a declared prefix");
    return { ns: (ns ?? "") === "" && ctx.doc.chameleon ? ctx.unit.ns : (ns ?? ""), local: local.trim() };
  }

  #find(ctx: Context, node: Node, kind: Kind, qname: string): Component & { unit: LinkedUnit } {
    const { ns, local } = this.#qname(ctx, node, qname);
    const unit = ns === ctx.unit.ns ? ctx.unit : (ctx.unit.imports.get(ns) as LinkedUnit | undefined);
    const name = clark(ns, local);
    if (!unit) {
      const why = ctx.unit.importedNamespaces.has(ns)
        ? "a schema of that namespace in the folder"
        : "an import of that namespace";
      throw new GeneratorError(node.file, node.line, `reference to ${kind} "${name}"`, why);
    }
    const found = this.#index(unit).kinds[kind].get(local);
    if (!found)
      throw new GeneratorError(
        node.file,
        node.line,
        `reference to ${kind} "${name}"`,
        `a ${kind} that is declared (looked in ${unit.docs.map((d) => d.file).join(", ")})`,
      );
    if (unit !== ctx.unit) this.#uses.set(ctx.unit, (this.#uses.get(ctx.unit) ?? new Set()).add(unit));
    return { ...found, unit };
  }

  #typeRef(ctx: Context, node: Node, qname: string): XsdType {
    const { ns, local } = this.#qname(ctx, node, qname);
    if (ns === XS) {
      if (local === "anyType") return anyType;
      const builtin = builtins.get(local);
      if (!builtin)
        throw new GeneratorError(
          node.file,
          node.line,
          `built-in type "${local}"`,
          "a built-in type of XSD 1.0 other than NOTATION",
        );
      return builtin;
    }
    const found = this.#find(ctx, node, "type", qname);
    return this.#type(found.node, { unit: found.unit, doc: found.doc });
  }

  #simpleRef(ctx: Context, node: Node, qname: string): SimpleType {
    const type = this.#typeRef(ctx, node, qname);
    if (type.kind !== "simple")
      throw new GeneratorError(node.file, node.line, `complex type "${qname}"`, "a simple type");
    return type;
  }

  #type(node: Node, ctx: Context): XsdType {
    const memo = this.#types.get(ctx.unit) ?? new Map<Node, XsdType>();
    this.#types.set(ctx.unit, memo);
    const known = memo.get(node);
    if (known) return known;
    const type = this.#guard(node, () =>
      node.name === "simpleType" ? this.#simple(node, ctx) : this.#complex(node, ctx),
    );
    memo.set(node, type);
    return type;
  }

  #guard<T>(node: Node, build: () => T): T {
    if (this.#open.has(node))
      throw new GeneratorError(
        node.file,
        node.line,
        `circular definition of ${node.name} "${node.attrs.get("name") ?? "(anonymous)"}"`,
        "a definition that does not contain itself",
      );
    this.#open.add(node);
    try {
      return build();
    } finally {
      this.#open.delete(node);
    }
  }

  #source(node: Node, ctx: Context): Source {
    return { file: node.file, line: node.line, pointer: `${ctx.doc.id}#${place(node)}` };
  }

  #naming(
    node: Node,
    ctx: Context,
  ): { unit: Unit; name: string | undefined; symbol: string; doc: string | undefined; source: Source } {
    const anonymousDoc = node.parent && node.attrs.get("name") === undefined ? documentation(node.parent) : undefined;
    return {
      unit: ctx.unit,
      name: node.attrs.get("name"),
      symbol: this.#index(ctx.unit).symbols.get(node) as string,
      doc: documentation(node) ?? anonymousDoc,
      source: this.#source(node, ctx),
    };
  }

  #simple(node: Node, ctx: Context): SimpleType {
    const naming = this.#naming(node, ctx);
    const child = node.children.find((c) => c.ns === XS && c.name !== "annotation");
    if (!child) throw new GeneratorError(node.file, node.line, "an empty simpleType", "restriction, list or union");
    const inline = children(child, "simpleType");
    if (child.name === "restriction") {
      const base = this.#restrictionBase(child, inline[0], ctx);
      return {
        kind: "simple",
        ...naming,
        base,
        variety: base.variety,
        builtin: base.builtin,
        item: base.item,
        members: base.members,
        facets: mergeFacets(base.facets, child, base.builtin),
      };
    }
    const root = builtins.get("anySimpleType") as SimpleType;
    if (child.name === "list") {
      const itemType = child.attrs.get("itemType");
      const item =
        itemType !== undefined
          ? this.#simpleRef(ctx, child, itemType)
          : (this.#type(inline[0] ?? missing(child, "itemType"), ctx) as SimpleType);
      return {
        kind: "simple",
        ...naming,
        base: root,
        variety: "list",
        builtin: "anySimpleType",
        item,
        facets: { whiteSpace: "collapse" },
      };
    }
    const named = (child.attrs.get("memberTypes") ?? "").split(/\s+/).filter((m) => m !== "");
    const members = [
      ...named.map((m) => this.#simpleRef(ctx, child, m)),
      ...inline.map((m) => this.#type(m, ctx) as SimpleType),
    ];
    if (members.length === 0) missing(child, "memberTypes");
    return {
      kind: "simple",
      ...naming,
      base: root,
      variety: "union",
      builtin: "anySimpleType",
      members,
      facets: { whiteSpace: "preserve" },
    };
  }

  #restrictionBase(restriction: Node, inline: Node | undefined, ctx: Context): SimpleType {
    const base = restriction.attrs.get("base");
    if (base !== undefined) return this.#simpleRef(ctx, restriction, base);
    return this.#type(inline ?? missing(restriction, "base"), ctx) as SimpleType;
  }

  #complex(node: Node, ctx: Context): ComplexType {
    const naming = this.#naming(node, ctx);
    const name = naming.name;
    const common = {
      kind: "complex" as const,
      ...naming,
      clark: clark(ctx.unit.ns, name ?? anonymousName(node)),
      abstract: node.attrs.get("abstract") === "true" || node.attrs.get("abstract") === "1",
      block: blockOf(node, ctx.doc.root).derivations,
    };
    const simpleContent = children(node, "simpleContent")[0];
    if (simpleContent) return this.#simpleContent(simpleContent, common, ctx);
    const complexContent = children(node, "complexContent")[0];
    if (!complexContent)
      return {
        ...common,
        mixed: mixedOf(node) ?? false,
        particle: this.#content(node, ctx),
        ...this.#attributes(node, ctx),
      };
    const derivation =
      children(complexContent, "extension")[0] ??
      children(complexContent, "restriction")[0] ??
      missing(complexContent, "restriction or extension");
    const base = this.#typeRef(ctx, derivation, attribute(derivation, "base"));
    if (base.kind !== "complex" || base.simple)
      throw new GeneratorError(
        derivation.file,
        derivation.line,
        `base "${derivation.attrs.get("base")}" with simple content`,
        "a base with complex content",
      );
    const own = this.#attributes(derivation, ctx);
    const particle = this.#content(derivation, ctx);
    const mixed = mixedOf(complexContent) ?? mixedOf(node) ?? false;
    if (derivation.name === "restriction") {
      const inherited = base === anyType ? [] : base.attributes;
      return {
        ...common,
        base,
        derivation: "restriction",
        mixed,
        particle,
        attributes: override(inherited, own.attributes),
        anyAttribute: own.anyAttribute,
      };
    }
    const joined: Particle | undefined =
      base.particle && particle
        ? { kind: "sequence", items: [base.particle, particle], min: 1, max: 1 }
        : (base.particle ?? particle);
    // Content that the extension leaves as it is keeps the base's mixedness.
    return {
      ...common,
      base,
      derivation: "extension",
      mixed: mixed || (particle === undefined && base.mixed),
      particle: joined,
      attributes: override(base.attributes, own.attributes),
      anyAttribute: extendedWildcard(derivation, own.anyAttribute, base.anyAttribute),
    };
  }

  #simpleContent(content: Node, common: Omit<ComplexType, "mixed" | "attributes">, ctx: Context): ComplexType {
    const derivation =
      children(content, "extension")[0] ??
      children(content, "restriction")[0] ??
      missing(content, "restriction or extension");
    const base = this.#typeRef(ctx, derivation, attribute(derivation, "base"));
    const own = this.#attributes(derivation, ctx);
    const inherited = base.kind === "complex" ? base.attributes : [];
    const baseText = base.kind === "simple" ? base : base.simple;
    if (derivation.name === "extension") {
      if (!baseText)
        throw new GeneratorError(
          derivation.file,
          derivation.line,
          `base "${derivation.attrs.get("base")}" without simple content`,
          "a base with simple content",
        );
      return {
        ...common,
        base,
        derivation: "extension",
        mixed: false,
        simple: baseText,
        attributes: override(inherited, own.attributes),
        anyAttribute: extendedWildcard(
          derivation,
          own.anyAttribute,
          base.kind === "complex" ? base.anyAttribute : undefined,
        ),
      };
    }
    const inline = children(derivation, "simpleType")[0];
    const from = inline ? (this.#type(inline, ctx) as SimpleType) : baseText;
    if (!from)
      throw new GeneratorError(
        derivation.file,
        derivation.line,
        `base "${derivation.attrs.get("base")}" without simple content`,
        "a base with simple content, or an inline simpleType",
      );
    const simple: SimpleType = {
      ...from,
      unit: ctx.unit,
      name: undefined,
      symbol: `${common.symbol}$text`,
      base: from,
      facets: mergeFacets(from.facets, derivation, from.builtin),
      source: common.source,
    };
    return {
      ...common,
      base,
      derivation: "restriction",
      mixed: false,
      simple,
      attributes: override(inherited, own.attributes),
      anyAttribute: own.anyAttribute,
    };
  }

  #content(node: Node, ctx: Context): Particle | undefined {
    const child = node.children.find((c) => c.ns === XS && ["group", "all", "choice", "sequence"].includes(c.name));
    if (!child) return undefined;
    const particle = this.#particle(child, ctx);
    return particle.max === 0 || isNothing(child, particle.min) ? undefined : particle;
  }

  #particle(node: Node, ctx: Context): Particle {
    const { min, max } = occurs(node);
    if (node.name === "element") {
      const ref = node.attrs.get("ref");
      if (ref === undefined)
        return { kind: "element", element: this.#element(node, ctx), min, max, doc: documentation(node) };
      const found = this.#find(ctx, node, "element", ref);
      return {
        kind: "element",
        element: this.#element(found.node, { unit: found.unit, doc: found.doc }),
        min,
        max,
        doc: documentation(node),
      };
    }
    if (node.name === "any") return { kind: "wildcard", wildcard: wildcard(node, ctx), min, max };
    if (node.name === "group") {
      const found = this.#find(ctx, node, "group", attribute(node, "ref"));
      return { ...this.#group(found.node, { unit: found.unit, doc: found.doc }), min, max };
    }
    const items = node.children
      .filter((c) => c.ns === XS && c.name !== "annotation")
      .map((c) => this.#particle(c, ctx));
    return { kind: node.name as "sequence" | "choice" | "all", items: items.filter((i) => i.max > 0), min, max };
  }

  #group(node: Node, ctx: Context): Particle & { kind: "sequence" | "choice" | "all" } {
    return this.#guard(node, () => {
      const child = node.children.find((c) => c.ns === XS && c.name !== "annotation");
      if (!child) throw new GeneratorError(node.file, node.line, "an empty group", "all, choice or sequence");
      return this.#particle(child, ctx) as Particle & { kind: "sequence" | "choice" | "all" };
    });
  }

  #force(particle: Particle): void {
    if (particle.kind === "element") particle.element.type();
    else if (particle.kind !== "wildcard") for (const item of particle.items) this.#force(item);
  }

  #element(node: Node, ctx: Context): Element {
    const memo = this.#elements.get(ctx.unit) ?? new Map<Node, Element>();
    this.#elements.set(ctx.unit, memo);
    const known = memo.get(node);
    if (known) return known;
    const global = node.parent?.name === "schema";
    const qualified = (node.attrs.get("form") ?? ctx.doc.root.attrs.get("elementFormDefault")) === "qualified";
    const block = blockOf(node, ctx.doc.root);
    let type: XsdType | undefined;
    const element: Element = {
      name: attribute(node, "name"),
      ns: global || qualified ? ctx.unit.ns : "",
      global: global ? ctx.unit : undefined,
      type: () => {
        type ??= this.#elementType(node, ctx);
        return type;
      },
      nillable: truth(node, "nillable"),
      abstract: truth(node, "abstract"),
      ...presetOf(node),
      blocksSubstitution: block.substitution,
      block: block.derivations,
      doc: documentation(node),
      constraints: identityConstraints(node, ctx.unit.ns, (at, qname) => {
        const { ns, local } = this.#qname(ctx, at, qname);
        return clark(ns, local);
      }),
      source: this.#source(node, ctx),
    };
    memo.set(node, element);
    return element;
  }

  #isPlain(type: XsdType): type is ComplexType & { readonly simple: SimpleType } {
    return (
      this.#plainContent &&
      type.kind === "complex" &&
      type.name === undefined &&
      type.simple !== undefined &&
      type.derivation === "extension" &&
      type.attributes.length === 0 &&
      type.anyAttribute === undefined
    );
  }

  #elementType(node: Node, ctx: Context): XsdType {
    const inline = children(node, "complexType")[0] ?? children(node, "simpleType")[0];
    const named = node.attrs.get("type");
    if (inline && named !== undefined)
      throw new GeneratorError(
        node.file,
        node.line,
        `element "${node.attrs.get("name")}" with a type attribute and an inline type`,
        "one of the two",
      );
    if (inline) {
      const type = this.#type(inline, ctx);
      return this.#isPlain(type) ? type.simple : type;
    }
    if (named !== undefined) return this.#typeRef(ctx, node, named);
    const head = node.attrs.get("substitutionGroup");
    if (head === undefined) return anyType;
    const found = this.#find(ctx, node, "element", head);
    return this.#guard(node, () => this.#element(found.node, { unit: found.unit, doc: found.doc }).type());
  }

  #attributes(node: Node, ctx: Context): { attributes: AttributeUse[]; anyAttribute: Wildcard | undefined } {
    const attributes: AttributeUse[] = [];
    let any: Wildcard | undefined;
    for (const child of children(node, "anyAttribute")) any = wildcard(child, ctx);
    for (const child of node.children) {
      if (child.ns !== XS) continue;
      if (child.name === "attribute") attributes.push(this.#attributeUse(child, ctx));
      if (child.name === "attributeGroup") {
        const found = this.#find(ctx, child, "attributeGroup", attribute(child, "ref"));
        const group = this.#guard(found.node, () => this.#attributes(found.node, { unit: found.unit, doc: found.doc }));
        attributes.push(...group.attributes);
        if (group.anyAttribute !== undefined)
          any = any === undefined ? group.anyAttribute : joinedWildcard(child, any, group.anyAttribute, intersection);
      }
    }
    const seen = new Set<string>();
    for (const use of attributes) {
      const name = clark(use.ns, use.name);
      if (seen.has(name))
        throw new GeneratorError(node.file, node.line, `attribute "${name}" twice`, "each attribute once");
      seen.add(name);
    }
    return { attributes, anyAttribute: any };
  }

  #attributeUse(node: Node, ctx: Context): AttributeUse {
    const use = node.attrs.get("use");
    const own = { required: use === "required", prohibited: use === "prohibited" };
    const ref = node.attrs.get("ref");
    if (ref !== undefined) {
      const { ns, local } = this.#qname(ctx, node, ref);
      if (ns === XML_NS && !ctx.unit.imports.has(ns))
        return {
          name: local,
          ns,
          type: () =>
            builtins.get(
              local === "lang" ? "language" : local === "base" ? "anyURI" : local === "id" ? "ID" : "NCName",
            ) as SimpleType,
          ...own,
          ...presetOf(node),
          doc: undefined,
        };
      const found = this.#find(ctx, node, "attribute", ref);
      const global = this.#attributeUse(found.node, { unit: found.unit, doc: found.doc });
      return {
        ...global,
        ...own,
        ...(node.attrs.has("fixed") || node.attrs.has("default") ? presetOf(node) : {}),
      };
    }
    const global = node.parent?.name === "schema";
    const qualified = (node.attrs.get("form") ?? ctx.doc.root.attrs.get("attributeFormDefault")) === "qualified";
    const inline = children(node, "simpleType")[0];
    const named = node.attrs.get("type");
    return {
      name: attribute(node, "name"),
      ns: global || qualified ? ctx.unit.ns : "",
      type: () =>
        inline
          ? (this.#type(inline, ctx) as SimpleType)
          : named === undefined
            ? (builtins.get("anySimpleType") as SimpleType)
            : this.#simpleRef(ctx, node, named),
      ...own,
      ...presetOf(node),
      doc: documentation(node),
    };
  }
}

/**
 * A group without members is no content at all, in which not even white space may stand; a choice between nothing, which
 * must be made, is content that nothing fits.
 *
 * @see XML Schema 1.0 part 1, 3.4.2 "explicit content"
 */
function isNothing(group: Node, min: number): boolean {
  const isEmpty = !group.children.some((c) => c.ns === XS && c.name !== "annotation");
  return isEmpty && (group.name === "sequence" || group.name === "all" || (group.name === "choice" && min === 0));
}

/** The place of an anonymous type; always with a `/`, so that no `xsi:type` can name it. */
function anonymousName(node: Node): string {
  const path = place(node).replace(/^[^/]*\//, "");
  return path.includes("/") ? path : `${path}/type`;
}

function kindOf(node: Node): Kind {
  return node.name === "complexType" || node.name === "simpleType" ? "type" : (node.name as Kind);
}

function mixedOf(node: Node): boolean | undefined {
  return node.attrs.has("mixed") ? truth(node, "mixed") : undefined;
}

function truth(node: Node, name: string): boolean {
  return node.attrs.get(name) === "true" || node.attrs.get(name) === "1";
}

function missing(node: Node, what: string): never {
  throw new GeneratorError(node.file, node.line, `<${node.name}> without it`, what);
}

function occurs(node: Node): { min: number; max: number } {
  const read = (name: string): number => {
    const value = node.attrs.get(name)?.trim() ?? "1";
    if (name === "maxOccurs" && value === "unbounded") return UNBOUNDED;
    if (!/^\d+$/.test(value)) throw new GeneratorError(node.file, node.line, `${name}="${value}"`, "a whole number");
    return Number(value);
  };
  const [min, max] = [read("minOccurs"), read("maxOccurs")];
  if (min > max)
    throw new GeneratorError(
      node.file,
      node.line,
      `minOccurs ${min} above maxOccurs ${max}`,
      "minOccurs at most maxOccurs",
    );
  return { min, max };
}

function wildcard(node: Node, ctx: Context): Wildcard {
  const text = (node.attrs.get("namespace") ?? "##any").trim();
  const process = node.attrs.get("processContents") ?? "strict";
  if (process !== "strict" && process !== "lax" && process !== "skip")
    throw new GeneratorError(node.file, node.line, `processContents="${process}"`, "strict, lax or skip");
  if (text === "##any") return { namespaces: "##any", process };
  if (text === "##other") return { namespaces: { not: ctx.unit.ns }, process };
  return {
    namespaces: text.split(/\s+/).map((n) => (n === "##targetNamespace" ? ctx.unit.ns : n === "##local" ? "" : n)),
    process,
  };
}

/** The wildcard of an extension; how strictly it judges the extension says. */
function extendedWildcard(node: Node, own: Wildcard | undefined, base: Wildcard | undefined): Wildcard | undefined {
  return own === undefined || base === undefined ? (own ?? base) : joinedWildcard(node, own, base, union);
}

function joinedWildcard(node: Node, first: Wildcard, other: Wildcard, join: typeof union): Wildcard {
  const namespaces = join(first.namespaces, other.namespaces);
  if (namespaces === undefined)
    throw new GeneratorError(
      node.file,
      node.line,
      "two wildcards for attributes that no wildcard can join",
      "wildcards that another can stand for",
    );
  return { namespaces, process: first.process };
}

function override(base: readonly AttributeUse[], own: readonly AttributeUse[]): AttributeUse[] {
  const out = new Map(base.map((a) => [clark(a.ns, a.name), a]));
  for (const use of own) {
    if (use.prohibited) out.delete(clark(use.ns, use.name));
    else out.set(clark(use.ns, use.name), use);
  }
  return [...out.values()];
}

/** The first documentation of an annotation, white space collapsed. */
function documentation(node: Node): string | undefined {
  const text = children(node, "annotation")
    .flatMap((a) => children(a, "documentation"))
    .map(textOf)
    .find((t) => t !== "");
  return text === undefined || text === "" ? undefined : text;
}
