/**
 * The rules that `tools/gen-xsd` writes and the XML validator runs while it streams a document. Names are in Clark form.
 */

export interface ElementRule {
  readonly name: string;
  readonly type: () => TypeRule;
  readonly nillable?: true;
  readonly abstract?: true;
  /** Of a QName, as `default` is, the Clark name. */
  readonly fixed?: string;
  readonly default?: string;
  /** Types that `xsi:type` may not name here although they are derived from the element's own (`block`); true for all of them. */
  readonly blocked?: true | readonly string[];
  /** Identity constraints that the schema states here. */
  readonly identity?: readonly IdentityRule[];
}

/** A `key`, `unique` or `keyref`. */
export interface IdentityRule {
  readonly kind: "key" | "unique" | "keyref";
  /** Clark name. */
  readonly name: string;
  /** Clark name of the key that a `keyref` refers to. */
  readonly refer?: string;
  /** The elements it is about, below the one that states it: any of the paths. */
  readonly selector: readonly IdentityPath[];
  /** For each field, where its value stands, from the selected element: any of the paths. */
  readonly fields: readonly (readonly IdentityPath[])[];
}

/** A path of the XPath subset of XML Schema 1.0 part 1, 3.11.6. */
export interface IdentityPath {
  /** `.//` in front: at any depth. */
  readonly deep?: true;
  /** Clark names of elements, `*`, or `{namespace}*`. */
  readonly steps: readonly string[];
  /** Clark name of an attribute at the end, `*`, or `{namespace}*`. */
  readonly attribute?: string;
}
// Substitution groups need no entry of their own: they are expanded into the automata of the content models.

/** A simple or complex type, as content of an element. */
export interface TypeRule {
  readonly name: string;
  readonly abstract?: true;
  readonly attributes: readonly AttributeRule[];
  readonly anyAttribute?: WildcardRule;
  readonly content: ContentRule;
  /**
   * Types derived from this one that `xsi:type` may name, by Clark name, all levels (the type itself is always allowed).
   * Built-in types derived from a built-in (`xs:token` where `xs:string` stands) are not listed.
   */
  readonly derived?: () => Readonly<Record<string, () => TypeRule>>;
}

export interface AttributeRule {
  /** Clark name; a bare name for an unqualified attribute. */
  readonly name: string;
  readonly required?: true;
  readonly prohibited?: true;
  /** Of a QName, as `default` is, the Clark name. */
  readonly fixed?: string;
  readonly default?: string;
  readonly type: () => SimpleRule;
}

export type ContentRule =
  | { readonly kind: "empty" }
  | { readonly kind: "simple"; readonly type: () => SimpleRule }
  | { readonly kind: "elements"; readonly mixed?: true; readonly model: ContentModel }
  /** anyType: everything, children checked laxly. */
  | { readonly kind: "any" };

/** A deterministic automaton over child elements; state 0 is the start. */
export interface ContentModel {
  readonly particles: readonly (ElementRule | WildcardRule)[];
  /**
   * For each state: may the content end here, and `[particle index, next state]` pairs. Elements come first, in schema
   * order, then wildcards from narrow to wide: the first pair whose particle takes the element is the right one.
   */
  readonly states: readonly { readonly final?: true; readonly next: readonly (readonly [number, number])[] }[];
  /**
   * A large `all` group, instead of states: for each member the particles that are it, and bits of those that are required
   * (of none where the whole group is optional and nothing of it stands there).
   */
  readonly all?: {
    readonly members: readonly (readonly number[])[];
    readonly needed: number;
    readonly optional?: true;
  };
}

export interface WildcardRule {
  readonly namespaces: "##any" | { readonly not: string } | readonly string[];
  readonly process: "strict" | "lax" | "skip";
  /** Global attributes, of each family that has some, the first one that has a name counts: of those that stand behind a wildcard for attributes, or in an unknown element behind one for elements. */
  readonly declared?: readonly (() => AttributeRuleRegistry)[];
}

/** The global attributes of a family, by Clark name. */
export type AttributeRuleRegistry = Readonly<Record<string, AttributeRule>>;

/** A simple type: the XSD built-in it comes from, and facets from every step of derivation. */
export interface SimpleRule {
  readonly name: string;
  readonly base: string;
  readonly whiteSpace: "preserve" | "replace" | "collapse";
  /** Of QNames the Clark names. */
  readonly enumeration?: readonly string[];
  /** JavaScript regular expressions, anchored, flag `u`, one for each derivation step; every one must match. */
  readonly patterns?: readonly string[];
  readonly length?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minInclusive?: string;
  readonly maxInclusive?: string;
  readonly minExclusive?: string;
  readonly maxExclusive?: string;
  readonly totalDigits?: number;
  readonly fractionDigits?: number;
  readonly union?: readonly (() => SimpleRule)[];
  readonly list?: () => SimpleRule;
}

/** The named types of a family, by Clark name: what `xsi:type` may name where anything is allowed. */
export type TypeRuleRegistry = Readonly<Record<string, TypeRule>>;

/** The global elements of a family, by Clark name. */
export type ElementRuleRegistry = Readonly<Record<string, ElementRule>>;
