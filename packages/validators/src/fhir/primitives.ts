import { FhirDecimal } from "@helsekontakt/types/fhir";

/**
 * Checks of R4's primitive types by character code: 0 good, 1 wrong kind of JSON value, 2 wrong form, 3 no such day.
 *
 * They accept exactly what R4's regular expressions accept (the generator stops when those change). The expressions that are
 * used here look at each character once, so that no input can make them slow; what they do not take is looked at by hand.
 *
 * @see FHIR R4, 2.24 Data types
 */
export interface PrimitiveCheck {
  readonly type: string;
  readonly check: (value: unknown) => 0 | 1 | 2 | 3;
  /** True where a value may name a contained resource by `#id`, as dom-3 has it. */
  readonly names?: true;
}

const maxString = 1_048_576;
const space = /[\t-\r ]/;
const mediaType = /^[A-Za-z0-9][\w!#$&^.+-]*\/[A-Za-z0-9*][\w!#$&^.+-]*(?:;[^\n]*)?$/;
const currencyCode = /^[A-Z]{3}$/;
// What no id has: to look for it takes half the time of matching what each id has.
const notOfId = /[^A-Za-z0-9.-]/;
const digits = (count: number): string => "[0-9a-fA-F]".repeat(count);
/**
 * A UUID, whose digits may be capitals; many ids are one. Each digit a class of its own: the engine compiles that to
 * comparisons in a row, and a count to a loop three times as slow.
 */
export const uuidPattern: string = [8, 4, 4, 4, 12].map(digits).join("-");
// Turned around, as those below: where an expression matches, the engine keeps the text that it matched, which for one that
// was just read costs more than the match.
const noUuid = new RegExp(`^(?!${uuidPattern}$)`);
// Days that every month has; the engine's own scan is twice as fast as character codes one by one, and a digit that is
// written once more is found sooner than one that is counted.
const noUsualInstant =
  /^(?!(?!0000)\d\d\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d)$)/;

/** `\s` as the HL7 validator reads it: ASCII white space only. */
function isSpace(c: number): boolean {
  return c === 32 || (c >= 9 && c <= 13);
}

function text(type: string, check: (s: string) => 0 | 2 | 3): PrimitiveCheck {
  return { type, check: (v) => (typeof v === "string" ? check(v) : 1) };
}

// The forms, for the checks below and for generated code, which calls them without a check's object around them.

/** A form: 0 good, 2 wrong, 3 no day of the calendar. */
export type Form = (s: string) => 0 | 2 | 3;

/** Anything without white space; an empty text is no value. */
export function uriForm(s: string): 0 | 2 {
  // One class of characters: the engine compiles it to a scan, several times as fast as a loop over character codes.
  return s.length > 0 && !space.test(s) ? 0 : 2;
}

/** Text that is not empty, at most 1 MiB. */
export function stringForm(s: string): 0 | 2 {
  return s.length > 0 && s.length <= maxString ? 0 : 2;
}

function digit(s: string, i: number): boolean {
  const c = s.charCodeAt(i);
  return c >= 48 && c <= 57;
}

/** Two digits at `i` as a number, or -1. */
function two(s: string, i: number): number {
  const tens = s.charCodeAt(i) - 48;
  const ones = s.charCodeAt(i + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** A date at the start of `s`: how many characters it takes (4, 7 or 10), -10 where no such day exists, 0 where it is none. */
function dateAt(s: string): 4 | 7 | 10 | -10 | 0 {
  const century = two(s, 0);
  const rest = two(s, 2);
  if (century < 0 || rest < 0 || century + rest === 0) return 0;
  if (s.charCodeAt(4) !== 45) return 4;
  const month = two(s, 5);
  if (month < 1 || month > 12) return 0;
  if (s.charCodeAt(7) !== 45) return 7;
  const day = two(s, 8);
  if (day < 1 || day > 31) return 0;
  return day <= 28 || day <= daysIn(century * 100 + rest, month) ? 10 : -10;
}

/** `hh:mm:ss` with fraction at `i`: the place after it, or -1. */
function timeAt(s: string, i: number): number {
  const h = two(s, i);
  const m = two(s, i + 3);
  const sec = two(s, i + 6);
  if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60) return -1;
  if (s.charCodeAt(i + 2) !== 58 || s.charCodeAt(i + 5) !== 58) return -1;
  let end = i + 8;
  if (s.charCodeAt(end) === 46) {
    if (!digit(s, ++end)) return -1;
    while (digit(s, end)) end++;
  }
  return end;
}

/** `Z` or an offset at `i`, up to the end. */
function zoneAt(s: string, i: number): boolean {
  const c = s.charCodeAt(i);
  if (c === 90) return s.length === i + 1;
  if (c !== 43 && c !== 45) return false;
  const h = two(s, i + 1);
  const m = two(s, i + 4);
  if (s.charCodeAt(i + 3) !== 58 || s.length !== i + 6 || h < 0 || m < 0 || m > 59) return false;
  return h < 14 || (h === 14 && m === 0);
}

/** A year, a month or a day. */
export function dateForm(s: string): 0 | 2 | 3 {
  const length = dateAt(s);
  if (length === 0 || s.length !== Math.abs(length)) return 2;
  return length > 0 ? 0 : 3;
}

/** A date, or a time to the second with zone. */
export function dateTimeForm(s: string): 0 | 2 | 3 {
  return s.length <= 10 ? dateForm(s) : instantForm(s);
}

/** A time to the second with zone. */
export function instantForm(s: string): 0 | 2 | 3 {
  if (!noUsualInstant.test(s)) return 0;
  const length = dateAt(s);
  if (Math.abs(length) !== 10 || s.charCodeAt(10) !== 84) return 2;
  const end = timeAt(s, 11);
  if (end < 0 || !zoneAt(s, end)) return 2;
  return length > 0 ? 0 : 3;
}

/** A time of day without zone. */
export function timeForm(s: string): 0 | 2 {
  return timeAt(s, 0) === s.length ? 0 : 2;
}

/** Up to this length a loop over the characters takes less than the call of an expression. */
const shortCode = 8;

/** True for text without white space. */
function isShortWord(s: string): boolean {
  for (let i = 0; i < s.length; i++) if (isSpace(s.charCodeAt(i))) return false;
  return true;
}

/** Text without white space at either end, single spaces within. */
export function codeForm(s: string): 0 | 2 {
  if (s.length <= shortCode ? isShortWord(s) : !space.test(s)) return s.length > 0 ? 0 : 2;
  let before = true;
  for (let i = 0; i < s.length; i++) {
    const now = isSpace(s.charCodeAt(i));
    if (now && before) return 2;
    before = now;
  }
  return before ? 2 : 0;
}

/** 1 to 64 letters, digits, hyphens and points. */
export function idForm(s: string): 0 | 2 {
  if (s.length === 36 && !noUuid.test(s)) return 0;
  return s.length > 0 && s.length <= 64 && !notOfId.test(s) ? 0 : 2;
}

/** `urn:oid:` and the numbers. */
export function oidForm(s: string): 0 | 2 {
  if (!s.startsWith("urn:oid:") || !(s.charCodeAt(8) >= 48 && s.charCodeAt(8) <= 50)) return 2;
  let i = 9;
  while (i < s.length) {
    if (s.charCodeAt(i) !== 46 || !digit(s, i + 1)) return 2;
    if (s.charCodeAt(i + 1) === 48) i += 2;
    else for (i += 2; digit(s, i); ) i++;
  }
  return i > 9 ? 0 : 2;
}

/** `urn:uuid:` and the small hexadecimal digits. */
export function uuidForm(s: string): 0 | 2 {
  if (s.length !== 45 || !s.startsWith("urn:uuid:")) return 2;
  for (let i = 9; i < 45; i++) {
    const c = s.charCodeAt(i);
    const hyphen = i === 17 || i === 22 || i === 27 || i === 32;
    if (hyphen ? c !== 45 : !((c >= 48 && c <= 57) || (c >= 97 && c <= 102))) return 2;
  }
  return 0;
}

/** Groups of four characters of the base64 alphabet, white space between them. */
export function base64BinaryForm(s: string): 0 | 2 {
  let n = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (isSpace(c)) {
      if (n % 4 !== 0) return 2;
    } else if (
      (c >= 48 && c <= 57) ||
      (c >= 65 && c <= 90) ||
      (c >= 97 && c <= 122) ||
      c === 43 ||
      c === 47 ||
      c === 61
    )
      n++;
    else return 2;
  }
  return n > 0 && n % 4 === 0 ? 0 : 2;
}

/** A code of BCP 13, by its form: `type/subtype` with parameters. */
export function mimeTypeForm(s: string): 0 | 2 {
  return s.length <= 255 && mediaType.test(s) ? 0 : 2;
}

/** A code of ISO 4217, by its form. */
export function currencyForm(s: string): 0 | 2 {
  return currencyCode.test(s) ? 0 : 2;
}

/** True for text that is not empty. */
export function isString(v: unknown): v is string {
  return typeof v === "string" && stringForm(v) === 0;
}

/** True for an address. */
export function isUri(v: unknown): v is string {
  return typeof v === "string" && uriForm(v) === 0;
}

/** True for a code. */
export function isCode(v: unknown): v is string {
  return typeof v === "string" && codeForm(v) === 0;
}

/** True for an id. */
export function isId(v: unknown): v is string {
  return typeof v === "string" && idForm(v) === 0;
}

/** True for an OID as address. */
export function isOid(v: unknown): v is string {
  return typeof v === "string" && oidForm(v) === 0;
}

/** True for a UUID as address. */
export function isUuid(v: unknown): v is string {
  return typeof v === "string" && uuidForm(v) === 0;
}

/** True for base64. */
export function isBase64Binary(v: unknown): v is string {
  return typeof v === "string" && base64BinaryForm(v) === 0;
}

/** True for a date. */
export function isDate(v: unknown): v is string {
  return typeof v === "string" && dateForm(v) === 0;
}

/** True for a date or a time with date. */
export function isDateTime(v: unknown): v is string {
  return typeof v === "string" && dateTimeForm(v) === 0;
}

/** True for a time with date and zone. */
export function isInstant(v: unknown): v is string {
  return typeof v === "string" && instantForm(v) === 0;
}

/** True for a time of day. */
export function isTime(v: unknown): v is string {
  return typeof v === "string" && timeForm(v) === 0;
}

/** True for a media type. */
export function isMimeType(v: unknown): v is string {
  return typeof v === "string" && mimeTypeForm(v) === 0;
}

/** True for a currency code. */
export function isCurrency(v: unknown): v is string {
  return typeof v === "string" && currencyForm(v) === 0;
}

/** True for a whole number of 32 bits with sign. */
export function isInteger(v: unknown): boolean {
  return isWhole(v, -2147483648, 2147483647);
}

/** True for a whole number from 0. */
export function isUnsignedInt(v: unknown): boolean {
  return isWhole(v, 0, 2147483647);
}

/** True for a whole number from 1. */
export function isPositiveInt(v: unknown): boolean {
  return isWhole(v, 1, 2147483647);
}

/** True for a JSON number that is finite, or kept digits that are a number. */
export function isDecimal(v: unknown): boolean {
  if (typeof v === "number") return Number.isFinite(v);
  return v instanceof FhirDecimal && typeof v.toJSON() !== "string";
}

/** True for a whole number in the range. */
export function isWhole(v: unknown, min: number, max: number): boolean {
  return typeof v === "number" && Number.isInteger(v) && v >= min && v <= max;
}

function whole(type: string, min: number, max: number): PrimitiveCheck {
  return {
    type,
    check: (v) => (typeof v !== "number" ? 1 : isWhole(v, min, max) ? 0 : 2),
  };
}

/** `true` or `false`. */
export const boolean: PrimitiveCheck = { type: "boolean", check: (v) => (typeof v === "boolean" ? 0 : 1) };
/** A whole number of 32 bits with sign. */
export const integer: PrimitiveCheck = whole("integer", -2147483648, 2147483647);
/** A whole number from 0. */
export const unsignedInt: PrimitiveCheck = whole("unsignedInt", 0, 2147483647);
/** A whole number from 1. */
export const positiveInt: PrimitiveCheck = whole("positiveInt", 1, 2147483647);
/** A JSON number, or the digits that a number would lose. */
export const decimal: PrimitiveCheck = {
  type: "decimal",
  check: (v) => (typeof v !== "number" && !(v instanceof FhirDecimal) ? 1 : isDecimal(v) ? 0 : 2),
};
/** Text that is not empty, at most 1 MiB. */
export const string: PrimitiveCheck = text("string", stringForm);
/** Text that is not empty, with Markdown. */
export const markdown: PrimitiveCheck = text("markdown", stringForm);
/** Text without white space at either end, single spaces within. */
export const code: PrimitiveCheck = text("code", codeForm);
/** 1 to 64 letters, digits, hyphens and points. */
export const id: PrimitiveCheck = text("id", idForm);
/** Anything without white space; an empty one is no value. */
export const uri: PrimitiveCheck = { ...text("uri", uriForm), names: true };
/** As {@link uri}. */
export const url: PrimitiveCheck = { ...text("url", uriForm), names: true };
/** As {@link uri}, with `|version`. */
export const canonical: PrimitiveCheck = { ...text("canonical", uriForm), names: true };
/** `urn:oid:` and the numbers. */
export const oid: PrimitiveCheck = text("oid", oidForm);
/** `urn:uuid:` and the small hexadecimal digits. */
export const uuid: PrimitiveCheck = text("uuid", uuidForm);
/** Groups of four characters of the base64 alphabet, white space between them. */
export const base64Binary: PrimitiveCheck = text("base64Binary", base64BinaryForm);
/** A year, a month or a day. */
export const date: PrimitiveCheck = text("date", dateForm);
/** A date, or a time to the second with zone. */
export const dateTime: PrimitiveCheck = text("dateTime", dateTimeForm);
/** A time to the second with zone. */
export const instant: PrimitiveCheck = text("instant", instantForm);
/** A time of day without zone. */
export const time: PrimitiveCheck = text("time", timeForm);

/** A code of BCP 13, by its form: `type/subtype` with parameters. */
export const mimeType: PrimitiveCheck = text("media type", mimeTypeForm);
/** A code of ISO 4217, by its form. */
export const currency: PrimitiveCheck = text("currency code", currencyForm);
