import { type Bundle, type FhirResource, fhirFromXml, fhirNamespace, fhirToXml } from "@helsekontakt/types/fhir";
import { parseXml, serializeXml, type XmlElement } from "@helsekontakt/types/xml";

// Loaded when XML is met for the first time: the codec is larger than the rest of this package.

/** A Bundle as FHIR XML. @throws {HelsekontaktError} `fhir/not-readable` */
export function bundleToXml(bundle: Bundle): string {
  return Buffer.from(serializeXml(fhirToXml(bundle))).toString("utf8");
}

/** FHIR XML as its resource, other XML as objects by element name. Throws for what is neither. */
export function readXmlBody(text: string): unknown {
  return fromXml(parseXml(Buffer.from(text, "utf8")));
}

function fromXml(element: XmlElement): unknown {
  if (element.ns === fhirNamespace) {
    // Findings about the form do not matter here: what can be read of an answer is read.
    const resource: FhirResource = fhirFromXml(element, { issues: [] });
    return resource;
  }
  // An HTML page comes from something in front of the service.
  if (element.name.toLowerCase() === "html") throw new Error("expected XML, found HTML");
  return plain(element);
}

/** A list element, such as .NET's `ArrayOfResult`, becomes a list; other elements become objects. */
function plain(element: XmlElement): unknown {
  const children = element.content.filter((c): c is XmlElement => typeof c !== "string");
  const attributes = element.attributes.filter((a) => a.ns === "");
  if (children.length === 0 && attributes.length === 0) {
    const text = element.content.join("").trim();
    return text === "true" ? true : text === "false" ? false : text;
  }
  const names = new Set(children.map((c) => c.name));
  if (/^arrayof/i.test(element.name) || (children.length > 1 && names.size === 1)) return children.map(plain);
  const value: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const { name, value: text } of attributes) value[name] = text;
  for (const name of names) {
    const same = children.filter((c) => c.name === name).map(plain);
    value[name] = same.length === 1 ? same[0] : same;
  }
  return value;
}
