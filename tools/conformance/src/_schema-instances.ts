import { readFileSync } from "node:fs";
import { XmlDocument, XmlElement, type XmlTreeNode } from "libxml2-wasm";

const xs = "http://www.w3.org/2001/XMLSchema";
const xsi = "http://www.w3.org/2001/XMLSchema-instance";

/** A reproducible source of numbers below `n` (mulberry32): one seed, one sequence. */
export function createRandom(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

interface Named {
  readonly node: XmlElement;
  readonly namespace: string;
  readonly qualified: boolean;
}

/** The schemas of one folder set, read as trees; enough of XSD to make instances from, not to validate. */
export interface SchemaSet {
  readonly globals: ReadonlyMap<string, Named>;
  readonly types: ReadonlyMap<string, Named>;
  readonly attributes: ReadonlyMap<string, Named>;
}

/** Reads schema files and indexes their global elements, types and attributes by Clark name. */
export function readSchemas(files: readonly string[]): SchemaSet {
  const globals = new Map<string, Named>();
  const types = new Map<string, Named>();
  const attributes = new Map<string, Named>();
  for (const file of files) {
    const { root } = XmlDocument.fromBuffer(readFileSync(file));
    const namespace = root.attr("targetNamespace")?.value ?? "";
    const qualified = root.attr("elementFormDefault")?.value === "qualified";
    for (const node of children(root)) {
      const name = node.attr("name")?.value;
      if (name === undefined) continue;
      const key = `{${namespace}}${name}`;
      const named = { node, namespace, qualified };
      if (node.name === "element") globals.set(key, named);
      else if (node.name === "complexType" || node.name === "simpleType") types.set(key, named);
      else if (node.name === "attribute") attributes.set(key, named);
    }
  }
  return { globals, types, attributes };
}

/** Child elements of a schema component, annotations left out. */
function children(node: XmlElement): XmlElement[] {
  const found: XmlElement[] = [];
  for (let child: XmlTreeNode | null = node.firstChild; child !== null; child = child.next) {
    if (child instanceof XmlElement && child.namespaceUri === xs && child.name !== "annotation") found.push(child);
  }
  return found;
}

function clark(node: XmlElement, qname: string): string {
  const colon = qname.indexOf(":");
  const prefix = colon < 0 ? "" : qname.slice(0, colon);
  return `{${node.namespaceForPrefix(prefix) ?? ""}}${qname.slice(colon + 1)}`;
}

const samples: Readonly<Record<string, readonly string[]>> = {
  string: ["tekst", "", " to  ord ", "æøå & <>"],
  token: ["A", "1", " rand "],
  NMTOKEN: ["NI"],
  date: ["2025-11-03", "2025-11-03Z", "2025-11-03+01:00"],
  dateTime: ["2025-11-03T08:15:30Z", "2025-11-03T08:15:30.1234567", "2025-11-03T08:15:30+01:00"],
  time: ["08:15:30"],
  gYear: ["2025"],
  gYearMonth: ["2025-11"],
  boolean: ["true", "false"],
  integer: ["0", "-12"],
  decimal: ["1.50"],
  double: ["1.5E3", "INF"],
  anyURI: ["tel:12345678", "http://example.org/a b"],
  base64Binary: ["", "aGVp", " aGVp\n"],
  anyType: ["fri tekst"],
  anySimpleType: ["x"],
};

function split(key: string): [namespace: string, local: string] {
  const end = key.indexOf("}");
  return [key.slice(1, end), key.slice(end + 1)];
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

/** Makes instances at random. */
export interface InstanceMaker {
  /** A global element, by Clark name. */
  element(name: string): string;
  /** An element whose declared type is anyType, with content of the named type and `xsi:type`. */
  typed(prefixedTag: string, type: string): string;
}

/** Makes instances of the elements and types of a set; most are valid, all are well-formed. */
export function createInstanceMaker(set: SchemaSet, random: (n: number) => number): InstanceMaker {
  let ids = 0;
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;

  function builtin(local: string): string {
    if (local === "ID") return `id-${++ids}`;
    const list = samples[local];
    if (list === undefined) throw new Error(`expected a built-in type with a sample, found xs:${local}`);
    return pick(list);
  }

  function simpleValue(key: string): string {
    const [namespace, local] = split(key);
    if (namespace === xs) return builtin(local);
    if (local === "oid") return pick(["2.16.578.1.12.4.1.1.9051", "1", "12.3"]);
    const named = set.types.get(key);
    if (named === undefined) throw new Error(`expected a simple type, found ${key}`);
    return simpleOf(named.node);
  }

  function simpleOf(node: XmlElement): string {
    const inner = children(node)[0];
    if (inner?.name === "union") {
      const members = (inner.attr("memberTypes")?.value ?? "").split(" ");
      return simpleValue(clark(inner, pick(members)));
    }
    if (inner?.name !== "restriction") throw new Error(`expected a restriction or a union, found ${inner?.name}`);
    const enumerated = children(inner).filter((c) => c.name === "enumeration");
    if (enumerated.length > 0) return pick(enumerated).attr("value")?.value ?? "";
    return simpleValue(clark(inner, inner.attr("base")?.value ?? ""));
  }

  function attributesOf(node: XmlElement): string {
    let text = "";
    for (const a of children(node).filter((c) => c.name === "attribute")) {
      if (a.attr("use")?.value !== "required" && random(3) === 0) continue;
      const ref = a.attr("ref")?.value;
      const target = ref === undefined ? undefined : set.attributes.get(clark(a, ref));
      const declaration = target?.node ?? a;
      const type = declaration.attr("type")?.value;
      const inline = children(declaration)[0];
      const value =
        type !== undefined ? simpleValue(clark(declaration, type)) : inline !== undefined ? simpleOf(inline) : "x";
      const local = declaration.attr("name")?.value ?? "";
      text +=
        target === undefined
          ? ` ${local}="${escape(value)}"`
          : ` xmlns:at="${target.namespace}" at:${local}="${escape(value)}"`.replace(
              text.includes("xmlns:at=") ? / xmlns:at="[^"]*"/ : /$^/,
              "",
            );
    }
    return text;
  }

  function times(node: XmlElement, depth: number): number {
    const min = Number(node.attr("minOccurs")?.value ?? "1");
    const raw = node.attr("maxOccurs")?.value ?? "1";
    const max = raw === "unbounded" ? min + 2 : Number(raw);
    if (depth > 8) return min;
    return min + random(max - min + 1);
  }

  function particle(node: XmlElement, owner: Named, depth: number): string {
    let out = "";
    for (let n = times(node, depth); n > 0; n--) {
      if (node.name === "sequence") {
        for (const child of children(node)) out += particle(child, owner, depth);
      } else if (node.name === "choice") {
        const options = children(node);
        if (options.length > 0) out += particle(pick(options), owner, depth);
      } else if (node.name === "any") {
        out += wildcard(node, owner);
      } else if (node.name === "element") {
        const ref = node.attr("ref")?.value;
        out += ref === undefined ? localElement(node, owner, depth) : globalElement(clark(node, ref), depth);
      }
    }
    return out;
  }

  function wildcard(node: XmlElement, owner: Named): string {
    const lax = node.attr("processContents")?.value === "lax";
    const other = node.attr("namespace")?.value === "##other";
    const foreign = `<ukjent xmlns="urn:example:other" a="1">x</ukjent>`;
    const known = `<Base64Container xmlns="http://www.kith.no/xmlstds/base64container">aGVp</Base64Container>`;
    const own = `<Person xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"/>`;
    if (lax && random(2) === 0) return foreign;
    return other || owner.namespace.includes("xmldsig") ? known : pick([known, own]);
  }

  function content(node: XmlElement, owner: Named, depth: number): { attributes: string; body: string } {
    let attributes = attributesOf(node);
    let body = "";
    for (const child of children(node)) {
      if (child.name === "complexContent" || child.name === "simpleContent") {
        const derivation = children(child)[0];
        if (derivation === undefined) continue;
        const base = clark(derivation, derivation.attr("base")?.value ?? "");
        if (child.name === "simpleContent") body += escape(simpleValue(base));
        else if (derivation.name === "extension") {
          const parent = set.types.get(base);
          if (parent !== undefined) {
            const inherited = content(parent.node, parent, depth);
            attributes += inherited.attributes;
            body += inherited.body;
          }
        }
        const own = content(derivation, owner, depth);
        const declared = / xmlns:at="[^"]*"/.exec(attributes)?.[0];
        attributes += declared === undefined ? own.attributes : own.attributes.replace(declared, "");
        body += own.body;
      } else if (child.name !== "attribute") body += particle(child, owner, depth + 1);
    }
    return { attributes, body };
  }

  function typed(tag: string, extra: string, key: string, depth: number): string {
    const [namespace, local] = split(key);
    if (namespace === xs && local === "anyType") {
      const text = pick(["fri tekst", `<div xmlns="http://www.w3.org/1999/xhtml"><p>a</p>b</div>`, ""]);
      return `<${tag}${extra}>${text}</${tag.split(" ")[0]}>`;
    }
    const named = set.types.get(key);
    if (namespace === xs || named?.node.name === "simpleType") {
      return `<${tag}${extra}>${escape(simpleValue(key))}</${tag.split(" ")[0]}>`;
    }
    if (named === undefined) throw new Error(`expected a known type, found ${key}`);
    const { attributes, body } = content(named.node, named, depth);
    return `<${tag}${extra}${attributes}>${body}</${tag.split(" ")[0]}>`;
  }

  function declared(node: XmlElement, namespace: string, owner: Named, depth: number): string {
    const tag = `${node.attr("name")?.value ?? ""} xmlns="${namespace}"`;
    const fixed = node.attr("fixed")?.value ?? node.attr("default")?.value;
    const type = node.attr("type")?.value;
    if (fixed !== undefined) return `<${tag}>${random(3) === 0 ? "" : fixed}</${tag.split(" ")[0]}>`;
    if (type !== undefined) return typed(tag, "", clark(node, type), depth);
    const inline = children(node)[0];
    if (inline === undefined) return `<${tag}/>`;
    if (inline.name === "simpleType") return `<${tag}>${escape(simpleOf(inline))}</${tag.split(" ")[0]}>`;
    const { attributes, body } = content(inline, owner, depth);
    return `<${tag}${attributes}>${body}</${tag.split(" ")[0]}>`;
  }

  function localElement(node: XmlElement, owner: Named, depth: number): string {
    return declared(node, owner.qualified ? owner.namespace : "", owner, depth);
  }

  function globalElement(key: string, depth: number): string {
    const named = set.globals.get(key);
    if (named === undefined) throw new Error(`expected a global element, found ${key}`);
    return declared(named.node, named.namespace, named, depth);
  }

  return {
    element: (name) => globalElement(name, 0),
    typed: (prefixedTag, type) => {
      const [namespace, local] = split(type);
      return typed(prefixedTag, ` xmlns:ty="${namespace}" xmlns:xsi="${xsi}" xsi:type="ty:${local}"`, type, 0);
    },
  };
}
