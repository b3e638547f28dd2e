import { resourceTypes } from "@helsekontakt/types/fhir";
import { createExplaining, type Explaining } from "./fhir/explaining.ts";
import { resourceValidators } from "./gen/fhir/core.ts";
import { isOfRareType } from "./gen/fhir/core-fast-rare.ts";
import { knownExtensions } from "./gen/fhir/extensions.ts";
import { profileRules } from "./gen/fhir/profiles.ts";

let own: Explaining | undefined;

/** The checks that explain, of this package's own definitions. Made when they are asked for: what they need may be loaded last. */
export function explaining(): Explaining {
  own ??= createExplaining({ resourceValidators, profileRules, isOfRareType, knownExtensions, resourceTypes });
  return own;
}
