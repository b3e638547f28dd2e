import { HelsekontaktError } from "@helsekontakt/core";
import type { XmlAttribute, XmlElement } from "../xml/tree.ts";
import { FhirDecimal } from "./decimal.ts";
import { simpleFromText } from "./from-xml.ts";
import { type CodecField, fhirNamespace, fieldsOf, isKnownResource } from "./fields.ts";
import { parseXhtml } from "./xhtml.ts";

/** More nesting than any real document has. */
const maxDepth = 200;

type Json = Readonly<Record<string, unknown>>;

/**
 * Writes a resource as FHIR XML, elements in the order that R4 demands, whatever the order of the properties.
 *
 * @param resource - a resource of this build, as `parseFhirJson` or `fhirFromXml` gives it.
 * @throws {HelsekontaktError} `fhir/not-readable` for an unknown resource type or property, or a value of another kind
 *   than its type has: nothing is ever left out silently.
 * @see FHIR R4, 2.6 Resource formats, XML
 */
export function fhirToXml(resource: object): XmlElement {
  return resourceElement(resource, "", 0);
}

function resourceElement(value: unknown, path: string, depth: number): XmlElement {
  const type = isObject(value) ? value.resourceType : undefined;
  if (!isObject(value) || typeof type !== "string" || !isKnownResource(type))
    throw fault(path, "a resource of a known type", "something else");
  return complexElement(type, value, type, path === "" ? type : path, depth);
}

function complexElement(name: string, value: Json, type: string, path: string, depth: number): XmlElement {
  if (depth > maxDepth) throw fault("", `at most ${maxDepth} levels`, "more");
  const fields = fieldsOf(type);
  if (!fields) throw fault(path, "a known type", type);
  const attributes: XmlAttribute[] = [];
  const content: XmlElement[] = [];
  for (const key of Object.keys(value)) {
    if (key === "resourceType" && name === type) continue;
    const field = fields.get(key) ?? (key.startsWith("_") ? fields.get(key.slice(1)) : undefined);
    if (!field || (key.startsWith("_") && (!field.primitive || field.attribute)))
      throw fault(path, `a property of ${type}`, "another");
  }
  for (const field of fields.values()) {
    const v = value[field.name];
    if (field.attribute) {
      if (v !== undefined)
        attributes.push({ name: field.name, ns: "", value: simpleText(v, `${path}.${field.name}`, field.type) });
      continue;
    }
    const sibling = field.primitive ? value[`_${field.name}`] : undefined;
    if (v === undefined && sibling === undefined) continue;
    if (!field.list) content.push(item(field, v, sibling, `${path}.${field.name}`, depth + 1));
    else {
      if ((v !== undefined && !Array.isArray(v)) || (sibling !== undefined && !Array.isArray(sibling)))
        throw fault(`${path}.${field.name}`, "an array", "one value");
      // XML has no form for an array without entries: leaving it out would make a wrong instance right.
      if ([v, sibling].some((list) => Array.isArray(list) && list.length === 0))
        throw fault(`${path}.${field.name}`, "entries", "an empty array");
      const values = (v ?? []) as readonly unknown[];
      const siblings = (sibling ?? []) as readonly unknown[];
      // XML has elements, not two lists: where those do not fit together, what comes back would be another instance.
      if (v !== undefined && sibling !== undefined && values.length !== siblings.length)
        throw fault(`${path}.${field.name}`, "as many entries beside the values as there are values", "another number");
      for (const list of [v, sibling])
        if (Array.isArray(list) && list.every(isNothing))
          throw fault(`${path}.${field.name}`, "an entry that is not null", "null only");
      for (let i = 0; i < Math.max(values.length, siblings.length); i++)
        content.push(
          item(field, values[i] ?? undefined, siblings[i] ?? undefined, `${path}.${field.name}[${i}]`, depth + 1),
        );
    }
  }
  return { name, ns: fhirNamespace, attributes, content };
}

function item(field: CodecField, value: unknown, sibling: unknown, path: string, depth: number): XmlElement {
  if (field.type === "xhtml") {
    if (typeof value !== "string") throw fault(path, "XHTML text", "something else");
    return parseXhtml(value);
  }
  if (field.type === "Resource")
    return { name: field.name, ns: fhirNamespace, attributes: [], content: [resourceElement(value, path, depth)] };
  if (!field.primitive) {
    if (!isObject(value)) throw fault(path, "an object", "something else");
    return complexElement(field.name, value, field.type, path, depth);
  }
  if (value === undefined && sibling === undefined) throw fault(path, "a value or extensions", "neither");
  const attributes: XmlAttribute[] = [];
  let content: readonly (string | XmlElement)[] = [];
  if (sibling !== undefined) {
    if (!isObject(sibling)) throw fault(path, "an object beside the primitive", "something else");
    if (value !== undefined && Object.values(sibling).every((v) => v === undefined))
      throw fault(path, "an id or extensions beside the value", "an empty object");
    const element = complexElement(field.name, sibling, "Element", path, depth);
    attributes.push(...element.attributes);
    content = element.content;
  }
  if (value !== undefined) attributes.push({ name: "value", ns: "", value: simpleText(value, path, field.type) });
  return { name: field.name, ns: fhirNamespace, attributes, content };
}

/** The text of a simple value, if a reader of that text gets the same kind of value: `true` as text is no boolean in XML. */
function simpleText(value: unknown, path: string, type: string): string {
  const text =
    typeof value === "string" || typeof value === "boolean" || typeof value === "number"
      ? String(value)
      : value instanceof FhirDecimal
        ? value.text
        : undefined;
  if (text === undefined) throw fault(path, "a simple value", "something else");
  const again = simpleFromText(text, type);
  if ((typeof again === "string") !== (typeof value === "string"))
    throw fault(path, `a value of ${type}`, "another kind");
  return text;
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fault(path: string, expected: string, found: string): HelsekontaktError {
  return new HelsekontaktError("fhir/not-readable", `expected ${expected}, found ${found}`, { context: { path } });
}
