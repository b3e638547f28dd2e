import { HelsekontaktError, type ValidationResult, validationResult } from "@helsekontakt/core";
import {
  FhirContext,
  type FhirContextOptions,
  type FhirObject,
  profileOf,
  type ProfileRule,
  type ValidateType,
} from "./context.ts";
import { FastContext, type FastCheck, type FastOptions, type FastProfile } from "./fast.ts";

export interface ValidateFhirOptions {
  /** Canonical address of a profile of the build that the resource must satisfy as well. */
  readonly profile?: string;
}

/** What a generator has written for one set of definitions. */
export interface FhirModules {
  readonly resourceValidators: Readonly<Record<string, ValidateType>>;
  readonly isOfType: FastCheck;
  readonly profileRules: Readonly<Record<string, ProfileRule>>;
  readonly fastProfiles: Readonly<Record<string, FastProfile>>;
  /** Names of all resource types of R4. */
  readonly resourceTypes: readonly string[];
}

/** Validator over generated modules. */
export interface FhirValidator {
  /** Canonical addresses of the profiles. */
  readonly profiles: readonly string[];
  /** Verdict with issues, see `validateFhir`. */
  validate(resource: unknown, options?: ValidateFhirOptions): ValidationResult;
  /** True when {@link validate} finds no error. */
  is(resource: unknown, options?: ValidateFhirOptions): boolean;
  /** The fast side alone: true exactly when {@link explain} finds nothing, not even a warning. */
  isClean(resource: unknown, profile?: string): boolean;
  /** The explaining side alone. */
  explain(resource: unknown, profile?: string): ValidationResult;
}

/**
 * A validator over the modules that `gen-fhir` writes: first the checks that only answer, and only where those have found
 * something the ones that explain.
 */
export function createFhirValidator(modules: FhirModules): FhirValidator {
  const options: FhirContextOptions = {
    resources: modules.resourceValidators,
    profiles: modules.profileRules,
    resourceTypes: new Set(modules.resourceTypes),
  };
  const fastOptions: FastOptions = {
    isOfType: modules.isOfType,
    profiles: new Map(Object.entries(modules.fastProfiles)),
    resourceTypes: options.resourceTypes,
    conforms: (o, profile, place) => {
      const context = new FhirContext(options, place);
      const rule = profileOf(options.profiles, profile);
      if (rule) context.as(o, rule.check);
      return !context.issues.some((i) => i.level === "error");
    },
  };
  const ruleOf = (profile: string | undefined): ProfileRule | undefined => {
    const rule = profile === undefined ? undefined : profileOf(options.profiles, profile);
    if (profile !== undefined && !rule)
      throw new HelsekontaktError("input/invalid", "expected a profile of this build, found another address", {
        hint: "fhirProfiles lists the addresses",
      });
    return rule;
  };
  const explain = (resource: unknown, profile?: string): ValidationResult => {
    const rule = ruleOf(profile);
    const context = new FhirContext(options);
    context.root(resource);
    if (rule && !declares(resource, profile as string)) context.rootProfile(resource, rule);
    return validationResult(context.issues);
  };
  const isClean = (resource: unknown, profile?: string): boolean => {
    if (typeof resource !== "object" || resource === null) return false;
    const o = resource as FhirObject;
    const context = new FastContext(fastOptions, o);
    if (!context.resourceIn(o, 0, false)) return false;
    if (profile === undefined || declares(resource, profile)) return true;
    const fast = fastOptions.profiles.get(profile);
    return fast !== undefined && context.rootProfile(o, fast);
  };
  const validate = (resource: unknown, { profile }: ValidateFhirOptions = {}): ValidationResult => {
    if (profile !== undefined) ruleOf(profile);
    return isClean(resource, profile) ? { valid: true, issues: [] } : explain(resource, profile);
  };
  return {
    profiles: Object.keys(modules.profileRules),
    validate,
    is: (resource, settings) => {
      if (settings?.profile !== undefined) return validate(resource, settings).valid;
      return isClean(resource) || explain(resource).valid;
    },
    isClean,
    explain,
  };
}

/** True when the resource declares the profile itself, so that it has been run already. */
function declares(resource: unknown, profile: string): boolean {
  const declared = (resource as { meta?: { profile?: unknown } } | undefined)?.meta?.profile;
  return Array.isArray(declared) && declared.some((u) => typeof u === "string" && u.split("|")[0] === profile);
}
