import { byCodeUnit, GeneratorError } from "@helsekontakt/codegen";
import { type Node, XS } from "./dom.ts";
import type { Doc, Unit } from "./model.ts";

/** One schema document to compile: where it stands, how `@source` pointers name it, and the wished family name. */
export interface Input {
  readonly file: string;
  readonly id: string;
  readonly family: string;
  readonly root: Node;
}

/** A unit with the units that its imports lead to. */
export interface LinkedUnit extends Unit {
  /** Namespace to unit; a namespace that no document has is absent. */
  readonly imports: ReadonlyMap<string, Unit>;
  readonly importedNamespaces: ReadonlySet<string>;
}

/**
 * Groups documents into units (one target namespace, joined by includes) and links imports.
 *
 * Several units may have one namespace: copies and variants of a schema. An import leads to the document that its
 * `schemaLocation` names if that is present and has the namespace; otherwise to the unit of that namespace, the best of:
 * same file name as the location, longest common folder with the importer, shortest path, first by code unit.
 */
export function linkUnits(inputs: readonly Input[]): {
  units: LinkedUnit[];
  refused: { file: string; error: GeneratorError }[];
} {
  const sorted = [...inputs].sort((a, b) => byCodeUnit(a.file, b.file));
  const byFile = new Map(sorted.map((i) => [i.file, i]));
  const refused: { file: string; error: GeneratorError }[] = [];
  const parent = new Map<string, string>(sorted.map((i) => [i.file, i.file]));
  const find = (file: string): string => {
    let at = file;
    while (parent.get(at) !== at) at = parent.get(at) as string;
    return at;
  };
  const chameleons = new Map<string, Set<string>>();
  const broken = new Set<string>();
  for (const input of sorted) {
    try {
      checkRoot(input.root);
      for (const include of children(input.root, "include")) {
        const target = byFile.get(resolvePath(input.file, attribute(include, "schemaLocation")));
        if (!target)
          throw new GeneratorError(
            input.file,
            include.line,
            `include of "${attribute(include, "schemaLocation")}"`,
            "a schemaLocation that is present in the folder",
          );
        const theirs = target.root.attrs.get("targetNamespace");
        const ours = input.root.attrs.get("targetNamespace");
        if (theirs === ours) parent.set(find(target.file), find(input.file));
        else if (theirs === undefined)
          chameleons.set(input.file, (chameleons.get(input.file) ?? new Set()).add(target.file));
        else
          throw new GeneratorError(
            input.file,
            include.line,
            `include of a document of namespace "${theirs}"`,
            "the including document's namespace or none",
          );
      }
    } catch (error) {
      if (!(error instanceof GeneratorError)) throw error;
      refused.push({ file: input.file, error });
      broken.add(input.file);
    }
  }
  const groups = new Map<string, Input[]>();
  for (const input of sorted) groups.set(find(input.file), [...(groups.get(find(input.file)) ?? []), input]);
  const included = new Set([...chameleons.values()].flatMap((files) => [...files]));
  const draft: { unit: LinkedUnit; imports: Map<string, Unit>; namespaces: Set<string> }[] = [];
  for (const members of groups.values()) {
    const bad = members.find((m) => broken.has(m.file));
    if (bad) {
      for (const member of members)
        if (member !== bad && !broken.has(member.file))
          refused.push({
            file: member.file,
            error: new GeneratorError(
              member.file,
              1,
              `include group with "${bad.file}"`,
              "included documents that compile",
            ),
          });
      continue;
    }
    // A document without namespace that others include is compiled with them, and alone only when nobody includes it.
    if (
      members.length === 1 &&
      included.has((members[0] as Input).file) &&
      (members[0] as Input).root.attrs.get("targetNamespace") === undefined
    )
      continue;
    const ns = (members[0] as Input).root.attrs.get("targetNamespace") ?? "";
    const docs: Doc[] = members.map((m) => ({ file: m.file, id: m.id, root: m.root, ns, chameleon: false }));
    const queue = members.flatMap((m) => [...(chameleons.get(m.file) ?? [])]);
    const seen = new Set(members.map((m) => m.file));
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      const input = byFile.get(file) as Input;
      docs.push({ file, id: input.id, root: input.root, ns, chameleon: true });
      for (const include of children(input.root, "include")) {
        const next = resolvePath(file, attribute(include, "schemaLocation"));
        if (byFile.has(next)) queue.push(next);
      }
    }
    docs.sort((a, b) => byCodeUnit(a.file, b.file));
    const lead = [...members].sort((a, b) => a.file.length - b.file.length || byCodeUnit(a.file, b.file))[0] as Input;
    const imports = new Map<string, Unit>();
    const namespaces = new Set<string>();
    draft.push({
      unit: { family: lead.family, ns, docs, imports, importedNamespaces: namespaces },
      imports,
      namespaces,
    });
  }
  draft.sort((a, b) => byCodeUnit(a.unit.family, b.unit.family));
  for (const { unit, imports, namespaces } of draft) {
    for (const doc of unit.docs) {
      for (const node of children(doc.root, "import")) {
        const ns = node.attrs.get("namespace") ?? "";
        namespaces.add(ns);
        const location = node.attrs.get("schemaLocation");
        const target = pick(
          draft.map((d) => d.unit),
          ns,
          doc.file,
          location,
        );
        if (target && !imports.has(ns)) imports.set(ns, target);
      }
    }
  }
  return { units: draft.map((d) => d.unit), refused };
}

function pick(units: readonly Unit[], ns: string, importer: string, location: string | undefined): Unit | undefined {
  const candidates = units.filter((u) => u.ns === ns);
  if (location !== undefined) {
    const exact = resolvePath(importer, location);
    const named = candidates.find((u) => u.docs.some((d) => !d.chameleon && d.file === exact));
    if (named) return named;
  }
  const base = location?.split("/").at(-1)?.toLowerCase();
  const rank = (unit: Unit): [number, number, number, string] => {
    const files = unit.docs.filter((d) => !d.chameleon).map((d) => d.file);
    const same = files.some((f) => f.split("/").at(-1)?.toLowerCase() === base) ? 0 : 1;
    const common = Math.max(...files.map((f) => commonFolders(f, importer)));
    const shortest = [...files].sort((a, b) => a.length - b.length || byCodeUnit(a, b))[0] as string;
    return [same, -common, shortest.length, shortest];
  };
  return candidates
    .map((unit) => ({ unit, rank: rank(unit) }))
    .sort(
      (a, b) =>
        a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || a.rank[2] - b.rank[2] || byCodeUnit(a.rank[3], b.rank[3]),
    )[0]?.unit;
}

function commonFolders(a: string, b: string): number {
  const left = a.split("/").slice(0, -1);
  const right = b.split("/").slice(0, -1);
  let n = 0;
  while (n < left.length && n < right.length && left[n] === right[n]) n++;
  return n;
}

/** Resolves a relative location against a file's folder; an absolute address stays as it is and so matches no file. */
export function resolvePath(from: string, location: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(location) || location.startsWith("/")) return location;
  const parts = from.split("/").slice(0, -1);
  for (const part of decodeURI(location).replaceAll("\\", "/").split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

/** The XSD children of one name. */
export function children(node: Node, name: string): Node[] {
  return node.children.filter((c) => c.ns === XS && c.name === name);
}

/** A required attribute. */
export function attribute(node: Node, name: string): string {
  const value = node.attrs.get(name);
  if (value === undefined)
    throw new GeneratorError(node.file, node.line, `<${node.name}> without it`, `attribute ${name}`);
  return value;
}

function checkRoot(root: Node): void {
  if (root.ns !== XS || root.name !== "schema")
    throw new GeneratorError(root.file, root.line, `<${root.name}> of namespace "${root.ns}"`, `<schema> of ${XS}`);
  for (const child of root.children) {
    if (
      child.ns !== XS ||
      ![
        "annotation",
        "include",
        "import",
        "element",
        "attribute",
        "complexType",
        "simpleType",
        "group",
        "attributeGroup",
      ].includes(child.name)
    )
      throw new GeneratorError(
        child.file,
        child.line,
        `<${child.name}>`,
        "include, import, element, attribute, complexType, simpleType, group or attributeGroup",
      );
  }
}
