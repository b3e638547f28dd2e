import { elements as elements10 } from "./gen/xsd/dialogmelding-1.0.ts";
import { elements as elements11 } from "./gen/xsd/dialogmelding-1.1.ts";
import type { ElementRegistry } from "./xml/table.ts";

/** Dialogue messages 1.0 (2006-10-11): types and tables. */
export * as v10 from "./gen/xsd/dialogmelding-1.0.ts";
/** Dialogue messages 1.1 (2013-01-23): types and tables. */
export * as v11 from "./gen/xsd/dialogmelding-1.1.ts";

/** The global elements of both versions. */
export const elements: ElementRegistry = { ...elements10, ...elements11 };
