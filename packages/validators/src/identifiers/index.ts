/** Identifiers of persons, health personnel, organisations and communication parties. */
export { isHerId, isHprNumber, isOrganisationNumber, isUuid } from "./organisation.ts";
export {
  ageOn,
  isPersonNumber,
  type PersonNumber,
  type PersonNumberKind,
  parsePersonNumber,
  safeParsePersonNumber,
} from "./person-number.ts";
