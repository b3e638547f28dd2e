/** Validation of XML without any rules: those of one family of messages are in `@helsekontakt/validators/xml/msghead` and its siblings. */
export type {
  AttributeRule,
  AttributeRuleRegistry,
  ContentModel,
  ContentRule,
  ElementRule,
  ElementRuleRegistry,
  SimpleRule,
  TypeRule,
  TypeRuleRegistry,
  WildcardRule,
} from "./xsd/rules.ts";
export {
  decodeAndValidateXml,
  type DecodedAndValidated,
  validateXml,
  type ValidateXmlOptions,
  type XmlValidationResult,
} from "./xsd/validate-xml.ts";
