import { rules as rules1, types as types1 } from "../gen/xsd/dialogmelding-1.0.ts";
import { rules as rules2, types as types2 } from "../gen/xsd/dialogmelding-1.1.ts";
import type { ElementRuleRegistry, TypeRuleRegistry } from "../xsd/rules.ts";

/** The global elements of dialogue messages, 1.0 (2006-10-11) and 1.1 (2013-01-23). */
export const rules: ElementRuleRegistry = { ...rules1, ...rules2 };
/** The named types of dialogue messages, 1.0 (2006-10-11) and 1.1 (2013-01-23). */
export const types: TypeRuleRegistry = { ...types1, ...types2 };
