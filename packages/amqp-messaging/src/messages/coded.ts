import { type CodeListId, codeOid, codeText } from "@helsekontakt/types/codes";

/** A coded value as MsgHead's CS: value and display text. */
export interface Cs {
  $V: string;
  $DN: string;
}

/** A coded value as MsgHead's CV: value, code list and display text. */
export interface Cv extends Cs {
  $S: string;
}

/** A code of a Volven list with its display text; the text is that of specs/codes. */
export function cs<L extends CodeListId>(list: L, value: Parameters<typeof codeText<L>>[1]): Cs {
  return { $V: value, $DN: codeText(list, value) };
}

/** A code of a Volven list with the list's OID and its display text. */
export function cv<L extends CodeListId>(list: L, value: Parameters<typeof codeText<L>>[1]): Cv {
  return { $V: value, $S: codeOid(list), $DN: codeText(list, value) };
}
