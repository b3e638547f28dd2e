/** What modules that `gen-fhir` writes outside this package call, and the validator over them. */
export * as alternatives from "./fhir/alternatives.ts";
export { isBound } from "./fhir/bound.ts";
export { validator as ownValidator } from "./fhir/build.ts";
export type {
  BoundSet,
  CodeSet,
  FhirContext,
  FhirObject,
  ProfileRule,
  ValidateType,
} from "./fhir/context.ts";
export { createFhirValidator, type FhirModules } from "./fhir/explaining.ts";
export type { ExtensionTable } from "./fhir/extensions.ts";
export { type Beside, countAlone, type FastContext, type FastProfile } from "./fhir/fast.ts";
export * as fast from "./fhir/fast.ts";
export * as fp from "./fhir/fhirpath.ts";
export { isNarrativeText } from "./fhir/narrative.ts";
export * as p from "./fhir/primitives.ts";
export * as rules from "./fhir/rules.ts";
export type { FhirValidator } from "./fhir/validator.ts";
