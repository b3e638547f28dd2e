import { contentTypes as generated } from "../gen/transport.ts";

/** The content types that are sent and read. */
export const contentTypes = {
  /** CMS: signed, then encrypted. */
  protected: generated.signedAndEnveloped.value,
  /** The payload as it is. */
  plain: generated.plain.value,
  /** A SOAP fault, on error queues. */
  soap: generated.soap.value,
} as const;

/** How a body is protected; every content type but two means `protected`. */
export type BodyProtection = keyof typeof contentTypes;

/** Reads a content type without regard to case. */
export function bodyProtection(contentType: string): BodyProtection {
  const text = contentType.trim().toLowerCase();
  return text === contentTypes.plain ? "plain" : text === contentTypes.soap ? "soap" : "protected";
}
