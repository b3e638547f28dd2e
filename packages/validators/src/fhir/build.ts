import { resourceTypes } from "@helsekontakt/types/fhir";
import { explaining } from "../fhir-explaining-on-demand.ts";
import { isOfType } from "../gen/fhir/core-fast.ts";
import { knownExtensions } from "../gen/fhir/extensions.ts";
import { fastProfiles } from "../gen/fhir/profiles-fast.ts";
import { createTwoSided } from "./validator.ts";

/** The validator of this package's own definitions. */
export const validator = createTwoSided({ isOfType, fastProfiles, knownExtensions, resourceTypes }, explaining);
