import { readFileSync } from "node:fs";
import { XmlDocument, XmlElement, type XmlTreeNode } from "libxml2-wasm";

const xs = "http://www.w3.org/2001/XMLSchema";
/** Attributes that say what is so anyway. */
const defaults: Readonly<Record<string, string>> = {
  minOccurs: "1",
  maxOccurs: "1",
  use: "optional",
  processContents: "strict",
  namespace: "##any",
  mixed: "false",
};
const qnames = new Set(["type", "ref", "base", "substitutionGroup"]);
/** Two ways to write the same language: digits separated by single dots. */
const samePatterns: Readonly<Record<string, string>> = { "(\\d+\\.?)*\\d+": "\\d+(\\.\\d+)*" };

/**
 * The global components of a schema file, each as text in which only meaning is left: names in Clark form, defaults and
 * annotations gone, attributes sorted. Two schemas with the same components describe the same documents, white space
 * rules included, which no verdict on an instance would show.
 */
export function schemaComponents(file: string): Map<string, string> {
  const { root } = XmlDocument.fromBuffer(readFileSync(file));
  const namespace = root.attr("targetNamespace")?.value ?? "";
  const found = new Map<string, string>();
  found.set("#form", root.attr("elementFormDefault")?.value ?? "unqualified");
  for (const node of elements(root)) {
    if (node.name === "import") continue;
    found.set(`${node.name} {${namespace}}${node.attr("name")?.value ?? ""}`, canonical(node));
  }
  return found;
}

function elements(node: XmlElement): XmlElement[] {
  const found: XmlElement[] = [];
  for (let child: XmlTreeNode | null = node.firstChild; child !== null; child = child.next) {
    if (child instanceof XmlElement && child.namespaceUri === xs && child.name !== "annotation") found.push(child);
  }
  return found;
}

function clark(node: XmlElement, qname: string): string {
  const colon = qname.indexOf(":");
  return `{${node.namespaceForPrefix(colon < 0 ? "" : qname.slice(0, colon)) ?? ""}}${qname.slice(colon + 1)}`;
}

function canonical(node: XmlElement): string {
  const attributes = node.attrs
    .filter((a) => a.namespaceUri === "" && defaults[a.name] !== a.value)
    .map((a) => {
      if (qnames.has(a.name)) return `${a.name}=${clark(node, a.value)}`;
      if (a.name === "memberTypes")
        return `${a.name}=${a.value
          .split(/\s+/)
          .map((t) => clark(node, t))
          .join(" ")}`;
      return `${a.name}=${node.name === "pattern" ? (samePatterns[a.value] ?? a.value) : a.value}`;
    })
    .sort();
  const children = elements(node);
  const only = children[0];
  const derived = only === undefined ? undefined : elements(only)[0];
  // A restriction of anyType is what a complex type without derivation is.
  const anyType =
    only?.name === "complexContent" &&
    derived?.name === "restriction" &&
    clark(derived, derived.attr("base")?.value ?? "") === `{${xs}}anyType`;
  const parts = (anyType && derived !== undefined ? elements(derived) : children).map(canonical);
  const sorted = [
    ...parts.filter((p) => !p.startsWith("attribute(")),
    ...parts.filter((p) => p.startsWith("attribute(")).sort(),
  ];
  // The order of a choice's branches has no meaning.
  if (node.name === "choice") sorted.sort();
  return `${node.name}(${attributes.join(" ")})[${sorted.join(",")}]`;
}
