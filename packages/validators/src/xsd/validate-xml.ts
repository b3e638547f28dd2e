import { HelsekontaktError, type ValidationResult, validationResult } from "@helsekontakt/core";
import { type ReadXmlOptions, readXml } from "@helsekontakt/types/xml";
import type { ElementRuleRegistry, TypeRuleRegistry } from "./rules.ts";
import { XsdValidator } from "./validator.ts";

export interface ValidateXmlOptions extends ReadXmlOptions {
  /** The elements that can be a root or stand behind a wildcard. */
  readonly registry: ElementRuleRegistry;
  /** Types that `xsi:type` may name where anything is allowed. */
  readonly types?: TypeRuleRegistry;
  /** Namespaces whose elements stand behind wildcards unchecked, because another validator has them. */
  readonly foreign?: ReadonlySet<string>;
  /** How many issues to keep; default 1000. The verdict does not depend on it. */
  readonly maxIssues?: number;
}

export interface XmlValidationResult extends ValidationResult {
  /** Root element in Clark form, when the document has one. */
  readonly root?: string;
}

/**
 * Checks a document against the schemas, while streaming, and collects every fault: each with the path and line of the
 * element, what was expected there, and what kind of thing was found, never the value.
 *
 * A document that cannot be read gives one issue whose rule is the reader's error code (`xml/not-well-formed`,
 * `xml/doctype-refused`, `xml/encoding`, `xml/limit-exceeded`), besides those found before.
 *
 * @param bytes - the document in any encoding that `decodeXmlBytes` knows.
 * @see XML Schema 1.0 part 1, section 3
 */
export function validateXml(bytes: Uint8Array, options: ValidateXmlOptions): XmlValidationResult {
  const validator = new XsdValidator(options.registry, options.types ?? {}, options.maxIssues ?? 1000, options.foreign);
  const issues = validator.issues;
  try {
    readXml(bytes, validator, options);
  } catch (error) {
    if (!(error instanceof HelsekontaktError)) throw error;
    const { code, message, context } = error as HelsekontaktError;
    if (!code.startsWith("xml/")) throw error;
    const line = context.line;
    issues.push({
      level: "error",
      rule: code,
      path: validator.path(),
      ...(typeof line === "number" ? { line } : {}),
      message: message.replace(/^\[[^\]]*\] /, ""),
    });
  }
  const result = validationResult(issues);
  return validator.root === undefined ? result : { ...result, root: validator.root };
}
