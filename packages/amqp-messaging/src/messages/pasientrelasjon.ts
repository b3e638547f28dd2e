import { Personal } from "@helsekontakt/core";
import { type Code7611, codedValue } from "@helsekontakt/types/codes";
import type { Pasientrelasjon } from "@helsekontakt/types/pasientrelasjon";
import type { AnyElement } from "@helsekontakt/types/xml";

import { isDNumber, reveal } from "./party.ts";

const rootName = "{http://www.kith.no/xmlstds/pasientrelasjon/2014-03-28}Pasientrelasjon";

/** Somebody who acts for the patient: parent, guardian, or by power of attorney. `MsgInfo/Patient` stays the patient. */
export interface Representative {
  /** List 7611. Messages from before October 2017 may carry another list's code. */
  readonly relation: Code7611;
  readonly fnr: Personal | string;
  readonly familyName: Personal | string;
  readonly givenName: Personal | string;
}

/** @see HITS 1217:2018 §2.5 */
export function buildPasientrelasjon(representative: Representative): AnyElement {
  const fnr = reveal(representative.fnr);
  const value: Pasientrelasjon = {
    Person: [
      {
        FamilyName: reveal(representative.familyName),
        GivenName: reveal(representative.givenName),
        Ident: [{ Id: fnr, TypeId: codedValue("8116", isDNumber(fnr) ? "DNR" : "FNR") }],
      },
    ],
    Relasjon: codedValue("7611", representative.relation),
  };
  return { name: rootName, value };
}

/** The representative that a Pasientrelasjon names; nothing when the payload is another one or names nobody. */
export function readPasientrelasjon(item: AnyElement): Representative | undefined {
  if (item.name !== rootName || item.value === undefined) return undefined;
  const { Person, Relasjon } = item.value as Pasientrelasjon;
  const person = Person?.[0];
  if (person === undefined) return undefined;
  return {
    relation: (Relasjon?.$V ?? "") as Code7611,
    fnr: new Personal(person.Ident?.[0]?.Id ?? ""),
    familyName: new Personal(person.FamilyName ?? ""),
    givenName: new Personal(person.GivenName ?? ""),
  };
}
