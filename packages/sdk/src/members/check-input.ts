import { HelsekontaktError, Personal } from "@helsekontakt/core";
import type { StagedMember } from "@helsekontakt/journal";
import { safeParsePersonNumber } from "@helsekontakt/validators/identifiers";
import { isoDate } from "../member-files/member-row.ts";
import type { PersonGuard } from "../person-guard.ts";
import type { MemberInput, MemberInputIssue, MemberInputProblem, ReconcileOptions } from "./types.ts";

type Told = (issue: Omit<MemberInputIssue, "line">) => void;

/** What the check needs to know of the run. */
export interface InputRules {
  readonly organisation: string;
  readonly organisations: ReadonlySet<string>;
  readonly controlDigits: NonNullable<ReconcileOptions["controlDigits"]>;
  readonly delta: boolean;
  readonly guard: PersonGuard;
  readonly production: boolean;
}

/**
 * A member of the input as the ledger takes it; nothing when it is not known who is meant. One whose person is known but
 * whose period cannot be used stays as it is: it is not absent.
 */
export function checkInput(input: MemberInput, rules: InputRules, tell: Told): StagedMember | undefined {
  const error = (problem: MemberInputProblem, message: string): undefined =>
    tell({ level: "error", problem, message }) as undefined;
  const fnr = typeof input.fnr === "string" ? input.fnr : input.fnr.reveal();
  if (!/^\d{11}$/.test(fnr)) return error("not-11-digits", "expected 11 digits, found something else");
  const number = safeParsePersonNumber(fnr);
  if (number === undefined || number.kind === "fhn")
    return error("no-person-number", "expected a fødselsnummer or D-number, found 11 digits that are none");
  const organisation = input.organisation ?? rules.organisation;
  if (!rules.organisations.has(organisation))
    return error("organisation", "expected an organisation that this input is about, found another");
  try {
    rules.guard(fnr, "the input");
  } catch (reason) {
    if (!(reason instanceof HelsekontaktError)) throw reason;
    return rules.production
      ? error("synthetic-person", "expected a real person's number in PROD, found a synthetic one")
      : error("real-person", "expected a synthetic number outside PROD, found one that may be a real person's");
  }
  const person = typeof input.fnr === "string" ? new Personal(fnr) : input.fnr;
  const kept: StagedMember = { person, organisation, start: "", end: "", keep: true };
  if (number.checksum === "invalid" && rules.controlDigits !== "off") {
    const message = "expected control digits that fit, found others";
    tell({ level: rules.controlDigits, problem: "control-digits", message });
    if (rules.controlDigits === "error") return kept;
  }
  if (rules.delta && input.withdrawn === true) return { ...kept, keep: false, withdrawn: true };
  for (const name of ["from", "to"] as const)
    if (isoDate(input[name]) === undefined) {
      error("date", `expected "${name}" as yyyy-mm-dd, found another form or a day that does not exist`);
      return kept;
    }
  if (input.to < input.from) {
    error("period", "expected an end on or after the start, found one before it");
    return kept;
  }
  return { person, organisation, start: input.from, end: input.to };
}
