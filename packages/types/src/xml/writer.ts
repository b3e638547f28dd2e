import { Buffer } from "node:buffer";
import { HelsekontaktError } from "@helsekontakt/core";
import { own, preferredPrefixes, XML } from "./names.ts";

export interface XmlWriterOptions {
  /** Namespace to prefix, before the built-in preferences. */
  readonly prefixes?: Readonly<Record<string, string>>;
  /** Write the XML declaration; default true. */
  readonly declaration?: boolean;
}

// Everything that stands for itself; one scan decides for the usual text. Control characters, halves of pairs and what
// needs escaping are outside these ranges.
const plainText = /^[\t\n\x20-\x25\x27-\x3b\x3d\x3f-\ud7ff\ue000-\ufffd]*$/;
const plainAttribute = /^[\x20\x21\x23-\x25\x27-\x3b\x3d\x3f-\ud7ff\ue000-\ufffd]*$/;
const xmlCharacters = /^[\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;
const references: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

/** Where declarations of prefixes go: the start tag of the document's or a payload's root. */
interface Root {
  readonly slot: number;
  readonly byNs: Map<string, string>;
  readonly used: Set<string>;
  declared: string;
}

interface Level {
  name: string;
  readonly defaultNs: string;
  readonly root: Root;
  /** Prefixes bound on this element itself, hiding those of the root. */
  readonly local: ReadonlyMap<string, string> | undefined;
}

/**
 * Writes elements in one pass with the fewest declarations: a root has its namespace as default, and every prefix that
 * is needed below it is declared on it.
 */
export class XmlWriter {
  readonly #parts: string[] = [];
  readonly #levels: Level[] = [];
  readonly #prefixes: Readonly<Record<string, string>> | undefined;
  /** True while the start tag is not yet ended by `>`. */
  #tagOpen = false;

  constructor(options: XmlWriterOptions = {}) {
    this.#prefixes = options.prefixes;
    if (options.declaration !== false) this.#parts.push('<?xml version="1.0" encoding="UTF-8"?>\n');
  }

  /**
   * Begins an element.
   *
   * @param root - true for a document's or payload's root, which gets its namespace as default namespace.
   * @param bindings - prefixes that must be bound here; `""` binds the default namespace.
   */
  open(ns: string, local: string, root = false, bindings?: Readonly<Record<string, string>>): void {
    this.#endTag();
    const parent = this.#levels.at(-1);
    const boundDefault = bindings?.[""];
    let defaultNs = parent?.defaultNs ?? "";
    let declarations = "";
    let name = local;
    let own: Map<string, string> | undefined;
    if (bindings !== undefined) {
      own = new Map();
      for (const [prefix, uri] of Object.entries(bindings)) {
        if (prefix === "") continue;
        own.set(prefix, uri);
        declarations += ` xmlns:${prefix}="${escapeAttribute(uri)}"`;
      }
    }
    const wanted = boundDefault ?? (root || ns === "" || parent === undefined ? ns : defaultNs);
    if (wanted !== defaultNs) {
      defaultNs = wanted;
      declarations += ` xmlns="${escapeAttribute(defaultNs)}"`;
    }
    const index = this.#parts.push("") - 1;
    const scope: Root =
      root || parent === undefined ? { slot: index + 1, byNs: new Map(), used: new Set(), declared: "" } : parent.root;
    const level: Level = { name: local, defaultNs, root: scope, local: own };
    this.#levels.push(level);
    if (ns !== defaultNs) name = `${this.prefix(ns)}:${local}`;
    level.name = name;
    this.#parts[index] = `<${name}${declarations}`;
    if (scope.slot === index + 1) this.#parts.push(scope.declared);
    this.#tagOpen = true;
  }

  /** Adds an attribute to the element that was just opened. */
  attribute(ns: string, local: string, value: string): void {
    const name = ns === "" ? local : `${this.prefix(ns)}:${local}`;
    this.#parts.push(` ${name}="${escapeAttribute(value)}"`);
  }

  text(value: string): void {
    this.#endTag();
    this.#parts.push(escapeText(value));
  }

  close(): void {
    const level = this.#levels.pop() as Level;
    if (this.#tagOpen) {
      this.#parts.push("/>");
      this.#tagOpen = false;
    } else {
      this.#parts.push(`</${level.name}>`);
    }
  }

  /** An element that holds only text, without attributes. */
  simple(ns: string, local: string, value: string): void {
    const level = this.#levels.at(-1);
    if (level === undefined || ns !== level.defaultNs) {
      this.open(ns, local);
      if (value !== "") this.text(value);
      this.close();
      return;
    }
    this.#endTag();
    this.#parts.push(value === "" ? `<${local}/>` : `<${local}>${escapeText(value)}</${local}>`);
  }

  /** The prefix for a namespace here, declared on the nearest root if need be. */
  prefix(ns: string): string {
    if (ns === XML) return "xml";
    const levels = this.#levels;
    for (let i = levels.length - 1; i >= 0; i--) {
      for (const [prefix, uri] of levels[i]?.local ?? []) {
        if (uri === ns && !this.#hidden(prefix, i)) return prefix;
      }
    }
    const root = (levels.at(-1) as Level).root;
    const known = root.byNs.get(ns);
    if (known !== undefined && !this.#hidden(known, -1)) return known;
    let name = own(this.#prefixes, ns) ?? own(preferredPrefixes, ns) ?? "ns1";
    for (let n = 2; root.used.has(name) || this.#hidden(name, -1); n++) name = `ns${n}`;
    root.used.add(name);
    root.byNs.set(ns, name);
    root.declared += ` xmlns:${name}="${escapeAttribute(ns)}"`;
    if (root.slot < this.#parts.length) this.#parts[root.slot] = root.declared;
    return name;
  }

  /** The text so far. */
  toString(): string {
    return this.#parts.join("");
  }

  toBytes(): Uint8Array {
    return Buffer.from(this.toString(), "utf8");
  }

  #hidden(prefix: string, from: number): boolean {
    for (let i = this.#levels.length - 1; i > from; i--) {
      if (this.#levels[i]?.local?.has(prefix)) return true;
    }
    return false;
  }

  #endTag(): void {
    if (!this.#tagOpen) return;
    this.#parts.push(">");
    this.#tagOpen = false;
  }
}

function escapeText(value: string): string {
  if (plainText.test(value)) return value;
  check(value);
  return value.replace(/[&<>\r]/g, (c) => references[c] as string);
}

function escapeAttribute(value: string): string {
  if (plainAttribute.test(value)) return value;
  check(value);
  return value.replace(/[&<>"\t\n\r]/g, (c) => references[c] as string);
}

function check(value: string): void {
  if (!xmlCharacters.test(value)) {
    throw new HelsekontaktError(
      "xml/not-encodable",
      "expected characters that XML allows, found a control character or half a pair",
    );
  }
}
