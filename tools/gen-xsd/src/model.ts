import type { Node } from "./dom.ts";

/**
 * The one model that front end, flat schema and emitters share: references, groups, includes and derivation are resolved,
 * cardinalities are numbers. Types of elements are looked up late, because types may be recursive.
 */
export interface Unit {
  /** Name of the generated file, unique in a run. */
  readonly family: string;
  /** The document that names the unit. */
  readonly lead: string;
  /** Target namespace. */
  readonly ns: string;
  readonly docs: readonly Doc[];
}

/** One schema document as seen by one unit: a chameleon document is seen once by each unit that includes it. */
export interface Doc {
  /** Path below the folder that is compiled, forward slashes. */
  readonly file: string;
  /** Id for `@source`: the spec's id, or the path. */
  readonly id: string;
  readonly root: Node;
  /** Target namespace, coerced when a document without one is included. */
  readonly ns: string;
  readonly chameleon: boolean;
}

export interface Source {
  readonly file: string;
  readonly line: number;
  /** Id of the document and the place in it, for `@source`. */
  readonly pointer: string;
}

/** A step of derivation. */
export type Derivation = "extension" | "restriction";

export type XsdType = SimpleType | ComplexType;

export interface Facets {
  readonly whiteSpace?: "preserve" | "replace" | "collapse" | undefined;
  readonly enumeration?: readonly string[] | undefined;
  /** One entry a derivation step; within a step alternatives are joined already. XSD syntax. */
  readonly patterns?: readonly string[] | undefined;
  readonly length?: number | undefined;
  readonly minLength?: number | undefined;
  readonly maxLength?: number | undefined;
  readonly minInclusive?: string | undefined;
  readonly maxInclusive?: string | undefined;
  readonly minExclusive?: string | undefined;
  readonly maxExclusive?: string | undefined;
  readonly totalDigits?: number | undefined;
  readonly fractionDigits?: number | undefined;
}

export interface SimpleType {
  readonly kind: "simple";
  /** Undefined for the built-in types. */
  readonly unit?: Unit | undefined;
  /** Local name of a named or built-in type. */
  readonly name?: string | undefined;
  /** Symbol within its family; the built-in's own name otherwise. */
  readonly symbol: string;
  readonly base?: SimpleType | undefined;
  readonly variety: "atomic" | "list" | "union";
  /** The built-in type below all derivation. */
  readonly builtin: string;
  readonly facets: Facets;
  readonly item?: SimpleType | undefined;
  readonly members?: readonly SimpleType[] | undefined;
  readonly doc?: string | undefined;
  readonly source?: Source | undefined;
}

export interface ComplexType {
  readonly kind: "complex";
  /** Undefined for anyType. */
  readonly unit?: Unit | undefined;
  readonly name?: string | undefined;
  /** Symbol within its family. */
  readonly symbol: string;
  /** Clark name; anonymous types are named by their place. */
  readonly clark: string;
  readonly abstract: boolean;
  readonly base?: XsdType | undefined;
  readonly derivation?: Derivation | undefined;
  /** Steps over which no other type may stand for this one. */
  readonly block: readonly Derivation[];
  readonly mixed: boolean;
  readonly simple?: SimpleType | undefined;
  readonly particle?: Particle | undefined;
  readonly attributes: readonly AttributeUse[];
  readonly anyAttribute?: Wildcard | undefined;
  readonly doc?: string | undefined;
  readonly source?: Source | undefined;
}

/** What an attribute or an element is or may be preset to. */
export interface Preset {
  readonly fixed?: string | undefined;
  readonly default?: string | undefined;
  /** The Clark name behind a QName where the two stand. */
  readonly presetName?: ((qname: string) => string) | undefined;
}

export interface AttributeUse extends Preset {
  readonly name: string;
  readonly ns: string;
  readonly type: () => SimpleType;
  readonly required: boolean;
  readonly prohibited: boolean;
  readonly doc?: string | undefined;
}

export interface Element extends Preset {
  readonly name: string;
  readonly ns: string;
  /** The unit of a global element; local elements have none. */
  readonly global?: Unit | undefined;
  readonly type: () => XsdType;
  readonly nillable: boolean;
  readonly abstract: boolean;
  readonly blocksSubstitution: boolean;
  /** Steps over which no other type may stand for the element's own. */
  readonly block: readonly Derivation[];
  readonly doc?: string | undefined;
  /** Its `key`, `keyref` and `unique`. */
  readonly constraints: readonly IdentityConstraint[];
  readonly source: Source;
}

export interface IdentityConstraint {
  readonly kind: "key" | "unique" | "keyref";
  /** Clark name. */
  readonly name: string;
  readonly refer: string | undefined;
  readonly selector: readonly IdentityPath[];
  readonly fields: readonly (readonly IdentityPath[])[];
}

export interface IdentityPath {
  readonly deep: boolean;
  readonly steps: readonly string[];
  readonly attribute: string | undefined;
}

export interface Wildcard {
  readonly namespaces: "##any" | { readonly not: string } | readonly string[];
  readonly process: "strict" | "lax" | "skip";
}

export const UNBOUNDED = Number.POSITIVE_INFINITY;

export type Particle =
  | {
      readonly kind: "element";
      readonly element: Element;
      readonly min: number;
      readonly max: number;
      readonly doc?: string | undefined;
    }
  | { readonly kind: "wildcard"; readonly wildcard: Wildcard; readonly min: number; readonly max: number }
  | {
      readonly kind: "sequence" | "choice" | "all";
      readonly items: readonly Particle[];
      readonly min: number;
      readonly max: number;
    };

/** Clark form: `{namespace}local`, or the bare name without a namespace. */
export function clark(ns: string, name: string): string {
  return ns === "" ? name : `{${ns}}${name}`;
}
