import { own, preferredPrefixes, XSI } from "./names.ts";
import type { XmlElement } from "./tree.ts";
import { XmlWriter, type XmlWriterOptions } from "./writer.ts";

/**
 * Writes a tree as UTF-8 bytes. A change of namespace re-declares the default namespace, except for namespaces that have
 * a settled prefix (`fk1`, `ds`, …).
 *
 * @throws {HelsekontaktError} `xml/not-encodable` for characters that XML does not allow.
 */
export function serializeXml(element: XmlElement, options: XmlWriterOptions = {}): Uint8Array {
  const writer = new XmlWriter(options);
  writeTree(writer, element, true, options.prefixes);
  return writer.toBytes();
}

/** Writes a tree into an open writer. */
export function writeTree(
  writer: XmlWriter,
  element: XmlElement,
  root: boolean,
  prefixes?: Readonly<Record<string, string>>,
): void {
  writer.open(element.ns, element.name, root, element.namespaces);
  for (const a of element.attributes) writer.attribute(a.ns, a.name, a.value);
  for (const item of element.content) {
    if (typeof item === "string") {
      if (item !== "") writer.text(item);
    } else {
      const settled = own(preferredPrefixes, item.ns) !== undefined || own(prefixes, item.ns) !== undefined;
      writeTree(writer, item, item.ns !== element.ns && !settled && item.ns !== XSI, prefixes);
    }
  }
  writer.close();
}
