/** Validation of messages: schemas, FHIR profiles and Helsenorge's rules. */
export { type FieldMatrix, fieldMatrices, ruleCatalogue, type RuleEntry } from "./catalogue.ts";
export { executedInvariants, fhirProfiles, notExecuted, validateFhir, type ValidateFhirOptions } from "./fhir.ts";
export { checkMessageRules, type MessageSurroundings } from "./rules/index.ts";
export { validateMessage, type ValidateMessageOptions } from "./validate-message.ts";
export { rules, types, validateXml, type ValidateXmlOptions, type XmlValidationResult } from "./xml.ts";
