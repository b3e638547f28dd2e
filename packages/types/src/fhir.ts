/** FHIR R4 as Helsenorge uses it: generated types and profiles, JSON and XML in both directions. */
export { decimalFromText, FhirDecimal } from "./fhir/decimal.ts";
export { fhirNamespace } from "./fhir/fields.ts";
export { fhirFromXml, type FhirFromXmlOptions } from "./fhir/from-xml.ts";
export { parseFhirJson, stringifyFhirJson } from "./fhir/json.ts";
export { fhirToXml } from "./fhir/to-xml.ts";
export { parseXhtml, stringifyXhtml, xhtmlNamespace } from "./fhir/xhtml.ts";
export type * from "./gen/fhir/profiles.ts";
export { profileUrls } from "./gen/fhir/profiles.ts";
export { resourceTypes, typeTables } from "./gen/fhir/tables.ts";
export type { FhirFieldRow, FhirTypeTable } from "./fhir/table.ts";
export type * from "./gen/fhir/types.ts";
