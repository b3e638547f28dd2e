import { type Issue, validationResult } from "@helsekontakt/core";
import { elements as apprec, type v11 } from "@helsekontakt/types/apprec";
import { elements as base64container } from "@helsekontakt/types/base64container";
import { elements as dialogmelding } from "@helsekontakt/types/dialogmelding";
import { fhirNamespace } from "@helsekontakt/types/fhir";
import { elements as helsepersonell } from "@helsekontakt/types/helsepersonell";
import { elements as msghead, type MsgHead } from "@helsekontakt/types/msghead";
import { elements as pasientrelasjon } from "@helsekontakt/types/pasientrelasjon";
import { elements as tjenesteoversikt } from "@helsekontakt/types/tjenesteoversikt";
import { type ElementRegistry, splitClark, type XmlLimits } from "@helsekontakt/types/xml";
import { elements as xmldsig } from "@helsekontakt/types/xmldsig";
import { rules as helsedirektoratetRules } from "./gen/xsd/tjenesteoversikt-1.0-helsedirektoratet.ts";
import { rules as wwwRules } from "./gen/xsd/tjenesteoversikt-1.0-www.ts";
import { linesOf } from "./locate.ts";
import { rules, types } from "./registry.ts";
import type { Incomplete } from "./rules/context.ts";
import { checkAppRec } from "./rules/apprec.ts";
import { checkMessageRules, type MessageSurroundings } from "./rules/index.ts";
import type { ElementRuleRegistry } from "./xsd/rules.ts";
import { decodeAndValidateXml, type XmlValidationResult } from "./xsd/validate-xml.ts";

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
/** With TjenesteOversikt in the namespaces that profiles name as well. */
const tolerantRules: ElementRuleRegistry = { ...helsedirektoratetRules, ...wwwRules, ...rules };
const roots = new Set(["MsgHead", "AppRec"]);
const foreign: ReadonlySet<string> = new Set([fhirNamespace]);

export interface ValidateMessageOptions extends MessageSurroundings {
  readonly limits?: Partial<XmlLimits>;
  /**
   * `TjenesteOmrade`, the spelling of the guide and its examples, where the published schema has `TjenesteOmråde`, and the
   * two namespaces of `TjenesteOversikt` that only collaboration profiles name: a warning (default), for readers are to take
   * them all, or an error as the schema has it.
   */
  readonly spelling?: "published" | "both";
}

/**
 * Checks a message: encoding and form, the schemas, then FHIR content by its profile, then identifiers, code lists and
 * Helsenorge's rules for the function of the message, also across its layers. Everything found is listed; `valid` is false
 * exactly when one of the issues is an error. What each rule means stands in `ruleCatalogue`.
 *
 * Messages of functions that are not Helsenorge's get the schemas and base FHIR only. A document of another root gives
 * `xsd/root-unknown`.
 *
 * @param bytes - a MsgHead 1.2 or AppRec (1.0 or 1.1) document in any encoding that `decodeXmlBytes` knows.
 * @param options.helsenorge - HER-ids of Helsenorge: with them the direction of each code is judged as well.
 * @param options.envelope - properties of the AMQP message: with them header and envelope are compared.
 */
export function validateMessage(bytes: Uint8Array, options: ValidateMessageOptions = {}): XmlValidationResult {
  const { limits } = options;
  const { decoded, ...strict } = decodeAndValidateXml(bytes, {
    ...(limits === undefined ? {} : { limits }),
    registry: options.spelling === "published" ? rules : tolerantRules,
    types,
    foreign,
    elements: registry,
    mode: "tolerant",
  });
  const schema = options.spelling === "published" ? strict : withBothSpellings(strict);
  if (schema.issues.some((i) => i.rule.startsWith("xml/")) || schema.root === undefined) return schema;
  const { ns, local } = splitClark(schema.root);
  if (!roots.has(local)) return schema.valid ? { ...schema, ...validationResult([otherRoot(local)]) } : schema;
  const found = judgeContent(ns, local, decoded?.value, options);
  if (found.length === 0) return schema;
  const paths = found.map((i) => i.path);
  const lines = linesOf(bytes, paths);
  const issues = found.map((issue): Issue => {
    const line = lines.get(issue.path);
    return line === undefined ? issue : { ...issue, line };
  });
  return { root: schema.root, ...validationResult([...schema.issues, ...issues]) };
}

function judgeContent(ns: string, local: string, value: unknown, options: ValidateMessageOptions): readonly Issue[] {
  if (typeof value !== "object" || value === null) return [];
  if (local === "AppRec") return checkAppRec(value as Incomplete<v11.AppRec>, ns);
  const head = value as Incomplete<MsgHead>;
  const info = head.MsgInfo;
  // The rules say nothing about a message in pieces: the schema has said it.
  const whole = info?.Sender?.Organisation !== undefined && info.Receiver?.Organisation !== undefined;
  return whole && info.Type !== undefined && info.MsgId !== undefined ? checkMessageRules(head, options) : [];
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
