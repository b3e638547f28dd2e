/** Pasientrelasjon 2014-03-28: the persons that a message about a patient comes from or concerns. */
export {
  Pasientrelasjon,
  elements,
  types,
} from "./gen/xsd/pasientrelasjon-2014-03-28.ts";
