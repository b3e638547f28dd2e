import { readFileSync } from "node:fs";
import { GeneratorError } from "@helsekontakt/codegen";
import { SaxesParser } from "saxes";

/** The namespace of XML Schema itself. */
export const XS = "http://www.w3.org/2001/XMLSchema";

/** One element of a schema document, with its line and the prefixes in scope: all that later steps need to name a place. */
export interface Node {
  readonly name: string;
  readonly ns: string;
  readonly line: number;
  readonly file: string;
  /** Unqualified attributes; attributes of foreign namespaces are annotations by the XSD specification. */
  readonly attrs: ReadonlyMap<string, string>;
  readonly prefixes: ReadonlyMap<string, string>;
  readonly children: Node[];
  readonly parent: Node | undefined;
  text: string;
}

/** Later steps recurse; no schema that a person wrote comes near. */
const maxDepth = 256;

/** Decodes by byte order mark, then by the XML declaration, then as UTF-8. */
export function decodeBytes(bytes: Uint8Array, file: string): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return decodeAs("utf-8", bytes, file);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return decodeAs("utf-16be", bytes, file);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return decodeAs("utf-16le", bytes, file);
  if (bytes[0] === 0 && bytes[1] === 0x3c) return decodeAs("utf-16be", bytes, file);
  if (bytes[0] === 0x3c && bytes[1] === 0) return decodeAs("utf-16le", bytes, file);
  const head = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
  const declared = /^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']/.exec(head)?.[1]?.toLowerCase() ?? "utf-8";
  return decodeAs(declared, bytes, file);
}

function decodeAs(encoding: string, bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new GeneratorError(file, 1, `bytes that are not ${encoding}`, "a document in its declared encoding");
  }
}

/** Reads one schema document into nodes. Comments and processing instructions are dropped; of a DTD only plain text entities count. */
export function parseSchema(bytes: Uint8Array, file: string): Node {
  const parser = new SaxesParser({ xmlns: true, position: true, fileName: file });
  let root: Node | undefined;
  let current: Node | undefined;
  let opening = 1;
  let depth = 0;
  parser.on("error", (error) => {
    throw new GeneratorError(
      file,
      parser.line,
      `ill-formed XML (${error.message.replace(/^.*?:\d+:\d+: /, "")})`,
      "a well-formed document",
    );
  });
  // The published xmldsig schema declares an entity for its namespace in the internal subset.
  parser.on("doctype", (doctype) => {
    for (const [, name, , value] of doctype.matchAll(/<!ENTITY\s+([\w.-]+)\s+(["'])([^"'<&%]*)\2\s*>/g)) {
      parser.ENTITIES[name as string] = value as string;
    }
  });
  parser.on("opentagstart", () => {
    opening = parser.line;
  });
  parser.on("opentag", (tag) => {
    if (++depth > maxDepth) {
      throw new GeneratorError(file, opening, "more", `at most ${maxDepth} elements inside each other`);
    }
    const prefixes = new Map(current?.prefixes ?? []);
    const attrs = new Map<string, string>();
    for (const attribute of Object.values(tag.attributes)) {
      if (attribute.prefix === "xmlns") prefixes.set(attribute.local, attribute.value);
      else if (attribute.name === "xmlns") prefixes.set("", attribute.value);
      else if (attribute.uri === "") attrs.set(attribute.local, attribute.value);
    }
    const node: Node = {
      name: tag.local,
      ns: tag.uri,
      line: opening,
      file,
      attrs,
      prefixes,
      children: [],
      parent: current,
      text: "",
    };
    if (current) current.children.push(node);
    else root = node;
    current = node;
  });
  const text = (value: string): void => {
    if (current) current.text += value;
  };
  parser.on("text", text);
  parser.on("cdata", text);
  parser.on("closetag", () => {
    depth--;
    current = current?.parent;
  });
  parser.write(decodeBytes(bytes, file)).close();
  if (!root) throw new GeneratorError(file, 1, "no root element", "a schema document");
  return root;
}

/** Reads a schema document from disk; `file` is the name used in messages. */
export function readSchema(path: string, file: string): Node {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    throw new GeneratorError(file, undefined, "none, or a link that leads nowhere", "a file that can be read");
  }
  return parseSchema(bytes, file);
}

/** The text of an element and all below it, white space collapsed. */
export function textOf(node: Node): string {
  return [node.text, ...node.children.map(textOf)].join(" ").replace(/\s+/g, " ").trim();
}
