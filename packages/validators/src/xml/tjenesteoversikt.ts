/** Rules of TjenesteOversikt 1.0, as published. */
export { rules, types } from "../gen/xsd/tjenesteoversikt-1.0.ts";
