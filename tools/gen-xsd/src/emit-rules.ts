import { byCodeUnit, docComment, GeneratorError, quote } from "@helsekontakt/codegen";
import { contentAutomaton } from "./automaton.ts";
import { isBlocked } from "./block.ts";
import type { Compiled } from "./compile.ts";
import { XS } from "./dom.ts";
import { type EmitOptions, placeName, wildcard } from "./emit-types.ts";
import {
  type AttributeUse,
  clark,
  type ComplexType,
  type Element,
  type IdentityConstraint,
  type IdentityPath,
  type SimpleType,
  type Unit,
  type Wildcard,
  type XsdType,
} from "./model.ts";
import { translatePattern } from "./pattern.ts";
import { PatternError } from "./pattern-parse.ts";
import { presetValue } from "./simple.ts";
import { Imports, type World } from "./world.ts";

/** Prints one family's validation rules: simple types with facets, complex types with automata, the registry of elements. */
export function emitRules(compiled: Compiled, world: World, options: EmitOptions): string {
  return new RulesEmitter(compiled, world, options).print();
}

class RulesEmitter {
  readonly #compiled: Compiled;
  readonly #world: World;
  readonly #options: EmitOptions;
  readonly #imports = new Imports();
  readonly #contract = new Set<string>(["ElementRuleRegistry", "TypeRuleRegistry"]);
  /** Helper constants, by name: built-in types and the content of elements with simple types. */
  readonly #helpers = new Map<string, string>();

  constructor(compiled: Compiled, world: World, options: EmitOptions) {
    this.#compiled = compiled;
    this.#world = world;
    this.#options = options;
  }

  print(): string {
    const { unit, simpleTypes, complexTypes, elements, attributes } = this.#compiled;
    const parts: string[] = [];
    const texts = complexTypes.flatMap((t) =>
      t.simple?.unit === unit && t.simple.symbol === `${t.symbol}$text` ? [t.simple] : [],
    );
    for (const type of [...simpleTypes, ...texts]) {
      this.#contract.add("SimpleRule");
      parts.push(
        `${docComment([`Rules of the simple type ${type.name ?? type.symbol}.`], type.source?.pointer)}export const ${type.symbol}: SimpleRule = ${this.#simpleRule(type)};\n`,
      );
    }
    for (const type of complexTypes) parts.push(this.#complex(type));
    const id = unit.docs[0]?.id ?? "";
    if (attributes.length > 0) {
      this.#contract.add("AttributeRuleRegistry");
      const each = attributes.map((a) => `  ${quote(clark(a.ns, a.name))}: ${this.#attribute(a)},\n`);
      parts.push(
        `${docComment(["The global attributes of this family."], `${id}#schema`)}export const attributes: AttributeRuleRegistry = {\n${each.join("")}};\n`,
      );
    }
    const entries = elements.map(
      ({ element }) => `  ${quote(clark(element.ns, element.name))}: ${this.#element(element)},\n`,
    );
    parts.push(
      `${docComment(["The global elements of this family."], `${id}#schema`)}export const rules: ElementRuleRegistry = {\n${entries.join("")}};\n`,
    );
    const named = [
      ...simpleTypes
        .filter((t) => t.name !== undefined)
        .map((t) => [clark(unit.ns, t.name as string), this.#content(t)] as const),
      ...complexTypes.filter((t) => t.name !== undefined).map((t) => [t.clark, t.symbol] as const),
    ];
    parts.push(
      `${docComment(["The named types of this family."], `${id}#schema`)}export const types: TypeRuleRegistry = {\n${named.map(([n, s]) => `  ${quote(n)}: ${s},\n`).join("")}};\n`,
    );
    const imports = [
      `import type { ${[...this.#contract].sort(byCodeUnit).join(", ")} } from ${quote(this.#options.contract)};`,
    ];
    imports.push(...this.#imports.print(this.#options.extension));
    const helpers = [...this.#helpers].sort((a, b) => byCodeUnit(a[0], b[0])).map(([, text]) => text);
    return `${this.#options.header(unit)}\n${imports.join("\n")}\n\n${helpers.join("")}${helpers.length > 0 ? "\n" : ""}${parts.join("\n")}`;
  }

  #ref(type: { readonly unit?: Unit | undefined; readonly symbol: string }): string {
    if (type.unit === undefined || type.unit === this.#compiled.unit) return type.symbol;
    return `${this.#imports.alias(type.unit)}.${type.symbol}`;
  }

  /** Reference to a simple type's rule. */
  #simple(type: SimpleType): string {
    if (type.unit !== undefined) return this.#ref(type);
    const name = `xs$${type.builtin}`;
    if (!this.#helpers.has(name)) {
      this.#contract.add("SimpleRule");
      this.#helpers.set(name, "");
      this.#helpers.set(name, `const ${name}: SimpleRule = ${this.#simpleRule(type)};\n`);
    }
    return name;
  }

  #simpleRule(type: SimpleType): string {
    const { facets } = type;
    const out = [
      `name: ${quote(simpleName(type))}`,
      `base: ${quote(type.builtin)}`,
      `whiteSpace: ${quote(facets.whiteSpace ?? "preserve")}`,
    ];
    if (facets.enumeration) out.push(`enumeration: [${facets.enumeration.map(quote).join(", ")}]`);
    if (facets.patterns)
      out.push(`patterns: [${facets.patterns.map((p) => quote(this.#pattern(p, type))).join(", ")}]`);
    for (const key of [
      "length",
      "minLength",
      "maxLength",
      "minInclusive",
      "maxInclusive",
      "minExclusive",
      "maxExclusive",
      "totalDigits",
      "fractionDigits",
    ] as const) {
      const value = facets[key];
      if (value !== undefined) out.push(`${key}: ${typeof value === "number" ? value : quote(value)}`);
    }
    if (type.variety === "list") out.push(`list: () => ${this.#simple(type.item as SimpleType)}`);
    if (type.variety === "union")
      out.push(`union: [${(type.members ?? []).map((m) => `() => ${this.#simple(m)}`).join(", ")}]`);
    return `{ ${out.join(", ")} }`;
  }

  #pattern(pattern: string, type: SimpleType): string {
    try {
      return translatePattern(pattern);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw new GeneratorError(
        type.source?.file ?? "",
        type.source?.line,
        `pattern "${pattern}": ${error.message}`,
        "a pattern with an unambiguous equivalent",
      );
    }
  }

  /** Reference to the type rule of an element's type. */
  #content(type: XsdType): string {
    if (type.kind === "complex" && type.unit !== undefined) return this.#ref(type);
    const name =
      type.kind === "complex"
        ? "xs$anyType"
        : type.unit === undefined
          ? `xs$${type.builtin}$content`
          : `${type.unit === this.#compiled.unit ? "" : `${this.#imports.alias(type.unit)}$`}${type.symbol}$content`;
    if (this.#helpers.has(name)) return name;
    this.#contract.add("TypeRule");
    // Reserved first: a derived type may lead back here.
    this.#helpers.set(name, "");
    const text =
      type.kind === "complex"
        ? `{ name: ${quote(type.clark)}, attributes: [], anyAttribute: { namespaces: "##any", process: "lax"${this.#declared({ process: "lax" }, "##any")} }, content: { kind: "any" } }`
        : `{ name: ${quote(simpleName(type))}, attributes: [], content: { kind: "simple", type: () => ${this.#simple(type)} }${this.#derived(type)} }`;
    this.#helpers.set(name, `const ${name}: TypeRule = ${text};\n`);
    return name;
  }

  /** Types that may stand for a type. For simple types only those of this family and the type's own: others are not loaded here. */
  #derived(type: XsdType): string {
    const list = this.#world
      .derived(type)
      .filter(
        (d) =>
          d.unit !== undefined && (type.kind === "complex" || d.unit === this.#compiled.unit || d.unit === type.unit),
      );
    if (list.length === 0) return "";
    const entries = list.map(
      (d) => `${quote(clark((d.unit as Unit).ns, d.name as string))}: () => ${this.#content(d)}`,
    );
    return `, derived: () => ({ ${entries.join(", ")} })`;
  }

  #element(element: Element): string {
    const out = [`name: ${quote(clark(element.ns, element.name))}`, `type: () => ${this.#content(element.type())}`];
    if (element.nillable) out.push("nillable: true");
    if (element.abstract) out.push("abstract: true");
    out.push(...presets(element));
    const blocked = this.#blocked(element);
    if (blocked !== undefined) out.push(`blocked: ${blocked}`);
    if (element.constraints.length > 0) out.push(`identity: [${element.constraints.map(identity).join(", ")}]`);
    return `{ ${out.join(", ")} }`;
  }

  /** Derived types that may not stand here although they may elsewhere; simple types are derived by restriction alone. */
  #blocked(element: Element): string | undefined {
    const type = element.type();
    if (element.block.length === 0) return undefined;
    if (type.kind === "simple" || type.unit === undefined)
      return element.block.includes("restriction") ? "true" : undefined;
    const names = this.#world
      .derived(type)
      .filter((d) => isBlocked(d, type, element.block))
      .map((d) => quote(clark((d.unit as Unit).ns, d.name as string)));
    return names.length === 0 ? undefined : `[${names.join(", ")}]`;
  }

  #complex(type: ComplexType): string {
    this.#contract.add("TypeRule");
    const lines = [`  name: ${quote(type.clark)},`];
    if (type.abstract) lines.push("  abstract: true,");
    const attributes = type.attributes.filter((a) => !a.prohibited).map((a) => `    ${this.#attribute(a)},\n`);
    lines.push(attributes.length === 0 ? "  attributes: []," : `  attributes: [\n${attributes.join("")}  ],`);
    const any = type.anyAttribute;
    if (any) lines.push(`  anyAttribute: { ${wildcard(any)}${this.#declared(any, any.namespaces)} },`);
    lines.push(`  content: ${this.#contentRule(type)},`);
    const derived = this.#derived(type);
    if (derived !== "") lines.push(` ${derived.slice(1)},`);
    return `${docComment([`Rules of ${placeName(type)}.`], type.source?.pointer)}export const ${type.symbol}: TypeRule = {\n${lines.join("\n")}\n};\n`;
  }

  #attribute(a: AttributeUse): string {
    const out = [`name: ${quote(clark(a.ns, a.name))}`];
    if (a.required) out.push("required: true");
    out.push(...presets(a));
    out.push(`type: () => ${this.#simple(a.type())}`);
    return `{ ${out.join(", ")} }`;
  }

  /** Where the global attributes are that a wildcard lets stand. */
  #declared({ process }: Pick<Wildcard, "process">, namespaces: Wildcard["namespaces"]): string {
    if (process === "skip") return "";
    const units = this.#world
      .attributes(this.#compiled.unit)
      .filter(({ ns }) =>
        namespaces === "##any"
          ? true
          : "not" in namespaces
            ? ns !== "" && ns !== namespaces.not
            : (namespaces as readonly string[]).includes(ns),
      );
    const list = units.map((u) => `() => ${this.#ref({ unit: u, symbol: "attributes" })}`);
    return list.length === 0 ? "" : `, declared: [${list.join(", ")}]`;
  }

  #contentRule(type: ComplexType): string {
    if (type.simple) return `{ kind: "simple", type: () => ${this.#simple(type.simple)} }`;
    if (type.particle === undefined && !type.mixed) return '{ kind: "empty" }';
    const automaton = contentAutomaton(
      type.particle,
      this.#world.members,
      type.source as NonNullable<ComplexType["source"]>,
    );
    const particles = automaton.terminals.map(
      (t) =>
        `        ${"element" in t ? this.#element(t.element) : `{ ${wildcard(t.wildcard)}${t.wildcard.process === "lax" ? this.#declared(t.wildcard, "##any") : ""} }`},\n`,
    );
    const states = automaton.states.map(
      (s) =>
        `        { ${s.final ? "final: true, " : ""}next: [${s.next.map(([t, to]) => `[${t}, ${to}]`).join(", ")}] },\n`,
    );
    const { all } = automaton;
    const rest =
      all === undefined
        ? `      states: [\n${states.join("")}      ],\n`
        : `      states: [],\n      all: { members: [${all.members.map((m) => `[${m.join(", ")}]`).join(", ")}], needed: ${all.needed}${all.optional ? ", optional: true" : ""} },\n`;
    return `{\n    kind: "elements",\n${type.mixed ? "    mixed: true,\n" : ""}    model: {\n      particles: [${particles.length > 0 ? `\n${particles.join("")}      ` : ""}],\n${rest}    },\n  }`;
  }
}

function presets(of: AttributeUse | Element): string[] {
  return (["fixed", "default"] as const).flatMap((key) => {
    const value = presetValue(of, key);
    return value === undefined ? [] : [`${key}: ${quote(value)}`];
  });
}

function identity({ kind, name, refer, selector, fields }: IdentityConstraint): string {
  const path = (p: IdentityPath): string =>
    `{ ${p.deep ? "deep: true, " : ""}steps: [${p.steps.map(quote).join(", ")}]${p.attribute === undefined ? "" : `, attribute: ${quote(p.attribute)}`} }`;
  const paths = (list: readonly IdentityPath[]): string => `[${list.map(path).join(", ")}]`;
  const target = refer === undefined ? "" : `, refer: ${quote(refer)}`;
  return `{ kind: ${quote(kind)}, name: ${quote(name)}${target}, selector: ${paths(selector)}, fields: [${fields.map(paths).join(", ")}] }`;
}

/** Clark name of a named simple type; the place of an anonymous one, which no `xsi:type` can name. */
function simpleName(type: SimpleType): string {
  if (type.name !== undefined) return clark(type.unit?.ns ?? XS, type.name);
  return type.source?.pointer.replace(/^[^#]*#/, "") ?? type.symbol;
}
