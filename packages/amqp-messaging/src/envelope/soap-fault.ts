import { parseXml, type XmlElement } from "@helsekontakt/types/xml";
import { instant } from "./values.ts";

/** A SOAP 1.2 fault as it comes on an error queue. */
export interface SoapFault {
  readonly code: string | undefined;
  readonly reason: string | undefined;
  /** Of the message that failed, when the fault names it. */
  readonly messageId: string | undefined;
  readonly timestamp: Date | undefined;
}

/**
 * Reads a SOAP fault.
 *
 * @throws {HelsekontaktError} `xml/not-well-formed` and the other codes of the XML reader
 * @see SOAP 1.2, part 1, section 5.4
 */
export function readSoapFault(bytes: Uint8Array): SoapFault {
  const root = parseXml(bytes, { limits: { maxBytes: 256 * 1024, maxDepth: 32 } });
  const fault = find(find(root, "Body"), "Fault");
  const detail = find(fault, "Detail");
  return {
    code: text(find(find(fault, "Code"), "Value")),
    reason: text(find(find(fault, "Reason"), "Text")),
    messageId: text(find(detail, "messageId")),
    timestamp: instant(text(find(detail, "applicationTimeStamp"))),
  };
}

/** The first descendant of that local name, in document order. */
function find(element: XmlElement | undefined, name: string): XmlElement | undefined {
  for (const child of element?.content ?? []) {
    if (typeof child === "string") continue;
    const hit = child.name === name ? child : find(child, name);
    if (hit !== undefined) return hit;
  }
  return undefined;
}

function text(element: XmlElement | undefined): string | undefined {
  const value = element?.content
    .filter((c) => typeof c === "string")
    .join("")
    .trim();
  return value === "" ? undefined : value;
}
