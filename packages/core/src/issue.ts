import { HelsekontaktError } from "./error.ts";
import type { ErrorCode } from "./error-codes.ts";

/** `error`: the schema or profile says so. `warning`: a rule that Helsenorge states but does not enforce. */
export type IssueLevel = "error" | "warning";

/** One finding of a validator. It never holds the value that was found, which may be personal. */
export interface Issue {
  readonly level: IssueLevel;
  /** Stable id of the rule, e.g. `xsd/element-expected`, `fhir/required`, `profile/her-id-levels`. */
  readonly rule: string;
  /** `/MsgHead/MsgInfo/Sender/Organisation/Ident[1]/TypeId/@V`, or the FHIR path. Indexes count from 1 in XML, from 0 in FHIR. */
  readonly path: string;
  /** Line in the source text, from 1, where there is a text. */
  readonly line?: number;
  /** What was expected here, then what kind of thing was found. */
  readonly message: string;
}

export interface ValidationResult {
  /** False exactly when an issue has level `error`. */
  readonly valid: boolean;
  readonly issues: readonly Issue[];
}

/** How packages receive a validator without depending on one. */
export type Validator<T> = (value: T) => ValidationResult;

export function validationResult(issues: readonly Issue[]): ValidationResult {
  return { valid: !issues.some((i) => i.level === "error"), issues };
}

/** A document or resource that breaks its schema or profile; {@link issues} lists every finding. */
export class ValidationError extends HelsekontaktError {
  static override readonly brandName: string = "ValidationError";
  readonly issues: readonly Issue[];

  constructor(code: Extract<ErrorCode, "xml/not-valid" | "fhir/not-valid">, issues: readonly Issue[], what: string) {
    const first = issues.find((i) => i.level === "error");
    super(
      code,
      `expected ${what} to be valid, found ${issues.length} issue(s)${first ? `; first at ${first.path}: ${first.message}` : ""}`,
      {
        context: { rules: [...new Set(issues.map((i) => i.rule))] },
      },
    );
    this.issues = issues;
  }
}
