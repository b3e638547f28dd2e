import { elements as apprec } from "@helsekontakt/types/apprec";
import { elements as base64 } from "@helsekontakt/types/base64container";
import { elements as dialog } from "@helsekontakt/types/dialogmelding";
import { elements as msghead } from "@helsekontakt/types/msghead";
import { elements as pasientrelasjon } from "@helsekontakt/types/pasientrelasjon";
import { elements as tjenesteoversikt } from "@helsekontakt/types/tjenesteoversikt";
import type { ElementRegistry } from "@helsekontakt/types/xml";

/** What Helsenorge's side can read. */
export const messageElements: ElementRegistry = {
  ...msghead,
  ...apprec,
  ...dialog,
  ...tjenesteoversikt,
  ...pasientrelasjon,
  ...base64,
};
