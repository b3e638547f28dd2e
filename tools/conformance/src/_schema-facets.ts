import { readFileSync } from "node:fs";
import { XmlDocument, XmlElement, type XmlTreeNode } from "libxml2-wasm";

const xs = "http://www.w3.org/2001/XMLSchema";

/** Values near the borders of what schemas allow. */
export interface FacetValues {
  /** For an element by Clark name, or an attribute as `@local`; `type` is the Clark name of a named type that stands there. */
  of(name: string, type: string | undefined): readonly string[];
}

const general = [
  "",
  " ",
  "x",
  "1",
  "-1",
  "0",
  "1.5",
  "1e3",
  "INF",
  "true",
  "TRUE",
  "2025-02-28",
  "2025-02-29",
  "2024-02-29Z",
  "2025-02-28T23:59:60",
  "2025-02-28T24:00:00",
  "2025-02-28T10:00:00+14:00",
  "2025",
  "2025-13",
  "10:00:00",
  "P1D",
  "P",
  "aGVp",
  "aGV",
  "0a",
  "a b",
  " a ",
  "1.2.3",
  "1..2",
  "urn:x",
  "%zz",
  "æøå",
  "😀",
  "12345678901",
  "123456789012345678901234567890",
  "99999999999.999999",
];

/** Reads the facets of every simple type, element and attribute of schema files, and makes values on both sides of each. */
export function readFacetValues(files: readonly string[]): FacetValues {
  const byType = new Map<string, Set<string>>();
  const byName = new Map<string, Set<string>>();
  const typeOfName = new Map<string, Set<string>>();
  const add = <K>(map: Map<K, Set<string>>, key: K, more: Iterable<string>): void => {
    const set = map.get(key) ?? new Set();
    for (const v of more) set.add(v);
    map.set(key, set);
  };
  for (const file of files) {
    const document = XmlDocument.fromBuffer(readFileSync(file));
    const namespace = document.root.attr("targetNamespace")?.value ?? "";
    const walk = (node: XmlElement, owner: string | undefined, type: string | undefined): void => {
      const name = node.attr("name")?.value;
      let [at, inside] = [owner, type];
      if (node.name === "element" && name !== undefined) [at, inside] = [`{${namespace}}${name}`, undefined];
      if (node.name === "attribute" && name !== undefined) [at, inside] = [`@${name}`, undefined];
      if ((node.name === "simpleType" || node.name === "complexType") && name !== undefined)
        inside = `{${namespace}}${name}`;
      const reference =
        node.attr("type")?.value ?? (node.name === "restriction" ? node.attr("base")?.value : undefined);
      if (reference !== undefined && at !== undefined) add(typeOfName, at, [local(reference)]);
      const value = node.attr("value")?.value;
      if (value !== undefined) {
        const near = around(node.name, value);
        if (inside !== undefined) add(byType, local(inside), near);
        if (at !== undefined) add(byName, at, near);
      }
      for (const child of elements(node)) walk(child, at, inside);
    };
    walk(document.root, undefined, undefined);
    document.dispose();
  }
  const cache = new Map<string, readonly string[]>();
  return {
    of(name, type) {
      const key = `${name} ${type ?? ""}`;
      const known = cache.get(key);
      if (known !== undefined) return known;
      const special = new Set(byName.get(name));
      for (const t of [...(typeOfName.get(name) ?? []), ...(type === undefined ? [] : [local(type)])])
        for (const v of byType.get(t) ?? []) special.add(v);
      // As many of the schema's own as of the general ones.
      const out = [...special, ...special, ...general];
      cache.set(key, out);
      return out;
    },
  };
}

function local(name: string): string {
  return name.replace(/^.*[:}]/, "");
}

/** Values at, just inside and just outside of one facet. */
function around(facet: string, value: string): string[] {
  const n = Number(value);
  switch (facet) {
    case "enumeration":
      return [value, `${value}x`, value.slice(1), ` ${value} `, value.toLowerCase()];
    case "length":
    case "minLength":
    case "maxLength":
      if (!(n < 5000)) return [];
      return [n - 1, n, n + 1].filter((k) => k >= 0).flatMap((k) => ["a".repeat(k), "1".repeat(k), "😀".repeat(k)]);
    case "totalDigits":
    case "fractionDigits":
      return [n, n + 1].flatMap((k) => [
        "1".repeat(k),
        `0.${"1".repeat(k)}`,
        `1.${"10".repeat(k)}`,
        `-${"9".repeat(k)}`,
      ]);
    case "minInclusive":
    case "maxInclusive":
    case "minExclusive":
    case "maxExclusive":
      return Number.isFinite(n) ? [value, `${n - 1}`, `${n + 1}`, `${n}.0`, `0${n}`, `${n}.01`] : [value];
    case "pattern": {
      const plain = value.replace(/\\d/g, "1").replace(/[\\^$]/g, "");
      const filled = plain
        .replace(/\[([^\]])[^\]]*\]/g, "$1")
        .replace(/(.)\{(\d+)(?:,\d*)?\}/g, (_m, c: string, k: string) => c.repeat(Number(k)))
        .replace(/[()?*+]|\|.*/g, "");
      return [filled, `${filled}1`, filled.slice(1), `${filled} `, plain];
    }
    default:
      return [];
  }
}

function elements(node: XmlElement): XmlElement[] {
  const found: XmlElement[] = [];
  for (let child: XmlTreeNode | null = node.firstChild; child !== null; child = child.next)
    if (child instanceof XmlElement && child.namespaceUri === xs && child.name !== "annotation") found.push(child);
  return found;
}
