import { elements as elements2014 } from "./gen/xsd/helsepersonell-2014-03-28.ts";
import { elements as elements2015 } from "./gen/xsd/helsepersonell-2015-05-04.ts";
import { elements as personElements } from "./gen/xsd/person-2014-03-28.ts";
import type { ElementRegistry } from "./xml/table.ts";

/** Lists of persons, 2014-03-28. */
export * as person from "./gen/xsd/person-2014-03-28.ts";
/** Helsepersonell 2014-03-28. */
export * as v2014 from "./gen/xsd/helsepersonell-2014-03-28.ts";
/** Helsepersonell 2015-05-04. */
export {
  HelsepersonelListe,
  Helsepersonell,
} from "./gen/xsd/helsepersonell-2015-05-04.ts";

/** The global elements of both versions, and of the person list. */
export const elements: ElementRegistry = { ...elements2014, ...elements2015, ...personElements };
