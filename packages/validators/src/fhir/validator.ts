import { HelsekontaktError, type Issue, type ValidationResult } from "@helsekontakt/core";
import type { FhirObject } from "./context.ts";
import { EntryCounts } from "./entry-counts.ts";
import type { Explaining } from "./explaining.ts";
import { ExtensionChecks, type ExtensionTable, misplaced } from "./extensions.ts";
import { FastContext, type FastCheck, type FastOptions, type FastProfile } from "./fast.ts";

export interface ValidateFhirOptions {
  /** Canonical address of a profile of the build that the resource must satisfy as well. */
  readonly profile?: string;
}

/** What a generator has written of the checks that only answer. */
export interface FastModules {
  readonly isOfType: FastCheck;
  readonly fastProfiles: Readonly<Record<string, FastProfile>>;
  /** Extensions that are checked wherever they stand. */
  readonly knownExtensions?: ExtensionTable;
  /** Names of all resource types of R4. */
  readonly resourceTypes: readonly string[];
}

/** Judges a Bundle by its entries, one after the other. */
export interface BundleParts {
  /**
   * What there is to say about one entry and what is around it, what profiles ask of the number and order of entries apart.
   *
   * @param bundle - the Bundle with this entry alone, or without any where it has none.
   * @param beside - entries that stand for others of the Bundle, so that references lead somewhere; they are not counted.
   */
  judge(bundle: unknown, beside: readonly unknown[]): readonly Issue[];
  /** After the last entry: what profiles ask of all of them, and which of their invariants were not checked. */
  rest(): readonly Issue[];
}

/** Validator over generated modules. */
export interface FhirValidator {
  /** Canonical addresses of the profiles. */
  readonly profiles: readonly string[];
  /** Verdict with issues, see `validateFhir`. */
  validate(resource: unknown, options?: ValidateFhirOptions): ValidationResult;
  /** True when {@link validate} finds no error. */
  is(resource: unknown, options?: ValidateFhirOptions): boolean;
  /**
   * Judges a Bundle that no memory holds whole.
   *
   * @throws {HelsekontaktError} `input/invalid` when the profile is not of the build.
   */
  byEntries(options?: ValidateFhirOptions): BundleParts;
  /** The fast side alone: true exactly when {@link explain} finds nothing, not even a warning. */
  isClean(resource: unknown, profile?: string): boolean;
  /** The explaining side alone. */
  explain(resource: unknown, profile?: string): ValidationResult;
}

/**
 * A validator of two sides: first the checks that only answer, and only where those have found something the ones that
 * explain.
 *
 * @param explaining - gives the other side; asked for when it is needed for the first time, and each time after.
 */
export function createTwoSided(modules: FastModules, explaining: () => Explaining): FhirValidator {
  const options: FastOptions = {
    isOfType: modules.isOfType,
    isOfRareType: (type, v, c, depth) => explaining().isOfRareType(type, v, c, depth),
    profiles: new Map(Object.entries(modules.fastProfiles)),
    resourceTypes: new Set(modules.resourceTypes),
    extensions: new ExtensionChecks(modules.knownExtensions, modules.fastProfiles),
    conforms: (o, profile, place) => explaining().conforms(o, profile, place),
  };
  const known = (profile: string): FastProfile => {
    const found = options.profiles.get(profile);
    if (found === undefined)
      throw new HelsekontaktError("input/invalid", "expected a profile of this build, found another address", {
        hint: "fhirProfiles lists the addresses",
      });
    return found;
  };
  const explain = (resource: unknown, profile?: string): ValidationResult => {
    if (profile !== undefined) known(profile);
    return explaining().explain(resource, profile === undefined || declares(resource, profile) ? undefined : profile);
  };
  // Profiles that nothing here has are told apart: they are a warning, for which `is` need not ask the slow side.
  const look = (resource: unknown, profile?: string): "clean" | "unchecked" | "unsure" => {
    if (typeof resource !== "object" || resource === null) return "unsure";
    const o = resource as FhirObject;
    const context = new FastContext(options, o);
    if (!context.resourceIn(o, 0, false) || context.relative > 0) return "unsure";
    const table = modules.knownExtensions;
    if (context.sawKnownExtension && table !== undefined && misplaced(o, table).length > 0) return "unsure";
    const fast = profile === undefined || declares(resource, profile) ? undefined : options.profiles.get(profile);
    if (fast !== undefined && !context.rootProfile(o, fast)) return "unsure";
    return context.unchecked ? "unchecked" : "clean";
  };
  const isClean = (resource: unknown, profile?: string): boolean => look(resource, profile) === "clean";
  const validate = (resource: unknown, { profile }: ValidateFhirOptions = {}): ValidationResult => {
    if (profile !== undefined) known(profile);
    return isClean(resource, profile) ? { valid: true, issues: [] } : explain(resource, profile);
  };
  return {
    profiles: [...options.profiles.keys()],
    validate,
    is: (resource, settings) => {
      const profile = settings?.profile;
      if (profile !== undefined) known(profile);
      return look(resource, profile) !== "unsure" || explain(resource, profile).valid;
    },
    byEntries: ({ profile } = {}) => {
      if (profile !== undefined) known(profile);
      const counts = new EntryCounts();
      return {
        judge(bundle, beside) {
          const asked = profile === undefined || declares(bundle, profile) ? undefined : profile;
          const all = beside.length === 0 ? bundle : withEntries(bundle, beside);
          if (asked === undefined && !declaresAny(bundle)) return validate(all).issues;
          const own = explaining().explainPart(bundle, asked, counts);
          if (beside.length === 0) return own;
          counts.isPaused = true;
          const issues = explaining().explainPart(all, asked, counts);
          counts.isPaused = false;
          // Order alone is told by what is counted.
          return [...own.filter((i) => isEntryOrder(i)), ...issues.filter((i) => !isEntryOrder(i))];
        },
        rest: () => explaining().explainCounts(counts),
      };
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

function declaresAny(resource: unknown): boolean {
  return (resource as { meta?: { profile?: unknown } } | undefined)?.meta?.profile !== undefined;
}

function withEntries(bundle: unknown, beside: readonly unknown[]): unknown {
  const { entry } = bundle as { readonly entry?: readonly unknown[] };
  return { ...(bundle as object), entry: [...(entry ?? []), ...beside] };
}

function isEntryOrder({ rule, path }: Issue): boolean {
  return rule === "fhir/slice-order" && /^Bundle\.entry\[\d+\]$/.test(path);
}
