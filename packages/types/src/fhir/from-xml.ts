import { HelsekontaktError, type Issue } from "@helsekontakt/core";
import type { FhirResource } from "../gen/fhir/types.ts";
import type { XmlElement } from "../xml/tree.ts";
import { decimalFromText, isDecimalText } from "./decimal.ts";
import { type CodecField, fhirNamespace, fieldsOf, isKnownResource } from "./fields.ts";
import { stringifyXhtml, xhtmlNamespace } from "./xhtml.ts";

export interface FhirFromXmlOptions {
  /**
   * Where findings about the XML form go (`fhir/xml-unknown`, `fhir/xml-order`, `fhir/xml-repeated`, `fhir/xml-text`,
   * `fhir/xml-namespace`). Without it the first finding is thrown; with it, what cannot be read is left out.
   */
  readonly issues?: Issue[];
}

type Json = Record<string, unknown>;

/**
 * Reads a resource from FHIR XML.
 *
 * Values that do not have the form of their type stay text, so that the validator can say so; decimals keep their digits.
 *
 * @throws {HelsekontaktError} `fhir/not-readable` when the element is not a resource of this build, or, without
 *   `issues`, at the first element, attribute, order or text that R4 does not allow there.
 * @see FHIR R4, 2.6 Resource formats, XML
 */
export function fhirFromXml(element: XmlElement, options: FhirFromXmlOptions = {}): FhirResource {
  const reader = new Reader(options.issues);
  if (element.ns !== fhirNamespace || !isKnownResource(element.name))
    throw new HelsekontaktError("fhir/not-readable", "expected a FHIR resource of a known type, found another element");
  return reader.resource(element) as unknown as FhirResource;
}

class Reader {
  readonly #issues: Issue[] | undefined;
  readonly #path: string[] = [];

  constructor(issues: Issue[] | undefined) {
    this.#issues = issues;
  }

  resource(element: XmlElement): Json {
    if (this.#path.length === 0) this.#path.push(element.name);
    const out: Json = { resourceType: element.name };
    this.#into(out, element, element.name);
    return out;
  }

  #into(out: Json, element: XmlElement, type: string): void {
    const fields = fieldsOf(type) as ReadonlyMap<string, CodecField>;
    for (const a of element.attributes) {
      const field = a.ns === "" ? fields.get(a.name) : undefined;
      if (field?.attribute) out[a.name] = a.value;
      // The schema location is XML Schema's, not FHIR's; a reader passes over it.
      else if (a.ns !== "http://www.w3.org/2001/XMLSchema-instance")
        this.#report("xml-unknown", `expected an attribute of ${type}, found another`);
    }
    let last = -1;
    const counts = new Map<string, number>();
    for (const child of element.content) {
      if (typeof child === "string") {
        if (child.trim() !== "") this.#report("xml-text", "expected elements only, found text");
        continue;
      }
      const field = fields.get(child.name);
      if (!field || field.attribute) {
        this.#report("xml-unknown", `expected an element of ${type}, found another`);
        continue;
      }
      const index = counts.get(child.name) ?? 0;
      counts.set(child.name, index + 1);
      this.#path.push(field.list ? `.${child.name}[${index}]` : `.${child.name}`);
      if (child.ns !== (field.type === "xhtml" ? xhtmlNamespace : fhirNamespace))
        this.#report("xml-namespace", "expected the namespace of FHIR (XHTML for div), found another");
      if (field.order < last)
        this.#report("xml-order", "expected the order of R4, found the element after a later one");
      last = Math.max(last, field.order);
      if (!field.list && index > 0) this.#report("xml-repeated", "expected the element once, found it again");
      else this.#child(out, child, field, index);
      this.#path.pop();
    }
    for (const name of counts.keys()) finishList(out, name);
  }

  #child(out: Json, child: XmlElement, field: CodecField, index: number): void {
    if (field.primitive && field.type !== "xhtml") this.#primitive(out, child, field, index);
    else {
      const value = field.type === "xhtml" ? stringifyXhtml(child) : this.#value(child, field);
      if (value === undefined) return;
      if (!field.list) out[field.name] = value;
      else ((out[field.name] ??= []) as unknown[]).push(value);
    }
  }

  #value(element: XmlElement, field: CodecField): Json | undefined {
    if (field.type !== "Resource") {
      const out: Json = {};
      this.#into(out, element, field.type);
      return out;
    }
    const inner = element.content.filter((c): c is XmlElement => typeof c !== "string");
    const [only] = inner;
    if (!only || inner.length > 1 || only.ns !== fhirNamespace || !isKnownResource(only.name)) {
      this.#report("xml-unknown", "expected one resource of a known type, found something else");
      return undefined;
    }
    return this.resource(only);
  }

  #primitive(out: Json, element: XmlElement, field: CodecField, index: number): void {
    let value: unknown;
    const rest = element.attributes.filter((a) => {
      if (a.name !== "value" || a.ns !== "") return true;
      value = simpleFromText(a.value, field.type);
      return false;
    });
    let sibling: Json | undefined;
    if (rest.length > 0 || element.content.length > 0) {
      sibling = {};
      this.#into(sibling, { ...element, attributes: rest }, "Element");
      if (Object.keys(sibling).length === 0 && value !== undefined) sibling = undefined;
    } else if (value === undefined) sibling = {};
    if (!field.list) {
      if (value !== undefined) out[field.name] = value;
      if (sibling !== undefined) out[`_${field.name}`] = sibling;
      return;
    }
    const values = (out[field.name] ??= []) as unknown[];
    const siblings = (out[`_${field.name}`] ??= []) as unknown[];
    values[index] = value ?? null;
    siblings[index] = sibling ?? null;
  }

  #report(rule: string, message: string): void {
    const path = this.#path.join("");
    if (!this.#issues) throw new HelsekontaktError("fhir/not-readable", message, { context: { path } });
    this.#issues.push({ level: "error", rule: `fhir/${rule}`, path, message });
  }
}

/** JSON leaves out an array that would hold nothing but null. */
function finishList(out: Json, name: string): void {
  for (const key of [name, `_${name}`]) {
    const list = out[key];
    if (Array.isArray(list) && list.every((v) => v === null)) delete out[key];
  }
}

/** The value of a primitive, or the text itself where it does not have the form of its type. */
export function simpleFromText(text: string, type: string): unknown {
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (type === "decimal") return isDecimalText(text) ? decimalFromText(text) : text;
  if (type === "integer" || type === "unsignedInt" || type === "positiveInt")
    return /^-?(?:0|[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text;
  return text;
}
