import { elements as helsedirektoratetElements } from "./gen/xsd/tjenesteoversikt-1.0-helsedirektoratet.ts";
import { elements as omradeElements } from "./gen/xsd/tjenesteoversikt-1.0-omrade.ts";
import { elements as wwwElements } from "./gen/xsd/tjenesteoversikt-1.0-www.ts";
import type { ElementRegistry } from "./xml/table.ts";

/**
 * TjenesteOversikt 1.0. The types here take both spellings, `TjenesteOmråde` (published schema) and `TjenesteOmrade`
 * (guide and examples); exactly one of the two stands in a `Tjeneste`.
 */
export {
  HealthcareProfessional,
  Person,
  RelaterteRoller,
  TilknyttetEnhet,
  Tjeneste,
  TjenesteOversikt,
} from "./gen/xsd/tjenesteoversikt-1.0-omrade.ts";
/** The published schema as it stands: `TjenesteOmråde` only. */
export * as published from "./gen/xsd/tjenesteoversikt-1.0.ts";

/** Global elements for readers: both spellings, in each of the three namespaces that upstream documents name. */
export const elements: ElementRegistry = { ...helsedirektoratetElements, ...wwwElements, ...omradeElements };
