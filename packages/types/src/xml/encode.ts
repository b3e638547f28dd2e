import { HelsekontaktError } from "@helsekontakt/core";
import { type CompiledType, compiledRef, compileType, derivedType, wildcardAllows } from "./compile.ts";
import { isNameChar, isNameStart } from "./name-chars.ts";
import { clarkName, own, splitClark, XSI } from "./names.ts";
import { writeTree } from "./serialize.ts";
import type { ElementRegistry, ElementTable, FieldTable } from "./table.ts";
import type { AnyElement, XmlAttribute, XmlElement } from "./tree.ts";
import { XmlWriter, type XmlWriterOptions } from "./writer.ts";

export interface EncodeXmlOptions extends XmlWriterOptions {
  /** The elements that can be a root or stand behind a wildcard. */
  readonly registry: ElementRegistry;
}

type Source = Readonly<Record<string, unknown>>;

/**
 * Encodes an object as a UTF-8 document: elements in schema order, prefixes by fixed rules, so that equal objects give
 * equal bytes. Nothing on the object is left out silently: what the schema has no place for is an error.
 *
 * @param name - root element in Clark form.
 * @throws {HelsekontaktError} `xml/unknown-root`; `xml/not-encodable`, context `path`, never a value.
 */
export function encodeXml(name: string, value: object | string, options: EncodeXmlOptions): Uint8Array {
  const element = own(options.registry, name);
  if (element === undefined) {
    throw new HelsekontaktError(
      "xml/unknown-root",
      "expected the name of an element that the registry has, found another",
    );
  }
  const writer = new XmlWriter(options);
  new Encoder(writer, options).element(element, value, true, `/${element.name}`);
  return writer.toBytes();
}

class Encoder {
  readonly #writer: XmlWriter;
  readonly #registry: ElementRegistry;
  readonly #prefixes: Readonly<Record<string, string>> | undefined;

  constructor(writer: XmlWriter, options: EncodeXmlOptions) {
    this.#writer = writer;
    this.#registry = options.registry;
    this.#prefixes = options.prefixes;
  }

  element(
    element: ElementTable,
    value: unknown,
    root: boolean,
    path: string,
    variant?: { readonly from: string; readonly to: string },
    schemaLocation?: string,
  ): void {
    const ns = variant !== undefined && element.ns === variant.from ? variant.to : element.ns;
    let type = compiledRef(element.type);
    if (type === undefined) {
      if (typeof value === "string") {
        if (!root) return this.#guard(path, () => this.#writer.simple(ns, element.name, value));
        this.#writer.open(ns, element.name, true);
        if (schemaLocation !== undefined) this.#writer.attribute(XSI, "schemaLocation", schemaLocation);
        if (value !== "") this.#guard(path, () => this.#writer.text(value));
        this.#writer.close();
        return;
      }
      if (isNil(value)) {
        this.#writer.open(ns, element.name, root);
        this.#writer.attribute(XSI, "nil", "true");
        this.#writer.close();
        return;
      }
      throw notEncodable(path, "text", value);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw notEncodable(path, "an object", value);
    const source = value as Source;
    const xsiType = source.$type;
    if (xsiType !== undefined && type.table.content !== "any") {
      const derived = typeof xsiType === "string" ? derivedType(type.table, xsiType) : undefined;
      if (derived === undefined) throw notEncodable(`${path}/@xsi:type`, "the name of a derived type", "another");
      type = compileType(derived);
    }
    this.#writer.open(ns, element.name, root, prefixesOf(source, path));
    let used = this.#instance(source, path);
    used += this.#attributes(type, source, path);
    used += this.#content(type, source, path, variant);
    this.#nothingLeft(type, source, used, path);
    this.#writer.close();
  }

  #instance(source: Source, path: string): number {
    let used = 0;
    if (source.$namespaces !== undefined) used++;
    if (source.$schemaLocation !== undefined) {
      this.#writer.attribute(XSI, "schemaLocation", textOf(source.$schemaLocation, `${path}/@xsi:schemaLocation`));
      used++;
    }
    if (source.$noNamespaceSchemaLocation !== undefined) {
      const at = `${path}/@xsi:noNamespaceSchemaLocation`;
      this.#writer.attribute(XSI, "noNamespaceSchemaLocation", textOf(source.$noNamespaceSchemaLocation, at));
      used++;
    }
    if (source.$type !== undefined) {
      const { ns, local } = splitClark(textOf(source.$type, `${path}/@xsi:type`));
      this.#writer.attribute(XSI, "type", ns === "" ? local : `${this.#writer.prefix(ns)}:${local}`);
      used++;
    }
    if (source.$nil !== undefined) {
      this.#writer.attribute(XSI, "nil", source.$nil === true ? "true" : "false");
      used++;
    }
    return used;
  }

  #attributes(type: CompiledType, source: Source, path: string): number {
    let used = 0;
    for (const attribute of type.table.attributes) {
      const value = source[attribute.prop];
      if (value === undefined) {
        if (attribute.required) throw notEncodable(`${path}/@${attribute.name}`, "a required attribute", undefined);
        continue;
      }
      const at = `${path}/@${attribute.name}`;
      this.#guard(at, () => this.#writer.attribute(attribute.ns, attribute.name, textOf(value, at)));
      used++;
    }
    if (source.$attributes !== undefined) {
      if (type.table.anyAttribute !== true && type.table.content !== "any") {
        throw notEncodable(`${path}/@*`, "only declared attributes", "others");
      }
      for (const a of source.$attributes as readonly XmlAttribute[]) {
        this.#guard(`${path}/@${a.name}`, () => this.#writer.attribute(a.ns, a.name, a.value));
      }
      used++;
    }
    return used;
  }

  #content(
    type: CompiledType,
    source: Source,
    path: string,
    variant: { readonly from: string; readonly to: string } | undefined,
  ): number {
    switch (type.table.content) {
      case "empty":
        return 0;
      case "text": {
        if (source.$text === undefined) {
          if (source.$nil === true) return 0;
          throw notEncodable(path, "text in $text", undefined);
        }
        const text = textOf(source.$text, path);
        if (text !== "") this.#guard(path, () => this.#writer.text(text));
        return 1;
      }
      case "fields":
        return this.#fields(type, source, path, variant);
      default:
        return this.#ordered(type, source, path);
    }
  }

  #fields(
    type: CompiledType,
    source: Source,
    path: string,
    outer: { readonly from: string; readonly to: string } | undefined,
  ): number {
    let used = 0;
    let variant = outer;
    const first = type.table.fields[0];
    if (typeof source.$ns === "string" && first !== undefined) {
      variant = { from: first.ns, to: source.$ns };
      used++;
    }
    const { fields } = type.table;
    const wildcard = type.wildcards[0];
    for (let i = 0; i <= fields.length; i++) {
      if (wildcard !== undefined && wildcard.before === i && source.$any !== undefined) {
        used++;
        const list = listOf(source.$any, path);
        if (!wildcard.many && list.length > 1) throw notEncodable(path, "one element of free kind", "several");
        for (const item of list) {
          const { ns } = splitClark((item as AnyElement).name);
          if (!wildcardAllows(wildcard.namespaces, ns))
            throw notEncodable(path, "an element of an allowed namespace", "another");
          this.#any(item as AnyElement, path);
        }
      }
      const field = fields[i];
      if (field === undefined) break;
      const value = source[field.prop];
      if (value === undefined) {
        if (!field.optional && source.$nil !== true)
          throw notEncodable(`${path}/${field.name}`, "a required element", undefined);
        continue;
      }
      used++;
      this.#field(field, value, path, variant);
    }
    return used;
  }

  #field(
    field: FieldTable,
    value: unknown,
    path: string,
    variant: { readonly from: string; readonly to: string } | undefined,
  ): void {
    const at = `${path}/${field.name}`;
    if (!field.many) {
      if (Array.isArray(value)) throw notEncodable(at, "one value", value);
      this.element(field, value, false, at, variant);
      return;
    }
    const list = listOf(value, at);
    if (list.length === 0 && !field.optional) throw notEncodable(at, "at least one value", value);
    for (let i = 0; i < list.length; i++) this.element(field, list[i], false, `${at}[${i + 1}]`, variant);
  }

  /** `$items` and `$content`: elements, and text where the type is mixed, in the order given. */
  #ordered(type: CompiledType, source: Source, path: string): number {
    const prop = type.table.content === "items" ? "$items" : "$content";
    let used = 0;
    if (source[prop] !== undefined) {
      used++;
      for (const item of listOf(source[prop], path)) {
        if (typeof item === "string" && prop === "$content") {
          if (item !== "") this.#guard(path, () => this.#writer.text(item));
          continue;
        }
        this.#item(type, item as AnyElement, path);
      }
    }
    if (source.$any !== undefined && type.wildcards.length > 0) {
      used++;
      for (const item of listOf(source.$any, path)) this.#any(item as AnyElement, path);
    }
    return used;
  }

  #item(type: CompiledType, item: AnyElement, path: string): void {
    if (typeof item !== "object" || item === null || typeof item.name !== "string")
      throw notEncodable(path, "named elements", item);
    const { ns, local } = splitClark(item.name);
    let entry = type.fields.get(local);
    while (entry !== undefined && entry.element.ns !== ns) entry = entry.next;
    if (entry !== undefined && item.element === undefined) {
      this.element(entry.element, item.value, false, `${path}/${local}`);
      return;
    }
    if (type.table.content !== "any" && !type.wildcards.some((w) => wildcardAllows(w.namespaces, ns))) {
      throw notEncodable(`${path}/${local}`, "an element that the schema has here", "another");
    }
    this.#any(item, path);
  }

  #any(item: AnyElement, path: string): void {
    if (typeof item !== "object" || item === null || typeof item.name !== "string")
      throw notEncodable(path, "named elements", item);
    if (item.element !== undefined) {
      const tree: XmlElement = item.element;
      if (clarkName(tree.ns, tree.name) !== item.name) throw notEncodable(path, "a tree of the given name", "another");
      this.#guard(path, () => writeTree(this.#writer, tree, true, this.#prefixes));
      return;
    }
    const known = own(this.#registry, item.name);
    const at = `${path}/${splitClark(item.name).local}`;
    if (known === undefined) throw notEncodable(at, "an element that the registry has", "another");
    this.element(known, item.value, true, at, undefined, item.schemaLocation);
  }

  #nothingLeft(type: CompiledType, source: Source, used: number, path: string): void {
    const names = Object.keys(source);
    if (names.length === used) return;
    const written = new Set([
      "$type",
      "$nil",
      "$ns",
      "$namespaces",
      "$schemaLocation",
      "$noNamespaceSchemaLocation",
      "$attributes",
    ]);
    if (type.table.content === "text") written.add("$text");
    else if (type.table.content === "items") written.add("$items");
    else if (type.table.content !== "fields" && type.table.content !== "empty") written.add("$content");
    if (type.wildcards.length > 0) written.add("$any");
    const inOrder = type.table.content === "items" || type.table.content === "mixed";
    for (const name of names) {
      if (source[name] === undefined || written.has(name)) continue;
      const isAttribute = name.startsWith("$");
      if (type.props.has(name) && (isAttribute || !inOrder)) continue;
      throw notEncodable(
        `${path}/${isAttribute ? "@" : ""}${name.replace("$", "")}`,
        "only properties that the schema has",
        "another",
      );
    }
  }

  /** Adds the path to an error of the writer. */
  #guard(path: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      if (
        error instanceof HelsekontaktError &&
        error.code === "xml/not-encodable" &&
        error.context.path === undefined
      ) {
        throw new HelsekontaktError("xml/not-encodable", `${error.message.replace(/^\[[^\]]*\] /, "")} at ${path}`, {
          context: { path },
        });
      }
      throw error;
    }
  }
}

/** The prefixes that an element has to declare itself, for names in its values. */
function prefixesOf({ $namespaces, $type }: Source, path: string): Readonly<Record<string, string>> | undefined {
  // A name without a prefix is one of the default namespace.
  const own = typeof $type === "string" && splitClark($type).ns === "" ? { "": "" } : undefined;
  if ($namespaces === undefined) return own;
  if (typeof $namespaces !== "object" || $namespaces === null) throw notEncodable(path, "prefixes", $namespaces);
  for (const [prefix, ns] of Object.entries($namespaces)) {
    if (!(prefix === "" || (isPrefix(prefix) && ns !== "")) || typeof ns !== "string")
      throw notEncodable(path, "prefixes with their namespaces", "another");
  }
  return { ...($namespaces as Readonly<Record<string, string>>), ...own };
}

/** Whether a document may declare a prefix; those that merely begin with `xml` are reserved, and yet no fault. */
function isPrefix(text: string): boolean {
  if (text === "xml" || text === "xmlns" || text.includes(":")) return false;
  return [...text].every((char, i) => (i === 0 ? isNameStart : isNameChar)(char.codePointAt(0) as number));
}

function textOf(value: unknown, path: string): string {
  if (typeof value !== "string") throw notEncodable(path, "text", value);
  return value;
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw notEncodable(path, "a list", value);
  return value;
}

function isNil(value: unknown): boolean {
  return typeof value === "object" && value !== null && (value as Source).$nil === true;
}

/** `found` is described by its kind only, unless it is one of our own words. */
function notEncodable(path: string, expected: string, found: unknown): HelsekontaktError {
  const kind =
    found === undefined
      ? "none"
      : found === "another" || found === "others" || found === "several"
        ? found
        : Array.isArray(found)
          ? "a list"
          : found === null
            ? "null"
            : typeof found === "object"
              ? "an object"
              : `a ${typeof found}`;
  return new HelsekontaktError("xml/not-encodable", `expected ${expected}, found ${kind} at ${path}`, {
    context: { path },
  });
}
