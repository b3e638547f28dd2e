/** Rules of Pasientrelasjon 2014-03-28. */
export { rules, types } from "../gen/xsd/pasientrelasjon-2014-03-28.ts";
