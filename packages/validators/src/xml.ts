export type {
  AttributeRule,
  AttributeRuleRegistry,
  ContentModel,
  ContentRule,
  ElementRule,
  ElementRuleRegistry,
  IdentityPath,
  IdentityRule,
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
export { rules, types } from "./registry.ts";
