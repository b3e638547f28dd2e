import { isDeepStrictEqual } from "node:util";

// What generated checks call. Lengths count code points, as JSON Schema does.

export function codePointLength(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length - 1; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdbff) continue;
    const next = text.charCodeAt(at + 1);
    if (next >= 0xdc00 && next <= 0xdfff) {
      length--;
      at++;
    }
  }
  return length;
}

export const deepEqual: (a: unknown, b: unknown) => boolean = isDeepStrictEqual;

function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isDateTime(text: string): boolean {
  const parts =
    /^(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/.exec(text);
  return parts !== null && isDate(parts[1] ?? "");
}

/** Formats that are judged in requests. @see RFC 3339, RFC 9562, RFC 4648 */
export const formats = {
  date: isDate,
  "date-time": isDateTime,
  uuid: (text: string): boolean => /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i.test(text),
  uri: (text: string): boolean => /^[a-z][a-z\d+.-]*:/i.test(text) && URL.canParse(text),
  byte: (text: string): boolean =>
    text.length % 4 === 0 && /^[A-Za-z\d+/]*$/.test(text.endsWith("==") ? text.slice(0, -2) : text.replace(/=$/, "")),
  int32: { type: "number", validate: (n: number): boolean => Number.isInteger(n) && n >= -(2 ** 31) && n < 2 ** 31 },
  int64: { type: "number", validate: (n: number): boolean => Number.isInteger(n) },
} as const;
