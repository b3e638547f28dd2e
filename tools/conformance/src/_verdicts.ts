import { HelsekontaktError, type Issue } from "@helsekontakt/core";
import { readXml } from "@helsekontakt/types/xml";
import { type ElementRuleRegistry, type TypeRuleRegistry, validateXml } from "@helsekontakt/validators/xml";
// Both passes of the validator, which its public function joins.
import { XsdJudge } from "../../../packages/validators/src/xsd/judge.ts";
import { XsdValidator } from "../../../packages/validators/src/xsd/validator.ts";

/** What our validator says of a document, pass by pass. */
export interface Verdicts {
  /** The public verdict. */
  readonly valid: boolean;
  readonly issues: readonly Issue[];
  /** The fast pass was certain that the document is valid. */
  readonly sure: boolean;
  /** The explaining pass alone. */
  readonly explained: boolean;
}

const nothing: ReadonlySet<string> = new Set();

/** Runs the public function, the fast pass and the explaining pass on one document. */
export function verdicts(bytes: Uint8Array, registry: ElementRuleRegistry, types: TypeRuleRegistry): Verdicts {
  const { valid, issues } = validateXml(bytes, { registry, types });
  const judge = new XsdJudge(registry, nothing);
  const validator = new XsdValidator(registry, types, 1000);
  const read = (handler: XsdJudge | XsdValidator): boolean => {
    try {
      readXml(bytes, handler);
      return true;
    } catch (error) {
      if (error instanceof HelsekontaktError) return false;
      throw error;
    }
  };
  const sure = read(judge) && judge.sure;
  const explained = read(validator) && validator.issues.length === 0;
  return { valid, issues, sure, explained };
}
