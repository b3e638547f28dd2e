/** Validation of FHIR R4 resources and of the profiles of this build. */
import { type Issue, type ValidationResult, validationResult } from "@helsekontakt/core";
import { fhirFromXml } from "@helsekontakt/types/fhir";
import type { XmlElement } from "@helsekontakt/types/xml";
import { validator } from "./fhir/build.ts";
import type { ValidateFhirOptions } from "./fhir/validator.ts";

export type { ValidateFhirOptions } from "./fhir/validator.ts";
export { executedInvariants, notExecuted } from "./gen/fhir/coverage.ts";

/** Canonical addresses of the profiles that {@link validateFhir} knows. */
export const fhirProfiles: readonly string[] = validator.profiles;

/**
 * Validates a resource in its JSON form: structure, cardinality, primitives, bindings, references inside the document,
 * invariants, and the profile that is asked for together with those that the resource declares in `meta.profile`.
 *
 * Paths read `EpisodeOfCare.contained[0].participant[1].role`; rules are `fhir/…`, invariants by their own key
 * (`fhir/per-1`). A resource of a type that this build does not have, or that declares a profile that it does not have,
 * gives the warning `fhir/not-checked`. A resource with nothing to say about costs a fraction of its `JSON.parse`: the
 * checks that explain run only after others have found that there is something.
 *
 * @param resource - what `parseFhirJson` or `fhirFromXml` gives, or any value: nothing is assumed about it.
 * @throws {HelsekontaktError} `input/invalid` when the profile asked for is not in this build.
 */
export function validateFhir(resource: unknown, options: ValidateFhirOptions = {}): ValidationResult {
  return validator.validate(resource, options);
}

/**
 * True when {@link validateFhir} finds no error.
 *
 * @param resource - any value: nothing is assumed about it.
 * @throws {HelsekontaktError} `input/invalid` as {@link validateFhir}.
 */
export function isFhir(resource: unknown, options: ValidateFhirOptions = {}): boolean {
  return validator.is(resource, options);
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
