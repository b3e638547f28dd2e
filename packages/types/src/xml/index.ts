export { decodeBase64Content, encodeBase64Content } from "./base64.ts";
export { type DecodedBytes, decodeXmlBytes } from "./encoding.ts";
export { type Decoded, decodeElement, type DecodeOptions, decodeXml, type DecodeXmlOptions } from "./decode.ts";
export type { Tolerated } from "./decoder.ts";
export { encodeXml, type EncodeXmlOptions } from "./encode.ts";
export { canonicalInfoset, type InfosetOptions } from "./infoset.ts";
export { defaultXmlLimits, type XmlLimits } from "./limits.ts";
export { clarkName, intern, preferredPrefixes, splitClark, XMLNS, XS, XSI } from "./names.ts";
export { parseXml } from "./parse-tree.ts";
export {
  readXml,
  type ReadXmlOptions,
  type XmlCursor,
  type XmlHandler,
  type XmlTag,
  type XmlTagAttribute,
} from "./reader.ts";
export { serializeXml } from "./serialize.ts";
export type {
  AnyType,
  AttributeTable,
  ContentRef,
  ElementRegistry,
  ElementTable,
  FieldTable,
  Item,
  Nil,
  Prefixes,
  QName,
  TypeRegistry,
  TypeTable,
  WildcardTable,
} from "./table.ts";
export type { AnyElement, XmlAttribute, XmlElement } from "./tree.ts";
export { variantNamespace } from "./variants.ts";
export type { XmlWriterOptions } from "./writer.ts";
