import {
  isDufNumber,
  isHerId,
  isHprNumber,
  isReshId,
  type OrganisationNumber,
  safeParseOrganisationNumber,
} from "./organisation.ts";
import { type Oid, safeParseOid } from "./oid.ts";
import { type PersonNumber, safeParsePersonNumber } from "./person-number.ts";
import { safeParseUuid, type Uuid } from "./uuid.ts";

/**
 * What a text is when it is taken for an identifier of a kind. `valid` is the strict answer, control digits included;
 * where the form alone is right, `valid` is false and the details say what is wrong.
 */
export type IdentifierClass =
  | ({ readonly kind: "person-number"; readonly valid: boolean } & { readonly number: PersonNumber })
  | ({ readonly kind: "organisation-number"; readonly valid: boolean } & { readonly number: OrganisationNumber })
  | { readonly kind: "her-id"; readonly valid: true }
  | { readonly kind: "hpr-number"; readonly valid: true }
  | { readonly kind: "resh-id"; readonly valid: true }
  | { readonly kind: "duf-number"; readonly valid: true }
  | { readonly kind: "oid"; readonly valid: true; readonly oid: Oid }
  | { readonly kind: "uuid"; readonly valid: true; readonly uuid: Uuid };

/** Kind of an identifier. */
export type IdentifierKind = IdentifierClass["kind"];

type Reader = (text: string) => IdentifierClass | undefined;

const readers: Readonly<Record<IdentifierKind, Reader>> = {
  "person-number": (text) => {
    const number = safeParsePersonNumber(text);
    return number && { kind: "person-number", valid: number.checksum !== "invalid", number };
  },
  "organisation-number": (text) => {
    const number = safeParseOrganisationNumber(text);
    return number && { kind: "organisation-number", valid: number.checksum === "valid", number };
  },
  "her-id": (text) => (isHerId(text) ? { kind: "her-id", valid: true } : undefined),
  "hpr-number": (text) => (isHprNumber(text) ? { kind: "hpr-number", valid: true } : undefined),
  "resh-id": (text) => (isReshId(text) ? { kind: "resh-id", valid: true } : undefined),
  "duf-number": (text) => (isDufNumber(text) ? { kind: "duf-number", valid: true } : undefined),
  oid: (text) => {
    const oid = safeParseOid(text);
    return oid && { kind: "oid", valid: true, oid };
  },
  uuid: (text) => {
    const uuid = safeParseUuid(text);
    return uuid && { kind: "uuid", valid: true, uuid };
  },
};

/** Takes a text for an identifier of one kind; `undefined` when it has not even the form. */
export function classifyIdentifier<K extends IdentifierKind>(
  kind: K,
  text: string,
): Extract<IdentifierClass, { readonly kind: K }> | undefined {
  return readers[kind](text) as Extract<IdentifierClass, { readonly kind: K }> | undefined;
}

/** Everything that a text can be, by its form: several kinds are plain numbers. */
export function identifierClasses(text: string): readonly IdentifierClass[] {
  return Object.values(readers).flatMap((read) => read(text) ?? []);
}
