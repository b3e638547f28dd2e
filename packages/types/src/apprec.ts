import { elements as elements10 } from "./gen/xsd/apprec-1.0.ts";
import { elements as elements11 } from "./gen/xsd/apprec-1.1.ts";
import type { ElementRegistry } from "./xml/table.ts";

/** Application receipts 1.0 (2004-11-21): types and tables. */
export * as v10 from "./gen/xsd/apprec-1.0.ts";
/** Application receipts 1.1 (2012-02-15): types and tables. */
export * as v11 from "./gen/xsd/apprec-1.1.ts";

/** The global elements of both versions. */
export const elements: ElementRegistry = { ...elements10, ...elements11 };
