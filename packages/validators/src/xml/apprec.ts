import { rules as rules1, types as types1 } from "../gen/xsd/apprec-1.0.ts";
import { rules as rules2, types as types2 } from "../gen/xsd/apprec-1.1.ts";
import type { ElementRuleRegistry, TypeRuleRegistry } from "../xsd/rules.ts";

/** The global elements of application receipts, 1.0 (2004-11-21) and 1.1 (2012-02-15). */
export const rules: ElementRuleRegistry = { ...rules1, ...rules2 };
/** The named types of application receipts, 1.0 (2004-11-21) and 1.1 (2012-02-15). */
export const types: TypeRuleRegistry = { ...types1, ...types2 };
