/** Every rule of the validators, explained: what it demands, how grave it is, where it is stated, what is inferred. */
import { invariantWords } from "./fhir/words.ts";
import { executedInvariants } from "./gen/fhir/coverage.ts";
import { fieldMatrices, ruleEntries } from "./gen/rules/catalogue.ts";
import type { RuleEntry } from "./rules/rule-entry.ts";

export type { FieldMatrix, RuleEntry } from "./rules/rule-entry.ts";
export { fieldMatrices };

/** All rules by id: those that `specs/rules` states, and the invariants of FHIR types and profiles. */
export const ruleCatalogue: ReadonlyMap<string, RuleEntry> = new Map(
  [
    ...Object.entries(executedInvariants).map(([key, where]) => invariant(key, where)),
    // Behind the invariants: a rule that has an explanation of its own keeps it.
    ...ruleEntries,
  ].map((rule) => [rule.id, rule] as const),
);

function invariant(key: string, where: { readonly at: string; readonly expression: string }): RuleEntry {
  const words = invariantWords[key]?.replace(/^expected /, "");
  const text = words === undefined ? "" : `${words.charAt(0).toUpperCase()}${words.slice(1)}. `;
  const own = key.startsWith("hk-");
  return {
    id: `fhir/${key}`,
    // Own profiles only recommend some; the invariants of R4 that run here are errors.
    level: own ? "varies" : "error",
    explanation: `${text}Invariant ${key}, first stated at ${where.at}: ${where.expression}`,
    source: [own ? "profiles of this build" : `FHIR R4, ${where.at}`],
  };
}
