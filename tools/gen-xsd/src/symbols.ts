import { typeName } from "@helsekontakt/codegen";
import { type Node, XS } from "./dom.ts";
import type { Doc } from "./model.ts";

/** Names that generated files use themselves; a schema's own name gives way with a `_`. */
const reserved = new Set(
  "elements types rules attributes AnyType AnyElement XmlAttribute Nil Item TypeTable ElementRegistry TypeRegistry ElementRule ElementRuleRegistry SimpleRule TypeRule TypeRuleRegistry".split(
    " ",
  ),
);

/** The names on the way from the document's root down to a node, outermost first. */
export function chain(node: Node): { kind: string; name: string }[] {
  const out: { kind: string; name: string }[] = [];
  for (let at: Node | undefined = node; at; at = at.parent) {
    const name = at.attrs.get("name") ?? at.attrs.get("ref");
    if (
      name !== undefined &&
      ["element", "attribute", "complexType", "simpleType", "group", "attributeGroup"].includes(at.name)
    )
      out.unshift({ kind: at.name, name: name.replace(/^.*:/, "") });
  }
  return out;
}

/** The place of a node for `@source` pointers: `element/AppRec/Sender`. */
export function place(node: Node): string {
  const names = chain(node);
  return names.length === 0
    ? node.name
    : `${names[0]?.kind}/${names.map((n) => (n.kind === "attribute" ? `@${n.name}` : n.name)).join("/")}`;
}

/**
 * Gives every type and global element of a unit its symbol. Named types keep upstream's spelling; a global element does
 * too, unless another type has the name (then `NameElement`); anonymous types are named by their place, `Parent_Child`.
 * The result depends on the unit's own documents only, so unrelated schemas never rename anything.
 */
export function nameSymbols(docs: readonly Doc[]): Map<Node, string> {
  const symbols = new Map<Node, string>();
  const taken = new Set(reserved);
  const claim = (wish: string): string => {
    let name = reserved.has(wish) ? `${wish}_` : wish;
    for (let n = 2; taken.has(name); n++) name = `${wish}_${n}`;
    taken.add(name);
    return name;
  };
  const tops = docs.flatMap((d) => d.root.children.filter((c) => c.ns === XS && c.attrs.has("name")));
  const seen = new Map<string, Node>();
  for (const node of tops) {
    if (node.name !== "complexType" && node.name !== "simpleType") continue;
    const name = node.attrs.get("name") as string;
    const twin = seen.get(name);
    if (twin) symbols.set(node, symbols.get(twin) as string);
    else {
      seen.set(name, node);
      symbols.set(node, claim(typeName(name)));
    }
  }
  for (const node of tops) {
    if (node.name !== "element") continue;
    const name = typeName(node.attrs.get("name") as string);
    // An element of the named type that has its own name needs no symbol of its own.
    const type = node.attrs.get("type")?.replace(/^.*:/, "");
    const inline = node.children.find((c) => c.ns === XS && (c.name === "complexType" || c.name === "simpleType"));
    // By its own name, not by the symbol: `a-b` and `a_b` are two elements.
    const own = `element ${node.attrs.get("name")}`;
    const twin = seen.get(own);
    if (twin) {
      symbols.set(node, symbols.get(twin) as string);
      continue;
    }
    seen.set(own, node);
    const same = type === node.attrs.get("name") && seen.has(type as string);
    const symbol = same
      ? symbolOf(symbols, seen.get(type as string))
      : claim(taken.has(name) ? `${name}Element` : name);
    symbols.set(node, symbol);
    if (inline) symbols.set(inline, symbol);
  }
  const walk = (node: Node): void => {
    if ((node.name === "complexType" || node.name === "simpleType") && !symbols.has(node)) {
      const names = chain(node);
      const top = names[0];
      let root = node;
      while (root.parent?.parent) root = root.parent;
      const first = symbols.get(root) ?? typeName(`${top?.kind === "attribute" ? "$" : ""}${top?.name ?? "anonymous"}`);
      const rest = names.slice(1).map((n) => (n.kind === "attribute" ? `$${n.name}` : n.name));
      const inner =
        node.name === "simpleType" && ["restriction", "list", "union"].includes(node.parent?.name ?? "")
          ? ["$item"]
          : [];
      symbols.set(node, claim(typeName([first, ...rest, ...inner].join("_"))));
    }
    for (const child of node.children) if (child.ns === XS && child.name !== "annotation") walk(child);
  };
  for (const doc of docs) walk(doc.root);
  return symbols;
}

function symbolOf(symbols: ReadonlyMap<Node, string>, node: Node | undefined): string {
  return (node && symbols.get(node)) ?? "";
}
