import { randomUUID } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { parseXml, serializeXml, type XmlElement } from "@helsekontakt/types/xml";
import { type ContractMember, type ServiceContract, type SoapBinding, soapBindings } from "../gen/registries.ts";
import { childrenOf, isNil, textOf, writeMember } from "./data-contract.ts";

/** Namespaces of the envelope. @see SOAP 1.1, section 4; SOAP 1.2, part 1, section 5 */
export const envelopes = {
  "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
  "1.2": "http://www.w3.org/2003/05/soap-envelope",
} as const;
/** @see WS-Addressing 1.0, Core, section 3 */
const WSA = "http://www.w3.org/2005/08/addressing";
const prefixes = { [envelopes["1.1"]]: "s", [envelopes["1.2"]]: "s", [WSA]: "a" };

/** A request on its way: bytes and headers. @internal */
export interface SoapRequest {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** The action of an operation. @internal */
export function actionOf({ namespace, contract }: ServiceContract, operation: string): string {
  return `${namespace}/${contract}/${operation}`;
}

/**
 * Builds a request: parameters as child elements in the order of the contract, in the service's namespace.
 *
 * @param values - by parameter name; those that are absent are left out.
 * @param to - address of the service, for WS-Addressing.
 * @internal
 */
export function buildSoapRequest(
  service: ServiceContract,
  operation: string,
  values: Readonly<Record<string, unknown>>,
  binding: SoapBinding,
  to: string,
): SoapRequest {
  const soap = soapBindings[binding];
  const ns = envelopes[soap];
  const action = actionOf(service, operation);
  const parameters: readonly ContractMember[] = service.operations[operation]?.parameters ?? [];
  const body = element(
    service.namespace,
    operation,
    parameters
      .filter((p) => values[p.name] !== undefined)
      .map((p) => writeMember(values[p.name], p, service.namespace)),
  );
  const header =
    soap === "1.1"
      ? []
      : [
          element(ns, "Header", [
            { ...element(WSA, "Action", [action]), attributes: [{ name: "mustUnderstand", ns, value: "1" }] },
            element(WSA, "MessageID", [`urn:uuid:${randomUUID()}`]),
            element(WSA, "ReplyTo", [element(WSA, "Address", ["http://www.w3.org/2005/08/addressing/anonymous"])]),
            { ...element(WSA, "To", [to]), attributes: [{ name: "mustUnderstand", ns, value: "1" }] },
          ]),
        ];
  const envelope = element(ns, "Envelope", [...header, element(ns, "Body", [body])]);
  return {
    body: serializeXml(envelope, { prefixes }),
    headers:
      soap === "1.1"
        ? { "content-type": "text/xml; charset=utf-8", soapaction: `"${action}"` }
        : { "content-type": `application/soap+xml; charset=utf-8; action="${action}"` },
  };
}

function element(ns: string, name: string, content: XmlElement["content"]): XmlElement {
  return { name, ns, attributes: [], content };
}

/** A fault, as far as it may be told: codes, no text. @internal */
export interface SoapFaultFacts {
  /** Local name of the innermost code: `Client`, `Sender`, `InternalServiceFault`. */
  readonly code: string;
  /** Whether the request is to blame by the fault's own words. */
  readonly blamesRequest: boolean;
  /** Name of the detail's element: `GenericFault`, `ValidationFault`. */
  readonly detail?: string;
  /** `ErrorCode` of the detail. */
  readonly errorCode?: string;
}

/** What a service answered: the result element of the operation (absent: none, or nil), or a fault. @internal */
export type SoapAnswer =
  | { readonly kind: "result"; readonly result: XmlElement | undefined }
  | { readonly kind: "fault"; readonly fault: SoapFaultFacts };

/** An answer is small data; more is somebody's mistake. @internal */
export const maxAnswerBytes = 4 * 1024 * 1024;

/**
 * Reads an answer of either SOAP version.
 *
 * @returns nothing when the bytes are no SOAP envelope at all: some gateway's page.
 * @throws {HelsekontaktError} `rest/response-invalid` for an envelope that holds something else than the answer, or
 *   breaks a limit
 * @internal
 */
export function readSoapAnswer(bytes: Uint8Array, namespace: string, operation: string): SoapAnswer | undefined {
  let root: XmlElement;
  try {
    root = parseXml(bytes, { limits: { maxBytes: maxAnswerBytes, maxDepth: 64 } });
  } catch (reason) {
    const { code } = HelsekontaktError.from(reason);
    // HTML is seldom XML; what is refused for other reasons is told.
    if (code === "xml/not-well-formed" || code === "xml/encoding") return undefined;
    throw unexpected(operation, `an answer that can be read, found ${code}`);
  }
  const ns = Object.values(envelopes).find((candidate) => candidate === root.ns);
  if (root.name !== "Envelope" || ns === undefined) return undefined;
  const body = childrenOf(root).find((c) => c.name === "Body" && c.ns === ns);
  const content = body === undefined ? undefined : childrenOf(body)[0];
  if (content === undefined) throw unexpected(operation, "an answer in the body, found none");
  if (content.name === "Fault" && content.ns === ns) return { kind: "fault", fault: readFault(content, ns) };
  if (content.name !== `${operation}Response` || content.ns !== namespace)
    throw unexpected(operation, "the answer to the operation, found another");
  const result = childrenOf(content).find((c) => c.name === `${operation}Result` && c.ns === namespace);
  return { kind: "result", result: result === undefined || isNil(result) ? undefined : result };
}

/** Codes by which a service says that the request is wrong; WCF puts its own subcodes in their place in SOAP 1.1. */
const blaming: ReadonlySet<string> = new Set([
  "Client",
  "Sender",
  "VersionMismatch",
  "MustUnderstand",
  "ActionNotSupported",
  "DeserializationFailed",
  "FailedAuthentication",
  "InvalidSecurity",
  "InvalidSecurityToken",
  "UnsupportedSecurityToken",
]);

function readFault(fault: XmlElement, ns: string): SoapFaultFacts {
  const old = ns === envelopes["1.1"];
  const outer = old ? find(fault, "", "faultcode") : find(find(fault, ns, "Code"), ns, "Value");
  const inner = old ? undefined : find(find(find(fault, ns, "Code"), ns, "Subcode"), ns, "Value");
  const detail = old ? find(fault, "", "detail") : find(fault, ns, "Detail");
  const about = detail === undefined ? undefined : childrenOf(detail)[0];
  const errorCode = about === undefined ? undefined : childrenOf(about).find((c) => c.name === "ErrorCode");
  const code = localOf(inner) ?? localOf(outer) ?? "unknown";
  const outerCode = localOf(outer);
  return {
    code,
    blamesRequest: blaming.has(code) || (outerCode !== undefined && blaming.has(outerCode)),
    ...(about === undefined || !isWord(about.name) ? {} : { detail: about.name }),
    ...(errorCode === undefined || !isWord(textOf(errorCode).trim()) ? {} : { errorCode: textOf(errorCode).trim() }),
  };
}

function find(parent: XmlElement | undefined, ns: string, name: string): XmlElement | undefined {
  return parent === undefined ? undefined : childrenOf(parent).find((c) => c.name === name && c.ns === ns);
}

function localOf(code: XmlElement | undefined): string | undefined {
  const local = code === undefined ? undefined : textOf(code).trim().split(":").at(-1);
  return local !== undefined && isWord(local) ? local : undefined;
}

/** Codes are short words: a sentence, or anything that could be a number of a person, also with a mark in it, is none. */
function isWord(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9._-]{0,63}$/u.test(text) && !/\d{9}/u.test(text.replaceAll(/[._-]/gu, ""));
}

function unexpected(operation: string, expected: string): HelsekontaktError {
  return new HelsekontaktError("rest/response-invalid", `expected ${expected} ("${operation}")`, {
    context: { operation },
  });
}
