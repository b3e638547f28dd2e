import { contentTypes } from "../gen/transport.ts";

/** How a body is protected; every content type but two means `protected`. */
export type BodyProtection = "protected" | "plain" | "soap";

const values: Readonly<Record<BodyProtection, string>> = {
  protected: contentTypes.signedAndEnveloped.value,
  plain: contentTypes.plain.value,
  soap: contentTypes.soap.value,
};

/** @internal The content type that is sent. */
export function contentTypeOf(protection: BodyProtection): string {
  return values[protection];
}

/** Reads a content type without regard to case. */
export function bodyProtection(contentType: string): BodyProtection {
  const text = contentType.trim().toLowerCase();
  return text === values.plain ? "plain" : text === values.soap ? "soap" : "protected";
}
