import { type Issue, type ValidationResult, validationResult } from "@helsekontakt/core";
import {
  FhirContext,
  type FhirContextOptions,
  type FhirObject,
  type FhirPlace,
  profileOf,
  type ProfileRule,
  type ValidateType,
} from "./context.ts";
import type { EntryCounts } from "./entry-counts.ts";
import type { ExtensionTable } from "./extensions.ts";
import type { FastCheck } from "./fast.ts";
import { Container } from "./references.ts";
import { verdict } from "./verdicts.ts";
import { createTwoSided, type FastModules, type FhirValidator } from "./validator.ts";

/** What a generator has written of the checks that explain. */
export interface ExplainingModules {
  readonly resourceValidators: Readonly<Record<string, ValidateType>>;
  readonly profileRules: Readonly<Record<string, ProfileRule>>;
  /** The quick check of types that stand in extensions alone. Absent in what earlier versions wrote, which has them with the others. */
  readonly isOfRareType?: FastCheck;
  /** Extensions that are checked wherever they stand. */
  readonly knownExtensions?: ExtensionTable;
  /** Names of all resource types of R4. */
  readonly resourceTypes: readonly string[];
}

/** The checks that explain, over one set of definitions. */
export interface Explaining {
  /**
   * What there is to say about a resource.
   *
   * @param profile - one that the resource must satisfy beside those that it declares.
   */
  explain(resource: unknown, profile?: string): ValidationResult;
  /** The same of one part of a Bundle, whose entries are counted and not yet judged by their number. */
  explainPart(bundle: unknown, profile: string | undefined, counts: EntryCounts): readonly Issue[];
  /** What there is to say about the entries of all parts together. */
  explainCounts(counts: EntryCounts): readonly Issue[];
  /** True when the element breaks no rule of the profile, warnings apart. */
  conforms(o: FhirObject, profile: string, place: FhirPlace): boolean;
  /** A quick check that is read as late as these. */
  readonly isOfRareType: FastCheck;
}

/** The explaining side over the modules that a generator has written. A profile that they do not have adds nothing. */
export function createExplaining(modules: ExplainingModules): Explaining {
  const options: FhirContextOptions = {
    resources: modules.resourceValidators,
    profiles: modules.profileRules,
    resourceTypes: new Set(modules.resourceTypes),
    ...(modules.knownExtensions ? { extensions: modules.knownExtensions } : {}),
  };
  const issuesOf = (resource: unknown, profile?: string, counts?: EntryCounts): readonly Issue[] => {
    const context = new FhirContext(options, undefined, counts);
    context.root(resource);
    const rule = profile === undefined ? undefined : profileOf(options.profiles, profile);
    if (rule) context.rootProfile(resource, rule);
    return context.issues;
  };
  return {
    isOfRareType: modules.isOfRareType ?? (() => false),
    explain: (resource, profile) => validationResult(issuesOf(resource, profile)),
    explainPart: issuesOf,
    explainCounts(counts) {
      const context = new FhirContext(options);
      context.entries(counts);
      return context.issues;
    },
    conforms(o, profile, place) {
      const rule = profileOf(options.profiles, profile);
      if (!rule) return true;
      return verdict(place.reading, o, rule.check, () => {
        // What a resource of its own names inside itself is looked for there.
        const own = typeof o === "object" && typeof o["resourceType"] === "string" && !place.container.holds(o);
        const context = new FhirContext(options, own ? { ...place, container: new Container(o) } : place);
        context.as(o, rule.check);
        return !context.issues.some((i) => i.level === "error");
      });
    },
  };
}

/** What a generator has written for one set of definitions. */
export interface FhirModules extends FastModules, ExplainingModules {}

/** A validator over the modules that `gen-fhir` writes. */
export function createFhirValidator(modules: FhirModules): FhirValidator {
  const explaining = createExplaining(modules);
  return createTwoSided(modules, () => explaining);
}
