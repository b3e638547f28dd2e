import type { Constraint } from "./definitions.ts";
import type { Profile } from "./profiles.ts";
import type { CodesBySystem } from "./value-sets.ts";

// What a profile asks for, as a list of rules: the explaining and the fast side are printed from the same list.

/** A property of a type as JSON has it. */
export interface Prop {
  readonly json: string;
  readonly list: boolean;
  readonly primitive: boolean;
}

/** The codes of a binding. */
export interface Codes {
  readonly url: string;
  readonly codes: CodesBySystem;
}

export type Rule =
  | { readonly kind: "notAllowed"; readonly props: readonly Prop[] }
  | { readonly kind: "atLeast"; readonly field: string; readonly props: readonly Prop[]; readonly min: number }
  | { readonly kind: "atMost"; readonly props: readonly Prop[]; readonly max: number }
  | {
      readonly kind: "each";
      readonly prop: Prop;
      readonly body: readonly Rule[];
      readonly slicing?: Slicing;
      /** The primitive whose sibling the property is: the rules hold for each of its values, also those without sibling. */
      readonly of?: string;
    }
  | { readonly kind: "fixed" | "pattern"; readonly value: unknown }
  | { readonly kind: "bound"; readonly set: Codes; readonly level: "error" | "warning" }
  | { readonly kind: "targets"; readonly types: readonly string[] }
  | { readonly kind: "aggregation"; readonly modes: readonly string[] }
  | { readonly kind: "resourceType"; readonly type: string }
  | { readonly kind: "maxLength"; readonly max: number }
  | { readonly kind: "limit"; readonly side: "min" | "max"; readonly value: number | string }
  | {
      readonly kind: "as";
      readonly profile: Profile;
      /** The base type's own check has run the definition already, for the extension has its address. */
      readonly known?: true;
    }
  /** One of the options holds, of the element or of what a reference leads to. */
  | { readonly kind: "oneOf" | "target"; readonly options: readonly Option[] }
  | { readonly kind: "invariant"; readonly type: string; readonly constraint: Constraint & { expression: string } };

/** A resource type, a profile, or both. */
export interface Option {
  readonly type?: string;
  readonly profile?: Profile;
}

/**
 * How one slice is told from the others. Beside names, a path has `resolve()`, `extension(url)`, and the names of a choice each
 * followed by a bar.
 */
export type Test =
  | { readonly kind: "like"; readonly path: readonly string[]; readonly value: unknown; readonly exact: boolean }
  | { readonly kind: "present"; readonly path: readonly string[]; readonly not: boolean }
  | { readonly kind: "bound"; readonly path: readonly string[]; readonly set: Codes }
  | { readonly kind: "target"; readonly path: readonly string[]; readonly types: readonly string[] }
  | { readonly kind: "profile"; readonly path: readonly string[]; readonly profile: Profile }
  /** All tests of one of the lists. */
  | { readonly kind: "any"; readonly of: readonly (readonly Test[])[] };

export interface Slice {
  readonly name: string;
  readonly tests: readonly Test[];
  readonly body: readonly Rule[];
  readonly min: number;
  readonly max: number;
  /** Slices of the slice. */
  readonly inner?: Slicing;
}

export interface Slicing {
  readonly slices: readonly Slice[];
  readonly rules: "open" | "closed" | "openAtEnd";
  readonly ordered: boolean;
  /**
   * Paths to what references lead to. An item whose target is not in the document is told by nothing: it may be of any slice, so
   * that too few of a slice is no fault then.
   */
  readonly resolved: readonly (readonly string[])[];
}
