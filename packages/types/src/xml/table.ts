/**
 * The schema tables that `tools/gen-xsd` writes and the XML codec walks. Everything is plain data; references to other
 * types are functions, so that modules may refer to each other in circles and bundlers can drop what is not used.
 *
 * Names of namespaces and types are in Clark form: `{namespace}local`; `local` alone means no namespace.
 *
 * Property names that belong to the object model and not to a schema: `$text`, `$any`, `$content`, `$items`,
 * `$attributes`, `$nil`, `$type`, `$ns`, `$namespaces`, `$schemaLocation`, `$noNamespaceSchemaLocation`. An attribute whose property would be one of these gets `_` behind it (`type` is
 * `$type_`), and so does an element named like a member of every object (`toString_`); a second element or attribute of one local name in one type gets `_2`. The tables always say which
 * property is meant.
 */
import type { AnyElement, XmlAttribute } from "./tree.ts";

/** A complex type, named or anonymous. */
export interface TypeTable {
  /** `{ns}Name`; an anonymous type is named by its place: `{ns}MsgHead/Sender`. */
  readonly name: string;
  /**
   * `empty`: no content. `text`: simple content, in `$text`. `fields`: elements, each a property, written in table
   * order. `items`: elements whose order the properties cannot keep (repeating groups, one name twice, substitution
   * lists), as `$items`. `mixed`: text and elements in order, as `$content`. `any`: anyType, attributes and content free.
   */
  readonly content: "empty" | "text" | "fields" | "items" | "mixed" | "any";
  readonly attributes: readonly AttributeTable[];
  /** Attributes beyond the declared ones are kept in `$attributes`. */
  readonly anyAttribute?: true;
  /**
   * Element particles, flattened in schema order (those of the base type first). With `items` and `mixed` each name stands
   * once, members of substitution groups are fields of their own, and the order in the table says nothing.
   */
  readonly fields: readonly FieldTable[];
  /** Where element wildcards stand: the index in `fields` before which their elements are written. */
  readonly wildcards?: readonly WildcardTable[];
  /** `$text` is a QName, or may be one or hold some: its prefixes are kept in `$namespaces`. */
  readonly names?: true;
  /** Types that `xsi:type` may name here, all levels of derivation; abstract ones are left out. */
  readonly derived?: () => readonly TypeTable[];
  readonly abstract?: true;
}

export interface AttributeTable {
  /** Property name: `$` and the attribute's local name (`$V`). */
  readonly prop: string;
  readonly name: string;
  /** Namespace, `""` for the usual unqualified attribute. */
  readonly ns: string;
  readonly required?: true;
  /** Of a QName, as `default` is, the Clark name. */
  readonly fixed?: string;
  readonly default?: string;
  /** The value is a QName, or may be one or hold some. */
  readonly names?: true;
}

/** What an element holds: a complex type, or text of a simple type (a string property). */
export type ContentRef = "text" | (() => TypeTable);

export interface ElementTable {
  readonly name: string;
  readonly ns: string;
  readonly type: ContentRef;
  readonly nillable?: true;
  readonly abstract?: true;
  readonly fixed?: string;
  readonly default?: string;
  /** Members of the substitution group headed by this element. */
  readonly substitutes?: () => readonly ElementTable[];
}

export interface FieldTable extends ElementTable {
  /** Property name: the element's local name, upstream's spelling. */
  readonly prop: string;
  /** maxOccurs above 1 somewhere on the way: the property is an array. */
  readonly many?: true;
  readonly optional?: true;
}

export interface WildcardTable {
  readonly before: number;
  readonly many: boolean;
  readonly optional: boolean;
  /** `##any`, `##other` (of `targetNamespace`), or a list of namespaces. */
  readonly namespaces: "##any" | { readonly not: string } | readonly string[];
  readonly process: "strict" | "lax" | "skip";
}

/** The global elements that a decoder knows, by Clark name. Families are combined by spreading. */
export type ElementRegistry = Readonly<Record<string, ElementTable>>;

/** Tables of the named complex types of a family, by Clark name: what `xsi:type` may name where anything is allowed. */
export type TypeRegistry = Readonly<Record<string, TypeTable>>;

/** What an element of `anyType` holds: text and elements in order. `$type` is `xsi:type` in Clark form. */
export interface AnyType {
  $content: (string | AnyElement)[];
  $attributes?: XmlAttribute[];
  $type?: string;
  $namespaces?: Prefixes;
}

/**
 * Prefixes that names in the values of an element rely on, each with its namespace; `""` is the default one. They are
 * declared where the element is written.
 */
export type Prefixes = Readonly<Record<string, string>>;

/** What an element holds whose text is a QName, or may be one or hold some: the text as it is written, and its prefixes. */
export interface QName {
  $text: string;
  $namespaces?: Prefixes;
}

/** An element with `xsi:nil="true"`: no content; declared attributes may stand beside. */
export interface Nil {
  $nil: true;
  [attribute: `$${string}`]: unknown;
}

/** One element of a type whose order properties cannot keep, in `$items`; wildcard elements stand there as {@link AnyElement}. */
export interface Item<Name extends string, Value> {
  name: Name;
  value: Value;
}
