import { HelsekontaktError, type Issue, validationResult } from "@helsekontakt/core";
import { elements as apprec } from "@helsekontakt/types/apprec";
import { elements as base64container } from "@helsekontakt/types/base64container";
import { elements as dialogmelding } from "@helsekontakt/types/dialogmelding";
import { fhirNamespace } from "@helsekontakt/types/fhir";
import { elements as helsepersonell } from "@helsekontakt/types/helsepersonell";
import { elements as msghead, type MsgHead } from "@helsekontakt/types/msghead";
import { elements as pasientrelasjon } from "@helsekontakt/types/pasientrelasjon";
import { elements as tjenesteoversikt } from "@helsekontakt/types/tjenesteoversikt";
import { decodeXml, type ElementRegistry, splitClark, type XmlLimits } from "@helsekontakt/types/xml";
import { elements as xmldsig } from "@helsekontakt/types/xmldsig";
import { linesOf } from "./locate.ts";
import { rules, types } from "./registry.ts";
import type { Incomplete } from "./rules/context.ts";
import { checkMessageRules } from "./rules/index.ts";
import { validateXml, type XmlValidationResult } from "./xsd/validate-xml.ts";

const registry: ElementRegistry = {
  ...msghead,
  ...apprec,
  ...dialogmelding,
  ...base64container,
  ...helsepersonell,
  ...pasientrelasjon,
  ...tjenesteoversikt,
  ...xmldsig,
};
const roots = new Set(["MsgHead", "AppRec"]);
const foreign: ReadonlySet<string> = new Set([fhirNamespace]);

export interface ValidateMessageOptions {
  readonly limits?: Partial<XmlLimits>;
  /**
   * `TjenesteOmrade`, the spelling of the guide and its examples, where the published schema has `TjenesteOmråde`: an error
   * as the schema has it (default), or a warning.
   */
  readonly spelling?: "published" | "both";
}

/**
 * Checks a message: the schemas, then FHIR content by its profile, then Helsenorge's rules for the function of the
 * message. Everything found is listed; `valid` is false exactly when one of the issues is an error.
 *
 * Messages of functions that are not Helsenorge's get the schemas and base FHIR only. A document of another root gives
 * `xsd/root-unknown`.
 *
 * @param bytes - a MsgHead 1.2 or AppRec (1.0 or 1.1) document in any encoding that `decodeXmlBytes` knows.
 */
export function validateMessage(bytes: Uint8Array, options: ValidateMessageOptions = {}): XmlValidationResult {
  const strict = validateXml(bytes, { ...options, registry: rules, types, foreign });
  const schema = options.spelling === "both" ? withBothSpellings(strict) : strict;
  const local = schema.root === undefined ? "" : splitClark(schema.root).local;
  if (schema.issues.some((i) => i.rule.startsWith("xml/")) || schema.root === undefined) return schema;
  if (!roots.has(local)) return schema.valid ? { ...schema, ...validationResult([otherRoot(local)]) } : schema;
  if (local !== "MsgHead") return schema;
  const head = decodeHead(bytes, options);
  if (head === undefined) return schema;
  const found = checkMessageRules(head);
  const lines =
    found.length === 0
      ? new Map<string, number>()
      : linesOf(
          bytes,
          found.map((i) => i.path),
        );
  const issues = found.map((issue): Issue => {
    const line = lines.get(issue.path);
    return line === undefined ? issue : { ...issue, line };
  });
  return { root: schema.root, ...validationResult([...schema.issues, ...issues]) };
}

function withBothSpellings(result: XmlValidationResult): XmlValidationResult {
  const issues = result.issues.map(
    (issue): Issue =>
      issue.rule === "xsd/element-unexpected" && /\/Tjeneste\[\d+\]\/TjenesteOmrade$/.test(issue.path)
        ? { ...issue, level: "warning", rule: "profile/tjenesteoversikt-spelling" }
        : issue,
  );
  return { ...result, ...validationResult(issues) };
}

function otherRoot(local: string): Issue {
  return {
    level: "error",
    rule: "xsd/root-unknown",
    path: `/${local}`,
    line: 1,
    message: "expected a MsgHead or AppRec as root, found an element that stands inside one",
  };
}

/** The message as an object, when the schema faults leave one; the rules say nothing about one that is in pieces. */
function decodeHead(bytes: Uint8Array, options: ValidateMessageOptions): Incomplete<MsgHead> | undefined {
  try {
    const { value } = decodeXml(bytes, { ...options, registry, mode: "tolerant" });
    const head = value as Incomplete<MsgHead>;
    const info = head.MsgInfo;
    const whole = info?.Sender?.Organisation !== undefined && info.Receiver?.Organisation !== undefined;
    return whole && info.Type !== undefined && info.MsgId !== undefined ? head : undefined;
  } catch (error) {
    if (error instanceof HelsekontaktError && (error as HelsekontaktError).code.startsWith("xml/")) return undefined;
    throw error;
  }
}
