import { HelsekontaktError } from "@helsekontakt/core";
import { Decoder, type Tolerated } from "./decoder.ts";
import { readXml, type ReadXmlOptions, type XmlCursor, type XmlHandler, type XmlTagAttribute } from "./reader.ts";
import type { ElementRegistry } from "./table.ts";
import type { XmlElement } from "./tree.ts";
import { own, XMLNS } from "./names.ts";

export interface DecodeOptions {
  /** The elements that can be a root or stand behind a wildcard. */
  readonly registry: ElementRegistry;
  /**
   * `strict` (default) refuses what the object could not give back: elements out of order, missing ones, undeclared
   * attributes. `tolerant` takes known elements in any order, lets required ones be absent, and leaves out undeclared
   * attributes; the first thousand such places are listed in `tolerated`.
   */
  readonly mode?: "strict" | "tolerant";
}

export interface DecodeXmlOptions extends DecodeOptions, ReadXmlOptions {
  /** Another reader of the same events: a validator, which then costs no second pass over the document. */
  readonly also?: XmlHandler;
  /** Hand the original bytes back with the value, as a signed message needs. */
  readonly keepBytes?: boolean;
}

export interface Decoded {
  /** Root element in Clark form. */
  readonly name: string;
  readonly value: object | string;
  /**
   * What the tolerant mode let pass, and hints that had no place in the object: a thousand at most, and behind them how
   * many more there are.
   */
  readonly tolerated: readonly Tolerated[];
  /** The input itself, when `keepBytes` was asked for. */
  readonly bytes?: Uint8Array;
}

/**
 * Decodes a document into the object that the schema tables describe. Every simple value keeps its lexical form.
 *
 * @param bytes - the document in any encoding that `decodeXmlBytes` knows.
 * @throws {HelsekontaktError} as {@link readXml}; `xml/unknown-root`; in strict mode `xml/unexpected-element` and
 *   `xml/missing-element`. Context: `path`, `line`.
 */
export function decodeXml(bytes: Uint8Array, options: DecodeXmlOptions): Decoded {
  const decoder = new Decoder(options.registry, options.mode ?? "strict", options.also);
  readXml(bytes, decoder, options);
  const result = decoder.result();
  return options.keepBytes === true ? { ...result, bytes } : result;
}

/**
 * Decodes a tree, as it stands behind a wildcard, into the object that the schema tables describe.
 *
 * @throws {HelsekontaktError} `xml/unknown-root`, `xml/unexpected-element`, `xml/missing-element`; context: `path`.
 */
export function decodeElement(element: XmlElement, options: DecodeOptions): Decoded {
  const decoder = new Decoder(options.registry, options.mode ?? "strict");
  feed(element, decoder, []);
  return decoder.result();
}

function feed(element: XmlElement, decoder: Decoder, outer: readonly Readonly<Record<string, string>>[]): void {
  const scope = element.namespaces === undefined ? outer : [element.namespaces, ...outer];
  const cursor: XmlCursor = {
    offset: -1,
    tagStart: () => -1,
    lineAt: () => 0,
    resolve: (prefix) =>
      own(
        scope.find((s) => Object.hasOwn(s, prefix)),
        prefix,
      ),
  };
  const attributes = element.attributes.map((a): XmlTagAttribute => {
    if (a.ns === XMLNS)
      throw new HelsekontaktError("input/invalid", "expected a tree without namespace declarations, found one");
    return { name: a.name, prefix: a.ns === "" ? "" : "n", local: a.name, uri: a.ns, value: a.value };
  });
  decoder.open({ local: element.name, prefix: "", uri: element.ns, attributes }, cursor);
  for (const item of element.content) {
    if (typeof item === "string") decoder.text(item);
    else feed(item, decoder, scope);
  }
  decoder.close(cursor);
}
