/** Identifiers of persons, health personnel, organisations, communication parties, code lists and messages. */
export { classifyIdentifier, type IdentifierClass, identifierClasses, type IdentifierKind } from "./classify.ts";
export { isOid, type Oid, safeParseOid } from "./oid.ts";
export {
  isDufNumber,
  isHerId,
  isHprNumber,
  isOrganisationNumber,
  isReshId,
  type OrganisationNumber,
  safeParseOrganisationNumber,
} from "./organisation.ts";
export {
  ageOn,
  isPersonNumber,
  type PersonNumber,
  type PersonNumberKind,
  parsePersonNumber,
  safeParsePersonNumber,
} from "./person-number.ts";
export { isUuid, safeParseUuid, type Uuid } from "./uuid.ts";
