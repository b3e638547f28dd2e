import * as apprec from "@helsekontakt/types/apprec";
import * as base64container from "@helsekontakt/types/base64container";
import * as dialogmelding from "@helsekontakt/types/dialogmelding";
import * as helsepersonell from "@helsekontakt/types/helsepersonell";
import * as msghead from "@helsekontakt/types/msghead";
import * as pasientrelasjon from "@helsekontakt/types/pasientrelasjon";
import * as tjenesteoversikt from "@helsekontakt/types/tjenesteoversikt";
import type { ElementRegistry } from "@helsekontakt/types/xml";
import * as xmldsig from "@helsekontakt/types/xmldsig";

/** Every element that has a table. */
export const registry: ElementRegistry = {
  ...msghead.elements,
  ...apprec.elements,
  ...dialogmelding.elements,
  ...base64container.elements,
  ...helsepersonell.elements,
  ...pasientrelasjon.elements,
  ...tjenesteoversikt.elements,
  ...xmldsig.elements,
};
