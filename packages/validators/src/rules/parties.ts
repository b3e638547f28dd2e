import type { Organisation } from "@helsekontakt/types/msghead";
import type { Incomplete, RuleContext } from "./context.ts";

interface TypedIdent {
  readonly Id?: string | undefined;
  readonly TypeId?: { readonly $V?: string | undefined } | undefined;
}

/** The HER-id among identifiers, wherever it stands. */
export function herIdOf(idents: readonly TypedIdent[] | undefined): string | undefined {
  return idents?.find((i) => i.TypeId?.$V?.trim() === "HER")?.Id?.trim();
}

/** HER-ids of both levels of a party. */
export function herIdsOf(party: Incomplete<Organisation> | undefined): {
  readonly level1: string | undefined;
  readonly level2: string | undefined;
} {
  return {
    level1: herIdOf(party?.Ident),
    level2: herIdOf((party?.Organisation ?? party?.HealthcareProfessional)?.Ident),
  };
}

/** Whether Helsenorge sent the message; undefined when nobody said who Helsenorge is. */
export function isFromHelsenorge(context: RuleContext): boolean | undefined {
  const { helsenorge } = context.surroundings;
  if (helsenorge === undefined || helsenorge.length === 0) return undefined;
  const { level1, level2 } = herIdsOf(context.head.MsgInfo?.Sender?.Organisation);
  return [level1, level2].some((id) => id !== undefined && helsenorge.includes(id));
}
