import { GeneratorError } from "@helsekontakt/codegen";
import { type Node, XS } from "./dom.ts";

const particles = "element group choice sequence any";
const attributes = "attribute attributeGroup anyAttribute";
const facets =
  "enumeration pattern whiteSpace length minLength maxLength minInclusive maxInclusive minExclusive maxExclusive totalDigits fractionDigits";
const occurs = "minOccurs maxOccurs";

// Element of XSD 1.0 -> children and attributes that this generator understands. What is not here is refused by name.
const known: Readonly<Record<string, readonly [string, string]>> = {
  schema: [
    "include import element attribute complexType simpleType group attributeGroup",
    "targetNamespace version elementFormDefault attributeFormDefault blockDefault finalDefault",
  ],
  include: ["", "schemaLocation"],
  import: ["", "namespace schemaLocation"],
  element: [
    "simpleType complexType unique key keyref",
    `name ref type default fixed nillable abstract final block form substitutionGroup ${occurs}`,
  ],
  attribute: ["simpleType", "name ref type use default fixed form"],
  complexType: [
    `simpleContent complexContent group all choice sequence ${attributes}`,
    "name mixed abstract final block",
  ],
  simpleContent: ["restriction extension", ""],
  complexContent: ["restriction extension", "mixed"],
  extension: [`group all choice sequence ${attributes}`, "base"],
  restriction: [`simpleType group all choice sequence ${attributes} ${facets}`, "base"],
  group: ["all choice sequence", `name ref ${occurs}`],
  all: ["element", occurs],
  choice: [particles, occurs],
  sequence: [particles, occurs],
  any: ["", `namespace processContents ${occurs}`],
  anyAttribute: ["", "namespace processContents"],
  attributeGroup: [attributes, "name ref"],
  simpleType: ["restriction list union", "name final"],
  list: ["simpleType", "itemType"],
  union: ["simpleType", "memberTypes"],
  unique: ["selector field", "name"],
  key: ["selector field", "name"],
  keyref: ["selector field", "name refer"],
  selector: ["", "xpath"],
  field: ["", "xpath"],
  ...Object.fromEntries(facets.split(" ").map((f) => [f, ["", "value fixed"] as const])),
};

const table = new Map(
  Object.entries(known).map(([name, [c, a]]) => [
    name,
    { children: new Set(c.split(" ")), attributes: new Set(a.split(" ")) },
  ]),
);

/**
 * Refuses every element and attribute that the compiler does not understand, before anything is compiled.
 *
 * @throws {GeneratorError} with file, line and construct.
 */
export function checkKnown(node: Node): void {
  const rule = table.get(node.name);
  if (!rule)
    throw new GeneratorError(
      node.file,
      node.line,
      `<${node.name}>`,
      "a construct of XSD 1.0 that this generator compiles",
    );
  for (const name of node.attrs.keys())
    if (name !== "id" && !rule.attributes.has(name))
      throw new GeneratorError(
        node.file,
        node.line,
        `attribute ${name} on <${node.name}>`,
        `one of: ${[...rule.attributes].join(", ")}`,
      );
  if (node.text.trim() !== "")
    throw new GeneratorError(node.file, node.line, `text inside <${node.name}>`, "elements only");
  for (const child of node.children) {
    if (child.ns === XS && child.name === "annotation") continue;
    if (child.ns !== XS || !rule.children.has(child.name))
      throw new GeneratorError(
        child.file,
        child.line,
        `<${child.name}> inside <${node.name}>`,
        `one of: ${[...rule.children].join(", ") || "nothing"}`,
      );
    checkKnown(child);
  }
}
