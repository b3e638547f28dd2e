/** Whether a text is a UUID, as MsgId must be, in upper or lower case. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}

/** What a UUID says about itself. */
export interface Uuid {
  /** `nil` and `max` are the two that stand for none and all; `rfc` has a version, `other` is of an older or a reserved kind. */
  readonly variant: "nil" | "max" | "rfc" | "other";
  /** 1 to 8, of the variant `rfc`. */
  readonly version?: number;
}

/**
 * Reads a UUID.
 *
 * @returns undefined for other text, also for one with braces, without dashes or with `urn:uuid:` before it.
 * @see RFC 9562, sections 4 and 5
 */
export function safeParseUuid(text: string): Uuid | undefined {
  if (!isUuid(text)) return undefined;
  const digits = text.replaceAll("-", "").toLowerCase();
  if (/^0+$/.test(digits)) return { variant: "nil" };
  if (/^f+$/.test(digits)) return { variant: "max" };
  const version = Number(digits[12]);
  return /[89ab]/.test(digits[16] as string) && version >= 1 && version <= 8
    ? { variant: "rfc", version }
    : { variant: "other" };
}
