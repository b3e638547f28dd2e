/**
 * Volven code lists and identifier systems, generated from `specs/codes`. Lists marked `complete: false` are the part that
 * public sources give: a reader must tolerate other codes.
 */
import { type CodeTypes, codeLists } from "./gen/codes/index.ts";

export type { CodeEntry, CodeList } from "./gen/codes/code-list.ts";
export { identifierSystems } from "./gen/codes/identifier-systems.ts";
export {
  type Code7304,
  type Code7601,
  type Code7602,
  type Code7603,
  type Code7611,
  type Code7618,
  type Code7619,
  type Code8112,
  type Code8114,
  type Code8115,
  type Code8116,
  type Code8213,
  type Code8221,
  type Code8248,
  type Code8258,
  type Code8279,
  type Code9034,
  type Code9044,
  type Code9051,
  type Code9057,
  type Code9060,
  type Code9603,
  type CodeTypes,
  codeLists,
} from "./gen/codes/index.ts";

/** Number of a code list: four digits. */
export type CodeListId = keyof typeof codeLists;

/** A coded value as the XML codec represents CV: code, OID of the list, text. */
export interface CodedValue<Id extends CodeListId> {
  readonly $V: CodeTypes[Id];
  readonly $S: (typeof codeLists)[Id]["oid"];
  readonly $DN?: string;
}

/** A coded value as the XML codec represents CS, which has no S. */
export interface SimpleCodedValue<Id extends CodeListId> {
  readonly $V: CodeTypes[Id];
  readonly $DN?: string;
}

/** The OID of a code list: the S of a coded value. */
export function codeOid<Id extends CodeListId>(id: Id): (typeof codeLists)[Id]["oid"] {
  return codeLists[id].oid;
}

/** The FHIR system of a code list: its OID as a URN. */
export function codeSystem<Id extends CodeListId>(id: Id): `urn:oid:${(typeof codeLists)[Id]["oid"]}` {
  return `urn:oid:${codeOid(id)}`;
}

/** The Norwegian text of a code; undefined for a code that is not in the list, or one whose text no public source gives. */
export function codeLabel(id: CodeListId, code: string): string | undefined {
  const entries: readonly { readonly code: string; readonly label?: string }[] = codeLists[id].codes;
  return entries.find((entry) => entry.code === code)?.label;
}

/** True when the text is a code of the list; blanks at its ends count as a difference, so trim what comes from XML. */
export function isCode<Id extends CodeListId>(id: Id, text: string): text is CodeTypes[Id] & string {
  const entries: readonly { readonly code: string }[] = codeLists[id].codes;
  return entries.some((entry) => entry.code === text);
}

/** A CV: code, list and, where it is known, text. */
export function codedValue<Id extends CodeListId>(id: Id, code: CodeTypes[Id]): CodedValue<Id> {
  const label = codeLabel(id, code);
  return { $V: code, $S: codeOid(id), ...(label === undefined ? {} : { $DN: label }) };
}

/** A CS: code and, where it is known, text. */
export function simpleCodedValue<Id extends CodeListId>(id: Id, code: CodeTypes[Id]): SimpleCodedValue<Id> {
  const label = codeLabel(id, code);
  return { $V: code, ...(label === undefined ? {} : { $DN: label }) };
}
