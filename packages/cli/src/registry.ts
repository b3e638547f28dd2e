import { elements as apprec } from "@helsekontakt/types/apprec";
import { elements as base64container } from "@helsekontakt/types/base64container";
import { elements as dialogmelding } from "@helsekontakt/types/dialogmelding";
import { elements as helsepersonell } from "@helsekontakt/types/helsepersonell";
import { elements as msghead } from "@helsekontakt/types/msghead";
import { elements as pasientrelasjon } from "@helsekontakt/types/pasientrelasjon";
import { elements as tjenesteoversikt } from "@helsekontakt/types/tjenesteoversikt";
import type { ElementRegistry } from "@helsekontakt/types/xml";
import { elements as xmldsig } from "@helsekontakt/types/xmldsig";

/** Every element that has a table in this build. */
export const registry: ElementRegistry = {
  ...msghead,
  ...apprec,
  ...dialogmelding,
  ...base64container,
  ...helsepersonell,
  ...pasientrelasjon,
  ...tjenesteoversikt,
  ...xmldsig,
};
