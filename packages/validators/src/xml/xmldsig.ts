/** Rules of XML signatures. */
export { rules, types } from "../gen/xsd/xmldsig.ts";
