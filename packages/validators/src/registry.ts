import { rules as felleskomponent1, types as felleskomponent1Types } from "./gen/xsd/felleskomponent1-1.1.ts";
import { rules as kith, types as kithTypes } from "./gen/xsd/kith.ts";
import { rules as apprec, types as apprecTypes } from "./xml/apprec.ts";
import { rules as base64container, types as base64containerTypes } from "./xml/base64container.ts";
import { rules as dialogmelding, types as dialogmeldingTypes } from "./xml/dialogmelding.ts";
import { rules as helsepersonell, types as helsepersonellTypes } from "./xml/helsepersonell.ts";
import { rules as msghead, types as msgheadTypes } from "./xml/msghead.ts";
import { rules as pasientrelasjon, types as pasientrelasjonTypes } from "./xml/pasientrelasjon.ts";
import { rules as tjenesteoversikt, types as tjenesteoversiktTypes } from "./xml/tjenesteoversikt.ts";
import { rules as xmldsig, types as xmldsigTypes } from "./xml/xmldsig.ts";
import type { ElementRuleRegistry, TypeRuleRegistry } from "./xsd/rules.ts";

/** The global elements of every schema in this build. */
export const rules: ElementRuleRegistry = {
  ...apprec,
  ...base64container,
  ...dialogmelding,
  ...felleskomponent1,
  ...helsepersonell,
  ...kith,
  ...msghead,
  ...pasientrelasjon,
  ...tjenesteoversikt,
  ...xmldsig,
};

/** The named types of every schema in this build, as `xsi:type` may name them where anything is allowed. */
export const types: TypeRuleRegistry = {
  ...apprecTypes,
  ...base64containerTypes,
  ...dialogmeldingTypes,
  ...felleskomponent1Types,
  ...helsepersonellTypes,
  ...kithTypes,
  ...msgheadTypes,
  ...pasientrelasjonTypes,
  ...tjenesteoversiktTypes,
  ...xmldsigTypes,
};
