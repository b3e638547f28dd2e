import { rules as rules1, types as types1 } from "../gen/xsd/helsepersonell-2014-03-28.ts";
import { rules as rules2, types as types2 } from "../gen/xsd/helsepersonell-2015-05-04.ts";
import { rules as rules3, types as types3 } from "../gen/xsd/person-2014-03-28.ts";
import type { ElementRuleRegistry, TypeRuleRegistry } from "../xsd/rules.ts";

/** The global elements of Helsepersonell 2014-03-28 and 2015-05-04, and of lists of persons. */
export const rules: ElementRuleRegistry = { ...rules1, ...rules2, ...rules3 };
/** The named types of Helsepersonell 2014-03-28 and 2015-05-04, and of lists of persons. */
export const types: TypeRuleRegistry = { ...types1, ...types2, ...types3 };
