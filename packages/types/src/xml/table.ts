/**
 * The schema tables that `tools/gen-xsd` writes and the XML codec walks. Everything is plain data; references to other
 * types are functions, so that modules may refer to each other in circles and bundlers can drop what is not used.
 *
 * Names of namespaces and types are in Clark form: `{namespace}local`; `local` alone means no namespace.
 */

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
  /** Element particles, flattened in schema order (those of the base type first). */
  readonly fields: readonly FieldTable[];
  /** Where element wildcards stand: the index in `fields` before which their elements are written. */
  readonly wildcards?: readonly WildcardTable[];
  /** Types that `xsi:type` may name here. */
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
  readonly fixed?: string;
  readonly default?: string;
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
