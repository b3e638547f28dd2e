import type { AktivStatus } from "./status.ts";

/**
 * How a citizen can be reached. `self`: directly. `representative`: through a parent or by power of attorney. `none`:
 * not on Helsenorge. `unknown`: the service's answer does not mention the number, which is not a no.
 */
export type Reach = "self" | "representative" | "none" | "unknown";

/** The rules that lead from a status to a reach, by their stable names. */
export const reachRules = {
  "self-active": { reach: "self", because: "active oneself, and nobody has been assigned to act for the citizen" },
  "assigned-representative": {
    reach: "representative",
    because: "a power of attorney is assigned since the citizen cannot consent: contact the representative only",
  },
  "via-others": { reach: "representative", because: "not active oneself, but a parent or by power of attorney" },
  "assigned-but-nobody-active": {
    reach: "none",
    because: "a power of attorney is assigned, and nobody who has it is active",
  },
  "nobody-active": { reach: "none", because: "neither the citizen nor anybody for the citizen is active" },
  "not-in-answer": { reach: "unknown", because: "the answer does not mention the number, which is not a no" },
} as const satisfies Record<string, { readonly reach: Reach; readonly because: string }>;

/** Name of a rule in {@link reachRules}. */
export type ReachRule = keyof typeof reachRules;

/**
 * The rule that applies to a status. The statuses are the service's, the reading is ours: upstream describes the flags
 * and not what to make of them together.
 *
 * @see HelsenorgeAktivSjekken v1, response
 */
export function reachRuleOf(status: AktivStatus | undefined): ReachRule {
  if (status === undefined) return "not-in-answer";
  const { erDigitaltAktivSelv: self, erDigitaltAktivViaAndre: others, tildeltFullmakt: assigned } = status;
  if (assigned) return others ? "assigned-representative" : "assigned-but-nobody-active";
  return self ? "self-active" : others ? "via-others" : "nobody-active";
}
