import { byCodeUnit, docComment, propertyKey, quote } from "@helsekontakt/codegen";
import type { Compiled } from "./compile.ts";
import {
  type AttributeUse,
  clark,
  type ComplexType,
  type Element,
  type SimpleType,
  type Unit,
  type Wildcard,
  type XsdType,
} from "./model.ts";
import { ANY, type Field, type Member, type Shape } from "./shape.ts";
import { holdsNames, isName, presetValue } from "./simple.ts";
import { Imports, type World } from "./world.ts";

export interface EmitOptions {
  /** Header of the file, from the documents of the unit. */
  readonly header: (unit: Unit) => string;
  /** Module of the contract types. */
  readonly contract: string;
  /** Module of {@link contract}'s tree types, the same one when everything comes from one module. */
  readonly tree: string;
  readonly extension: ".ts" | ".js";
}

/** Prints one family's interfaces, type tables and registry. */
export function emitTypes(compiled: Compiled, world: World, options: EmitOptions): string {
  return new TypesEmitter(compiled, world, options).print();
}

class TypesEmitter {
  readonly #compiled: Compiled;
  readonly #world: World;
  readonly #options: EmitOptions;
  readonly #imports = new Imports();
  readonly #contract = new Set<string>(["ElementRegistry", "TypeRegistry"]);
  readonly #tree = new Set<string>();
  readonly #namespaces: string[] = [];
  #usesAnyType = false;
  #usesQName = false;

  constructor(compiled: Compiled, world: World, options: EmitOptions) {
    this.#compiled = compiled;
    this.#world = world;
    this.#options = options;
  }

  print(): string {
    const { simpleTypes, complexTypes, elements } = this.#compiled;
    const parts: string[] = [];
    for (const type of simpleTypes) {
      if (type.name === undefined) continue;
      parts.push(
        docComment([sentence(type.doc) ?? `Simple type ${type.name}: ${describe(type)}.`], type.source?.pointer) +
          `export type ${type.symbol} = ${this.#literals(type)};\n`,
      );
    }
    for (const type of complexTypes) parts.push(this.#interface(type), this.#table(type));
    for (const { element, symbol } of elements) {
      const type = element.type();
      if (type.unit === this.#compiled.unit && type.symbol === symbol) continue;
      parts.push(
        docComment([sentence(element.doc) ?? `Element ${element.name}.`], element.source.pointer) +
          `export type ${symbol} = ${this.#valueType(element)};\n`,
      );
    }
    parts.push(this.#registries());
    return this.#head() + parts.join("\n");
  }

  #head(): string {
    const { contract, tree, extension } = this.#options;
    const imports: string[] = [];
    if (contract === tree)
      imports.push(
        `import type { ${[...this.#contract, ...this.#tree].sort(byCodeUnit).join(", ")} } from ${quote(contract)};`,
      );
    else {
      imports.push(`import type { ${[...this.#contract].sort(byCodeUnit).join(", ")} } from ${quote(contract)};`);
      if (this.#tree.size > 0)
        imports.push(`import type { ${[...this.#tree].sort(byCodeUnit).join(", ")} } from ${quote(tree)};`);
    }
    imports.push(...this.#imports.print(extension));
    const consts = this.#namespaces.map((ns, i) => `const $ns${i} = ${quote(ns)};`);
    if (this.#usesAnyType)
      consts.push(
        `const $anyType: TypeTable = { name: "{http://www.w3.org/2001/XMLSchema}anyType", content: "any", attributes: [], anyAttribute: true, fields: [] };`,
      );
    if (this.#usesQName)
      consts.push(
        `const $qname: TypeTable = { name: "{http://www.w3.org/2001/XMLSchema}QName", content: "text", names: true, attributes: [], fields: [] };`,
      );
    return `${this.#options.header(this.#compiled.unit)}\n${imports.join("\n")}\n\n${consts.join("\n")}\n\n`;
  }

  /** A symbol as seen from this file. */
  #ref(type: { readonly unit?: Unit | undefined; readonly symbol: string }, suffix = ""): string {
    if (type.unit === undefined || type.unit === this.#compiled.unit) return `${type.symbol}${suffix}`;
    return `${this.#imports.alias(type.unit)}.${type.symbol}${suffix}`;
  }

  #ns(ns: string): string {
    if (ns === "") return '""';
    let i = this.#namespaces.indexOf(ns);
    if (i < 0) i = this.#namespaces.push(ns) - 1;
    return `$ns${i}`;
  }

  /** The text of a simple type: literals for enumerations, else string. */
  #literals(type: SimpleType): string {
    // Other documents write the same names with other prefixes.
    if (type.variety === "atomic" && type.facets.enumeration && type.builtin !== "QName")
      return type.facets.enumeration.map(quote).join(" | ");
    return "string";
  }

  #simpleType(type: SimpleType): string {
    return type.unit !== undefined && type.name !== undefined ? this.#ref(type) : this.#literals(type);
  }

  #contentType(type: XsdType): string {
    if (type.kind === "simple" && holdsNames(type)) {
      this.#contract.add("QName");
      return "QName";
    }
    if (type.kind === "simple") return this.#simpleType(type);
    if (type.unit === undefined) {
      this.#contract.add("AnyType");
      return "AnyType";
    }
    return this.#ref(type, this.#derivedComplex(type).length > 0 ? "$derived" : "");
  }

  #derivedComplex(type: ComplexType): ComplexType[] {
    return this.#world.derived(type).filter((t): t is ComplexType => t.kind === "complex");
  }

  #valueType(element: Element): string {
    const type = element.type();
    const text =
      type.kind === "simple" && element.fixed !== undefined && !isName(type)
        ? quote(element.fixed)
        : this.#contentType(type);
    if (!element.nillable) return text;
    this.#contract.add("Nil");
    return `${text} | Nil`;
  }

  #arrayOf(text: string): string {
    return / [|&] /.test(text) ? `(${text})[]` : `${text}[]`;
  }

  #interface(type: ComplexType): string {
    const shape = this.#world.shape(type);
    const doc = docComment(
      [sentence(type.doc) ?? `${type.name === undefined ? "Content of" : "Type"} ${placeName(type)}.`],
      type.source?.pointer,
    );
    const props: string[] = shape.attributes.map(({ prop, use }) => {
      const text = use.fixed !== undefined && !isName(use.type()) ? quote(use.fixed) : this.#simpleType(use.type());
      return `${comment(use.doc, describe(use.type()))}  ${propertyKey(prop)}${use.required ? "" : "?"}: ${text};\n`;
    });
    if (type.anyAttribute) {
      this.#tree.add("XmlAttribute");
      props.push("  $attributes?: XmlAttribute[];\n");
    }
    if (type.anyAttribute !== undefined || keepsNames(type, shape)) {
      this.#contract.add("Prefixes");
      props.push("  $namespaces?: Prefixes;\n");
    }
    const unions: string[] = [];
    if (shape.content === "text") props.push(`  $text: ${this.#simpleType(type.simple as SimpleType)};\n`);
    if (shape.content === "mixed") {
      this.#tree.add("AnyElement");
      props.push("  $content: (string | AnyElement)[];\n");
    }
    if (shape.content === "items") props.push(`  $items: ${this.#items(shape)};\n`);
    for (const member of shape.members) {
      if (member.kind === "prop") props.push(this.#property(shape, member.field, member.optional, "  ", true));
      else unions.push(this.#union(shape, member));
    }
    let text: string;
    if (unions.length === 0) text = `${doc}export interface ${type.symbol} {\n${props.join("")}}\n`;
    else
      text = `${doc}export type ${type.symbol} = ${props.length > 0 ? `{\n${props.join("")}} & ` : ""}${unions.join(" & ")};\n`;
    const derived = this.#derivedComplex(type);
    if (derived.length > 0) {
      const branches = [
        ...(type.abstract ? [] : [type.symbol]),
        ...derived.map((d) => `(${this.#ref(d)} & { $type: ${quote(d.clark)} })`),
      ];
      text += `\n${docComment([`What may stand where ${type.symbol} is expected; \`$type\` names a derived type.`], type.source?.pointer)}export type ${type.symbol}$derived = ${branches.join(" | ")};\n`;
    }
    return text;
  }

  #items(shape: Shape): string {
    const branches = shape.fields.map((f) => {
      this.#contract.add("Item");
      return `Item<${quote(clark(f.element.ns, f.element.name))}, ${this.#valueType(f.element)}>`;
    });
    if (shape.wildcards.length > 0) {
      this.#tree.add("AnyElement");
      branches.push("AnyElement");
    }
    return branches.length === 1 ? `${branches[0]}[]` : `(${branches.join(" | ")})[]`;
  }

  #property(shape: Shape, index: number, optional: boolean, indent: string, docs: boolean): string {
    if (index === ANY) {
      this.#tree.add("AnyElement");
      return `${indent}$any${optional ? "?" : ""}: AnyElement[];\n`;
    }
    const field = shape.fields[index] as Field;
    const type = field.element.type();
    const text = this.#valueType(field.element);
    const doc = docs
      ? comment(field.doc ?? field.element.doc, type.kind === "simple" ? describe(type) : undefined, indent)
      : "";
    return `${doc}${indent}${propertyKey(field.prop)}${optional ? "?" : ""}: ${field.many ? this.#arrayOf(text) : text};\n`;
  }

  #union(shape: Shape, choice: Member & { kind: "choice" }): string {
    if (choice.alternatives.length === 0) return "never";
    const branches = choice.alternatives.map((alternative) => {
      const props = choice.all.map((index) => {
        const optional = alternative.get(index);
        if (optional === undefined)
          return `    ${index === ANY ? "$any" : propertyKey((shape.fields[index] as Field).prop)}?: never;\n`;
        return this.#property(shape, index, optional, "    ", true);
      });
      return `  | {\n${props.join("")}  }`;
    });
    return `(\n${branches.join("\n")}\n)`;
  }

  #table(type: ComplexType): string {
    const shape = this.#world.shape(type);
    this.#contract.add("TypeTable");
    const lines = [`  name: ${quote(type.clark)},`, `  content: ${quote(shape.content)},`];
    const attributes = shape.attributes.map(({ prop, use }) => {
      const extras = [
        use.required ? "required: true" : "",
        preset(use, "fixed"),
        preset(use, "default"),
        holdsNames(use.type()) ? "names: true" : "",
      ];
      return `    { ${[`prop: ${quote(prop)}`, `name: ${quote(use.name)}`, `ns: ${this.#ns(use.ns)}`, ...extras.filter((e) => e !== "")].join(", ")} },\n`;
    });
    lines.push(attributes.length === 0 ? "  attributes: []," : `  attributes: [\n${attributes.join("")}  ],`);
    if (type.anyAttribute) lines.push("  anyAttribute: true,");
    if (type.simple !== undefined && holdsNames(type.simple)) lines.push("  names: true,");
    const fields = shape.fields.map(
      (f) =>
        `    { prop: ${quote(f.prop)}, ${this.#element(f.element)}${f.many ? ", many: true" : ""}${f.optional ? ", optional: true" : ""} },\n`,
    );
    lines.push(fields.length === 0 ? "  fields: []," : `  fields: [\n${fields.join("")}  ],`);
    if (shape.wildcards.length > 0)
      lines.push(
        `  wildcards: [${shape.wildcards.map((w) => `{ before: ${w.before}, many: ${w.many}, optional: ${w.optional}, ${wildcard(w.wildcard)} }`).join(", ")}],`,
      );
    const derived = this.#derivedComplex(type);
    if (derived.length > 0) lines.push(`  derived: () => [${derived.map((d) => this.#ref(d)).join(", ")}],`);
    if (type.abstract) lines.push("  abstract: true,");
    return `${docComment([`Table of {@link ${type.symbol}}.`], type.source?.pointer)}export const ${type.symbol}: TypeTable = {\n${lines.join("\n")}\n};\n`;
  }

  #element(element: Element): string {
    const type = element.type();
    let ref = '"text"';
    if (type.kind === "complex") {
      if (type.unit === undefined) this.#usesAnyType = true;
      if (type.unit === undefined) this.#contract.add("TypeTable");
      ref = `() => ${type.unit === undefined ? "$anyType" : this.#ref(type)}`;
    } else if (holdsNames(type)) {
      this.#usesQName = true;
      this.#contract.add("TypeTable");
      ref = "() => $qname";
    }
    const extras = [
      element.nillable ? "nillable: true" : "",
      element.abstract ? "abstract: true" : "",
      preset(element, "fixed"),
      preset(element, "default"),
    ];
    return [
      `name: ${quote(element.name)}`,
      `ns: ${this.#ns(element.ns)}`,
      `type: ${ref}`,
      ...extras.filter((e) => e !== ""),
    ].join(", ");
  }

  #registries(): string {
    const id = this.#compiled.unit.docs[0]?.id ?? "";
    const entries = this.#compiled.elements.map(({ element }) => {
      const members = this.#world.members(element).filter((m) => !m.abstract);
      const substitutes =
        members.length === 0 ? "" : `, substitutes: () => [${members.map((m) => this.#entry(m)).join(", ")}]`;
      return `  ${quote(clark(element.ns, element.name))}: { ${this.#element(element)}${substitutes} },\n`;
    });
    const types = this.#compiled.complexTypes
      .filter((t) => t.name !== undefined)
      .map((t) => `  ${quote(t.clark)}: ${t.symbol},\n`);
    return (
      `${docComment(["The global elements of this family."], `${id}#schema`)}export const elements: ElementRegistry = {\n${entries.join("")}};\n\n` +
      `${docComment(["The named complex types of this family."], `${id}#schema`)}export const types: TypeRegistry = {\n${types.join("")}};\n`
    );
  }

  #entry(element: Element): string {
    const own = element.global === this.#compiled.unit;
    const prefix = own || !element.global ? "" : `${this.#imports.alias(element.global)}.`;
    return `${prefix}elements[${quote(clark(element.ns, element.name))}]!`;
  }
}

/** Name or place of a type, without its namespace. */
export function placeName(type: ComplexType): string {
  return type.name ?? type.clark.replace(/^\{.*\}/, "").replace(/\/type$/, "");
}

/** A wildcard's two facts as properties of a literal. */
export function wildcard(w: Wildcard): string {
  const namespaces =
    w.namespaces === "##any"
      ? '"##any"'
      : "not" in w.namespaces
        ? `{ not: ${quote(w.namespaces.not)} }`
        : `[${w.namespaces.map(quote).join(", ")}]`;
  return `namespaces: ${namespaces}, process: ${quote(w.process)}`;
}

/** What a simple type is, in few words. */
export function describe(type: SimpleType): string {
  if (type.unit === undefined) return `xs:${type.builtin}`;
  if (type.variety === "list") return `list of ${describe(type.item as SimpleType)}`;
  if (type.variety === "union") return `union of ${(type.members ?? []).map(describe).join(", ")}`;
  return `xs:${type.builtin}, restricted`;
}

function comment(doc: string | undefined, fallback: string | undefined, indent = "  "): string {
  const text = sentence(doc);
  const lines = [text, fallback].filter((l) => l !== undefined);
  return lines.length === 0 ? "" : docComment([lines.join(" · ")], undefined, indent);
}

function sentence(text: string | undefined): string | undefined {
  return text === undefined ? undefined : text.length > 400 ? `${text.slice(0, 397)}...` : text;
}

function keepsNames(type: ComplexType, shape: Shape): boolean {
  if (type.simple !== undefined && holdsNames(type.simple)) return true;
  return shape.attributes.some(({ use }) => holdsNames(use.type()));
}

function preset(of: AttributeUse | Element, key: "fixed" | "default"): string {
  const value = presetValue(of, key);
  return value === undefined ? "" : `${key}: ${quote(value)}`;
}
