/** Upper bounds that keep a hostile document from using up memory or stack. */
export interface XmlLimits {
  /** Bytes of the whole document. */
  readonly maxBytes: number;
  /** Elements inside each other. */
  readonly maxDepth: number;
  /** Attributes of one element, namespace declarations included. */
  readonly maxAttributes: number;
  /** UTF-16 code units in one run of text or one attribute value. */
  readonly maxText: number;
}

/**
 * Room for the 10 MB guideline of messages with attachments several times over; libxml2 caps depth at 256 as well.
 *
 * @see HIS 1036:2011 Vedlegg til meldinger
 */
export const defaultXmlLimits: XmlLimits = {
  maxBytes: 64 * 1024 * 1024,
  maxDepth: 256,
  maxAttributes: 256,
  maxText: 48 * 1024 * 1024,
};
