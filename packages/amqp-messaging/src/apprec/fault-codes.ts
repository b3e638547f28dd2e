import { type CodeEntry, type Code8221, codeLists } from "@helsekontakt/types/codes";

/** What is known of one reason for a refusal: the list's own text, an explanation, and what Helsenorge means by it. */
export type AppRecFault = CodeEntry & { readonly code: Code8221 };

/**
 * Every reason of code list 8221, in the list's order. `helsenorge` is there for the ones that Helsenorge is expected to
 * send: T01, T02, E10 and E35.
 *
 * @see HITS 1217:2018, section 2.13; HITS 1218:2018, section 2.5
 */
export const appRecFaults: readonly AppRecFault[] = codeLists["8221"].codes;

/** What is known of a code, also in lower case or with blanks around it; undefined for a code of another list. */
export function appRecFault(code: string): AppRecFault | undefined {
  const wanted = code.trim().toUpperCase();
  return appRecFaults.find((fault) => fault.code === wanted);
}
