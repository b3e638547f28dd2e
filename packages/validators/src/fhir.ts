/** Validation of FHIR R4 resources and of the profiles of this build. */
import { HelsekontaktError, type Issue, type ValidationResult, validationResult } from "@helsekontakt/core";
import { fhirFromXml, resourceTypes } from "@helsekontakt/types/fhir";
import type { XmlElement } from "@helsekontakt/types/xml";
import { FhirContext, type FhirContextOptions, profileOf } from "./fhir/context.ts";
import { resourceValidators } from "./gen/fhir/core.ts";
import { profileRules } from "./gen/fhir/profiles.ts";

export { executedInvariants, notExecuted } from "./gen/fhir/coverage.ts";

const options: FhirContextOptions = {
  resources: resourceValidators,
  profiles: profileRules,
  resourceTypes: new Set(resourceTypes),
};

/** Canonical addresses of the profiles that {@link validateFhir} knows. */
export const fhirProfiles: readonly string[] = Object.keys(profileRules);

export interface ValidateFhirOptions {
  /** Canonical address of a profile, one of {@link fhirProfiles}, that the resource must satisfy as well. */
  readonly profile?: string;
}

/**
 * Validates a resource in its JSON form: structure, cardinality, primitives, bindings, references inside the document,
 * invariants, and the profile that is asked for together with those that the resource declares in `meta.profile`.
 *
 * Paths read `EpisodeOfCare.contained[0].participant[1].role`; rules are `fhir/…`, invariants by their own key
 * (`fhir/per-1`). A resource of a type that this build does not have gives the warning `fhir/not-checked`.
 *
 * @param resource - what `parseFhirJson` or `fhirFromXml` gives, or any value: nothing is assumed about it.
 * @throws {HelsekontaktError} `input/invalid` when the profile asked for is not in this build.
 */
export function validateFhir(resource: unknown, { profile }: ValidateFhirOptions = {}): ValidationResult {
  const rule = profile === undefined ? undefined : profileOf(profileRules, profile);
  if (profile !== undefined && !rule)
    throw new HelsekontaktError("input/invalid", "expected a profile of this build, found another address", {
      hint: "fhirProfiles lists the addresses",
    });
  const context = new FhirContext(options);
  context.root(resource);
  if (rule && !declares(resource, profile as string)) context.rootProfile(resource, rule);
  return validationResult(context.issues);
}

/**
 * Validates a resource in its XML form: what XML alone can get wrong (`fhir/xml-…`), then as {@link validateFhir}.
 *
 * @param element - the resource's element, for example the one inside `Content` of a MsgHead document.
 * @throws {HelsekontaktError} `fhir/not-readable` when the element is no resource of this build; `input/invalid` as
 *   {@link validateFhir}.
 */
export function validateFhirXml(element: XmlElement, settings: ValidateFhirOptions = {}): ValidationResult {
  const issues: Issue[] = [];
  const resource = fhirFromXml(element, { issues });
  return validationResult([...issues, ...validateFhir(resource, settings).issues]);
}

/** True when the resource declares the profile itself, so that it has been run already. */
function declares(resource: unknown, profile: string): boolean {
  const declared = (resource as { meta?: { profile?: unknown } } | undefined)?.meta?.profile;
  return Array.isArray(declared) && declared.some((u) => typeof u === "string" && u.split("|")[0] === profile);
}
