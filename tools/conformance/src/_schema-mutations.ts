import { clarkName, serializeXml, splitClark, XS, XSI, type XmlElement } from "@helsekontakt/types/xml";
import type {
  ContentModel,
  ElementRule,
  ElementRuleRegistry,
  TypeRule,
  TypeRuleRegistry,
} from "@helsekontakt/validators/xml";
import type { FacetValues } from "./_schema-facets.ts";

/** An element of a document with what the schema says of it; the tree is copied, so that a change touches nothing else. */
interface Node {
  name: string;
  ns: string;
  attributes: { name: string; ns: string; value: string }[];
  content: (string | Node)[];
  namespaces: Record<string, string>;
  readonly parent: Node | undefined;
  readonly rule: ElementRule | undefined;
  readonly type: TypeRule | undefined;
}

/** The kinds of fault, by name: what `counts` counts. */
export type Fault =
  | "drop"
  | "repeat"
  | "swap"
  | "rename"
  | "re-namespace"
  | "value"
  | "cut"
  | "add element"
  | "add attribute"
  | "drop attribute"
  | "attribute value"
  | "xsi:type"
  | "xsi:nil"
  | "text";

export interface SchemaMutator {
  /** One document with one fault, or with a change that the schema allows: which of the two is for the judges to say. */
  mutate(document: XmlElement): { readonly fault: Fault; readonly bytes: Uint8Array } | undefined;
}

/**
 * Makes documents with one change each, chosen by what the schema says of the place: a child is renamed to another name of
 * the same content model, a value goes just over the border of a facet, `xsi:type` names a derived, an abstract or a wrong type.
 *
 * @param values - values on both sides of the facets, read from the schema files themselves and not from the rules, so
 *   that a facet the compiler lost is found missing.
 * @param make - an element of a rule, with content at random.
 */
export function createSchemaMutator(
  rules: ElementRuleRegistry,
  types: TypeRuleRegistry,
  values: FacetValues,
  random: (n: number) => number,
  make: (rule: ElementRule) => XmlElement,
): SchemaMutator {
  const namespaces = [...new Set(Object.keys(rules).map((name) => splitClark(name).ns)), "", "urn:example:other"];
  const typeNames = Object.keys(types);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const faults: readonly ((node: Node) => Fault | undefined)[] = [
    drop,
    repeat,
    swap,
    rename,
    reNamespace,
    value,
    value,
    value,
    cut,
    addElement,
    addAttribute,
    dropAttribute,
    attributeValue,
    attributeValue,
    xsiType,
    xsiNil,
    text,
  ];

  function drop(node: Node): Fault | undefined {
    if (node.parent === undefined) return undefined;
    node.parent.content = node.parent.content.filter((c) => c !== node);
    return "drop";
  }

  function repeat(node: Node): Fault | undefined {
    if (node.parent === undefined) return undefined;
    node.parent.content.splice(node.parent.content.indexOf(node), 0, node);
    return "repeat";
  }

  function swap(node: Node): Fault | undefined {
    const list = node.content;
    const children = list.filter((c) => typeof c !== "string");
    if (children.length < 2) return undefined;
    const [a, b] = [list.indexOf(pick(children)), list.indexOf(pick(children))];
    [list[a], list[b]] = [list[b] as Node, list[a] as Node];
    return "swap";
  }

  function rename(node: Node): Fault | undefined {
    const model = modelOf(node.parent);
    const named = model?.particles.filter((p): p is ElementRule => "name" in p) ?? [];
    if (node.parent === undefined || named.length === 0) return undefined;
    const { ns, local } = splitClark(random(8) === 0 ? pick(Object.keys(rules)) : pick(named).name);
    node.name = local;
    node.ns = ns;
    return "rename";
  }

  function reNamespace(node: Node): Fault {
    const from = node.ns;
    const to = pick(namespaces);
    const deep = random(2) === 0;
    const change = (at: Node): void => {
      if (at.ns === from) at.ns = to;
      if (deep) for (const c of at.content) if (typeof c !== "string") change(c);
    };
    change(node);
    return "re-namespace";
  }

  function value(node: Node): Fault | undefined {
    if (node.content.some((c) => typeof c !== "string") || node.type?.content.kind === "elements") return undefined;
    const fixed = [node.rule?.fixed, node.rule?.default].filter((v) => v !== undefined);
    node.content = [pick([...values.of(clarkName(node.ns, node.name), node.type?.name), ...fixed])];
    return "value";
  }

  function cut(node: Node): Fault | undefined {
    if (node.content.length === 0) return undefined;
    node.content = node.content.slice(0, random(node.content.length));
    return "cut";
  }

  function addElement(node: Node): Fault | undefined {
    const named = modelOf(node)?.particles.filter((p): p is ElementRule => "name" in p) ?? [];
    const rule = named.length === 0 || random(6) === 0 ? rules[pick(Object.keys(rules))] : pick(named);
    if (rule === undefined || rule.abstract === true) return undefined;
    node.content.splice(random(node.content.length + 1), 0, copy(make(rule), node, rule));
    return "add element";
  }

  function addAttribute(node: Node): Fault | undefined {
    const declared = node.type?.attributes ?? [];
    const name =
      declared.length > 0 && random(2) === 0 ? pick(declared).name : pick(["V", "Id", "{urn:example:other}x", "NULL"]);
    const { ns, local } = splitClark(name);
    if (node.attributes.some((a) => a.name === local && a.ns === ns)) return undefined;
    node.attributes.push({ name: local, ns, value: pick(values.of(`@${local}`, undefined)) });
    return "add attribute";
  }

  function dropAttribute(node: Node): Fault | undefined {
    if (node.attributes.length === 0) return undefined;
    node.attributes.splice(random(node.attributes.length), 1);
    return "drop attribute";
  }

  function attributeValue(node: Node): Fault | undefined {
    const own = node.attributes.filter((a) => a.ns !== XSI);
    if (own.length === 0) return undefined;
    const attribute = pick(own);
    const rule = node.type?.attributes.find((r) => r.name === clarkName(attribute.ns, attribute.name));
    const fixed = rule?.fixed === undefined ? [] : [rule.fixed];
    attribute.value = pick([...values.of(`@${attribute.name}`, rule?.type().name), ...fixed]);
    return "attribute value";
  }

  function xsiType(node: Node): Fault {
    const derived = Object.keys(node.type?.derived?.() ?? {});
    const own = node.type === undefined ? [] : [node.type.name];
    const builtin = `{${XS}}${pick(["string", "token", "anyType", "int", "date", "constructor"])}`;
    const name = pick([...derived, ...derived, ...own, pick(typeNames) ?? builtin, builtin]);
    const { ns, local } = splitClark(name);
    node.attributes = node.attributes.filter((a) => a.ns !== XSI || a.name !== "type");
    // A place of an anonymous type is no name.
    const spelled = /^[^/@]+$/.test(local) ? local : "Nope";
    node.attributes.push({ name: "type", ns: XSI, value: ns === "" ? spelled : `xm:${spelled}` });
    node.namespaces = { ...node.namespaces, xm: ns };
    if (ns === "") delete node.namespaces["xm"];
    return "xsi:type";
  }

  function xsiNil(node: Node): Fault {
    node.attributes = node.attributes.filter((a) => a.ns !== XSI || a.name !== "nil");
    node.attributes.push({ name: "nil", ns: XSI, value: pick(["true", "1", "false", "0", "yes"]) });
    if (random(2) === 0) node.content = [];
    return "xsi:nil";
  }

  function text(node: Node): Fault {
    node.content.splice(random(node.content.length + 1), 0, pick(["fri tekst", " ", "\n", "1"]));
    return "text";
  }

  /** The tree with a rule for each element, as far as the automata lead. */
  function copy(element: XmlElement, parent: Node | undefined, rule: ElementRule | undefined): Node {
    const declared = rule?.type();
    const named = element.attributes.find((a) => a.ns === XSI && a.name === "type")?.value.replace(/^.*:/, "");
    const derived = Object.entries(declared?.derived?.() ?? {}).find(([n]) => splitClark(n).local === named)?.[1];
    const type = derived?.() ?? declared;
    const node: Node = {
      name: element.name,
      ns: element.ns,
      attributes: element.attributes.map((a) => ({ ...a })),
      content: [],
      namespaces: { ...element.namespaces },
      parent,
      rule,
      type,
    };
    const particles = modelOf(node)?.particles ?? [];
    for (const child of element.content) {
      if (typeof child === "string") node.content.push(child);
      else {
        const name = clarkName(child.ns, child.name);
        const own = particles.find((p): p is ElementRule => "name" in p && p.name === name) ?? rules[name];
        node.content.push(copy(child, node, own));
      }
    }
    return node;
  }

  return {
    mutate(document) {
      const root = copy(document, undefined, rules[clarkName(document.ns, document.name)]);
      const all: Node[] = [];
      const gather = (node: Node): void => {
        all.push(node);
        for (const c of node.content) if (typeof c !== "string") gather(c);
      };
      gather(root);
      for (let tries = 0; tries < 20; tries++) {
        const fault = pick(faults)(pick(all));
        if (fault !== undefined) return { fault, bytes: serializeXml(root) };
      }
      return undefined;
    },
  };
}

function modelOf(node: Node | undefined): ContentModel | undefined {
  const content = node?.type?.content;
  return content?.kind === "elements" ? content.model : undefined;
}
