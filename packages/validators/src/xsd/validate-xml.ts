import { HelsekontaktError, type ValidationResult, validationResult } from "@helsekontakt/core";
import { type Decoded, decodeXml, type ElementRegistry, type ReadXmlOptions, readXml } from "@helsekontakt/types/xml";
import { unsure, XsdJudge } from "./judge.ts";
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
  const judge = new XsdJudge(options.registry, options.foreign ?? noNamespaces, true);
  try {
    readXml(bytes, judge, options);
    if (judge.sure) return valid(judge.root);
  } catch (error) {
    if (error !== unsure && !(error instanceof HelsekontaktError)) throw error;
  }
  return explain(bytes, options);
}

/** A document's verdict together with its object, read in one pass. */
export interface DecodedAndValidated extends XmlValidationResult {
  /** Absent when the document could not be decoded; the issues say why. */
  readonly decoded?: Decoded;
}

/**
 * {@link validateXml} and `decodeXml` at the price of one reading, for documents that are valid.
 *
 * @param options.elements - the elements that can be decoded; `registry` has the rules of the same ones.
 */
export function decodeAndValidateXml(
  bytes: Uint8Array,
  options: ValidateXmlOptions & { readonly elements: ElementRegistry; readonly mode?: "strict" | "tolerant" },
): DecodedAndValidated {
  const judge = new XsdJudge(options.registry, options.foreign ?? noNamespaces);
  const { elements: registry, mode = "strict", limits } = options;
  let decoded: Decoded | undefined;
  try {
    decoded = decodeXml(
      bytes,
      limits === undefined ? { registry, also: judge, mode } : { registry, also: judge, mode, limits },
    );
    if (judge.sure && judge.root !== undefined) return { valid: true, issues: [], root: judge.root, decoded };
  } catch (error) {
    if (!(error instanceof HelsekontaktError)) throw error;
  }
  const result = explain(bytes, options);
  return decoded === undefined ? result : { ...result, decoded };
}

const noNamespaces: ReadonlySet<string> = new Set();

function valid(root: string | undefined): XmlValidationResult {
  return root === undefined ? { valid: true, issues: [] } : { valid: true, issues: [], root };
}

/** The pass that knows everything and says why; most documents never come here. */
function explain(bytes: Uint8Array, options: ValidateXmlOptions): XmlValidationResult {
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
