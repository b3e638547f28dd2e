import { resourceTypes } from "@helsekontakt/types/fhir";
import { createExplaining, type Explaining } from "./fhir/explaining.ts";
import { resourceValidators } from "./gen/fhir/core.ts";
import { knownExtensions } from "./gen/fhir/extensions.ts";
import { profileRules } from "./gen/fhir/profiles.ts";

const own = createExplaining({ resourceValidators, profileRules, knownExtensions, resourceTypes });

/** The checks that explain, of this package's own definitions. */
export function explaining(): Explaining {
  return own;
}
