/**
 * An XML element as data: what the codec keeps where the schema says "anything", and the common form in which FHIR XML
 * enters and leaves a message.
 */
export interface XmlElement {
  /** Local name. */
  readonly name: string;
  /** Namespace, `""` for none. */
  readonly ns: string;
  /** Without namespace declarations. */
  readonly attributes: readonly XmlAttribute[];
  /** Text and child elements in document order; adjacent text is joined; comments and processing instructions are left out. */
  readonly content: readonly (string | XmlElement)[];
  /** Prefixes that names inside attribute values or text of this element rely on (`xsi:type="xs:string"`). */
  readonly namespaces?: Readonly<Record<string, string>>;
}

export interface XmlAttribute {
  readonly name: string;
  readonly ns: string;
  readonly value: string;
}

/**
 * One element behind a wildcard: `value` is the decoded object when the decoder's registry knows the element,
 * `element` is the tree otherwise. Exactly one of the two is set.
 */
export type AnyElement =
  | {
      /** Clark form: `{namespace}local`. */
      readonly name: string;
      readonly value: object | string;
      readonly element?: never;
      /** `xsi:schemaLocation` of an element whose value is a string and has no place for it. */
      readonly schemaLocation?: string;
    }
  | { readonly name: string; readonly element: XmlElement; readonly value?: never };
