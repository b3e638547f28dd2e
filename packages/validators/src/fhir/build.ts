import { resourceTypes } from "@helsekontakt/types/fhir";
import { resourceValidators } from "../gen/fhir/core.ts";
import { isOfType } from "../gen/fhir/core-fast.ts";
import { profileRules } from "../gen/fhir/profiles.ts";
import { fastProfiles } from "../gen/fhir/profiles-fast.ts";
import { createFhirValidator } from "./validator.ts";

/** The validator of this package's own definitions. */
export const validator = createFhirValidator({
  resourceValidators,
  isOfType,
  profileRules,
  fastProfiles,
  resourceTypes,
});
