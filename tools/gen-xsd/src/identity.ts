import { GeneratorError } from "@helsekontakt/codegen";
import type { Node } from "./dom.ts";
import { clark, type IdentityConstraint, type IdentityPath } from "./model.ts";
import { attribute, children } from "./units.ts";

/**
 * Reads the `key`, `unique` and `keyref` below an element.
 *
 * @param name - the Clark name behind a QName, of a constraint that is referred to.
 * @throws {GeneratorError} for an XPath outside the subset of XML Schema 1.0 part 1, 3.11.6.
 */
export function identityConstraints(
  element: Node,
  ns: string,
  name: (node: Node, qname: string) => string,
): IdentityConstraint[] {
  return element.children
    .filter((c) => c.name === "key" || c.name === "unique" || c.name === "keyref")
    .map((node): IdentityConstraint => {
      const kind = node.name as IdentityConstraint["kind"];
      const [selector] = children(node, "selector");
      const fields = children(node, "field");
      if (selector === undefined || fields.length === 0)
        throw new GeneratorError(node.file, node.line, `<${kind}> without them`, "one selector and at least one field");
      return {
        kind,
        name: clark(ns, attribute(node, "name")),
        refer: kind === "keyref" ? name(node, attribute(node, "refer")) : undefined,
        selector: paths(selector, false),
        fields: fields.map((f) => paths(f, true)),
      };
    });
}

function paths(node: Node, field: boolean): IdentityPath[] {
  const text = attribute(node, "xpath");
  return text.split("|").map((part) => path(node, part.replace(/\s+/g, ""), field));
}

function path(node: Node, text: string, field: boolean): IdentityPath {
  const refuse = (): never => {
    throw new GeneratorError(node.file, node.line, `xpath "${text}"`, "a path of the XPath subset of XML Schema 1.0");
  };
  const deep = text.startsWith(".//");
  const parts = (deep ? text.slice(3) : text).split("/");
  const steps: string[] = [];
  let at: string | undefined;
  parts.forEach((raw, i) => {
    const part = raw.replace(/^child::/, "").replace(/^attribute::/, "@");
    if (part === ".") return;
    const found = /^(@?)(?:(\*)|(?:([\p{L}_][\p{L}\p{N}_.-]*):)?(\*|[\p{L}_][\p{L}\p{N}_.-]*))$/u.exec(part);
    if (!found) return refuse();
    const [, isAttribute, any, prefix, local] = found;
    const ns = prefix === undefined ? "" : node.prefixes.get(prefix);
    if (ns === undefined) return refuse();
    const test = any ?? (local === "*" ? `{${ns}}*` : clark(ns, local as string));
    if (isAttribute === "") steps.push(test);
    else if (field && i === parts.length - 1) at = test;
    else refuse();
  });
  return { deep, steps, attribute: at };
}
