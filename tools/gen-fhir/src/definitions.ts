/** The parts of FHIR R4's definition resources that the generator reads. */
export interface StructureDefinition {
  readonly resourceType: "StructureDefinition";
  readonly id?: string;
  readonly url: string;
  readonly version?: string;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly kind: string;
  readonly abstract?: boolean;
  readonly type: string;
  readonly baseDefinition?: string;
  readonly derivation?: string;
  /** Of an extension: where it may stand. */
  readonly context?: readonly { readonly type: string; readonly expression: string }[];
  readonly contextInvariant?: readonly string[];
  readonly snapshot?: { readonly element: readonly ElementDefinition[] };
  readonly differential?: { readonly element: readonly ElementDefinition[] };
}

export interface ElementDefinition {
  readonly id: string;
  readonly path: string;
  readonly sliceName?: string;
  readonly short?: string;
  readonly min?: number;
  readonly max?: string;
  readonly base?: { readonly path: string };
  readonly representation?: readonly string[];
  readonly contentReference?: string;
  readonly type?: readonly TypeRef[];
  readonly binding?: { readonly strength: string; readonly valueSet?: string };
  readonly constraint?: readonly Constraint[];
  readonly slicing?: {
    readonly discriminator?: readonly { readonly type: string; readonly path: string }[];
    readonly rules: string;
    readonly ordered?: boolean;
  };
  readonly extension?: readonly Extension[];
  /** `fixedUri`, `patternCoding` and the like. */
  readonly [key: string]: unknown;
}

export interface TypeRef {
  readonly code: string;
  readonly profile?: readonly string[];
  readonly targetProfile?: readonly string[];
  readonly aggregation?: readonly string[];
  readonly extension?: readonly Extension[];
}

export interface Constraint {
  readonly key: string;
  readonly severity: "error" | "warning";
  readonly human: string;
  readonly expression?: string;
  /** Set by the model: of a choice, only values of this type. */
  readonly onType?: string;
  readonly extension?: readonly Extension[];
}

export interface Extension {
  readonly url: string;
  readonly valueString?: string;
  readonly valueUrl?: string;
  readonly valueUri?: string;
}

export interface ValueSet {
  readonly resourceType: "ValueSet";
  readonly url: string;
  readonly version?: string;
  readonly compose?: { readonly include?: readonly Include[]; readonly exclude?: readonly Include[] };
  readonly expansion?: {
    readonly total?: number;
    readonly offset?: number;
    readonly parameter?: readonly { readonly name: string }[];
    readonly extension?: readonly Extension[];
    readonly contains?: readonly Contained[];
  };
}

/** A code of an expansion, or a heading over others. */
export interface Contained {
  readonly system?: string;
  readonly code?: string;
  readonly abstract?: boolean;
  readonly contains?: readonly Contained[];
}

export interface Include {
  readonly system?: string;
  readonly concept?: readonly { readonly code: string }[];
  readonly filter?: readonly unknown[];
  readonly valueSet?: readonly string[];
}

export interface CodeSystem {
  readonly resourceType: "CodeSystem";
  readonly url: string;
  readonly content?: string;
  readonly caseSensitive?: boolean;
  readonly concept?: readonly Concept[];
}

export interface Concept {
  readonly code: string;
  readonly concept?: readonly Concept[];
}

const inferredUrl = "https://helsekontakt.dev/fhir/StructureDefinition/x-inferred";

/** Why a fact is inferred, when the definition marks it so. */
export function inferredReason(of: { readonly extension?: readonly Extension[] }): string | undefined {
  return of.extension?.find((e) => e.url === inferredUrl)?.valueString;
}
