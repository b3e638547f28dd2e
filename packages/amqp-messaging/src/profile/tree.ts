import { HelsekontaktError } from "@helsekontakt/core";
import type { XmlElement } from "@helsekontakt/types/xml";

/** Namespace of CPP and CPA documents. @see ebXML CPPA 2.0 */
export const CPPA = "http://www.oasis-open.org/committees/ebxml-cppa/schema/cpp-cpa-2_0.xsd";
/** @internal */
export const XMLDSIG = "http://www.w3.org/2000/09/xmldsig#";

/** @internal */
export function profileInvalid(expected: string, original?: unknown): HelsekontaktError {
  return new HelsekontaktError("registry/profile-invalid", `expected ${expected}`, { original });
}

/** Child elements of this name. @internal */
export function childrenOf(parent: XmlElement, name: string, ns: string = CPPA): XmlElement[] {
  return parent.content.filter(
    (item) => typeof item !== "string" && item.name === name && item.ns === ns,
  ) as XmlElement[];
}

/** The first element at the end of this path, if there is one. @internal */
export function descend(parent: XmlElement, ...path: readonly string[]): XmlElement | undefined {
  let element: XmlElement | undefined = parent;
  for (const name of path) element = element === undefined ? undefined : childrenOf(element, name)[0];
  return element;
}

/** An attribute; the documents qualify theirs, which is easily forgotten by others. @internal */
export function attributeOf(element: XmlElement | undefined, name: string): string | undefined {
  return element?.attributes.find((a) => a.name === name && (a.ns === CPPA || a.ns === ""))?.value;
}

/** @internal */
export function requiredAttribute(element: XmlElement | undefined, name: string): string {
  const value = attributeOf(element, name);
  if (value === undefined) throw profileInvalid(`an attribute ${name} in ${element?.name ?? "an element"}`);
  return value;
}

/** Text without the white space around it. @internal */
export function textOf(element: XmlElement | undefined): string {
  return (element?.content.filter((item) => typeof item === "string") ?? []).join("").trim();
}
