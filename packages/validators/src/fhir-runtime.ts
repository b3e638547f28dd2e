/** What modules that `gen-fhir` writes outside this package call, and the validator over them. */
// Whole modules, by names that are files of their own once built: Node makes an object of each here, where it is wanted. The
// bundler would make it beside the module, where all who load the validator pay for it.
import * as ownAlternatives from "#fhir/alternatives";
import * as ownFast from "#fhir/fast";
import * as ownFhirPath from "#fhir/fhirpath";
import * as ownPrimitives from "#fhir/primitives";
import * as ownRules from "#fhir/rules";
import type * as alternativesOf from "./fhir/alternatives.ts";
import type * as fastOf from "./fhir/fast.ts";
import type * as fhirPathOf from "./fhir/fhirpath.ts";
import type * as primitivesOf from "./fhir/primitives.ts";
import type * as rulesOf from "./fhir/rules.ts";

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
export { isNarrativeText } from "./fhir/narrative.ts";
export type { BundleParts, FhirValidator } from "./fhir/validator.ts";

/** Elements that keep one of several profiles. */
export const alternatives: typeof alternativesOf = ownAlternatives;
/** What quick checks call. */
export const fast: typeof fastOf = ownFast;
/** FHIRPath. */
export const fp: typeof fhirPathOf = ownFhirPath;
/** Primitive types. */
export const p: typeof primitivesOf = ownPrimitives;
/** Rules that no definition states. */
export const rules: typeof rulesOf = ownRules;
