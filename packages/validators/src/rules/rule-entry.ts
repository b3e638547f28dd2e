import type { IssueLevel } from "@helsekontakt/core";

/** One rule of the validators, for people. */
export interface RuleEntry {
  /** Stable id, as `Issue.rule` has it. */
  readonly id: string;
  /** `varies`: the definition that states the rule gives the level. */
  readonly level: IssueLevel | "varies";
  readonly explanation: string;
  /** Where the rule is stated. */
  readonly source: readonly string[];
  /** Functions that it is about; absent: all, or none in particular. */
  readonly functions?: readonly string[];
  /** What about it nobody has confirmed. */
  readonly inferred?: string;
  /** True when data in specs/rules states the whole rule, and no code of its own judges it. */
  readonly byData?: true;
}

/** A guide's table of fields: M mandatory, O optional, C conditional, - not used. */
export interface FieldMatrix {
  readonly function: string;
  readonly title: string;
  readonly source: readonly string[];
  readonly inferred?: string;
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly field: string;
    readonly cells: readonly string[];
    /** Ids of the rules that judge the row. */
    readonly rules: readonly string[];
  }[];
}
