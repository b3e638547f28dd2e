/** Validation of messages: schemas, FHIR profiles and Helsenorge's rules. */
export { executedInvariants, fhirProfiles, notExecuted, validateFhir, type ValidateFhirOptions } from "./fhir.ts";
export { checkMessageRules } from "./rules/index.ts";
export { validateMessage, type ValidateMessageOptions } from "./validate-message.ts";
export { rules, types, validateXml, type ValidateXmlOptions, type XmlValidationResult } from "./xml.ts";
