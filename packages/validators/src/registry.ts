import { rules as apprec10, types as apprec10Types } from "./gen/xsd/apprec-1.0.ts";
import { rules as apprec11, types as apprec11Types } from "./gen/xsd/apprec-1.1.ts";
import { rules as base64container, types as base64containerTypes } from "./gen/xsd/base64container-1.0.ts";
import { rules as dialogmelding10, types as dialogmelding10Types } from "./gen/xsd/dialogmelding-1.0.ts";
import { rules as dialogmelding11, types as dialogmelding11Types } from "./gen/xsd/dialogmelding-1.1.ts";
import { rules as felleskomponent1, types as felleskomponent1Types } from "./gen/xsd/felleskomponent1-1.1.ts";
import { rules as helsepersonell14, types as helsepersonell14Types } from "./gen/xsd/helsepersonell-2014-03-28.ts";
import { rules as helsepersonell15, types as helsepersonell15Types } from "./gen/xsd/helsepersonell-2015-05-04.ts";
import { rules as kith, types as kithTypes } from "./gen/xsd/kith.ts";
import { rules as msghead, types as msgheadTypes } from "./gen/xsd/msghead-1.2.ts";
import { rules as pasientrelasjon, types as pasientrelasjonTypes } from "./gen/xsd/pasientrelasjon-2014-03-28.ts";
import { rules as person, types as personTypes } from "./gen/xsd/person-2014-03-28.ts";
import { rules as tjenesteoversikt, types as tjenesteoversiktTypes } from "./gen/xsd/tjenesteoversikt-1.0.ts";
import { rules as xmldsig, types as xmldsigTypes } from "./gen/xsd/xmldsig.ts";
import type { ElementRuleRegistry, TypeRuleRegistry } from "./xsd/rules.ts";

/** The global elements of every schema in this build. */
export const rules: ElementRuleRegistry = {
  ...apprec10,
  ...apprec11,
  ...base64container,
  ...dialogmelding10,
  ...dialogmelding11,
  ...felleskomponent1,
  ...helsepersonell14,
  ...helsepersonell15,
  ...kith,
  ...msghead,
  ...pasientrelasjon,
  ...person,
  ...tjenesteoversikt,
  ...xmldsig,
};

/** The named types of every schema in this build, as `xsi:type` may name them where anything is allowed. */
export const types: TypeRuleRegistry = {
  ...apprec10Types,
  ...apprec11Types,
  ...base64containerTypes,
  ...dialogmelding10Types,
  ...dialogmelding11Types,
  ...felleskomponent1Types,
  ...helsepersonell14Types,
  ...helsepersonell15Types,
  ...kithTypes,
  ...msgheadTypes,
  ...pasientrelasjonTypes,
  ...personTypes,
  ...tjenesteoversiktTypes,
  ...xmldsigTypes,
};
