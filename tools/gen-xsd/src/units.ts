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

interface DraftUnit extends LinkedUnit {
  readonly imports: Map<string, Unit>;
  readonly importedNamespaces: Set<string>;
}

/**
 * Groups documents into units (one target namespace, joined by includes) and links imports.
 *
 * Several units may have one namespace: copies and variants of a schema. An import leads to the document that its
 * `schemaLocation` names if that is present and has the namespace; otherwise to the unit of that namespace, the best of:
 * same file name as the location, longest common folder with the importer, shortest path, first by code unit.
 */
export function linkUnits(inputs: readonly Input[]): { units: LinkedUnit[]; refused: LinkRefusal[] } {
  const sorted = [...inputs].sort((a, b) => byCodeUnit(a.file, b.file));
  const graph = readIncludes(sorted);
  const units = [...joined(sorted, graph)]
    .filter((members) => !refuseBroken(members, graph))
    .flatMap((members) => separate(members, graph))
    .filter((members) => !onlyIncluded(members, graph))
    .map((members) => unitOf(members, graph))
    .sort((a, b) => byCodeUnit(a.family, b.family));
  for (const unit of units) {
    for (const doc of unit.docs) {
      for (const node of children(doc.root, "import")) {
        const ns = node.attrs.get("namespace") ?? "";
        unit.importedNamespaces.add(ns);
        const target = pick(units, ns, doc.file, node.attrs.get("schemaLocation"));
        if (target && !unit.imports.has(ns)) unit.imports.set(ns, target);
      }
    }
  }
  return { units, refused: graph.refused };
}

/** A document at which linking stopped. */
export interface LinkRefusal {
  readonly file: string;
  readonly error: GeneratorError;
}

interface Graph {
  readonly byFile: ReadonlyMap<string, Input>;
  /** File to the files of its own namespace that it includes. */
  readonly includes: Map<string, string[]>;
  /** File to the files without namespace that it includes. */
  readonly chameleons: Map<string, string[]>;
  readonly refused: LinkRefusal[];
}

function readIncludes(sorted: readonly Input[]): Graph {
  const graph: Graph = {
    byFile: new Map(sorted.map((i) => [i.file, i])),
    includes: new Map(),
    chameleons: new Map(),
    refused: [],
  };
  for (const input of sorted) {
    try {
      checkRoot(input.root);
      for (const include of children(input.root, "include")) {
        const target = findIncluded(sorted, graph.byFile, input, include);
        const theirs = target.root.attrs.get("targetNamespace");
        const ours = input.root.attrs.get("targetNamespace");
        const expected = "the including document's namespace or none";
        const found = `include of a document of namespace "${theirs}"`;
        if (theirs !== ours && theirs !== undefined)
          throw new GeneratorError(input.file, include.line, found, expected);
        const map = theirs === ours ? graph.includes : graph.chameleons;
        map.set(input.file, [...(map.get(input.file) ?? []), target.file]);
      }
    } catch (error) {
      if (!(error instanceof GeneratorError)) throw error;
      graph.refused.push({ file: input.file, error });
    }
  }
  return graph;
}

/** The included document: where its location says, or else the nearest of the same file name and a fitting namespace. */
function findIncluded(
  sorted: readonly Input[],
  byFile: ReadonlyMap<string, Input>,
  input: Input,
  include: Node,
): Input {
  const location = attribute(include, "schemaLocation");
  const exact = byFile.get(resolvePath(input.file, location));
  if (exact) return exact;
  const ours = input.root.attrs.get("targetNamespace");
  const named = sorted.filter((c) => {
    const theirs = c.root.attrs.get("targetNamespace");
    return c !== input && baseName(c.file) === baseName(location) && (theirs === ours || theirs === undefined);
  });
  const best = named.sort((a, b) => commonFolders(b.file, input.file) - commonFolders(a.file, input.file))[0];
  if (best) return best;
  const expected = "a schemaLocation that is present in the folder";
  throw new GeneratorError(input.file, include.line, `include of "${location}"`, expected);
}

/** Groups of documents of one namespace that includes join. */
function joined(sorted: readonly Input[], graph: Graph): Iterable<readonly Input[]> {
  const parent = new Map<string, string>(sorted.map((i) => [i.file, i.file]));
  const find = (file: string): string => {
    let at = file;
    while (parent.get(at) !== at) at = parent.get(at) as string;
    return at;
  };
  for (const [file, targets] of graph.includes) for (const target of targets) parent.set(find(target), find(file));
  const groups = new Map<string, Input[]>();
  for (const input of sorted) groups.set(find(input.file), [...(groups.get(find(input.file)) ?? []), input]);
  return groups.values();
}

/** True when a document of the group was refused; the others are then refused because of it. */
function refuseBroken(members: readonly Input[], graph: Graph): boolean {
  const files = new Set(graph.refused.map((r) => r.file));
  const bad = members.find((m) => files.has(m.file));
  if (!bad) return false;
  for (const { file } of members) {
    if (files.has(file)) continue;
    const expected = "included documents that compile";
    graph.refused.push({ file, error: new GeneratorError(file, 1, `include group with "${bad.file}"`, expected) });
  }
  return true;
}

/**
 * A group as one unit, the shortest path first, which names it; when two of its documents declare one name differently (two messages that share an included part),
 * one unit for each document that nobody includes, with what it includes.
 */
function separate(members: readonly Input[], graph: Graph): (readonly Input[])[] {
  const seen = new Map<string, string>();
  const clash = members.some((m) =>
    m.root.children.some((node) => {
      const name = node.attrs.get("name");
      if (name === undefined) return false;
      const key = `${node.name === "simpleType" ? "complexType" : node.name} ${name}`;
      const known = seen.get(key) ?? shape(node);
      seen.set(key, known);
      return known !== shape(node);
    }),
  );
  const byLength = [...members].sort((a, b) => a.file.length - b.file.length || byCodeUnit(a.file, b.file));
  if (!clash) return [byLength];
  const included = new Set([...graph.includes.values()].flat());
  const roots = members.filter((m) => !included.has(m.file));
  if (roots.length < 2) return [byLength];
  return roots.map((root) => {
    const closure = new Set([root.file]);
    for (const file of closure) for (const next of graph.includes.get(file) ?? []) closure.add(next);
    return [root, ...members.filter((m) => m !== root && closure.has(m.file))];
  });
}

/** A document without namespace that others include is compiled with them, and alone only when nobody includes it. */
function onlyIncluded(members: readonly Input[], graph: Graph): boolean {
  const included = new Set([...graph.chameleons.values()].flat());
  return members.every((m) => included.has(m.file) && m.root.attrs.get("targetNamespace") === undefined);
}

function unitOf(members: readonly Input[], graph: Graph): DraftUnit {
  const lead = members[0] as Input;
  const ns = lead.root.attrs.get("targetNamespace") ?? "";
  const docs: Doc[] = members.map((m) => ({ file: m.file, id: m.id, root: m.root, ns, chameleon: false }));
  const seen = new Set(members.flatMap((m) => graph.chameleons.get(m.file) ?? []));
  for (const file of seen) {
    const input = graph.byFile.get(file) as Input;
    if (!members.includes(input)) docs.push({ file, id: input.id, root: input.root, ns, chameleon: true });
    for (const next of [...(graph.includes.get(file) ?? []), ...(graph.chameleons.get(file) ?? [])]) seen.add(next);
  }
  docs.sort((a, b) => byCodeUnit(a.file, b.file));
  return { family: lead.family, lead: lead.file, ns, docs, imports: new Map(), importedNamespaces: new Set() };
}

function pick(units: readonly Unit[], ns: string, importer: string, location: string | undefined): Unit | undefined {
  const candidates = units.filter((u) => u.ns === ns);
  if (location !== undefined) {
    const exact = resolvePath(importer, location);
    const named = candidates.find((u) => u.docs.some((d) => !d.chameleon && d.file === exact));
    if (named) return named;
  }
  const base = location === undefined ? undefined : baseName(location);
  const rank = (unit: Unit): [number, number, number, string] => {
    const files = unit.docs.filter((d) => !d.chameleon).map((d) => d.file);
    const same = files.some((f) => baseName(f) === base) ? 0 : 1;
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

function baseName(path: string): string {
  return path.replace(/^.*[/\\]/, "").toLowerCase();
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
  for (const part of decoded(location).replaceAll("\\", "/").split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

/** A location with broken escapes names no file, and is looked for as it stands. */
function decoded(location: string): string {
  try {
    return decodeURI(location);
  } catch {
    return location;
  }
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

/** A node without annotations as text, to tell identical copies from different ones. */
export function shape(node: Node): string {
  // One text at the end: texts inside texts would double their escapes at every level.
  return JSON.stringify(shapeOf(node));
}

function shapeOf(node: Node): unknown {
  const attrs = [...node.attrs].sort((a, b) => byCodeUnit(a[0], b[0]));
  const inner = node.children.filter((c) => c.ns === XS && c.name !== "annotation").map(shapeOf);
  return [node.name, attrs, inner];
}
